"""Blocks whose activations are computed again in the backward pass instead of being kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from torch import Tensor, is_grad_enabled, nn
from torch.utils.checkpoint import checkpoint

from palindra.nn.pair import PairBatchNorm


def checkpointed(block: nn.Module, *inputs: Tensor | None) -> Tensor:
    """``block(*inputs)`` that keeps its inputs alone for the backward pass.

    Running statistics of batch normalisation are updated in the first evaluation only: stock checkpointing updates
    them a second time with the same numbers, so that a model trained with it is another one.

    Args:
        block: any module; random layers give the same numbers both times.
        inputs: of the block.
    """
    if not is_grad_enabled():
        return block(*inputs)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_kept(block)

    return checkpoint(block, *inputs, use_reentrant=False, context_fn=contexts)


@contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    norms = [module for module in block.modules() if isinstance(module, PairBatchNorm)]
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
