from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from palindra.models import (
    HyperbolicCNN,
    HyperbolicCNNConfig,
    KmerLinear,
    KmerLinearConfig,
    StrandCNN,
    StrandCNNConfig,
    StrandRecurrent,
    StrandRecurrentConfig,
    StrandResNet,
    StrandResNetConfig,
    StrandTransformer,
    StrandTransformerConfig,
)
from palindra.models.track_models import TRACK_MODELS
from palindra.nn import BothStrands, GlobalAvgPool, Sequential, StrandMean, VectorHead
from palindra.symmetry import Position, Rep, Target

SIZES: dict[str, dict[str, Any]] = {
    "track_resnet": {"length": 120, "bin_size": 15, "width": 7, "dilations": (1, 2), "bin_dilations": (1,)},
    "basenji": {"length": 96, "bin_size": 8, "width": 7, "bottleneck": 5, "layers": 3, "last_width": 9},
    "bpnet": {"length": 90, "bin_size": 5, "width": 7, "layers": 3},
    "bpnet-original": {"length": 91, "width": 7, "layers": 2},
    "cnn": {"length": 135, "bin_size": 5, "widths": (7, 6, 9), "dense_width": 11, "bin_width": 5, "tail_width": 7},
    "cnn-32": {"length": 160, "widths": (5, 6, 7), "dense_width": 10, "bin_width": 3, "tail_width": 6},
    "residualbind": {
        "length": 101,
        "widths": (5, 6, 7),
        "residual_layers": (2, 0, 3),
        "dense_width": 9,
        "tail_width": 6,
        "tail_residual_layers": 2,
    },
    "residualbind-32": {"length": 192, "widths": (5, 6, 7), "residual_layers": (2, 1, 2), "neck_width": 9},
    "basenji-binary": {"length": 90, "width": 7, "bottleneck": 5, "layers": 2, "last_width": 9},
    "cnn-binary": {"length": 131, "widths": (7, 6, 9), "dense_width": 11},
    "residualbind-binary": {"length": 70, "widths": (5, 6, 7), "residual_layers": (2, 1, 1), "dense_width": 9},
    "basset": {"length": 101, "widths": (7, 6, 9), "dense_widths": (11, 8)},
    "deepsea": {"length": 185, "widths": (7, 6, 9), "dense_width": 11},
    "danq": {"length": 110, "width": 7, "recurrent_width": 5, "dense_width": 11},
}
TYPES = {"regular": Rep(regular=1), "irreps": Rep(even=2, odd=1), "mixed": Rep(regular=1, even=1, odd=1)}
PAIR = Target.paired([1, 0])


class Siamese(nn.Module):
    """One branch that reads both strands, twice, with an activation in between that is one module."""

    def __init__(self) -> None:
        super().__init__()
        rep = Rep(regular=5)
        self.act = nn.ReLU()
        self.config = StrandCNNConfig(length=60, target=PAIR, outputs=2)
        self.first = BothStrands(nn.Sequential(nn.Conv1d(4, 5, 7), self.act), Rep(regular=2), 5)
        self.second = BothStrands(nn.Sequential(nn.Conv1d(10, 5, 5, padding=2), self.act), rep, 5)
        self.head = Sequential(GlobalAvgPool(rep), VectorHead(rep, PAIR, 2))

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.first(x) - 0.1)
        return self.head(y * torch.sigmoid(self.second(self.second(y))))


def moved(model: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter and running statistic away from where it started."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def track_model(name: str, kind: str = "regular", **options: Any) -> nn.Module:
    network, config = TRACK_MODELS[name]
    position = Position.REVERSE if config(length=256).gives_tracks else Position.IDENTITY
    given = {"target": Target.paired([1, 0], position), "outputs": 2, "channel_type": TYPES[kind], **SIZES[name]}
    torch.manual_seed(0)
    return moved(network(config(**{**given, **options}))).eval()


ODD = Rep(even=3, odd=2)
LABELLED: dict[str, Callable[[], nn.Module]] = {
    "strand_resnet": lambda: _resnet(61, Rep(regular=4)),
    "strand_resnet odd": lambda: _resnet(60, ODD),
    "strand_cnn": lambda: StrandCNN(StrandCNNConfig(length=60, hidden=Rep(regular=3), k=2, target=PAIR, outputs=2)),
    "strand_cnn odd": lambda: StrandCNN(StrandCNNConfig(length=60, hidden=ODD)),
    "kmer_linear": lambda: KmerLinear(KmerLinearConfig(length=60, k=4)),
    "kmer_linear log": lambda: KmerLinear(KmerLinearConfig(length=60, k=4, counts="log")),
    "hyperbolic_cnn": lambda: _hyperbolic("single", Rep(regular=4)),
    "hyperbolic_cnn odd": lambda: _hyperbolic("blocks", ODD),
    "strand_transformer": lambda: _transformer(Rep(regular=4)),
    "strand_transformer odd": lambda: _transformer(ODD, window=4),
    "strand_recurrent": lambda: _recurrent(Rep(regular=4)),
    "strand_recurrent odd": lambda: _recurrent(ODD),
    "siamese": Siamese,
    "conjoined": lambda: _conjoined(),
}


def _resnet(length: int, hidden: Rep) -> nn.Module:
    return StrandResNet(StrandResNetConfig(length=length, hidden=hidden, target=PAIR, outputs=2))


def _hyperbolic(geometry: Literal["single", "blocks"], hidden: Rep) -> nn.Module:
    return HyperbolicCNN(
        HyperbolicCNNConfig(length=60, hidden=hidden, target=PAIR, outputs=2, geometry=geometry, embedding=8)
    )


def _transformer(hidden: Rep, *, window: int | None = None) -> nn.Module:
    return StrandTransformer(StrandTransformerConfig(length=60, hidden=hidden, target=PAIR, outputs=2, window=window))


def _recurrent(hidden: Rep) -> nn.Module:
    return StrandRecurrent(StrandRecurrentConfig(length=60, hidden=hidden, target=PAIR, outputs=2))


def _conjoined() -> nn.Module:
    model = StrandMean(StrandCNN(StrandCNNConfig(length=60, involution=None)), Target.invariant(1))
    model.config = StrandCNNConfig(length=60)  # type: ignore[assignment]
    return model


def labelled_model(name: str) -> nn.Module:
    torch.manual_seed(0)
    return moved(LABELLED[name]()).eval()


def sequences(rows: int, length: int, seed: int = 0) -> Tensor:
    """Random letters, N among them but not at the ends, where hyperbolic models take it for padding: no slope."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(5, (rows, length), generator=generator)  # the fifth is N
    codes[:, [0, -1]] %= 4
    return torch.eye(5, 4)[codes].mT.contiguous()


ZOO = [(name, kind) for name in TRACK_MODELS for kind in TYPES] + [(name, "") for name in LABELLED]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, entries in (("zoo_model", ZOO), ("symmetric_model", [e for e in ZOO if e[1] in ("mixed", "")])):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, entries, ids=lambda entry: " ".join(entry).strip(), indirect=True)


def _built(entry: tuple[str, str]) -> nn.Module:
    name, kind = entry
    return track_model(name, kind) if kind else labelled_model(name)


@pytest.fixture
def zoo_model(request: pytest.FixtureRequest) -> nn.Module:
    return _built(request.param)


@pytest.fixture
def symmetric_model(request: pytest.FixtureRequest) -> nn.Module:
    return _built(request.param)


@pytest.fixture
def make_track_model() -> Any:
    return track_model


@pytest.fixture
def make_sequences() -> Any:
    return sequences


@pytest.fixture
def zoo_entries() -> list[tuple[str, str]]:
    return ZOO
