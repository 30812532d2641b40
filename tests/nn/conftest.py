"""The one table of layers: every test in this folder that asks for a ``case`` runs on each row.

Sizes differ from each other (2, 3, 5, 7), kernels are longer than some channel counts, lengths are even and odd where
the windows allow it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn import (
    Activation,
    AttentionPool1d,
    AvgPool1d,
    BatchNorm,
    BothStrands,
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    Dropout,
    Embedding,
    FlattenHead,
    Gated,
    GlobalAvgPool,
    GlobalMaxPool,
    InstanceNorm,
    InvariantPositions,
    Kmers,
    LayerNorm,
    Linear,
    MagnitudePool1d,
    MaxPool1d,
    Residual,
    RMSNorm,
    Sequential,
    StrandMean,
    TrackHead,
    VectorHead,
    gelu,
)
from palindra.symmetry import DNA_STRAND, Involution, Position, Rep, Target

REGULAR, EVEN, ODD, MIXED = Rep(regular=3), Rep(even=5), Rep(odd=2), Rep(regular=2, even=3, odd=5)
DNA = Rep(regular=2)
VECTOR, MAP = Position.IDENTITY, Position.TRANSPOSE
TOKENS = [3, 2, 1, 0, 4, 5, 6]  # A C G T N pad mask
IDS = {"": REGULAR, "even": EVEN, "odd": ODD, "mixed": MIXED}


class TokenStrand:
    """The involution on token ids: each becomes its complement, and positions are reversed."""

    def act(self, tokens: Tensor) -> Tensor:
        return torch.tensor(TOKENS)[tokens].flip(-1)


@dataclass(frozen=True)
class Case:
    """A layer, lengths that it takes, and the involutions on its inputs and outputs."""

    name: str
    layer: nn.Module
    lengths: tuple[int, ...] = (12, 13)
    target: Any = None

    @property
    def position(self) -> Position:
        return getattr(self.layer, "position", None) or Position.REVERSE

    @property
    def source(self) -> Any:
        return TokenStrand() if isinstance(self.layer, Embedding) else Involution(self.layer.in_rep, self.position)

    @property
    def image(self) -> Any:
        out_position = getattr(self.layer, "out_position", None) or self.position
        return self.target or Involution(self.layer.out_rep, out_position)

    def fresh(self, dtype: torch.dtype = torch.float64) -> nn.Module:
        return copy.deepcopy(self.layer).to(dtype)

    def draw(self, length: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        if isinstance(self.layer, Embedding):
            return torch.randint(len(TOKENS), (3, length), generator=generator)
        axes = {Position.IDENTITY: 0, Position.REVERSE: 1, Position.TRANSPOSE: 2}[self.position]
        x = torch.randn(3, self.layer.in_rep.channels, *[length] * axes, generator=generator, dtype=torch.float64)
        return x.to(dtype)


def seeded(layer: nn.Module) -> Callable[[Tensor], Tensor]:
    """Dropout draws the same mask for every call."""

    def call(x: Tensor) -> Tensor:
        torch.manual_seed(1)
        return layer(x)

    return call


def _conv1d() -> list[Case]:
    types = [Rep(1), REGULAR, EVEN, Rep(even=1), ODD, Rep(odd=7), MIXED, Rep(regular=1, odd=2), Rep(even=3, odd=1)]
    cases, number = [], 0
    for given in types:  # every pair of types, kernels 1 to 6 in turn
        for made in types:
            kernel = number % 6 + 1
            padding = (0, kernel // 2, 3)[number % 3]
            cases.append(Case(f"{given} to {made}, {kernel} taps", Conv1d(given, made, kernel, padding=padding)))
            number += 1
    return cases


def _options() -> list[Case]:
    three, depth = Rep(regular=3, even=2, odd=1), Rep(regular=6, even=4, odd=2)
    return [
        Case("stride 2, odd kernel", Conv1d(DNA, MIXED, 5, stride=2, padding=1), (13, 27)),
        Case("stride 2, even kernel", Conv1d(MIXED, REGULAR, 4, stride=2, padding=1), (12, 26)),
        Case("stride 3", Conv1d(MIXED, MIXED, 6, stride=3), (12, 15)),
        Case("stride 3, dilation 2", Conv1d(REGULAR, EVEN, 3, stride=3, dilation=2, padding=1), (12, 15)),
        Case("dilation 3", Conv1d(EVEN, ODD, 4, dilation=3, padding=2)),
        Case("same", Conv1d(MIXED, DNA, 5, dilation=2, padding="same")),
        Case("valid, no bias", Conv1d(MIXED, DNA, 3, padding="valid", bias=False)),
        Case("reflect", Conv1d(REGULAR, MIXED, 5, padding=2, padding_mode="reflect")),
        Case("replicate", Conv1d(EVEN, MIXED, 4, padding=3, padding_mode="replicate")),
        Case("circular", Conv1d(ODD, MIXED, 3, padding="same", padding_mode="circular")),
        Case("groups", Conv1d(Rep(regular=6), Rep(regular=3), 4, groups=3)),
        Case("depth-wise regular", Conv1d(REGULAR, REGULAR, 5, groups=6)),
        Case("depth-wise mixed", Conv1d(three, depth, 4, groups=9)),
        Case("depth-wise even to odd", Conv1d(Rep(even=3), Rep(odd=3), 5, groups=3)),
    ]


def _maps() -> list[Case]:
    pairs = [(REGULAR, MIXED, 2), (EVEN, ODD, 3), (MIXED, REGULAR, 5), (ODD, ODD, 1), (ODD, EVEN, 4)]
    cases = [Case(f"maps {a} to {b}", Conv2d(a, b, k, padding=k // 2), (7, 8)) for a, b, k in pairs]
    return [
        *cases,
        Case("maps, stride", Conv2d(MIXED, MIXED, 3, stride=2, dilation=2, padding=1), (8, 9)),
        Case("maps, same", Conv2d(REGULAR, REGULAR, 3, padding="same", groups=6), (7, 8)),
        Case("maps, batch norm", BatchNorm(MIXED), (7, 8)),
        Case("maps, residual", Residual(Sequential(Conv2d(MIXED, MIXED, 3), Activation(MIXED))), (7, 8)),
    ]


def _transposed() -> list[Case]:
    return [
        Case("transposed", ConvTranspose1d(REGULAR, MIXED, 3)),
        Case("transposed, stride 2", ConvTranspose1d(MIXED, REGULAR, 4, stride=2, padding=1)),
        Case("transposed, stride 3", ConvTranspose1d(EVEN, ODD, 5, stride=3, dilation=2)),
        Case("transposed, to even", ConvTranspose1d(MIXED, Rep(even=1), 2, stride=2, bias=False)),
        Case("transposed, odd", ConvTranspose1d(ODD, ODD, 3, padding=2)),
        Case("transposed, groups", ConvTranspose1d(Rep(regular=6), Rep(regular=3), 4, groups=3)),
    ]


def _any_type() -> list[Case]:
    cases: list[Case] = []
    for name, rep in (("regular", REGULAR), ("even", EVEN), ("odd", ODD), ("mixed", MIXED)):
        rows = {
            "activation": Activation(rep, gelu, odd=functional.softsign),
            "gated": Gated(rep),
            "batch norm": BatchNorm(rep),
            "RMS norm": RMSNorm(rep),
            "instance norm": InstanceNorm(rep),
            "dropout": Dropout(rep, 0.4),
            "dropout of channels": Dropout(rep, 0.4, channels=True),
            "attention pool": AttentionPool1d(rep, temperature=2.0),
            "global average": GlobalAvgPool(rep),
            "positions": InvariantPositions(rep),
            "residual": Residual(Conv1d(rep, rep, 5, dilation=2)),
        }
        cases += [Case(f"{what}, {name}", layer) for what, layer in rows.items()]
        cases += [
            Case(f"average pool, {name}", AvgPool1d(rep, 3, padding=1), (13, 16)),
            Case(f"magnitude pool, {name}", MagnitudePool1d(rep, 4, stride=3, padding=1), (11, 14)),
            Case(f"attention pool of 4, {name}", AttentionPool1d(rep, 3), (12, 15)),
            Case(f"embedding, {name}", Embedding(TOKENS, rep)),
            Case(f"linear from {name}", Linear(rep, MIXED)),
            Case(f"linear to {name}", Linear(MIXED, rep, bias=False)),
        ]
    for name, rep in (("regular", REGULAR), ("even", EVEN), ("both", Rep(regular=2, even=3))):
        cases += [
            Case(f"layer norm, {name}", LayerNorm(rep)),
            Case(f"max pool, {name}", MaxPool1d(rep, 4, stride=3), (13, 16)),
            Case(f"global maximum, {name}", GlobalMaxPool(rep)),
        ]
    return cases


def _composed() -> list[Case]:
    tracks = Target.paired([1, 0, 2, 4, 3], Position.REVERSE)
    vectors = Target.paired([1, 0, 3, 2])
    trunk = [Conv1d(DNA, MIXED, 5), BatchNorm(MIXED), Activation(MIXED), Dropout(MIXED, 0.3)]
    free = nn.Sequential(nn.Conv1d(4, 3, 5), nn.BatchNorm1d(3), nn.ReLU())
    average = StrandMean(
        nn.Sequential(nn.Conv1d(4, 2, 5), nn.AdaptiveMaxPool1d(1), nn.Flatten()), Target.paired([1, 0])
    )
    average.in_rep, average.out_rep = DNA, Rep(regular=1)
    return [
        *(Case(f"{k}-mers", Kmers(k)) for k in (1, 2, 3, 4)),
        Case("sequential", Sequential(*trunk, Conv1d(MIXED, REGULAR, 2), nn.ReLU(), GlobalAvgPool(REGULAR))),
        Case("residual of a chain", Residual(Sequential(Conv1d(MIXED, MIXED, 3, padding="same"), BatchNorm(MIXED)))),
        Case("residual of vectors", Residual(Linear(MIXED, MIXED))),
        Case("batch norm of vectors", Sequential(Linear(DNA, MIXED), BatchNorm(MIXED), Activation(MIXED))),
        Case("dropout of vectors", Dropout(MIXED, 0.4, position=VECTOR)),
        Case("both strands", BothStrands(free, DNA, 3)),
        Case("strand mean", average, target=Target.paired([1, 0])),
        Case("flat head", FlattenHead(MIXED, 13, vectors, 4, position=Position.REVERSE), (13,), vectors),
        Case("flat head, even length", FlattenHead(ODD, 12, Target.invariant(3), 3, position=Position.REVERSE), (12,)),
        Case("track head", TrackHead(MIXED, tracks, 5, kernel_size=3), target=tracks),
        Case("vector head", VectorHead(MIXED, vectors, 4), target=vectors),
        Case("vector head, invariant", VectorHead(REGULAR, Target.invariant(2), 2)),
    ]


def _table() -> list[Case]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return [*_conv1d(), *_options(), *_maps(), *_transposed(), *_any_type(), *_composed()]


LAYERS = _table()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", LAYERS, ids=[case.name for case in LAYERS])


@pytest.fixture
def layers() -> list[Case]:
    return LAYERS


@pytest.fixture
def run_seeded() -> Callable[[nn.Module], Callable[[Tensor], Tensor]]:
    return seeded


@pytest.fixture
def dna_strand() -> Involution:
    return DNA_STRAND
