"""What hyperbolic layers cost beside flat ones, and which optimiser serves their parameters.

    pip install palindra geoopt
    python benchmarks/lorentz_layers.py [--threads 1] [--repeats 11] [--seeds 5]

Either part is left out with --repeats 0 or --seeds 0.

The published networks (length 500, batch 100, float32) take training steps in turn with their Euclidean twin, so that
all see the same machine; the ratio is the median over repeats of hyperbolic / Euclidean within a repeat.

The only parameters on a manifold are the centroids that batch normalisation moves points to. They are trained as
tangent vectors at the origin by AdamW, and as points by the RiemannianAdam of geoopt, all else equal: small networks,
synthetic sequences with a planted motif, paired over seeds.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from palindra import lorentz
from palindra.lorentz.geometry import from_space
from palindra.lorentz.geometry.space import log_origin
from palindra.models import HyperbolicCNN, HyperbolicCNNConfig
from palindra.models.hyperbolic_cnn import published
from palindra.symmetry import Rep, Target

LENGTH, BATCH = 500, 100
Work = Callable[[], object]


def sequences(rows: int, length: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.eye(4)[torch.randint(4, (rows, length), generator=generator)].mT.contiguous()


def training_step(config: HyperbolicCNNConfig) -> Work:
    torch.manual_seed(0)
    model = HyperbolicCNN(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    x, y = sequences(BATCH, LENGTH, 0), torch.arange(BATCH) % 2

    def step() -> None:
        optimiser.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimiser.step()

    return step


def seconds(work: Work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cost(repeats: int) -> None:
    regular = {"target": Target.invariant(2), "outputs": 2, "hidden": Rep(regular=16), "embedding": 528}
    rows = {
        "HCNN-S": (published(LENGTH, 2, "single"), published(LENGTH, 2, "euclidean")),
        "HCNN-M": (published(LENGTH, 2, "blocks"), published(LENGTH, 2, "euclidean")),
        "HCNN-S, equivariant": tuple(
            HyperbolicCNNConfig(length=LENGTH, geometry=name, **regular) for name in ("single", "euclidean")
        ),
    }
    print(f"{'training step':24} {'curved ms':>10} {'flat ms':>9} {'ratio':>7} {'quartiles':>15}")
    for name, pair in rows.items():
        curved, flat = (training_step(config) for config in pair)
        curved(), flat()
        both = [(seconds(curved), seconds(flat)) for _ in range(repeats)]
        low, middle, high = statistics.quantiles([a / b for a, b in both], n=4, method="inclusive")
        own, other = (statistics.median(column) * 1e3 for column in zip(*both, strict=True))
        print(f"{name:24} {own:10,.0f} {other:9,.0f} {middle:7.2f} {low:6.2f} to {high:.2f}", flush=True)


class PointBeta(nn.Module):
    """The centroid after normalisation as a point of the manifold that geoopt's optimiser moves."""

    def __init__(self, norm: lorentz.BatchNorm, manifold: type, parameter: type) -> None:
        super().__init__()
        self.norm = norm
        k = 1 / norm.curvature().item()
        point = from_space(torch.zeros(1, norm.in_rep.channels), norm.curvature().item())[0]
        self.point = parameter(point, manifold=manifold(k=k))
        del norm.beta

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        self.norm.beta = log_origin(self.point[None, 1:], self.norm.curvature())[0]
        return self.norm(x, mask)


def fitted(seed: int, riemannian: bool, rate: float) -> tuple[float, float, float]:
    """Validation loss, accuracy and seconds per step after 120 steps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import geoopt

    torch.manual_seed(seed)
    config = HyperbolicCNNConfig(
        length=40,
        kernel_size=7,
        hidden=Rep(even=8),
        embedding=16,
        learn_curvature=False,
        readout="pool",
        involution=None,
    )
    model = HyperbolicCNN(config)
    if riemannian:
        for block in model.blocks:
            for name in ("norm1", "norm2"):
                setattr(block, name, PointBeta(getattr(block, name), geoopt.Lorentz, geoopt.ManifoldParameter))
        optimiser = geoopt.optim.RiemannianAdam(model.parameters(), lr=rate, stabilize=1)
    else:
        optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    x, y = sequences(1200, 40, seed), (torch.arange(1200) % 2).float()[:, None]
    motif = torch.eye(4)[[3, 2, 0, 1, 2, 1, 0]].T  # TGACGCA
    places = torch.randint(0, 34, (1200,), generator=torch.Generator().manual_seed(seed + 1))
    for row in range(1, 1200, 2):
        x[row, :, places[row] : places[row] + 7] = motif
    start = time.perf_counter()
    for step in range(120):
        rows = torch.randperm(800, generator=torch.Generator().manual_seed(1000 * seed + step))[:32]
        optimiser.zero_grad()
        functional.binary_cross_entropy_with_logits(model(x[rows]), y[rows]).backward()
        optimiser.step()
    spent = (time.perf_counter() - start) / 120
    model.eval()
    with torch.no_grad():
        logits = model(x[800:])
    loss = functional.binary_cross_entropy_with_logits(logits, y[800:]).item()
    return loss, ((logits > 0) == (y[800:] > 0.5)).float().mean().item(), spent


def optimisers(seeds: int) -> None:
    print(f"\n{'parameters on manifolds':40} {'rate':>6} {'valid loss':>10} {'accuracy':>9} {'ms a step':>10}")
    for rate in (3e-3, 1e-2):
        found = {}
        for name, riemannian in (("tangent vectors, AdamW", False), ("points, geoopt RiemannianAdam", True)):
            rows = [fitted(seed, riemannian, rate) for seed in range(seeds)]
            found[name] = [row[0] for row in rows]
            loss, accuracy, spent = (statistics.mean(column) for column in zip(*rows, strict=True))
            print(f"{name:40} {rate:6g} {loss:10.4f} {accuracy:9.3f} {spent * 1e3:10.1f}", flush=True)
        one, two = found.values()
        differences = [a - b for a, b in zip(one, two, strict=True)]
        spread = statistics.stdev(differences) / seeds**0.5 if seeds > 1 else float("nan")
        mean = statistics.mean(differences)
        print(f"{'  difference of losses, AdamW - geoopt':40} {rate:6g} {mean:+10.4f} +- {spread:.4f}", flush=True)


def installed(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} from source"


def commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of hyperbolic layers beside flat ones, and their optimisers.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("$ python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))
    print(", ".join(map(installed, ("palindra", "torch", "geoopt"))), end=", ")
    print(f"python {platform.python_version()}, {platform.machine()}, {options.threads} thread(s), commit {commit()}")
    print(f"batch {BATCH}, length {LENGTH}, float32; {options.repeats} repeats; {options.seeds} seeds\n")
    if options.repeats:
        cost(options.repeats)
    if options.seeds:
        optimisers(options.seeds)


if __name__ == "__main__":
    main()
