"""Strand audit of anybody's model: does it answer alike on both strands, do shifts upset it, does averaging help?

Nothing is asked of the model but that it maps one-hot sequences to numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from palindra.errors import InputError
from palindra.evaluation.consistency import Transform, images
from palindra.evaluation.metrics import PRIMARY, metric, score
from palindra.evaluation.predicting import predictor
from palindra.evaluation.readings import Difference, difference
from palindra.evaluation.statistics import paired_bootstrap
from palindra.evaluation.verdict import sentences

Array = NDArray[Any]


@dataclass(frozen=True)
class Shift:
    """The difference made by moving every sequence by so many positions, both directions together."""

    positions: int
    difference: Difference


@dataclass(frozen=True)
class Effect:
    """What averaging over strands does to a score; the interval covers the sampling of sequences (NaN: too few)."""

    metric: str
    given_strand: float
    both_strands: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Audit:
    """What an audit found. ``verdict()`` says it in words, ``as_dict()`` gives the numbers for a JSON file."""

    sequences: int
    task: str | None
    threshold: float
    scale: float  # largest |output|, to tell rounding from a difference
    strands: Difference
    shifts: tuple[Shift, ...]
    scores: dict[str, dict[str, float]]  # "given", "reverse", "both" -> scores; empty without labels
    effects: tuple[Effect, ...]
    given: Array = field(repr=False, compare=False)  # outputs (sequences, outputs...) on the given strand
    reverse: Array = field(repr=False, compare=False)  # on the other strand, aligned to the given one
    both: Array = field(repr=False, compare=False)  # of the averaged predictor

    @property
    def invariant(self) -> bool:
        """Whether the strands agree up to the rounding of float32."""
        rounding = 1e-5 if self.strands.relative < 0.01 else 1e-6  # stricter where outputs hardly vary at all
        return self.strands.largest <= rounding * self.scale

    def verdict(self) -> list[str]:
        """Plain sentences for a report or a terminal."""
        return sentences(self)

    def as_dict(self) -> dict[str, Any]:
        """Everything but the predictions, of plain types."""
        numbers = {name: value for name, value in vars(self).items() if name not in ("given", "reverse", "both")}
        parts = {
            "strands": asdict(self.strands),
            "shifts": [asdict(shift) for shift in self.shifts],
            "effects": [asdict(effect) for effect in self.effects],
        }
        return {**numbers, **parts, "invariant": self.invariant, "verdict": self.verdict()}


def audit(
    predict: Callable[[Tensor], Any],
    one_hot: Tensor,
    *,
    align: Callable[[Tensor], Tensor] = lambda output: output,
    unshift: Callable[[Tensor, int], Tensor] = lambda output, shift: output,
    shifts: Sequence[int] = (1, 2, 4, 8),
    labels: ArrayLike | None = None,
    task: str | None = None,
    activation: Callable[[Tensor], Tensor] | None = None,
    output: str | int | None = None,
    threshold: float = 0.5,
    batch_size: int = 256,
    resamples: int = 500,
    seed: int = 0,
) -> Audit:
    """Read sequences from both strands and shifted, and compare what the model says.

    ``f(x)`` is compared with ``align(f(RC x))``. Both strands are averaged on what the model returns (logits if it
    returns logits), then activated. A shift moves the sequence inside its window in both directions, fills the freed
    positions with N (zeros) and drops as many at the other end; some change is therefore right, and the table is for
    comparing models on the same sequences.

    Args:
        predict: a function of ``(batch, 4, length)`` float32, or a module (put into eval mode meanwhile, run on its
            own device and dtype without gradients).
        one_hot: ``(sequences, 4, length)`` in the order ACGT, N as zeros.
        align: brings an output on the reverse complement back to the given strand: nothing for one value per sequence
            (default), ``lambda y: y.flip(-1)`` for an unstranded track, ``target.act`` for any declared
            :class:`palindra.symmetry.Target`.
        unshift: brings an output ``y`` on the sequence moved by ``s`` to the right back: nothing for one value per
            sequence (default), :func:`unshift_track` for tracks. NaN entries are not compared.
        shifts: by how many positions; empty for none.
        labels: as for :func:`palindra.evaluation.score`; with them the averaged predictor is scored too. The interval
            is the paired bootstrap's: it covers the sampling of sequences, not the training of another model.
        task: "binary", "multiclass", "multilabel" or "regression"; without it no decisions are compared.
        activation: applied to the outputs before anything is compared, e.g. ``torch.sigmoid`` for a model of logits.
        output: which output is meant when the model returns several: a field's name or a number; default the first.
        threshold: from which probability on a decision counts as positive in ``flipped`` (binary, multilabel); the
            scores decide at 0.5.
        batch_size: sequences at a time.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        InputError: when the sequences are not one-hot DNA, a shift does not fit, or labels and outputs do not fit.

    Examples:
        >>> x = torch.eye(4)[torch.arange(60).reshape(10, 6) % 7 % 4].mT
        >>> balanced = audit(lambda x: x[:, 1:3].sum((1, 2)), x, shifts=())       # GC content
        >>> balanced.strands.largest, balanced.invariant
        (0.0, True)
        >>> audit(lambda x: x[:, 1].sum(1), x, shifts=()).strands.mean > 0.1      # C content of the given strand
        True
    """
    _check(one_hot, shifts, labels, task)
    activate = activation or (lambda raw: raw)

    def undo(raw: Tensor, change: Transform) -> Tensor:
        if change.reverse:
            return align(raw)
        return unshift(activate(raw), int(change.shift)) if change.shift else raw

    with predictor(predict, output=output, batch_size=batch_size) as run:
        raw_given, raw_reverse = images(run, one_hot, [Transform(), Transform(reverse=True)], undo)
        if raw_reverse.shape != raw_given.shape:
            raise InputError(
                f"align turned outputs of shape {tuple(raw_given.shape)} into {tuple(raw_reverse.shape)}; "
                "it has to keep their shape."
            )
        given, reverse = activate(raw_given), activate(raw_reverse)
        both = activate((raw_given + raw_reverse) / 2)
        _check_outputs(given, task)
        decide = _decision(task, threshold)
        twice = torch.cat([given, given])
        moved = tuple(
            Shift(s, difference(twice, torch.cat([*images(run, one_hot, ways, undo)]), decide))
            for s, ways in ((s, (Transform(s), Transform(-s))) for s in shifts)
        )
    arrays = {"given": given.numpy(), "reverse": reverse.numpy(), "both": both.numpy()}
    scores, effects = _cure(arrays, labels, task, resamples, seed)
    strands = difference(given, reverse, decide)
    return Audit(
        sequences=len(one_hot),
        task=None if task is None else str(task),
        threshold=threshold,
        scale=float(torch.maximum(given.abs(), reverse.abs()).max()),
        strands=strands,
        shifts=moved,
        scores=scores,
        effects=effects,
        **arrays,
    )


def _decision(task: str | None, threshold: float) -> Callable[[Tensor], Tensor] | None:
    if task == "multiclass":
        return lambda output: output.argmax(1)
    return (lambda output: output >= threshold) if task in ("binary", "multilabel") else None


def _cure(
    arrays: dict[str, Array], labels: ArrayLike | None, task: str | None, resamples: int, seed: int
) -> tuple[dict[str, dict[str, float]], tuple[Effect, ...]]:
    """Scores of the three readings, and intervals for the scores that models are compared by."""
    if labels is None or task is None:
        return {}, ()
    truth = np.asarray(labels, dtype=float)
    scores = {name: score(task, values, truth) for name, values in arrays.items()}
    compared = [key for key in dict.fromkeys([PRIMARY[task], "MCC", "Spearman"]) if key in scores["given"]]
    return scores, tuple(_effect(key, arrays, truth, task, scores, resamples, seed) for key in compared)


def _effect(
    key: str,
    arrays: dict[str, Array],
    truth: Array,
    task: str,
    scores: dict[str, dict[str, float]],
    resamples: int,
    seed: int,
) -> Effect:
    given, both = scores["given"][key], scores["both"][key]
    try:
        result = paired_bootstrap(metric(task, key), arrays["both"], arrays["given"], truth, seed, resamples=resamples)
    except InputError:  # too few rows of a class, or constant outputs: the scores stand without an interval
        return Effect(key, given, both, both - given, float("nan"), float("nan"))
    return Effect(key, given, both, *result[2:])


def _check(one_hot: Tensor, shifts: Sequence[int], labels: ArrayLike | None, task: str | None) -> None:
    if one_hot.ndim != 3 or one_hot.shape[1] != 4 or len(one_hot) < 2:
        raise InputError(
            f"an audit needs one-hot DNA of shape (sequences, 4, length), two or more sequences; got "
            f"{tuple(one_hot.shape)}."
        )
    unfit = [s for s in shifts if not 0 < s < one_hot.shape[-1]]
    if unfit:
        raise InputError(f"shifts have to lie between 1 and {one_hot.shape[-1] - 1} for this length; got {unfit}.")
    if task is not None and task not in PRIMARY:
        raise InputError(f"task {str(task)!r} is not one of {', '.join(PRIMARY)}.")
    if labels is not None and task is None:
        raise InputError("labels were given without a task; say which one: " + ", ".join(PRIMARY) + ".")


def _check_outputs(given: Tensor, task: str | None) -> None:
    if not given.isfinite().all():
        raise InputError(f"{int((~given.isfinite()).sum())} of {given.numel()} outputs of the model are not numbers.")
    if task not in (None, "regression") and (given.min() < 0 or given.max() > 1):
        raise InputError(
            f"outputs run from {given.min():.3g} to {given.max():.3g}, but task {str(task)!r} needs probabilities: "
            "pass activation=torch.sigmoid (multiclass: lambda y: y.softmax(1)) for a model that returns logits."
        )
