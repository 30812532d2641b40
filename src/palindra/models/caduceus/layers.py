"""A normalisation, two directions of a state-space layer, and the block that repeats them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from palindra.models.caduceus.config import CaduceusConfig
from palindra.nn.recurrence import Mamba

SHARED = ("in_proj", "out_proj")  # the maps that both directions may share


def wide(x: Tensor) -> Tensor:
    """A tensor in float32, or as it is where that is narrower."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Norm(nn.Module):
    """Root-mean-square norm of the last axis, or layer norm; computed in float32 at least.

    Args:
        width: of the last axis.
        epsilon: added to the mean square, or to the variance.
        centred: layer norm, which subtracts the mean and has a shift.
    """

    def __init__(self, width: int, *, epsilon: float, centred: bool = False) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if centred else None

    def forward(self, x: Float[Tensor, "*rows width"]) -> Float[Tensor, "*rows width"]:
        y = wide(x)
        if self.bias is not None:
            y = y - y.mean(-1, keepdim=True)
        y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + self.epsilon) * self.weight
        return (y if self.bias is None else y + self.bias).to(self.weight.dtype)


class BiMamba(nn.Module):
    """A causal layer read from both ends of one strand, the results added or multiplied.

    Each direction has a convolution and state-space parameters of its own; the large maps in and out are shared.

    Args:
        config: sizes.
    """

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()

        def direction() -> Mamba:
            return Mamba(
                config.width,
                state_size=config.state_size,
                conv_width=config.conv_width,
                expand=config.expand,
                step_rank=config.rank,
            )

        self.multiply = config.multiply
        self.mamba_fwd = direction()
        self.mamba_rev: Mamba | None = None
        if config.bidirectional:
            self.mamba_rev = direction()
            for shared in SHARED if config.tied_projections else ():
                delattr(self.mamba_rev, shared)
                # Not registered a second time: each weight has one name, so that it is saved once.
                object.__setattr__(self.mamba_rev, shared, getattr(self.mamba_fwd, shared))

    def forward(self, x: Float[Tensor, "rows length width"]) -> Float[Tensor, "rows length width"]:
        given = self.mamba_fwd(x)
        if self.mamba_rev is None:
            return given
        back = self.mamba_rev(x.flip(1)).flip(1)
        return given * back if self.multiply else given + back


class Block(nn.Module):
    """Residual, normalisation, two directions: for one strand or for both, each read from its own 5' end.

    Args:
        config: sizes.
    """

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.swapped, self.residual_float32 = config.swapped and config.equivariant, config.residual_float32
        self.norm = Norm(config.width, epsilon=config.norm_epsilon, centred=not config.rms_norm)
        self.mixer = BiMamba(config)

    def forward(
        self, x: Float[Tensor, "strands batch length width"], residual: Tensor | None
    ) -> tuple[Float[Tensor, "strands batch length width"], Float[Tensor, "strands batch length width"]]:
        """Outputs of the layer and the residual to which they are to be added.

        Released weights were trained with layers that hand each strand what the other one had, turned round (the
        fused path of the published code). Without it the same weights are another function.
        """
        residual = x if residual is None else residual + x
        residual = wide(residual) if self.residual_float32 else residual
        residual = residual.flip(0, 2, 3) if self.swapped else residual
        return self.mixer(self.norm(residual).flatten(0, 1)).unflatten(0, residual.shape[:2]), residual


def tied_logits(strands: Tensor, weight: Tensor, complement: Tensor) -> Float[Tensor, "batch length vocabulary"]:
    """Logits of tokens on the given strand from features of one strand or both ``(strands, batch, length, width)``.

    The other strand speaks of complements, in the order of its own positions.
    """
    logits = functional.linear(strands[0], weight)
    for other in strands[1:]:
        logits = logits + functional.linear(other.flip(1), weight[complement])
    return logits
