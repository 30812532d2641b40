"""Variant effects from a source without training: signed scores, and how they go with what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from palindra.errors import InputError
from palindra.evaluation import Interval
from palindra.probing.resampled import correlated, drawn, ranked
from palindra.probing.source import Embedded, Source
from palindra.probing.tasks import VariantTask
from palindra.probing.tasks.leaks import other_strand
from palindra.sequences import DNA

Array = NDArray[Any]

DISTANCES = ("cosine", "l2", "dot")
SCORES = (*DISTANCES, "log_ratio")
EXPECTED = {"cosine": -1, "l2": 1, "dot": 0, "log_ratio": 0}
"""Sign of the correlation with the size of the effect that a score should have; 0 where theory names none."""

_ROWS_AT_ONCE = 32


@dataclass(frozen=True)
class Correlation:
    """A score against measured effects, with 95 % intervals over resampled positions."""

    score: str
    element: str  # or "mean of N elements"
    against: str  # "effect" (signed) or "|effect|" (as published for scores without direction)
    pearson: Interval
    spearman: Interval
    rows: int  # variants that have this score


@dataclass(frozen=True)
class ZeroShot:
    """Zero-shot scores of variants and their correlations.

    Args:
        source: its name.
        strands: how its strands were handled.
        scores: by name, one number per variant: ``cosine`` similarity, ``l2`` distance and ``dot`` product of the
            embeddings of both alleles, and ``log_ratio``, the log-probability of the alternate less that of the
            reference letter (positive where the alternate is likelier). NaN where a score does not exist.
        correlations: for each score and element, and their mean, with signed effects and with their sizes.
        warnings: what could not be scored, and why.
    """

    source: str
    task: str
    strands: str
    scores: dict[str, Array]
    correlations: list[Correlation]
    warnings: tuple[str, ...]

    def select(self, **wanted: str) -> list[Correlation]:
        """Correlations whose fields have these values."""
        return [one for one in self.correlations if all(getattr(one, key) == value for key, value in wanted.items())]


def zero_shot(source: Source, task: VariantTask, *, average_strands: bool = False, resamples: int = 500) -> ZeroShot:
    """Score variants with a frozen source and compare with measurements, never hiding a sign.

    Embeddings are compared as they are, all tokens one after the other without the model's own summary token; where
    both alleles have different tokens, features are spread to bases first. Averaging scores over strands is done where
    it is asked for; a source that averages its strands itself does so anyway.

    Args:
        source: any; sources that give probabilities of letters get ``log_ratio`` as well.
        task: windows and effects.
        average_strands: mean of each score over the windows and their reverse complements.
        resamples: of the intervals.

    Raises:
        InputError: if the source cannot read the windows, or gives features that are no numbers.

    Source: Tang (2024), chapter 3; log-ratio as in Meier et al. (2021). The published tables print the size of a mean
    whose parts have different signs.
    """
    scores, warnings = variant_scores(source, task)
    if average_strands:
        turned, more = variant_scores(source, _turned(task))
        scores = {name: (scores[name] + turned[name]) / 2 for name in scores}
        warnings = tuple(dict.fromkeys((*warnings, *more)))
    declared = str(getattr(source, "strands", "as is"))
    return ZeroShot(
        source=source.name,
        task=task.name,
        strands="scores averaged" if average_strands else declared,
        scores=scores,
        correlations=[one for name, values in scores.items() for one in correlations(name, values, task, resamples)],
        warnings=warnings,
    )


def variant_scores(source: Source, task: VariantTask) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Scores of each variant as given, and what could not be scored."""
    found, warnings = _distances(source, task)
    if hasattr(source, "log_probabilities"):
        found["log_ratio"] = _log_ratios(source, task)
    for name, values in found.items():
        if missing := int(np.isnan(values).sum()):
            warnings.append(f"{name}: {missing} of {len(values)} variants have none (no single known letters differ).")
    return found, tuple(warnings)


def correlations(name: str, scores: Array, task: VariantTask, resamples: int = 500) -> list[Correlation]:
    """Of one score with effects and with their sizes, within each element and as the signed mean over elements."""
    found = []
    for against, effects in (("effect", task.effects), ("|effect|", np.abs(task.effects))):
        pairs: list[tuple[_Drawn, _Drawn]] = []
        counts = []
        for element in dict.fromkeys(task.elements.tolist()):
            rows = np.flatnonzero((task.elements == element) & np.isfinite(scores))
            if len(rows) < 3:
                continue
            pearson, spearman = (
                _resampled(scores[rows], effects[rows], task.positions[rows], key, resamples, seed=len(pairs))
                for key in ("Pearson", "Spearman")
            )
            pairs.append((pearson, spearman))
            counts.append(len(rows))
            found.append(Correlation(name, element, against, _interval([pearson]), _interval([spearman]), len(rows)))
        if len(pairs) > 1:
            mean = f"mean of {len(pairs)} elements"
            pearson_mean, spearman_mean = (_interval([pair[number] for pair in pairs]) for number in (0, 1))
            found.append(Correlation(name, mean, against, pearson_mean, spearman_mean, sum(counts)))
    return found


class _Drawn(NamedTuple):
    value: float
    samples: Array


def _resampled(scores: Array, effects: Array, positions: Array, key: str, resamples: int, seed: int) -> _Drawn:
    """A correlation, and the same on resampled rows; the variants of one position are drawn together."""

    def measured(weights: Array) -> Array:
        one, two = (ranked(side, weights) if key == "Spearman" else side for side in (scores, effects))
        return correlated(one, two, weights)

    return _Drawn(float(measured(np.ones((1, len(scores))))[0]), measured(drawn(positions, resamples, seed)))


def _interval(parts: Sequence[_Drawn]) -> Interval:
    """Mean over elements that have a correlation, with its percentile interval."""
    known = [part for part in parts if np.isfinite(part.value)]
    if not known:
        return Interval(float("nan"), float("nan"), float("nan"))
    means = np.mean([part.samples for part in known], axis=0)
    low, high = np.nanquantile(means, [0.025, 0.975])
    return Interval(float(np.mean([part.value for part in known])), float(low), float(high))


def _distances(source: Source, task: VariantTask) -> tuple[dict[str, Array], list[str]]:
    found = {name: np.full(len(task), np.nan) for name in DISTANCES}
    wild: dict[str, tuple[Tensor, Tensor]] = {}  # of the reference last read: rows of one window follow each other
    skipped = 0
    for start in range(0, len(task), _ROWS_AT_ONCE):
        rows = range(start, min(start + _ROWS_AT_ONCE, len(task)))
        unread = [text for text in dict.fromkeys(task.reference[row] for row in rows) if text not in wild]
        wild = {text: wild[text] for text in dict.fromkeys(task.reference[row] for row in rows) if text in wild}
        wild |= dict(zip(unread, _tokens(source, unread), strict=True)) if unread else {}
        changed = _tokens(source, [task.alternate[row] for row in rows])
        for row, other in zip(rows, changed, strict=True):
            pair = _flat(wild[task.reference[row]], other, len(task.reference[row]), len(task.alternate[row]))
            if pair is None:
                skipped += 1
                continue
            one, two = pair
            found["dot"][row] = float(one @ two)
            found["l2"][row] = float((one - two).norm())
            length = float(one.norm() * two.norm())
            found["cosine"][row] = float(one @ two) / length if length > 0 else np.nan
    warnings = [f"embeddings: {skipped} variants change the length and are not compared."] if skipped else []
    return found, warnings


def _tokens(source: Source, texts: Sequence[str]) -> list[tuple[Tensor, Tensor]]:
    """Features and spans of each sequence without fill, float64."""
    embedded = source.embed(texts)
    if not bool(embedded.features.isfinite().all()):
        raise InputError(f"{source.name}: gives features that are no numbers (NaN or infinite) for these windows.")
    return [
        (features[mask].double(), spans[mask])
        for features, spans, mask in zip(embedded.features, embedded.spans, embedded.mask, strict=True)
    ]


def _flat(
    one: tuple[Tensor, Tensor], two: tuple[Tensor, Tensor], length: int, other: int
) -> tuple[Tensor, Tensor] | None:
    """Both alleles as one long vector each, token beside token, or base beside base where tokens differ."""
    if one[1].shape == two[1].shape and bool((one[1] == two[1]).all()):
        return one[0].flatten(), two[0].flatten()
    if length != other:
        return None
    from palindra.probing.sources import at_bases

    first, second = (at_bases(Embedded(f[None], s[None]), length)[0].flatten() for f, s in (one, two))
    return first, second


def _log_ratios(source: Any, task: VariantTask) -> Array:
    """Of the letters that differ, each masked by itself; a window is read once for all variants at one of its bases."""
    found = np.full(len(task), np.nan)
    codes = {letter: place for place, letter in enumerate(DNA.letters)}
    rows_of: dict[str, list[int]] = {}
    for row, text in enumerate(task.reference):
        rows_of.setdefault(text, []).append(row)
    for text, rows in rows_of.items():
        places = {row: _substituted(text, task.alternate[row]) for row in rows}
        wanted = sorted({n for some in places.values() for n in some})
        if not wanted:
            continue
        log_p = source.log_probabilities([text], [wanted])[0].double().numpy()
        for row, some in places.items():
            if some:
                other = task.alternate[row]
                found[row] = sum(log_p[n, codes[other[n]]] - log_p[n, codes[text[n]]] for n in some)
    return found


def _substituted(text: str, other: str) -> list[int]:
    """Where known letters stand against known letters; nowhere if anything else differs."""
    places = [n for n, (a, b) in enumerate(zip(text, other, strict=False)) if a != b]
    known = all(text[n] in DNA.letters and other[n] in DNA.letters for n in places)
    return places if len(other) == len(text) and known else []


def _turned(task: VariantTask) -> VariantTask:
    return replace(
        task,
        reference=[other_strand(text) for text in task.reference],
        alternate=[other_strand(text) for text in task.alternate],
    )
