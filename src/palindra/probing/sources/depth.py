"""Language models of this library cut after some of their layers, sharing all weights with the whole ones."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

from palindra.models.strand_lm.model import StrandLM


def depth_of(model: nn.Module) -> int:
    """Number of layers of a language model."""
    network: Any = model
    return network.config.depth if isinstance(model, StrandLM) else len(network.caduceus.layers)


def strands_at(model: nn.Module, tokens: Tensor, layer: int) -> Tensor:
    """Features of each strand after the first layers alone, normalised as those of the last.

    Args:
        model: ``model(tokens, mask) -> LMOutput``.
        tokens: ids ``(batch, length)``.
        layer: layers that are run; 0 for the stem alone.

    Returns:
        ``(batch, strands, length, width)``.
    """
    network: Any = model
    if not isinstance(model, StrandLM):
        layers = nn.ModuleList(list(network.caduceus.layers)[:layer])
        return with_parts(network, caduceus=with_parts(network.caduceus, layers=layers))(tokens).strands
    stages, left = [], layer
    for stage, size in zip(model.encoder.stages, model.config.stages, strict=True):
        if left > 0:
            stages.append(stage if left >= size else _cut(stage, left))
        left -= size
    return model.strands(tokens, encoder=with_parts(model.encoder, stages=nn.ModuleList(stages)))


def _cut(stage: Any, layers: int) -> nn.Module:
    """A stage with the first of its layers and without the bridge that follows the last."""

    def shorter(branch: Any) -> Any:
        return with_parts(branch, layers=nn.ModuleList(list(branch.layers)[:layers]))

    if hasattr(stage, "branch"):
        return with_parts(stage, branch=shorter(stage.branch), bridge=None)
    return with_parts(stage, branches=nn.ModuleList(map(shorter, stage.branches)), bridges=nn.ModuleList())


def with_parts(module: Any, **parts: nn.Module | None) -> Any:
    """A module with some of its parts exchanged; everything else is shared.

    Examples:
        >>> import torch
        >>> whole = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> with_parts(whole, **{"1": nn.Identity()})[0] is whole[0], whole[1]
        (True, ReLU())
    """
    other = copy.copy(module)
    other._modules = {**module._modules, **parts}
    return other
