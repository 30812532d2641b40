"""What a network knows of a sequence before its last map: one vector per sequence, the same for both strands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from palindra.models.predictor import Predictor
from palindra.symmetry import DNA_STRAND, Rep

Features = Callable[[Tensor], Tensor]


@torch.no_grad()
def embeddings(
    model: nn.Module,
    one_hot: Num[Tensor, "rows 4 length"],
    *,
    layer: str | None = None,
    both_strands: bool = True,
    batch_size: int = 512,
) -> Float[Tensor, "rows features"]:
    """The input of the last layer that maps channels, as one vector per sequence.

    Features along positions are averaged over them; of a typed layer the pairs of channels are averaged, even channels
    are kept and odd ones taken by their magnitude. For an equivariant model the result is then the same for both
    strands. With ``both_strands`` the two readings of each sequence are averaged as well, which makes it the same for
    any model. The vectors of the members of an ensemble stand side by side.

    Args:
        model: a network or :class:`Predictor`; put into evaluation mode for the duration of the call.
        one_hot: sequences of any dtype, read on the device of the model.
        layer: name of the layer whose input is meant (as in ``model.named_modules()``); by default the one with a
            weight of two or more dimensions that runs last.
        both_strands: average over both readings of each sequence; off for protein.
        batch_size: sequences at a time.

    Returns:
        float32 on the CPU, in the order of the rows.

    Raises:
        ValueError: if the model has no such layer, or does not run it.

    Examples:
        >>> from palindra.models import StrandResNet, StrandResNetConfig
        >>> from palindra.sequences import one_hot
        >>> model = StrandResNet(StrandResNetConfig(length=20))
        >>> embeddings(model, one_hot(["ACGTACGTACGTTTTTACGA"])).shape
        torch.Size([1, 32])
    """
    members = list(model.members) if isinstance(model, Predictor) and layer is None else [model]
    with _evaluating(model):
        return torch.cat([_of_member(member, one_hot, layer, both_strands, batch_size) for member in members], dim=1)


def _of_member(model: nn.Module, one_hot: Tensor, layer: str | None, both_strands: bool, batch_size: int) -> Tensor:
    weight = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    found: list[Tensor] = []
    last = _layers(model, layer)
    for batch in torch.split(one_hot, batch_size):
        x = batch.to(weight.device, weight.dtype)
        features = _features(model, x, last)
        if both_strands:
            features = (features + _features(model, DNA_STRAND.act(x), last)) / 2
        found.append(features.float().cpu())
    return torch.cat(found)


def _layers(model: nn.Module, name: str | None) -> list[nn.Module]:
    """The layers of which the last one that runs is meant."""
    named = dict(model.named_modules())
    if name is not None:
        if name not in named:
            raise ValueError(f"the model has no layer {name!r}; it has {', '.join(list(named)[1:6])} and so on.")
        return [named[name]]
    held = {
        id(part)
        for module in named.values()
        if isinstance(module, ParametrizationList)
        for part in module.modules()  # the numbers of a tied weight belong to the layer that is tied
    }
    layers = [module for module in named.values() if id(module) not in held and _maps(module)]
    if not layers:
        raise ValueError(
            f"{type(model).__name__} has no layer with a weight of two or more dimensions, so no features before one."
        )
    return layers


def _maps(module: nn.Module) -> bool:
    own = list(module.parameters(recurse=False))
    tied = getattr(module, "parametrizations", None)
    own += [getattr(module, key) for key in tied] if isinstance(tied, nn.ModuleDict) else []
    return any(parameter.dim() >= 2 for parameter in own)


def _features(model: nn.Module, x: Tensor, layers: list[nn.Module]) -> Tensor:
    """Run the model once; the invariant features ``(batch, channels)`` before the layer that ran last."""
    seen: dict[str, Tensor] = {}

    def look(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.clear()
        seen["features"] = _invariant(module, inputs[0], len(x))

    handles = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    if "features" not in seen:
        raise ValueError(f"{type(model).__name__} did not run the layer whose input is asked for.")
    return seen["features"]


def _invariant(layer: nn.Module, features: Tensor, rows: int) -> Tensor:
    """The input of a layer as one vector per sequence: positions averaged, channels as the type of the layer says."""
    if features.dim() > 2:
        along_last = isinstance(layer, nn.Linear)  # a linear map reads channels last, all other layers after the rows
        features = features.flatten(1, -2).mean(1) if along_last else features.flatten(2).mean(2)
    rep = getattr(layer, "in_rep", None)
    if isinstance(rep, Rep) and rep.channels == features.shape[1]:
        n, kept = rep.regular, 2 * rep.regular + rep.even
        pairs = (features[:, :n] + features[:, n : 2 * n].flip(1)) / 2
        features = torch.cat([pairs, features[:, 2 * n : kept], features[:, kept:].abs()], dim=1)
    if len(features) % rows:
        raise ValueError(f"the layer reads {len(features)} rows for {rows} sequences: choose another one by its name.")
    return features.view(-1, rows, features.shape[1]).mean(0)  # both strands one after the other in one batch


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    in_training = [part for part in model.modules() if part.training]
    try:
        model.eval()
        yield
    finally:
        for part in in_training:
            part.training = True
