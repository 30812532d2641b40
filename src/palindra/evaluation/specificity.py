"""Cell-type specificity: what a model knows of the differences between targets, beyond what all of them share.

Most of a correlation over the genome comes from places that are active everywhere, so a model without any knowledge of
cell types scores well. Here the mean over targets is taken out of truth and prediction first. Everything is a view of
stored predictions, so that every score is the exact streaming reduction that it is elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError
from palindra.evaluation.tracks.correlation import mean_of_defined, whole_moments, whole_pearson
from palindra.evaluation.tracks.moments import Moments
from palindra.evaluation.tracks.predictions import Pair, Predictions

Array = NDArray[Any]

OTHERS = "mean of the other targets"
"""Row of the trivial predictor that reads the measured values of all targets but the one that is scored."""

_LIKE_SCALE = 10  # ratio of spreads up to which targets are compared with each other
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Specificity:
    """How well differences between targets are predicted; NaN where a correlation does not exist."""

    targets: tuple[str, ...]
    per_target: Array  # (targets,) r of centred prediction and truth, over windows and bins
    per_sequence: Array  # (windows,) the same inside each window, over targets and bins together
    fold_changes: dict[tuple[str, str], float]  # r of the log ratio of two targets
    raw: Array  # (targets,) r before centring
    own_mean: Array  # (targets,) r when each target is predicted by the model's mean over targets
    others: Array  # (targets,) r when each target is predicted by the measured mean of the other targets

    @property
    def gain(self) -> Array:
        """What the model's differences between targets add to the r of each, ``(targets,)``."""
        return self.raw - self.own_mean

    def fold_change(self) -> Array:
        """Mean r of the log ratios that a target takes part in, ``(targets,)``."""
        named = self.fold_changes.items()
        return np.array([mean_of_defined(np.array([r for pair, r in named if name in pair])) for name in self.targets])


def comparable(predictions: Predictions, partner: Sequence[int] | None = None) -> bool:
    """Whether the targets can be compared with each other: two or more, unstranded, of like spread.

    Args:
        predictions: whose truth is looked at.
        partner: for each target the one that it becomes on the other strand; a pair of strands is no pair of cell
            types.

    Examples:
        >>> truth = np.arange(8.0).reshape(4, 2, 1)
        >>> comparable(Predictions.of(truth, truth)), comparable(Predictions.of(truth, truth), [1, 0])
        (True, False)
        >>> comparable(Predictions.of(truth, truth * [[1.0], [100.0]]))        # other units
        False
    """
    tracks = len(predictions.tracks)
    if tracks < 2 or (partner is not None and list(partner) != list(range(tracks))):
        return False
    moments = whole_moments(predictions)
    spread = np.sqrt(moments.squares_t / np.maximum(moments.count, 1))
    return bool(spread.min() > 0 and spread.max() <= _LIKE_SCALE * spread.min())


def of_labels(predictions: ArrayLike, labels: ArrayLike, names: Sequence[str] | None = None) -> Predictions:
    """Labelled sequences ``(rows, targets)`` as windows of one bin, for the functions of this module.

    Examples:
        >>> of_labels([[1.0, 2.0]], [[1.5, np.nan]]).read_all()[1].tolist()
        [[[1.5], [nan]]]
    """
    given, truth = (np.asarray(array, dtype=float) for array in (predictions, labels))
    return Predictions.of(given[..., None], truth[..., None], tracks=names)


def centred(predictions: Predictions) -> Predictions:
    """Truth and prediction minus their means over targets, bin by bin; only targets that are known there count.

    A bin where fewer than two targets are known says nothing of their differences and is missing.

    Examples:
        >>> view = centred(Predictions.of([[[1.0], [3.0]]], [[[0.0], [8.0]]]))
        >>> [part.ravel().tolist() for part in view.read_all()]
        [[-1.0, 1.0], [-4.0, 4.0]]
    """

    def read(rows: NDArray[np.int64], which: slice) -> Pair:
        prediction, truth = predictions.read(rows, slice(None))
        known = ~np.isnan(truth)
        enough = known.sum(1, keepdims=True) > 1
        p, t = _from_mean(prediction, known), _from_mean(np.where(known, truth, 0), known)
        return p[:, which], np.where(known & enough, t, np.nan)[:, which]

    return replace(predictions, read=read)


def own_mean(predictions: Predictions) -> Predictions:
    """The model's mean over targets as the prediction of each: what is left without specificity."""

    def shared(rows: NDArray[np.int64]) -> Array:
        prediction = predictions.read(rows, slice(None))[0]
        return np.broadcast_to(prediction.mean(1, keepdims=True), prediction.shape)

    return predictions.replaced(shared)


def mean_of_others(predictions: Predictions) -> Predictions:
    """The measured mean of the other targets as the prediction of each: the trivial predictor "mean over cell types".

    It reads the truth of the scored windows, so it is no model; it says how much of a score is shared by all targets.
    """

    def others(rows: NDArray[np.int64]) -> Array:
        truth = predictions.read(rows, slice(None))[1]
        known = ~np.isnan(truth)
        count = known.sum(1, keepdims=True) - known
        without = 1 - np.eye(truth.shape[1])  # a sum without the target, not one minus it: nothing of it may be left
        total = np.einsum("rtb,tu->rub", np.where(known, truth, 0), without)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    return predictions.replaced(others)


def log_ratios(predictions: Predictions, *, pseudocount: float = 1.0, logarithmic: bool = False) -> Predictions:
    """Log fold changes of every pair of targets, ``log((a + c) / (b + c))``, as tracks named "a / b".

    Args:
        predictions: coverage; negative predictions count as 0.
        pseudocount: c, in the unit of the truth.
        logarithmic: whether values are logarithms already, so that a fold change is their difference.

    Raises:
        InputError: for a pseudocount that is not positive, or fewer than two targets.

    Examples:
        >>> log_ratios(Predictions.of([[[1.0], [3.0]]], [[[0.0], [0.0]]], tracks="ab")).read_all()[0].round(3).tolist()
        [[[-0.693]]]
    """
    if pseudocount <= 0 or len(predictions.tracks) < 2:
        raise InputError(
            f"log fold changes of {len(predictions.tracks)} targets with pseudocount {pseudocount:g}: two or more "
            "targets and a pseudocount above 0 are needed."
        )
    first, second = np.triu_indices(len(predictions.tracks), 1)
    names = tuple(f"{predictions.tracks[a]} / {predictions.tracks[b]}" for a, b in zip(first, second, strict=True))

    def read(rows: NDArray[np.int64], which: slice) -> Pair:
        parts = predictions.read(rows, slice(None))
        if not logarithmic:
            parts = np.log(np.maximum(parts[0], 0) + pseudocount), np.log(parts[1] + pseudocount)
        prediction, truth = (part[:, first[which]] - part[:, second[which]] for part in parts)
        return prediction, truth

    return replace(predictions, tracks=names, read=read)


def specificity(predictions: Predictions, *, pseudocount: float = 1.0, logarithmic: bool = False) -> Specificity:
    """All scores of specificity; a few passes over the store, none over the model.

    Args:
        predictions: of two or more targets that can be compared (see :func:`comparable`).
        pseudocount: of the fold changes.
        logarithmic: whether values are logarithms already.

    Raises:
        InputError: as :func:`log_ratios`.

    Examples:
        >>> truth = np.random.default_rng(0).gamma(1.0, size=(30, 3, 4))
        >>> same = np.repeat(truth.mean(1, keepdims=True), 3, axis=1)       # knows the mean and nothing else
        >>> found = specificity(Predictions.of(same, truth))
        >>> bool((found.raw > 0.3).all()), found.per_target.tolist(), found.gain.tolist()
        (True, [nan, nan, nan], [0.0, 0.0, 0.0])
    """
    ratios = log_ratios(predictions, pseudocount=pseudocount, logarithmic=logarithmic)
    first, second = np.triu_indices(len(predictions.tracks), 1)
    pairs = [(predictions.tracks[a], predictions.tracks[b]) for a, b in zip(first, second, strict=True)]
    view = centred(predictions)
    inside = [Moments.of(p, t, axis=(1, 2)).finish().pearson for _, p, t in view.chunks()]
    return Specificity(
        targets=predictions.tracks,
        per_target=whole_pearson(view),
        per_sequence=np.concatenate(inside),
        fold_changes=dict(zip(pairs, whole_pearson(ratios).tolist(), strict=True)),
        raw=whole_pearson(predictions),
        own_mean=whole_pearson(own_mean(predictions)),
        others=whole_pearson(mean_of_others(predictions)),
    )


def _from_mean(values: Array, known: Array) -> Array:
    """Deviations from the mean over known targets; those that are rounding are 0, or noise would correlate."""
    count = np.maximum(known.sum(1, keepdims=True), 1)
    mean = np.where(known, values, 0).sum(1, keepdims=True) / count
    deviation = values - mean
    return np.where(np.abs(deviation) <= _ROUNDING * np.abs(values).max(1, keepdims=True), 0, deviation)
