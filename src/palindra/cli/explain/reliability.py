"""Can the maps be believed: strands, shifts, methods, seeds, random weights, and how alike important places are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from palindra.cli.explain.finding import patterns_of
from palindra.cli.explain.material import MOVE, Material
from palindra.cli.explain.methods import METHODS
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.subject import Subject, open_subject
from palindra.errors import InputError
from palindra.interpretation.attribution import Attribution, Method, attribute
from palindra.interpretation.motifs import Motif
from palindra.interpretation.reliability import (
    Agreement,
    Randomised,
    Realigned,
    agreement,
    angle_divergence,
    kmer_divergence,
    layers_in_order,
    randomisation_check,
    randomise,
    realigned_maps,
)
from palindra.report.explanation.contents import Statement
from palindra.sequences import one_hot
from palindra.symmetry import DNA_STRAND

Maps = NDArray[np.floating]
LETTERS = 8_000  # of the sequences on which maps are made many times
SHIFTS = 10
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


def hypothetical(found: Attribution) -> Tensor:
    """Attributions of all letters without their mean at each position, which every method defines alike."""
    return found.hypothetical - found.hypothetical.mean(1, keepdim=True)


def judge(
    subject: Subject, material: Material, found: Attribution, settings: Settings, say: Callable[[str], None]
) -> Reliability:
    """All checks of the maps.

    Raises:
        InputError: for another run that reads other sequences, or lacks the explained output.
    """
    result = Reliability()
    few = max(4, min(20, LETTERS // subject.length))
    x = found.one_hot[:few]
    method = METHODS[settings.method].make(settings.seed)
    say(f"reliability on {len(x)} sequences: strands, shifts, methods, random weights")
    _convergence(found, result)
    _strands(subject, x, method, result)
    _shifts(subject, material, max(2, len(x) // 2), method, result)
    _methods(subject, x, settings, result)
    _seeds(subject, found, settings, result, say)
    _randomised(subject, x, found, material, method, result)
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


def _strands(subject: Subject, x: Tensor, method: Method, result: Reliability) -> None:
    sentence = "Maps of both strands agree."
    if not subject.knows_strands:
        result.statements.append(
            Statement(sentence, "not tested", "the target is strand-specific: the other strand has no value")
        )
        return
    given = hypothetical(subject.maps(x, method))
    other = DNA_STRAND.act(hypothetical(subject.maps(DNA_STRAND.act(x), method, other=True)))
    found = agreement({"given strand": given.numpy(), "other strand": other.numpy()})[0]
    result.agreements.append(("strand", found))
    apart = float((given - other).abs().max() / given.abs().max().clamp(min=1e-30))
    mean = found.estimate().mean
    equal = "" if apart > EXACT else f", equal to {max(apart, 1e-7):.0e} of the largest attribution"
    result.statements.append(
        Statement(
            sentence,
            "stable" if apart <= EXACT or mean >= ALIKE else "unstable",
            f"mean correlation {mean:.3f} over {len(x)} sequences{equal or f'; the largest difference is {apart:.2g}'}"
            f"{'' if apart <= EXACT else f' ({ALIKE} and more counts as stable)'}",
        )
    )
    result.table.append(("correlation of both strands", f"{mean:.4f}", "of attributions of all letters; 1 if equal"))


def _shifts(subject: Subject, material: Material, rows: int, method: Method, result: Reliability) -> None:
    sentence = "Maps move with the sequence."
    move = min(MOVE, (subject.length - 1) // 2)
    trimmed = material.wider[:rows, MOVE - move : material.wider.shape[1] - MOVE + move]
    if move < 1:
        result.statements.append(Statement(sentence, "not tested", "sequences are too short to be moved"))
        return
    windows = one_hot(trimmed).float()
    found = realigned_maps(
        lambda inputs: hypothetical(subject.maps(inputs, method)), windows, length=subject.length, shifts=SHIFTS
    )
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


def _methods(subject: Subject, x: Tensor, settings: Settings, result: Reliability) -> None:
    names = list(dict.fromkeys([settings.method, *settings.compare_methods]))
    if len(names) < 2:
        result.statements.append(Statement("Methods agree.", "not tested", "one method alone was asked for"))
        return
    maps = {name: hypothetical(subject.maps(x, METHODS[name].make(settings.seed))).numpy() for name in names}
    _agreements("Methods agree.", "method", maps, result)


def _seeds(
    subject: Subject, found: Attribution, settings: Settings, result: Reliability, say: Callable[[str], None]
) -> None:
    sentence = "Maps of other runs agree."
    if not settings.also:
        result.statements.append(Statement(sentence, "not tested", "no other run was given (--also)"))
        return
    method = METHODS[settings.method].make(settings.seed)
    maps: dict[str, Maps] = {_name(subject.folder): hypothetical(found).numpy()}
    for folder in settings.also:
        other = same_subject(subject, folder, settings)
        say(f"maps of {folder}")
        theirs = other.maps(found.one_hot, method)
        name = _name(folder) if _name(folder) not in maps else str(folder)
        maps[name] = hypothetical(theirs).numpy()
        patterns = patterns_of(found.one_hot, theirs.hypothetical, settings) if settings.search_motifs else None
        result.others[name] = None if patterns is None else [one.trimmed() for one in patterns]
    _agreements(sentence, "run", maps, result)


def same_subject(subject: Subject, folder: Path, settings: Settings) -> Subject:
    """The model of another run, with the same output.

    Raises:
        InputError: if it has no such output, or reads sequences of another length.
    """
    other = open_subject(
        folder, name=subject.name, contribution=settings.contribution, both_strands=settings.both_strands
    )
    if other.length != subject.length or other.tracks != subject.tracks:
        raise InputError(
            f"--also {folder}: reads {other.length} letters of {'a genome' if other.tracks else 'sequences'}, and "
            f"{subject.folder} {subject.length} of {'a genome' if subject.tracks else 'sequences'}: give runs of one "
            "recipe, e.g. other seeds."
        )
    return other


def _agreements(sentence: str, kind: str, maps: dict[str, Maps], result: Reliability) -> None:
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
    subject: Subject, x: Tensor, found: Attribution, material: Material, method: Method, result: Reliability
) -> None:
    few = x[: max(2, len(x) // 4)]

    def maps(network: nn.Module, inputs: Tensor) -> Tensor:
        made = attribute(network, inputs, method=method, output=subject.output, reading=subject.reading)
        return hypothetical(made)

    example = few.to(next(subject.network.parameters()).dtype)
    with torch.no_grad():
        layers = layers_in_order(subject.network.eval(), example[:1])
    check = randomisation_check(subject.network, maps, example, orders=("cascading",))
    result.statements.append(_depends(check))
    result.table += [
        (f"random weights down to {one.layer}", _mean(one.pearson), "correlation of the maps")
        for one in (check[0], check[-1])
    ]
    nonsense = maps(randomise(subject.network, layers, 0), x.to(example.dtype)).numpy()
    codes, learned = material.codes[: len(x)], hypothetical(found)[: len(x)].numpy()
    both = subject.same_on_both_strands()
    scores: dict[str, Callable[[Maps], float]] = {
        "KLD-1, 6-mers at important places": lambda m: kmer_divergence(m, codes, both_strands=both),
        "KLD-2, directions of attributions": lambda m: angle_divergence(m, both_strands=both),
    }
    for name, divergence in scores.items():
        try:
            values = [divergence(one) for one in (learned, nonsense)]
        except InputError as error:
            result.table.append((name, "not measured", str(error)))
            continue
        result.table.append(
            (name, f"{values[0]:.3f}", f"nats; {values[1]:.3f} with random weights; higher where places look alike")
        )


def _name(folder: Path) -> str:
    parts = folder.resolve().parts
    return "/".join(parts[-2:])


def agreement_rows(found: Sequence[tuple[str, Agreement]]) -> list[tuple[str, str, float, float, float]]:
    """Pairs with the mean correlation of their maps and its interval, for the page."""
    rows = []
    for _, one in found:
        estimate = one.estimate()
        rows.append((one.first, one.second, estimate.mean, estimate.low, estimate.high))
    return rows
