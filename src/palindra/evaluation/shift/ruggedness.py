"""How rough a model is around a sequence: single mutants, random mutants and random walks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from palindra.sequences import one_hot, reverse_complement
from palindra.sequences.alphabet import Codes

Predict = Callable[[Tensor], Tensor]
"""One-hot sequences ``(rows, 4, length)`` to one value for each."""


@dataclass(frozen=True)
class Ruggedness:
    """The surroundings of one sequence."""

    slope: float  # mean |change| of the output by a single mutation
    roughness: float  # root mean square of what the sum of single changes misses of random mutants
    roughness_to_slope: float  # 0: effects add up
    epistatic_share: float  # of the variance of random mutants, what single changes leave unexplained: 1 - R2
    correlation_length: float  # steps of a random walk after which outputs are alike by 1/e
    turning_points: float  # share of the steps of the walk that are tops or bottoms: 2/3 for noise
    improving: float  # share of single mutants with a larger output
    is_optimum: bool  # no single mutant is larger, or none is smaller
    steep: float  # share of single mutants whose |change| is above the threshold; NaN without one


_NONE = float("nan")
NOTHING = Ruggedness(_NONE, _NONE, _NONE, _NONE, _NONE, _NONE, _NONE, is_optimum=False, steep=_NONE)
"""Of a sequence without any certain letter."""


@dataclass(frozen=True)
class Surroundings:
    """What is looked at around a sequence.

    Args:
        mutants: random mutants, of 2 to `most` mutations each.
        most: mutations of a random mutant.
        walks: random walks of single mutations, each from the sequence itself.
        steps: of each walk.
        seed: of everything random, which depends on nothing else but the letters.
    """

    mutants: int = 100
    most: int = 8
    walks: int = 4
    steps: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mutants < 2 or self.most < 2 or self.walks < 1 or self.steps < 3:
            raise ValueError(f"{self}: needs two mutants of two mutations, and one walk of three steps, or more.")


def ruggedness(
    predict: Predict, codes: Codes, *, around: Surroundings | None = None, threshold: float | None = None
) -> list[Ruggedness]:
    """Measure the surroundings of each sequence.

    Mutants are drawn on the strand that comes first in alphabetical order, whichever is given, so that a sequence and
    its reverse complement have the same numbers. Positions that are no certain letter are not mutated.

    Roughness to slope is that of Carneiro and Hartl (2010), with the single mutations as the additive fit; the
    correlation length that of Weinberger (1990), from the correlation of neighbours in the walk.

    Args:
        predict: the model; average over strands first what is not the same for both.
        codes: of DNA ``(rows, length)``.
        around: how much is looked at.
        threshold: a change that is steep, see :func:`changes`, e.g. their 95 % quantile around training sequences.

    Examples:
        >>> from palindra.sequences import encode
        >>> gc = lambda x: x[:, 1:3].sum((1, 2))
        >>> found = ruggedness(gc, encode(["ACGTACGTAA"]))[0]
        >>> found.roughness, found.epistatic_share, found.is_optimum
        (0.0, 0.0, False)
    """
    chosen = around or Surroundings()
    return [_of_one(predict, first_strand(row), chosen, threshold) for row in codes]


def changes(predict: Predict, codes: Codes) -> NDArray[np.float64]:
    """The changes of the output by every single mutation of one sequence ``(length,)``; NaN for a letter itself.

    Returns:
        float64 ``(length, 4)`` in the order ACGT; NaN at positions that are no certain letter too.
    """
    positions, letters = np.nonzero((codes[:, None] != np.arange(4)) & (codes < 4)[:, None])
    mutants = np.repeat(codes[None], len(positions) + 1, axis=0)
    mutants[np.arange(len(positions)), positions] = letters
    values = _values(predict, mutants)
    found = np.full((len(codes), 4), np.nan)
    found[positions, letters] = values[:-1] - values[-1]
    return found


def first_strand(codes: Codes) -> Codes:
    """The sequence or its reverse complement, whichever comes first in the order of the codes.

    Examples:
        >>> from palindra.sequences import encode
        >>> first_strand(encode(["TTG"])[0]), first_strand(encode(["CAA"])[0])
        (array([1, 0, 0], dtype=uint8), array([1, 0, 0], dtype=uint8))
    """
    other = reverse_complement(codes)
    return codes if codes.tobytes() <= other.tobytes() else other


def percentiles(found: list[Ruggedness], training: list[Ruggedness]) -> dict[str, NDArray[np.float64]]:
    """Per cent of training sequences below each one, for every measure; of equal ones half, NaN where it has none."""
    result = {}
    for field in fields(Ruggedness):
        known = np.sort([float(getattr(item, field.name)) for item in training])
        known = known[~np.isnan(known)]
        values = np.array([float(getattr(item, field.name)) for item in found])
        rank = (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")) / 2
        usable = ~np.isnan(values) & (len(known) > 0)
        result[field.name] = np.where(usable, 100 * rank / max(1, len(known)), np.nan)
    return result


def columns(found: list[Ruggedness]) -> dict[str, NDArray[np.float64]]:
    """Each measure over all sequences."""
    rows: list[dict[str, Any]] = [asdict(item) for item in found]
    return {field.name: np.array([float(row[field.name]) for row in rows]) for field in fields(Ruggedness)}


def _of_one(predict: Predict, codes: Codes, around: Surroundings, threshold: float | None) -> Ruggedness:
    rng = np.random.default_rng(around.seed)
    single = changes(predict, codes)
    steps = single[~np.isnan(single)]
    if not len(steps):
        return NOTHING
    mutants = _random_mutants(codes, around, rng)
    walks = np.stack([_walk(codes, around.steps, rng) for _ in range(around.walks)])
    values = _values(predict, np.concatenate([codes[None], mutants, walks.reshape(-1, len(codes))]))
    here, far = values[0], values[1 : 1 + len(mutants)]
    path = values[1 + len(mutants) :].reshape(around.walks, around.steps)
    path = np.concatenate([np.full((around.walks, 1), here), path], axis=1)
    added = here + _additive(single, codes, mutants)
    slope, roughness = float(np.abs(steps).mean()), float(np.sqrt(((far - added) ** 2).mean()))
    floor = 1e-6 * max(float(np.abs(values).max()), 1e-30)  # rounding of float32
    roughness = roughness if roughness > floor else 0.0
    return Ruggedness(
        slope=slope,
        roughness=roughness,
        roughness_to_slope=0.0 if roughness == 0 else roughness / max(slope, 1e-30),
        epistatic_share=_unexplained(far, added) if roughness else 0.0,
        correlation_length=_correlation_length(path),
        turning_points=_turning_points(path),
        improving=float((steps > 0).mean()),
        is_optimum=bool((steps <= 0).all() or (steps >= 0).all()),
        steep=float("nan") if threshold is None else float((np.abs(steps) > threshold).mean()),
    )


def _random_mutants(codes: Codes, around: Surroundings, rng: np.random.Generator) -> Codes:
    free = np.flatnonzero(codes < 4)
    most = min(around.most, len(free))
    mutants = np.repeat(codes[None], around.mutants, axis=0)
    for mutant in mutants:
        places = rng.choice(free, int(rng.integers(min(2, most), most + 1)), replace=False)
        mutant[places] = (mutant[places] + rng.integers(1, 4, len(places))) % 4
    return mutants


def _walk(codes: Codes, steps: int, rng: np.random.Generator) -> Codes:
    free, here, path = np.flatnonzero(codes < 4), codes.copy(), []
    for place in rng.choice(free, steps):
        here[place] = (here[place] + rng.integers(1, 4)) % 4
        path.append(here.copy())
    return np.stack(path)


def _additive(single: NDArray[np.float64], codes: Codes, mutants: Codes) -> NDArray[np.float64]:
    """The sum of the single changes of each mutant."""
    changed = mutants != codes
    row, place = np.nonzero(changed)
    return np.asarray(np.bincount(row, single[place, mutants[row, place]], minlength=len(mutants)), dtype=np.float64)


def _unexplained(values: NDArray[np.float64], added: NDArray[np.float64]) -> float:
    if values.std() == 0:
        return 0.0
    if added.std() == 0:
        return 1.0
    return float(1 - np.corrcoef(values, added)[0, 1] ** 2)


def _correlation_length(path: NDArray[np.float64]) -> float:
    """-1 / log(correlation of neighbours), about the mean of all walks; infinite where nothing changes."""
    centred = path - path.mean()
    total = float((centred**2).mean())
    if total == 0:
        return float("inf")
    neighbours = float((centred[:, 1:] * centred[:, :-1]).mean()) / total
    if neighbours >= 1:
        return float("inf")
    return -1 / float(np.log(neighbours)) if neighbours > 0 else 0.0


def _turning_points(path: NDArray[np.float64]) -> float:
    steps = np.diff(path, axis=1)
    return float((steps[:, 1:] * steps[:, :-1] < 0).mean())


def _values(predict: Predict, codes: ArrayLike) -> NDArray[np.float64]:
    rows = np.asarray(codes, dtype=np.uint8)
    with torch.no_grad():
        found = predict(one_hot(rows, dtype=torch.float32))
    if found.shape[0] != len(rows) or found.numel() != len(rows):
        raise ValueError(
            f"outputs of shape {tuple(found.shape)} for {len(rows)} sequences: one value per sequence is needed; "
            "choose an output, or average them."
        )
    return found.detach().cpu().double().numpy().reshape(-1)
