"""How much an output changes under changes of the input that should not matter: shifts, the other strand, or both.

One operator for any group and any output: the mean and the standard deviation over transformations g of
``g^-1 f(g x)``. A model that commutes with every g has a deviation of 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import gcd
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from palindra.errors import InputError
from palindra.evaluation.predicting import predictor
from palindra.symmetry import DNA_STRAND, Position, Target

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Transform:
    """A change of the input: moved inside its window, then read from the other strand if ``reverse``.

    Args:
        shift: positions by which the sequence moves to the right (the window begins as many earlier), one for all
            sequences or one for each.
        reverse: whether it is read from the other strand.

    Examples:
        >>> x = torch.eye(4)[None, :, [0, 0, 1]]                       # AAC
        >>> Transform(1).act(x)[0].argmax(0).tolist()                  # NAA; N is all zeros
        [0, 0, 0]
        >>> Transform(-1, reverse=True).act(x, 1)[0].argmax(0).tolist()   # the C right of the middle, as G
        [2]
    """

    shift: int | NDArray[np.int64] = 0
    reverse: bool = False

    def act(self, one_hot: Tensor, length: int | None = None) -> Tensor:
        """The middle ``length`` positions after the change.

        Args:
            one_hot: ``(sequences, 4, window)``. What moves in comes from the window; beyond its ends are N (zeros).
            length: of the model's input; by default the whole window.
        """
        window = one_hot.shape[-1]
        size = window if length is None else length
        index = (window - size) // 2 + torch.arange(size) - self._column(len(one_hot))
        inside = (index >= 0) & (index < window)
        moved = one_hot.take_along_dim(index.clamp(0, window - 1)[:, None].to(one_hot.device), -1)
        moved = moved * inside[:, None].to(moved)
        return DNA_STRAND.act(moved) if self.reverse else moved

    def rows(self, chosen: slice) -> Transform:
        """The transformation of some of the sequences."""
        return self if np.ndim(self.shift) == 0 else Transform(np.asarray(self.shift)[chosen], self.reverse)

    def _column(self, sequences: int) -> Tensor:
        shifts = np.broadcast_to(np.asarray(self.shift, dtype=np.int64).reshape(-1), sequences)
        return torch.from_numpy(shifts.copy())[:, None]


@dataclass(frozen=True)
class Reading:
    """What an output is, and so how a transformation of the input is undone on it.

    Args:
        target: what the outputs become on the other strand. ``Position.REVERSE`` reverses every axis of positions.
        axes: how many axes of positions there are: 0 for one value per sequence ``(sequences, outputs)``, 1 for tracks
            and attribution maps ``(sequences, outputs, bins)``, 2 for maps over pairs.
        bin_size: input positions of one bin.
    """

    target: Target
    axes: int = 0
    bin_size: int = 1

    def undo(self, output: Tensor, change: Transform, *, reach: int = 0, step: int = 1) -> Tensor:
        """``g^-1`` of an output: on the given strand, at the positions ``reach`` from either end of the output on.

        Args:
            output: ``(sequences, outputs, *bins)`` for the transformed input.
            change: what was done to the input.
            reach: positions left out on each side, at least the largest shift.
            step: resolution; a divisor of the bin size, the reach and every shift loses nothing.

        Raises:
            InputError: when the output has other axes, or the reach leaves no position.

        Examples:
            >>> track = Reading(Target.invariant(1, Position.REVERSE), axes=1, bin_size=2)
            >>> track.undo(torch.tensor([[[1., 2., 3.]]]), Transform(1), reach=1)   # moved right: read one further on
            tensor([[[2., 2., 3., 3.]]])
        """
        if output.ndim != 2 + self.axes:
            raise InputError(
                f"an output of shape {tuple(output.shape)} has {output.ndim - 2} axes of positions behind (sequences, "
                f"outputs), and {self.axes} were declared: choose axes=0 for values, 1 for tracks, 2 for pair maps."
            )
        if change.reverse:
            output = self.target.act(output)
            if self.target.position is Position.REVERSE:  # reverses the last axis; pair maps have one more
                output = output.flip([-axis for axis in range(2, self.axes + 1)])
        for axis in range(2, output.ndim):
            output = self._moved_back(output, axis, change, reach, step)
        return output

    def _moved_back(self, output: Tensor, axis: int, change: Transform, reach: int, step: int) -> Tensor:
        covered = output.shape[axis] * self.bin_size
        if 2 * reach >= covered:
            raise InputError(
                f"shifts of up to {reach} leave no position of an output of {covered} bp that all of them cover: "
                f"shift by at most {(covered - 1) // 2}."
            )
        positions = torch.arange(reach, covered - reach, step) + change._column(len(output))
        index = positions.div(self.bin_size, rounding_mode="floor").to(output.device)
        return output.take_along_dim(
            index.reshape(len(output), *(1,) * (axis - 1), -1, *(1,) * (output.ndim - 1 - axis)), axis
        )


@dataclass(frozen=True)
class Consistency:
    """Mean and deviation over transformations of ``g^-1 f(g x)``, in float64."""

    mean: Array  # (sequences, outputs, *positions); averaged over the group, the prediction itself
    std: Array  # population standard deviation, of the same shape
    size: Array  # mean |g^-1 f(g x)|, of the same shape

    @property
    def relative(self) -> Array:
        """Mean deviation over positions relative to the mean size, ``(sequences, outputs)``; NaN where all is 0."""
        return _ratio(self.std, self.size, tuple(range(2, self.std.ndim)))

    @property
    def pooled(self) -> Array:
        """The same over outputs and positions together, ``(sequences,)``: for maps whose channels are letters."""
        return _ratio(self.std, self.size, tuple(range(1, self.std.ndim)))


def spread(images: Iterable[Tensor | Array]) -> Consistency:
    """Mean and deviation over images ``g^-1 f(g x)`` of one shape, read one after the other.

    Raises:
        InputError: with fewer than two images, which cannot differ.

    Examples:
        >>> same, half = np.full((1, 1, 4), 2.0), np.full((1, 1, 4), 1.0)
        >>> spread([same, same]).relative.item(), round(spread([same, half]).relative.item(), 4)
        (0.0, 0.3333)
    """
    count, mean, squares, size = 0, np.zeros(()), np.zeros(()), np.zeros(())
    for image in images:
        count += 1
        values = np.asarray(image, dtype=np.float64)
        step = values - mean
        mean = mean + step / count
        squares = squares + step * (values - mean)  # Welford: no difference of large numbers
        size = size + (np.abs(values) - size) / count
    if count < 2:
        raise InputError(f"a deviation needs at least two images, and there are {count}: ask for more transformations.")
    return Consistency(mean, np.sqrt(squares / count), size)


def apart(given: ArrayLike, image: ArrayLike) -> Array:
    """|difference| of two images, entry by entry: twice their standard deviation.

    With the outputs for both strands, brought back to the given one, this is the strand discrepancy.

    Examples:
        >>> apart([[1.0, 2.0]], [[1.0, 5.0]]).tolist()
        [[0.0, 3.0]]
    """
    return 2 * spread([np.asarray(given), np.asarray(image)]).std


def images(
    run: Callable[[Tensor], Tensor],
    one_hot: Tensor,
    transforms: Iterable[Transform],
    undo: Callable[[Tensor, Transform], Tensor],
    *,
    length: int | None = None,
) -> Iterator[Tensor]:
    """``g^-1 f(g x)`` for each transformation, one after the other.

    Args:
        run: from one-hot sequences to outputs.
        one_hot: ``(sequences, 4, window)``.
        transforms: what is done to the sequences.
        undo: brings an output back, e.g. :meth:`Reading.undo`.
        length: see :meth:`Transform.act`.
    """
    for change in transforms:
        yield undo(run(change.act(one_hot, length)), change)


def group_consistency(
    predict: Callable[[Tensor], Any],
    one_hot: Tensor,
    transforms: Sequence[Transform],
    reading: Reading,
    *,
    length: int | None = None,
    reach: int | None = None,
    output: str | int | None = None,
    batch_size: int = 256,
) -> Consistency:
    """Mean and deviation over transformations of ``g^-1 f(g x)`` for each sequence, output and position.

    Positions are those that every shifted window holds; bins are written out as finely as the shifts need.

    Args:
        predict: a function of ``(batch, 4, length)``, or a module (see :func:`palindra.evaluation.audit`).
        one_hot: ``(sequences, 4, window)``, N as zeros. A window wider than ``length`` has the letters that shifts
            bring in; what lies beyond its ends is N.
        transforms: the group, or some of its elements; two at least.
        reading: what the outputs are and how they change on the other strand.
        length: of the model's input; by default the whole window.
        reach: positions of the output left out on each side; by default the largest shift.
        output: which output is meant when there are several.
        batch_size: sequences at a time.

    Raises:
        InputError: with fewer than two transformations, a shift beyond the reach, a strand-specific target under
            reverse complement, or an output that is not as declared.

    Examples:
        >>> x = torch.eye(4)[torch.arange(24).reshape(2, 12) % 5 % 4].mT
        >>> gc = Reading(Target.invariant(1))
        >>> strands = [Transform(), Transform(reverse=True)]
        >>> group_consistency(lambda x: x[:, 1:3].sum((1, 2))[:, None], x, strands, gc).relative.ravel().tolist()
        [0.0, 0.0]
    """
    every = np.unique(np.concatenate([np.zeros(1, np.int64), *(np.ravel(change.shift) for change in transforms)]))
    largest = int(np.abs(every).max())
    if reach is not None and largest > reach:
        raise InputError(f"a shift of {largest} goes beyond the reach of {reach}: give a reach of at least {largest}.")
    if reading.target.rep is None and any(change.reverse for change in transforms):
        raise InputError(
            "the target is strand-specific: its values on the other strand are unknown, so reverse complements cannot "
            "be compared. Declare what the outputs become on the other strand, or use shifts alone."
        )
    kept = largest if reach is None else reach
    undo = partial(reading.undo, reach=kept, step=gcd(reading.bin_size, kept, *every.tolist()))
    with predictor(predict, output=output, batch_size=batch_size) as run:
        return spread(images(run, one_hot, transforms, undo, length=length))


def _ratio(std: Array, size: Array, axes: tuple[int, ...]) -> Array:
    deviation, scale = std.mean(axes), size.mean(axes)
    return np.where(scale > 0, deviation / np.where(scale > 0, scale, 1), np.nan)
