"""Can the maps be believed: strands, shifts, methods, seeds, random weights, and how alike important places are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from palindra.cli.explain.checking import SHIFTS, few_of, fewer, layers_of, moved, name_of
from palindra.cli.explain.material import MOVE, Material
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.subject import Subject
from palindra.errors import InputError
from palindra.interpretation.attribution import Attribution
from palindra.interpretation.motifs import Motif, Pattern
from palindra.interpretation.reliability import (
    Agreement,
    Randomised,
    Realigned,
    agreement,
    angle_divergence,
    kmer_divergence,
    realign,
)
from palindra.report.explanation.contents import Statement
from palindra.symmetry import DNA_STRAND

Maps = NDArray[np.floating]
EXACT = 1e-4  # of the largest attribution, below which maps of both strands are equal
ALIKE = 0.8  # correlation above which maps of strands count as alike
AGREES = 0.5  # the same for methods and seeds
VARIES = 0.5  # deviation over shifts in parts of the size, up to which maps count as stable


@dataclass
class Reliability:
    """What was measured of the maps, and what follows."""

    statements: list[Statement] = field(default_factory=list)
    table: list[tuple[str, str, str]] = field(default_factory=list)
    agreements: list[tuple[str, Agreement]] = field(default_factory=list)  # kind, pair
    realigned: Realigned | None = None
    others: dict[str, list[Motif] | None] = field(default_factory=dict)  # run -> its patterns; None if not searched


def hypothetical(found: Tensor) -> Tensor:
    """Attributions of all letters without their mean at each position, which every method defines alike."""
    return found - found.mean(1, keepdim=True)


def judge(
    subject: Subject,
    others: Mapping[str, list[Pattern] | None],
    material: Material,
    found: Attribution,
    made: Mapping[str, Mapping[str, Tensor]],
    settings: Settings,
) -> Reliability:
    """All checks of the maps.

    Args:
        subject: the model.
        others: patterns of other runs, by their names; None where none were searched.
        material: the explained sequences.
        found: their maps.
        made: what :func:`palindra.cli.explain.checking.wanted` asked for.
        settings: of the command.

    Raises:
        InputError: for a model without weights.
    """
    result = Reliability(
        others={name: None if some is None else [one.trimmed() for one in some] for name, some in others.items()}
    )
    maps = {name: hypothetical(tensors["hypothetical"]) for name, tensors in made.items() if "hypothetical" in tensors}
    few = hypothetical(found.hypothetical[: few_of(subject)])
    _convergence(found, result)
    _strands(few, maps.get("strand"), result)
    _shifts(subject, material, maps, result)
    methods = {settings.method: few.numpy()}
    methods |= {one: maps[f"method {one}"].numpy() for one in settings.compare_methods if one != settings.method}
    _compared("Methods agree.", "method", methods, "one method alone was asked for", result)
    runs = {name_of(subject.folder): hypothetical(found.hypothetical).numpy()}
    runs |= {name: maps[f"run {name}"].numpy() for name in others}
    _compared("Maps of other runs agree.", "run", runs, "no other run was given (--also)", result)
    _randomised(subject, few, maps, material, result)
    return result


def _convergence(found: Attribution, result: Reliability) -> None:
    if found.delta is None:
        return
    largest = float(found.delta.max())
    result.table.append(
        ("convergence delta", f"{largest:.2g}", "by how much contributions miss the change of the output, at most")
    )
    change = float((found.outputs - found.baseline).abs().mean()) if found.baseline is not None else 1.0
    good = largest <= 1e-3 * max(change, 1.0)
    result.statements.append(
        Statement(
            "Contributions add up to the change of the output.",
            "stable" if good else "unstable",
            f"they miss it by {largest:.2g} at most; its mean size is {change:.3g}",
        )
    )


def _strands(given: Tensor, turned: Tensor | None, result: Reliability) -> None:
    sentence = "Maps of both strands agree."
    if turned is None:
        result.statements.append(
            Statement(sentence, "not tested", "the target is strand-specific: the other strand has no value")
        )
        return
    other = DNA_STRAND.act(turned)
    found = agreement({"given strand": given.numpy(), "other strand": other.numpy()})[0]
    result.agreements.append(("strand", found))
    apart = float((given - other).abs().max() / given.abs().max().clamp(min=1e-30))
    mean = found.estimate().mean
    equal = "" if apart > EXACT else f", equal to {max(apart, 1e-7):.0e} of the largest attribution"
    result.statements.append(
        Statement(
            sentence,
            "stable" if apart <= EXACT or mean >= ALIKE else "unstable",
            f"mean correlation {mean:.3f} over {len(given)} sequences"
            f"{equal or f'; the largest difference is {apart:.2g}'}"
            f"{'' if apart <= EXACT else f' ({ALIKE} and more counts as stable)'}",
        )
    )
    result.table.append(("correlation of both strands", f"{mean:.4f}", "of attributions of all letters; 1 if equal"))


def _shifts(subject: Subject, material: Material, maps: Mapping[str, Tensor], result: Reliability) -> None:
    sentence = "Maps move with the sequence."
    begins = [begin for begin, _ in moved(subject, material)]
    if not begins:
        result.statements.append(Statement(sentence, "not tested", "sequences are too short to be moved"))
        return
    move = min(MOVE, (subject.length - 1) // 2)
    found = realign((maps[f"shift {number}"] for number in range(SHIFTS)), np.stack(begins), room=2 * move)
    result.realigned = found
    score = float(np.nanmean(found.score))
    beyond = "real letters move in" if material.chromosomes else "what moves in is unknown (N)"
    result.statements.append(
        Statement(
            sentence,
            "stable" if score <= VARIES else "unstable",
            f"over {SHIFTS} shifts of up to {move} bp ({beyond}) an attribution varies by {score:.2f} of its size "
            f"({VARIES} and less counts as stable)",
        )
    )
    result.table.append(("spread over shifts", f"{score:.3f}", "deviation in parts of the mean attribution; 0 if none"))


def _compared(sentence: str, kind: str, maps: dict[str, Maps], alone: str, result: Reliability) -> None:
    if len(maps) < 2:
        result.statements.append(Statement(sentence, "not tested", alone))
        return
    found = agreement(maps)
    result.agreements += [(kind, one) for one in found]
    first = next(iter(maps))
    means = {
        one.second if one.first == first else one.first: one.estimate().mean
        for one in found
        if first in (one.first, one.second)
    }
    lowest = min(means, key=lambda name: means[name])
    result.statements.append(
        Statement(
            sentence,
            "stable" if means[lowest] >= AGREES else "unstable",
            f"maps of {first} correlate with those of {', '.join(f'{name} {r:.2f}' for name, r in means.items())}; "
            f"{AGREES} and more counts as stable",
        )
    )


def _depends(check: Sequence[Randomised]) -> Statement:
    """A statement about the farthest randomisation whose maps are not constant: a dead network explains nothing."""
    sentence = "Maps depend on what the model has learned."
    alive = [(number, one) for number, one in enumerate(check, start=1) if np.isfinite(one.spearman).any()]
    if not alive:
        return Statement(
            sentence,
            "not tested",
            f"with random weights in the last of {len(check)} layers the model answers the same whatever it reads",
        )
    number, one = alive[-1]
    correlation = float(np.nanmean(np.abs(one.spearman)))
    which = f"all {number}" if number == len(check) else f"the last {number} of {len(check)}"
    more = "" if number == len(check) else "; with more the model answers the same whatever it reads"
    return Statement(
        sentence,
        "stable" if correlation <= AGREES else "unstable",
        f"with random weights in {which} layers, ranks of attributions correlate with those of the trained model by "
        f"{correlation:.2f} ({AGREES} and less counts as stable){more}",
    )


def _mean(correlations: NDArray[np.float64]) -> str:
    """The mean over sequences, of those whose map is not constant."""
    known = correlations[np.isfinite(correlations)]
    return f"{known.mean():.3f}" if known.size else "constant map"


def _randomised(
    subject: Subject, learned: Tensor, maps: Mapping[str, Tensor], material: Material, result: Reliability
) -> None:
    codes = material.codes[: len(learned)]
    layers, rows = layers_of(subject, codes), fewer(len(learned))
    trained = learned[:rows].double().numpy()
    check = [
        Randomised.compared(layer, "cascading", trained, maps[f"random {number}"][:rows].double().numpy())
        for number, layer in enumerate(layers, start=1)
    ]
    result.statements.append(_depends(check))
    result.table += [
        (f"random weights down to {one.layer}", _mean(one.pearson), "correlation of the maps")
        for one in (check[0], check[-1])
    ]
    nonsense = maps[f"random {len(layers)}"]
    both = subject.same_on_both_strands()
    scores: dict[str, Callable[[Maps], float]] = {
        "KLD-1, 6-mers at important places": lambda m: kmer_divergence(m, codes, both_strands=both),
        "KLD-2, directions of attributions": lambda m: angle_divergence(m, both_strands=both),
    }
    for name, divergence in scores.items():
        try:
            values = [divergence(one.numpy()) for one in (learned, nonsense)]
        except InputError as error:
            result.table.append((name, "not measured", str(error)))
            continue
        result.table.append(
            (name, f"{values[0]:.3f}", f"nats; {values[1]:.3f} with random weights; higher where places look alike")
        )


def agreement_rows(found: Sequence[tuple[str, Agreement]]) -> list[tuple[str, str, float, float, float]]:
    """Pairs with the mean correlation of their maps and its interval, for the page."""
    rows = []
    for _, one in found:
        estimate = one.estimate()
        rows.append((one.first, one.second, estimate.mean, estimate.low, estimate.high))
    return rows
