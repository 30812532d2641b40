"""Normal noise on one-hot sequences, the same for a row in any batch and on any process."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_KEY = b"palindra.input.noise"


def add_noise(x: Tensor, size: float, rows: NDArray[np.int64], *, seed: int, epoch: int) -> Tensor:
    """Inputs with normal noise on every entry, a function of (seed, epoch, row).

    Args:
        x: ``(rows, letters, length)``, unchanged.
        size: standard deviation.
        rows: number of each row in its split.
        seed: of the run.
        epoch: number of the pass.

    Source: Bishop (1995): small noise is a penalty on the gradients.
    """
    drawn = np.empty(tuple(x.shape), dtype=np.float32)
    for place, row in enumerate(rows):
        key = hashlib.blake2b(f"{seed} {epoch} {row}".encode(), key=_KEY, digest_size=16).digest()
        generator = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
        generator.standard_normal(dtype=np.float32, out=drawn[place])
    return x + size * torch.from_numpy(drawn)
