"""Losses of predicted tracks: one number per batch, missing truth masked out, no preference for a strand.

Predictions and truth are ``(batch, tracks, bins)``; a truth of NaN is missing and neither counts nor sends a gradient.
Every loss is a sum over positions and tracks (or a mean over tracks), so reversing positions and swapping stranded
tracks of both arguments leaves it as it is. Half precision is widened to float32 first; float64 stays.

What the model has to put out differs, and :data:`LOSSES` says so: rates must be positive (a softplus head), logits and
values may be any number, and ``bpnet`` reads a pair ``(profile logits, log counts)``. Each is the mean over what the
device holds: with several devices the Pearson correlations are those of each device's part of the batch.

Formulas: Toneyan, Tang & Koo (2022, GOPHER); Kelley et al. (2018, Basenji); Avsec et al. (2021, BPNet).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from palindra.errors import InputError

Tracks = Float[Tensor, "batch tracks bins"]


def poisson_nll(rates: Tracks, truth: Tracks) -> Float[Tensor, ""]:
    """Mean of ``p - y log(p + 1e-7)``; the part of the Poisson likelihood that depends on the prediction.

    Examples:
        >>> poisson_nll(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[3.0, float("nan")]]])).round(decimals=4)
        tensor(1.)
    """
    p, y, known = _pair(rates, truth)
    return _mean(p - y * torch.log(p + 1e-7), known)


def mse(values: Tracks, truth: Tracks) -> Float[Tensor, ""]:
    """Mean of ``(y - p)^2``."""
    p, y, known = _pair(values, truth)
    return _mean((y - p).square(), known)


def pearson_loss(values: Tracks, truth: Tracks) -> Float[Tensor, ""]:
    """Minus the mean over tracks of the correlation over all positions of the batch together.

    One mean for the whole batch, not one per sequence. The sums are taken of centred values, which is the same number
    without the cancellation of ``sum y^2 - n mean^2``. A track whose truth or prediction is constant in this batch has
    no correlation: it counts as 0 and sends no gradient; one that is wholly missing is left out of the mean.

    Examples:
        >>> pearson_loss(torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[2.0, 4.0, 6.0]]])).round(decimals=4)
        tensor(-1.)
    """
    p, y, known = _pair(values, truth)
    p_centred, p_squares, p_varies = _centred(p, known)
    y_centred, y_squares, y_varies = _centred(y, known)
    defined = p_varies & y_varies
    one = torch.ones_like(p_squares)  # a root of zero has no gradient, even where it is not used
    spread = torch.where(defined, p_squares, one).sqrt() * torch.where(defined, y_squares, one).sqrt()
    correlation = torch.where(defined, (p_centred * y_centred).sum((0, 2)) / spread, torch.zeros_like(spread))
    return -correlation.sum() / known.any(2).any(0).sum().clamp(min=1)


def pearson_mse(values: Tracks, truth: Tracks, *, mse_weight: float = 1e-3) -> Float[Tensor, ""]:
    """``pearson_loss + mse_weight * mse``: the shape of the tracks, and just enough error to fix their level."""
    return pearson_loss(values, truth) + mse_weight * mse(values, truth)


def r2_loss(values: Tracks, truth: Tracks) -> Float[Tensor, ""]:
    """Minus the mean over tracks of ``1 - SSE / SST``; a track constant in this batch has no R2 and is left out."""
    p, y, known = _pair(values, truth)
    _, total, varies = _centred(y, known)
    error = torch.where(known, (y - p).square(), torch.zeros_like(p)).sum((0, 2))
    explained = torch.where(varies, 1 - error / torch.where(varies, total, torch.ones_like(total)), 0 * error)
    return -explained.sum() / varies.sum().clamp(min=1)


def multinomial_nll(logits: Tracks, truth: Tracks) -> Float[Tensor, ""]:
    """How the counts of a window spread over its bins: ``-log P(y | N, softmax(logits))``, N the window's own total.

    Summed over tracks, mean over the sequences with anything known; log-gamma stands for the factorials, so counts
    need not be whole. Missing bins take part neither in the softmax nor in N.

    Examples:
        >>> multinomial_nll(torch.zeros(1, 1, 2), torch.tensor([[[1.0, 1.0]]])).exp()   # 2 of 4 ways
        tensor(2.)
    """
    x, y, known = _pair(logits, truth)
    log_share = x.masked_fill(~known, torch.finfo(x.dtype).min).log_softmax(2)
    spread = torch.where(known, y * log_share, torch.zeros_like(x)).sum(2)
    counts = y.double()  # log N! - sum log y! is a small difference of large numbers, and a constant
    ways = torch.lgamma(counts.sum(2) + 1) - torch.lgamma(counts + 1).sum(2)
    rows = known.any(2).any(1).sum().clamp(min=1)
    return -((ways + spread).sum() / rows).to(x.dtype)


def multinomial_mse(logits: Tracks, truth: Tracks, *, profile_weight: float = 1e-7) -> Float[Tensor, ""]:
    """``profile_weight * multinomial_nll + mse`` of one output that serves both as logits and as coverage."""
    return profile_weight * multinomial_nll(logits, truth) + mse(logits, truth)


def bpnet_loss(prediction: Sequence[Tensor], truth: Tracks, *, counts_weight: float = 1.0) -> Float[Tensor, ""]:
    """``multinomial_nll`` of the profile and the squared error of ``log(1 + total)``.

    Args:
        prediction: profile logits ``(batch, tracks, bins)`` and log counts ``(batch, tracks)``.
        truth: counts per bin.
        counts_weight: of the mean squared error of the log counts.
    """
    profile, log_counts = prediction
    _, y, known = _pair(profile, truth)
    totals = torch.log1p(y.sum(2))
    counts_error = _mean((totals - _wide(log_counts)).square(), known.any(2))
    return multinomial_nll(profile, truth) + counts_weight * counts_error


def binary_cross_entropy(
    logits: Float[Tensor, "batch tracks *bins"], labels: Float[Tensor, "batch tracks *bins"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy of labels 0 and 1 (or between, for soft labels), one per track or one per bin."""
    x, y, known = _pair(logits, labels)
    return _mean(functional.binary_cross_entropy_with_logits(x, y, reduction="none"), known)


class Reads(Enum):
    """What a loss takes a model's output for, and so what the head of the model must end in."""

    RATES = "positive rates"  # softplus (or exp)
    VALUES = "values"  # linear, or softplus for coverage
    LOGITS = "logits"  # linear
    PROFILE_AND_COUNTS = "profile logits and log counts"  # two heads, both linear


class Truth(Enum):
    """What a loss needs the truth to be."""

    NUMBERS = "numbers"
    COUNTS = "numbers from 0 up"
    LABELS = "labels between 0 and 1"


@dataclass(frozen=True)
class Loss:
    """A loss with what it reads. Calling it is calling its function; ``functools.partial`` sets its options."""

    function: Callable[..., Tensor]
    reads: Reads
    truth: Truth = Truth.NUMBERS

    def __call__(self, prediction: Any, truth: Tensor) -> Float[Tensor, ""]:
        """The loss of one batch, unchecked."""
        return self.function(prediction, truth)

    def check(self, prediction: Any, truth: Tensor) -> None:
        """Make sure that model, data and loss fit each other; once per run, since it waits for the device.

        Raises:
            InputError: for outputs of another kind or shape, rates that are not positive, truth out of range.
        """
        pair = isinstance(prediction, (tuple, list))
        if pair != (self.reads is Reads.PROFILE_AND_COUNTS):
            raise InputError(
                f"the loss {_name(self)!r} reads {self.reads.value}, but the model puts out "
                f"{'several tensors' if pair else 'one tensor'}: choose a model with that head, or another loss."
            )
        tracks = prediction[0] if pair else prediction
        if tracks.shape != truth.shape or (pair and prediction[1].shape != truth.shape[:2]):
            shapes = [tuple(part.shape) for part in (prediction if pair else [prediction])]
            raise InputError(
                f"the model puts out {', '.join(map(str, shapes))} and the truth is {tuple(truth.shape)}: both are "
                "(batch, tracks, bins). Set the model's tracks and bin size to those of the data."
            )
        if self.reads is Reads.RATES and bool((tracks < 0).any()):
            raise InputError(
                f"the loss {_name(self)!r} reads positive rates, and the model puts out {float(tracks.min()):.3g}: end "
                "the model in a softplus."
            )
        lowest, highest = float(truth.nan_to_num(0).min()), float(truth.nan_to_num(0).max())
        if (self.truth is not Truth.NUMBERS and lowest < 0) or (self.truth is Truth.LABELS and highest > 1):
            raise InputError(
                f"the loss {_name(self)!r} needs {self.truth.value}, and the tracks run from {lowest:.3g} to "
                f"{highest:.3g}: choose another loss (mse takes any numbers), or transform the tracks."
            )


LOSSES: dict[str, Loss] = {
    "poisson": Loss(poisson_nll, Reads.RATES, Truth.COUNTS),
    "mse": Loss(mse, Reads.VALUES),
    "pearson": Loss(pearson_loss, Reads.VALUES),
    "pearson-mse": Loss(pearson_mse, Reads.VALUES),
    "r2": Loss(r2_loss, Reads.VALUES),
    "multinomial": Loss(multinomial_nll, Reads.LOGITS, Truth.COUNTS),
    "multinomial-mse": Loss(multinomial_mse, Reads.VALUES, Truth.COUNTS),
    "bpnet": Loss(bpnet_loss, Reads.PROFILE_AND_COUNTS, Truth.COUNTS),
    "bce": Loss(binary_cross_entropy, Reads.LOGITS, Truth.LABELS),
}
"""Every loss of tracks by the name that the command line knows it by."""


def _name(loss: Loss) -> str:
    return next((name for name, known in LOSSES.items() if known.function is loss.function), str(loss.function))


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype is torch.float64 else x.float()


def _pair(prediction: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Bool[Tensor, "..."]]:
    """Both wide enough to add up, zeros for what is missing, and what is known."""
    known = ~truth.isnan()
    return _wide(prediction), torch.where(known, truth, torch.zeros_like(truth)).to(_wide(prediction).dtype), known


def _mean(terms: Tensor, known: Tensor) -> Tensor:
    return torch.where(known, terms, torch.zeros_like(terms)).sum() / known.sum().clamp(min=1)


def _centred(x: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Deviations from each track's mean (0 where missing), their squares summed, and whether they are not rounding."""
    count = known.sum((0, 2)).clamp(min=1)
    filled = torch.where(known, x, torch.zeros_like(x))
    mean = filled.sum((0, 2)) / count
    deviations = torch.where(known, x - mean[:, None], torch.zeros_like(x))
    squares = deviations.square().sum((0, 2))
    rounding = 8 * torch.finfo(x.dtype).eps * filled.detach().abs().amax((0, 2))
    return deviations, squares, squares > count * rounding.square()
