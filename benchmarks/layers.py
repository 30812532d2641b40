"""What symmetry costs: training steps and exported forward passes beside stock torch, layers beside equirc.

    pip install palindra equirc
    python benchmarks/layers.py [--threads 2] [--repeats 11] [--kernels 15 3]

A network of palindra with regular channels and one of torch.nn with the same number of channels (one-hot input, then
convolution, batch norm and ReLU three times, "same" padding) take training steps in turn, so that both see the same
machine; the ratio is the median over repeats of palindra / other within a repeat, with the quartiles beside it.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from palindra.nn import Activation, BatchNorm, Conv1d
from palindra.symmetry import Rep

BATCH, LENGTH, CHANNELS, LAYERS = 64, 1_000, 128, 3
Work = Callable[[], object]


def symmetric(kernel: int) -> nn.Module:
    layers: list[nn.Module] = []
    rep, hidden = Rep(regular=2), Rep(regular=CHANNELS // 2)
    for _ in range(LAYERS):
        layers += [Conv1d(rep, hidden, kernel, padding="same"), BatchNorm(hidden), Activation(hidden)]
        rep = hidden
    return nn.Sequential(*layers)


def stock(kernel: int) -> nn.Module:
    layers: list[nn.Module] = []
    channels = 4
    for _ in range(LAYERS):
        layers += [nn.Conv1d(channels, CHANNELS, kernel, padding=kernel // 2), nn.BatchNorm1d(CHANNELS), nn.ReLU()]
        channels = CHANNELS
    return nn.Sequential(*layers)


def training_step(model: nn.Module, x: Tensor, bfloat16: bool) -> Work:
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> None:
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = model(x).float().square().mean()
        loss.backward()
        optimiser.step()

    return step


def exported_forward(model: nn.Module, x: Tensor) -> Work:
    """A forward pass in evaluation mode; of a symmetric model after its ties are removed."""
    model.eval()
    for module in list(model.modules()):
        for name in list(getattr(module, "parametrizations", {})):
            parametrize.remove_parametrizations(module, name)
    return torch.no_grad()(lambda: model(x))


def forward_backward(layer: nn.Module, x: Tensor) -> Work:
    x = x.clone().requires_grad_()
    return lambda: layer(x).sum().backward()


def equirc_rows(kernel: int, x: Tensor) -> list[tuple[str, Work, Work]]:
    from equirc import pytorch_rclayers as equirc

    pairs = CHANNELS // 2
    hidden, padding = Rep(regular=pairs), kernel // 2
    ours = Conv1d(hidden, hidden, kernel, padding=padding, bias=False)
    theirs = equirc.RegToRegConv(pairs, pairs, kernel, padding=padding)
    rows = [("convolution", forward_backward(ours, x), forward_backward(theirs, x))]
    irreps = Rep(even=pairs, odd=pairs)
    ours = Conv1d(irreps, irreps, kernel + 1, bias=False)
    theirs = equirc.IrrepToIrrepConv(pairs, pairs, pairs, pairs, kernel + 1)
    rows.append(
        (f"convolution, 64 even + 64 odd, {kernel + 1} taps", forward_backward(ours, x), forward_backward(theirs, x))
    )
    rows.append(("batch norm", forward_backward(BatchNorm(hidden), x), forward_backward(equirc.RegBatchNorm(pairs), x)))
    return rows


def in_turn(ours: Work, other: Work, repeats: int) -> tuple[list[float], list[float]]:
    """Seconds of each repeat; the order alternates, and the first round is not counted."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        for number in (0, 1) if repeat % 2 else (1, 0):
            start = time.perf_counter()
            (ours, other)[number]()
            if repeat:
                seconds[number].append(time.perf_counter() - start)
    return seconds


def report(what: str, beside: str, ours: Work, other: Work, repeats: int) -> None:
    mine, others = in_turn(ours, other, repeats)
    ratios = [a / b for a, b in zip(mine, others, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    own, that = statistics.median(mine) * 1e3, statistics.median(others) * 1e3
    print(f"{what:72} {beside:8} {own:10,.1f} {that:10,.1f} {middle:7.3f} {low:6.3f} to {high:.3f}", flush=True)


def installed(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} from source" if package == "palindra" else f"{package} not installed"


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of symmetric layers beside stock torch and equirc.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--kernels", type=int, nargs="+", default=[15, 3])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    print("$ python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))
    print(", ".join(map(installed, ("palindra", "torch", "equirc"))), end=", ")
    print(f"python {platform.python_version()}, {platform.machine()}, {options.threads} thread(s)")
    print(f"batch {BATCH}, length {LENGTH:,}, {CHANNELS} channels, {LAYERS} layers; {options.repeats} repeats\n")
    print(f"{'':72} {'beside':8} {'palindra ms':>10} {'other ms':>9} {'ratio':>7} {'quartiles':>15}")
    dna, features = torch.randn(BATCH, 4, LENGTH), torch.randn(BATCH, CHANNELS, LENGTH)
    for kernel in options.kernels:
        for name, bfloat16 in (("float32", False), ("bfloat16 autocast", True)):
            steps = [training_step(build(kernel), dna, bfloat16) for build in (symmetric, stock)]
            report(f"kernel {kernel}, training step, {name}", "torch.nn", *steps, options.repeats)
        passes = [exported_forward(build(kernel), dna) for build in (symmetric, stock)]
        report(f"kernel {kernel}, exported forward, float32", "torch.nn", *passes, options.repeats)
        try:
            rows = equirc_rows(kernel, features)
        except ImportError as error:
            print(f"kernel {kernel}, one layer: no row beside equirc ({error})")
            continue
        for what, ours, other in rows:
            report(f"kernel {kernel}, {what}, forward and backward", "equirc", ours, other, options.repeats)


if __name__ == "__main__":
    main()
