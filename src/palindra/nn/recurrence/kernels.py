"""Optional kernels for GPUs behind the functions of this package."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor

Backend = Literal["auto", "torch", "fla"]
_LARGEST_KEY = 256  # of the kernels


def uses_fla(backend: Backend, q: Tensor) -> bool:
    """Whether flash-linear-attention runs for these queries.

    In float32 its products are rounded to TF32 on most GPUs, so ``"auto"`` leaves float32 to PyTorch.

    Raises:
        ValueError: if it is asked for and cannot run, or for another backend.
    """
    if backend not in ("auto", "torch", "fla"):
        raise ValueError(f'backend must be "auto", "torch" or "fla", got {backend!r}.')
    if backend == "torch":
        return False
    installed = find_spec("fla") is not None
    if backend == "auto":
        half = q.dtype in (torch.bfloat16, torch.float16)
        return installed and q.is_cuda and half and q.shape[-1] <= _LARGEST_KEY
    if not installed:
        raise ValueError(
            'backend "fla" needs the package flash-linear-attention, which is not installed. '
            'Install it with "pip install flash-linear-attention", or use backend "torch".'
        )
    if not q.is_cuda or q.dtype == torch.float64 or q.shape[-1] > _LARGEST_KEY:
        raise ValueError(
            f'backend "fla" runs on CUDA, in float32 or less, with keys of at most {_LARGEST_KEY}; got {q.dtype} on '
            f'{q.device} with keys of {q.shape[-1]}. Use backend "torch".'
        )
    return True


def fla_delta_rule(
    q: Tensor, k: Tensor, v: Tensor, p: Tensor, log_decay: Tensor, beta: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Run the chunk kernel of flash-linear-attention, which has positions before heads and scales q itself."""
    chunk_comba = import_module("fla.ops.comba").chunk_comba  # optional, slow to import
    queries, keys, values, readers = (x.to(v.dtype).transpose(1, 2).contiguous() for x in (q, k, v, p))
    decays, strengths = (x.float().transpose(1, 2).contiguous() for x in (log_decay, beta))
    out, last = chunk_comba(
        queries, keys, values, readers, decays, strengths,
        initial_state=None if state is None else state.float(), output_final_state=True,
    )  # fmt: skip
    return out.transpose(1, 2), last
