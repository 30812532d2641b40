"""Whether a language model finds the same bases important as a model of one-hot sequences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.evaluation.statistics import mean_interval
from palindra.interpretation.attribution import Gradient, Output, attribute
from palindra.probing.attribution.correlation import correlations
from palindra.probing.attribution.entropy import entropy_maps, is_language_source
from palindra.probing.attribution.gradients import Head, Size, gradient_maps
from palindra.probing.source import Source
from palindra.sequences import one_hot

Maps = NDArray[np.float64]

SIGNED, MAGNITUDE = "corrected gradient x input", "magnitude of corrected gradient x input"
ENTROPY, GRADIENT, SCALED = "delta entropy", "gradient", "gradient x delta entropy"
STATISTICS = {"Pearson": False, "Spearman": True}


@dataclass(frozen=True)
class AgreementRow:
    """The correlation of one kind of maps with those of the one-hot model, over sequences.

    Args:
        map: which maps of the source.
        statistic: "Pearson" or "Spearman", over positions of a sequence.
        against: "corrected gradient x input", or its "magnitude" (maps of certainty have no sign).
        mean: over sequences.
        low: of its 95 % interval over sequences (Student's t).
        high: of the same.
        other_sequence: mean correlation with the map of another sequence, which is due to positions alone.
        sequences: how many count.
        constant: how many were left out, because a map was constant.
    """

    map: str
    statistic: str
    against: str
    mean: float
    low: float
    high: float
    other_sequence: float
    sequences: int
    constant: int


@dataclass(frozen=True)
class AgreementTable:
    """All rows, and what they were computed from.

    Args:
        source: name of it.
        rows: of the table.
        chosen: numbers of the sequences, those with the highest predictions of the one-hot model first.
        maps: of the source, and "one-hot" ``(sequences, length)``.
    """

    source: str
    rows: tuple[AgreementRow, ...]
    chosen: NDArray[np.int64] = field(repr=False)
    maps: Mapping[str, Maps] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The numbers without the maps; what is no number is None."""
        plain = [
            {key: None if isinstance(value, float) and not np.isfinite(value) else value for key, value in row.items()}
            for row in map(asdict, self.rows)
        ]
        return {"source": self.source, "sequences": len(self.chosen), "rows": plain}

    def sentences(self) -> list[str]:
        """What was found, one sentence for each kind of map."""
        signed = [row for row in self.rows if row.statistic == "Pearson" and row.against != MAGNITUDE]
        return [_sentence(self.source, row) for row in signed]


def agreement(
    source: Source,
    model: nn.Module,
    sequences: Sequence[str],
    *,
    head: Head | None = None,
    output: Output | None = None,
    head_output: int = 0,
    top: int = 500,
    size: Size = "L2",
    batch_size: int = 64,
) -> AgreementTable:
    """Correlate maps of a source with those of a one-hot model, sequence by sequence, for the top predictions.

    - delta entropy: what the language model is certain of, without any label (:func:`entropy_maps`);
    - gradient: the size of the readout's gradient at each token (:func:`gradient_maps`);
    - gradient x delta entropy: their product.

    The one-hot model's maps are its corrected gradient times the input.

    Args:
        source: a language model (delta entropy), or any source with a head (gradient).
        model: of one-hot sequences ``(batch, 4, length)``.
        sequences: of one length.
        head: a differentiable readout of the source's embedding.
        output: of the one-hot model, where it has several.
        head_output: number of the same output of the head.
        top: how many sequences, those with the highest output of the one-hot model.
        size: of gradients, "L2" (norm over channels) or "maximum".
        batch_size: sequences at a time.

    Raises:
        InputError: for a source that is no language model and comes without a head, and sequences that do not fit.

    Source: Tang (2024), figure 3.6.
    """
    language = is_language_source(source)
    if not language and head is None:
        raise InputError(
            f"{source.name}: is no language model, and there is no readout of its embedding, so it has no maps to "
            "compare. Give head=, a differentiable readout."
        )
    chosen, reference = one_hot_maps(model, sequences, output=output, top=top, batch_size=batch_size)
    some = [sequences[row] for row in chosen.tolist()]
    maps = dict(_maps(source, head, some, language, head_output, size, batch_size))
    rows = tuple(
        _row(name, statistic, against, one, two)
        for name, one in maps.items()
        for against, two in ((SIGNED, reference), (MAGNITUDE, np.abs(reference)))
        for statistic in STATISTICS
    )
    return AgreementTable(source.name, rows, chosen.numpy(), {**maps, "one-hot": reference})


def one_hot_maps(
    model: nn.Module, sequences: Sequence[str], *, output: Output | None = None, top: int = 500, batch_size: int = 64
) -> tuple[Tensor, Maps]:
    """Corrected gradient times input of the sequences with the highest output, and their numbers.

    Args:
        model: of one-hot sequences ``(batch, 4, length)``.
        sequences: of one length.
        output: of the model, where it has several.
        top: how many sequences.
        batch_size: sequences at a time.
    """
    own = attribute(
        model,
        one_hot(sequences).float(),
        method=Gradient(corrected=True, times_input=True),
        output=output,
        batch_size=batch_size,
    )
    chosen = own.outputs.argsort(descending=True, stable=True)[: max(1, top)]
    return chosen, own.positions[chosen].double().numpy()


def _maps(
    source: Source,
    head: Head | None,
    sequences: Sequence[str],
    language: bool,
    output: int,
    size: Size,
    batch_size: int,
) -> Iterator[tuple[str, Maps]]:
    entropies: Tensor | None = entropy_maps(source, sequences) if language else None
    gradients = None
    if head is not None:
        gradients = gradient_maps(source, head, sequences, output=output, size=size, batch_size=batch_size)
    both = None if entropies is None or gradients is None else entropies * gradients
    for name, found in ((ENTROPY, entropies), (GRADIENT, gradients), (SCALED, both)):
        if found is not None:
            yield name, found.double().numpy()


def _row(name: str, statistic: str, against: str, first: Maps, second: Maps) -> AgreementRow:
    found = correlations(first, second, ranks=STATISTICS[statistic])
    known = found[np.isfinite(found)]
    mean, low, high = mean_interval(known) if len(known) else (nan,) * 3
    other = correlations(first, np.roll(second, 1, axis=0), ranks=STATISTICS[statistic])
    elsewhere = other[np.isfinite(other)] if len(first) > 1 else other[:0]
    return AgreementRow(
        map=name,
        statistic=statistic,
        against=against,
        mean=mean,
        low=low,
        high=high,
        other_sequence=float(elsewhere.mean()) if len(elsewhere) else nan,
        sequences=len(known),
        constant=len(found) - len(known),
    )


def _sentence(source: str, row: AgreementRow) -> str:
    if not row.sequences:
        return f"{row.map} maps of {source} are constant, so they say nothing."
    few = (
        " (one sequence, no interval)" if row.sequences == 1 else f" (95 % interval {row.low:+.3f} to {row.high:+.3f})"
    )
    if row.sequences == 1 or row.low <= 0 <= row.high:
        said = "do not agree with"
    else:
        said = "agree with" if row.low > 0.1 else "hardly agree with" if row.low > 0 else "contradict"
    return (
        f"{row.map[0].upper()}{row.map[1:]} maps of {source} {said} the one-hot model's: Pearson {row.mean:+.3f}{few} "
        f"over {row.sequences:,} sequences, {row.other_sequence:+.3f} with the map of another sequence."
    )
