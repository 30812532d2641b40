"""Weights of a model as one checksum."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def hash_weights(model: nn.Module, *described: str) -> str:
    """Checksum of all weights and buffers by name, and of texts that say what else matters.

    Examples:
        >>> model = nn.Linear(2, 1)
        >>> before = hash_weights(model)
        >>> _ = model.weight.data.add_(1)
        >>> before == hash_weights(model)
        False
    """
    total = hashlib.sha256()
    for text in described:
        total.update(hashlib.sha256(text.encode()).digest())
    for name, tensor in sorted(model.state_dict().items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()
