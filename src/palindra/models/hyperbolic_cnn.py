"""The networks of Hyperbolic Genome Embeddings, on either strand: one curvature, one per block, or Euclidean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra import lorentz
from palindra.lorentz.geometry import log_radius_scale
from palindra.lorentz.overflow import require_finite_outputs
from palindra.models.flatten import Flatten
from palindra.nn import Activation, BatchNorm, Conv1d, Linear, VectorHead
from palindra.symmetry import Position, Rep, Target


@dataclass(frozen=True)
class HyperbolicCNNConfig:
    """Sizes of a :class:`HyperbolicCNN`; :func:`published` gives the published ones, :func:`scaled` fitted ones.

    ``geometry="euclidean"`` gives the twin from the same lines: the same plan and sizes in flat space.
    ``involution=None`` gives the network without symmetry, with the same number of channels and nothing tied.
    """

    length: int  # of the one-hot input
    target: Target = field(default_factory=lambda: Target.invariant(1))
    outputs: int = 1
    hidden: Rep = field(default=Rep(regular=16))  # space coordinates; published: 31 without symmetry
    geometry: Literal["single", "blocks", "euclidean"] = "single"  # HCNN-S, HCNN-M (one K per block), the twin
    curvature: float = 1.0  # K at the start
    learn_curvature: bool = True
    curvature_rate: float = 0.01  # learning rate of log K
    blocks: int = 3
    kernel_size: int = 9
    readout: Literal["flatten", "pool"] = "flatten"  # published: all positions; pool: their centroid, or mean
    embedding: int = 128  # space coordinates before the head; published: 527
    form: Literal["time", "hyperplane", "tangent"] = "time"  # HGE, ILNN, PVNN
    dispersion: Literal["mean distance", "frechet"] = "mean distance"
    equal_log_radius: bool = False  # of joined points (ILNN)
    involution: Position | None = Position.REVERSE


FORMS: dict[str, type[lorentz.Form]] = {
    "time": lorentz.TimeColumn,
    "hyperplane": lorentz.Hyperplanes,
    "tangent": lorentz.Tangent,
}


def published(length: int, outputs: int, geometry: Literal["single", "blocks", "euclidean"]) -> HyperbolicCNNConfig:
    """The published sizes, without symmetry: 32 coordinates and 528 in the embedding, one of them time if curved.

    Examples:
        >>> print(published(200, 2, "single").hidden, "|", published(200, 2, "euclidean").hidden)
        31 even | 32 even

    Source: Khan et al. (2025).
    """
    flat = geometry == "euclidean"
    return HyperbolicCNNConfig(
        length=length,
        target=Target.invariant(outputs),
        outputs=outputs,
        hidden=Rep(even=32 if flat else 31),
        embedding=528 if flat else 527,
        geometry=geometry,
        involution=None,
    )


def scaled(length: int, rows: int, *, channels: int = 32) -> dict[str, Any]:
    """Options that fit the first fully connected layer, 99 % of the published parameters, to the number of sequences.

    The embedding gets as many coordinates as give at most 100 weights per training sequence, between 16 and 528; where
    even 16 are too many, positions are pooled.

    Args:
        length: of the sequences.
        rows: training sequences.
        channels: of the convolutions.

    Examples:
        >>> scaled(200, 20_000), scaled(1000, 1_000)
        ({'readout': 'flatten', 'embedding': 312}, {'readout': 'pool', 'embedding': 128})
    """
    fits = 100 * rows // (length * channels)
    if fits < 16:
        return {"readout": "pool", "embedding": 128}
    return {"readout": "flatten", "embedding": min(528, fits - fits % 4)}


class HyperbolicCNN(nn.Module):
    """Blocks of two convolutions with batch norm and ReLU, all positions joined, one dense layer, hyperplanes.

    Blocks after the first add their input. Inputs are one-hot ``(batch, 4, length)``, outputs ``(batch, outputs)``
    (logits or values). A base is the point with one space coordinate of 1; N and padding are the origin. Padding, the
    run of N at either end, enters neither centroids nor the dense layer.

    Args:
        config: sizes and types.

    Raises:
        InputError: for a curvature that is not positive, or (when called) where values overflow, naming the layer.
        ValueError: for other lengths, sizes below one, or an even kernel.

    Examples:
        >>> model = HyperbolicCNN(HyperbolicCNNConfig(length=50, geometry="blocks", embedding=16))
        >>> model(torch.zeros(3, 4, 50)).shape
        torch.Size([3, 1])
        >>> [round(k.item(), 2) for k in model.curvatures]
        [1.0, 1.0, 1.0, 1.0]

    Source: Khan et al. (2025), Hyperbolic Genome Embeddings.
    """

    def __init__(self, config: HyperbolicCNNConfig) -> None:
        super().__init__()
        for name in ("length", "blocks", "embedding"):
            if getattr(config, name) < 1:
                raise ValueError(f"{name} is {getattr(config, name)}: at least 1 is needed.")
        if config.kernel_size % 2 == 0 or config.kernel_size < 1:
            raise ValueError(f"kernel_size is {config.kernel_size}: an odd number keeps the length.")
        self.config = config
        position = config.involution or Position.IDENTITY
        symmetric = config.involution is not None
        hidden = config.hidden if symmetric else Rep(even=config.hidden.channels)
        target = config.target if symmetric else Target.strand_specific()  # the baseline ties nothing
        flat = config.geometry == "euclidean"
        spaces = _spaces(config)
        rep = Rep(regular=2) if symmetric else Rep(even=4)
        blocks, moves = [], []
        for number, space in enumerate(spaces[:-1]):
            make = _Euclidean(config, position) if flat else _Hyperbolic(config, position, space)
            blocks.append(_Block(make, rep, hidden, residual=number > 0))
            moves.append(_between(spaces[number - 1] if number else space, space))
            rep = hidden
        make = _Euclidean(config, position) if flat else _Hyperbolic(config, position, spaces[-1])
        self.blocks, self.moves = nn.ModuleList(blocks), nn.ModuleList(moves)
        self.last_move = _between(spaces[-2], spaces[-1])
        self.readout = make.readout(hidden)
        embedding = _proportional(hidden, config.embedding)
        self.embed = make.linear(self.readout.out_rep, embedding)
        self.activation = Activation(embedding)
        self.head = make.head(embedding, target)

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch outputs"]:
        if x.shape[-1] != self.config.length:
            raise ValueError(f"this network was built for {self.config.length} letters and got {x.shape[-1]}.")
        y = self.compute(x)
        require_finite_outputs(self, x, y)
        return y

    def compute(self, x: Tensor) -> Tensor:
        """The outputs, whatever they are."""
        return self.head(self.embedding(x))

    def embedding(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch embedding"]:
        """Space coordinates of each sequence before the head, in the last space (ordinary features of the twin)."""
        inside = _inside(x)
        whole = not (torch.compiler.is_exporting() or torch.compiler.is_compiling()) and bool(inside.all())
        mask = None if whole else inside
        for move, block in zip(self.moves, self.blocks, strict=True):
            x = block(move(x), mask)  # (batch, hidden, length)
        return self.activation(self.embed(self.readout(self.last_move(x), mask)))

    @property
    def curvatures(self) -> list[Tensor]:
        """K of every space: one (HCNN-S), one per block and one of the head (HCNN-M), none of the twin."""
        return [part().detach() for part in self.modules() if isinstance(part, lorentz.Curvature)]


def _spaces(config: HyperbolicCNNConfig) -> list[Any]:
    """The space of every block, and of what follows them."""
    count = config.blocks + 1
    if config.geometry == "euclidean":
        return [None] * count

    def space() -> lorentz.Curvature:
        return lorentz.Curvature(config.curvature, learned=config.learn_curvature, learning_rate=config.curvature_rate)

    return [space()] * count if config.geometry == "single" else [space() for _ in range(count)]


def _between(old: lorentz.Curvature | None, new: lorentz.Curvature | None) -> nn.Module:
    return nn.Identity() if old is None or new is None or old is new else lorentz.ChangeCurvature(old, new)


def _proportional(hidden: Rep, channels: int) -> Rep:
    """A type of exactly so many channels, shared out as those of ``hidden`` are; what is left over is even."""
    regular = channels * hidden.regular // hidden.channels
    odd = channels * hidden.odd // hidden.channels
    return Rep(regular=regular, even=channels - 2 * regular - odd, odd=odd)


def _inside(x: Tensor) -> Tensor:
    """Positions ``(batch, length)`` between the first and the last letter that is known."""
    known = (x != 0).any(1)
    return (known.cumsum(1) > 0) & (known.flip(1).cumsum(1) > 0).flip(1)


class _Block(nn.Module):
    """Convolution, norm, ReLU, convolution, norm, then the input added (where asked), ReLU."""

    def __init__(self, make: _Euclidean | _Hyperbolic, in_rep: Rep, rep: Rep, *, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.conv1, self.norm1 = make.conv(in_rep, rep), make.norm(rep)
        self.conv2, self.norm2 = make.conv(rep, rep), make.norm(rep)
        self.activation = Activation(rep)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        y = self.activation(self.norm1(self.conv1(x), mask))
        y = self.norm2(self.conv2(y), mask)
        return self.activation(y + x if self.residual else y)


class _Hyperbolic:
    """How the parts of the network are made in a space of learnable curvature."""

    def __init__(self, config: HyperbolicCNNConfig, position: Position, space: lorentz.Curvature) -> None:
        self.config, self.position, self.space, self.form = config, position, space, FORMS[config.form]

    def conv(self, in_rep: Rep, rep: Rep) -> nn.Module:
        size, joined = self.config.kernel_size, self.config.equal_log_radius
        return lorentz.Conv1d(
            in_rep,
            rep,
            size,
            self.space,
            form=self.form,
            padding=size // 2,
            equal_log_radius=joined,
            position=self.position,
        )

    def norm(self, rep: Rep) -> nn.Module:
        return lorentz.BatchNorm(rep, self.space, dispersion=self.config.dispersion)

    def linear(self, in_rep: Rep, rep: Rep) -> nn.Module:
        return lorentz.Linear(in_rep, rep, self.space, form=self.form)

    def readout(self, rep: Rep) -> Any:
        length = self.config.length
        if self.config.readout == "pool":
            return lorentz.CentroidPool1d(rep, self.space, position=self.position)
        scale = log_radius_scale(length, rep.channels) if self.config.equal_log_radius else 1.0
        return _FlattenInside(rep, length, self.position, scale)

    def head(self, rep: Rep, target: Target) -> nn.Module:
        return lorentz.HyperplaneHead(rep, target, self.config.outputs, self.space)


class _Euclidean:
    """How the parts of the twin are made."""

    def __init__(self, config: HyperbolicCNNConfig, position: Position) -> None:
        self.config, self.position = config, position
        self.linear: Callable[[Rep, Rep], nn.Module] = Linear

    def conv(self, in_rep: Rep, rep: Rep) -> nn.Module:
        return Conv1d(in_rep, rep, self.config.kernel_size, padding="same", position=self.position)

    def norm(self, rep: Rep) -> nn.Module:
        return _MaskedBatchNorm(rep)

    def readout(self, rep: Rep) -> Any:
        if self.config.readout == "pool":
            return _MaskedMean(rep)
        return _FlattenInside(rep, self.config.length, self.position, 1.0)

    def head(self, rep: Rep, target: Target) -> nn.Module:
        return VectorHead(rep, target, self.config.outputs)


class _FlattenInside(nn.Module):
    """All positions as one vector, padding as zeros: the direct concatenation of points, in space coordinates."""

    def __init__(self, rep: Rep, length: int, position: Position, scale: float) -> None:
        super().__init__()
        self.flatten, self.scale = Flatten(rep, length, position=position), scale
        self.out_rep = self.flatten.out_rep

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = x if mask is None else x * mask.unsqueeze(1).to(x.dtype)
        x = self.flatten(x)
        return x if self.scale == 1.0 else x * self.scale


class _MaskedMean(nn.Module):
    """Mean over the positions that are no padding."""

    def __init__(self, rep: Rep) -> None:
        super().__init__()
        self.out_rep = rep

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if mask is None:
            return x.mean(2)
        weight = mask.unsqueeze(1).to(x.dtype)
        return (x * weight).sum(2) / weight.sum(2).clamp(min=1.0)


class _MaskedBatchNorm(BatchNorm):
    """Batch normalisation whose statistics are those of the positions that are no padding."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None or not self.training or mask.sum() < 2:
            return super().forward(x)
        rows = x.movedim(1, -1)
        done = torch.zeros_like(rows).masked_scatter(mask.unsqueeze(-1), super().forward(rows[mask]).to(rows.dtype))
        return done.movedim(-1, 1)
