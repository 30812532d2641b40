"""What the other strand does to the letters that a language model expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from palindra.evaluation.statistics import Interval, bootstrap_interval
from palindra.probing.audit.distances import RESAMPLES
from palindra.sequences import encode


@dataclass(frozen=True)
class Language:
    """Log-probabilities of A, C, G, T beside those of the other strand, reversed and complemented.

    Two distributions are compared by their total variation distance: the share of probability that would have to
    move, 0 to 1.
    """

    sequences: int
    positions: int  # that both strands know of
    unlike: float  # mean total variation distance of the two strands at one position
    low: float
    high: float
    relative: float  # the same over the distance of two different positions: 1 means no agreement beyond composition
    changed: float  # share of positions whose likeliest letter is another one
    given: float  # mean negative log-probability of the letter that is there, in nats: 1.386 is a guess
    both: float  # the same when log-probabilities of both strands are averaged, and made a distribution again
    gain: float  # given - both, positive where averaging helps
    gain_low: float
    gain_high: float


def compare_language(given: Tensor, other: Tensor, sequences: Sequence[str], *, seed: int = 0) -> Language | None:
    """Compare log-probabilities of sequences with those of their reverse complements.

    Args:
        given: ``(sequences, length, 4)``, NaN where a position is not known.
        other: of the reverse complements, in their own order and letters.
        sequences: of one length; positions with another letter than A, C, G, T are left out.
        seed: of the bootstrap over sequences, and of the different positions that are compared.

    Returns:
        None where no position is known on both strands, as for tokens of several letters.
    """
    turned = other.flip(1, 2).double()
    given = given.double()
    codes = torch.from_numpy(encode(sequences).astype(np.int64))
    known = given.isfinite().all(-1) & turned.isfinite().all(-1) & (codes < 4)
    if not known.any():
        return None
    one, two = given[known].exp(), turned[known].exp()
    row = known.nonzero()[:, 0].numpy()
    distance = (one - two).abs().sum(-1) / 2
    permuted = torch.randperm(len(one), generator=torch.Generator().manual_seed(seed))
    scale = float((one - one[permuted]).abs().sum(-1).mean() / 2)
    letters = codes[known][:, None]
    loss_given = -given[known].gather(1, letters)[:, 0]
    loss_both = -((given + turned) / 2)[known].log_softmax(-1).gather(1, letters)[:, 0]
    unlike = _over_sequences(distance, row, seed)
    gain = _over_sequences(loss_given - loss_both, row, seed)
    mean = float(distance.mean())
    return Language(
        sequences=len(np.unique(row)),
        positions=len(one),
        unlike=unlike[0],
        low=unlike[1],
        high=unlike[2],
        relative=mean / scale if scale > 0 else (0.0 if mean == 0 else float("inf")),
        changed=float((one.argmax(-1) != two.argmax(-1)).double().mean()),
        given=float(loss_given.mean()),
        both=float(loss_both.mean()),
        gain=gain[0],
        gain_low=gain[1],
        gain_high=gain[2],
    )


def _over_sequences(values: Tensor, row: np.ndarray, seed: int) -> Interval:
    """Mean over positions, with its interval over sequences."""
    numbers, count = np.unique(row, return_inverse=True)[1], len(np.unique(row))
    total, positions = np.bincount(numbers, values.numpy(), count), np.bincount(numbers, minlength=count)
    return bootstrap_interval(
        lambda chosen: float(total[chosen].sum() / positions[chosen].sum()), count, seed, resamples=RESAMPLES
    )
