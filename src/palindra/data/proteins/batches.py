"""Proteins of different lengths in one batch: padded with zeros, with their lengths and known pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class ContactExample:
    """One protein: its features, its contacts, and the pairs of which contacts are known."""

    name: str
    residues: NDArray[np.float32]  # (features, residues)
    pairs: NDArray[np.float32]  # (features, residues, residues)
    contacts: NDArray[np.bool_]  # (residues, residues)
    known: NDArray[np.bool_]  # (residues, residues)

    def __post_init__(self) -> None:
        length = self.residues.shape[-1]
        shapes = {
            "pair features": self.pairs.shape[1:],
            "contacts": self.contacts.shape,
            "known pairs": self.known.shape,
        }
        for what, shape in shapes.items():
            if shape != (length, length):
                raise ValueError(f"{self.name}: {length} residues are given but {what} of shape {shape}.")


class ContactBatch(NamedTuple):
    """A padded batch; padding is never known."""

    residues: Float[Tensor, "batch features length"]
    pairs: Float[Tensor, "batch features length length"]
    contacts: Bool[Tensor, "batch length length"]
    known: Bool[Tensor, "batch length length"]
    lengths: Int[Tensor, " batch"]


def pad_examples(examples: Sequence[ContactExample]) -> ContactBatch:
    """Join proteins, each padded at its end to the longest.

    Examples:
        >>> def protein(n):
        ...     ones, true = np.ones((3, n, n), "f4"), np.ones((n, n), bool)
        ...     return ContactExample("p", np.ones((25, n), "f4"), ones, true, true)
        >>> batch = pad_examples([protein(4), protein(2)])
        >>> batch.pairs.shape, batch.lengths.tolist()
        (torch.Size([2, 3, 4, 4]), [4, 2])
    """
    lengths = [example.residues.shape[-1] for example in examples]
    longest = max(lengths)

    def padded(name: str, axes: int) -> Tensor:
        arrays = [getattr(example, name) for example in examples]
        joined = np.zeros((len(arrays), *arrays[0].shape[:-axes], *[longest] * axes), arrays[0].dtype)
        for row, array in enumerate(arrays):
            own: Any = (row, ..., *[slice(array.shape[-1])] * axes)
            joined[own] = array
        return torch.from_numpy(joined)

    features, pairs = padded("residues", 1), padded("pairs", 2)
    return ContactBatch(features, pairs, padded("contacts", 2), padded("known", 2), torch.tensor(lengths))
