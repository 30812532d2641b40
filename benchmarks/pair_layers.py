"""Layers over pairs beside dense convolutions of the same pairs: time, memory, and where the triangle pays.

    OMP_NUM_THREADS=1 python benchmarks/pair_layers.py [--threads 1] [--repeats 7] [--length 256]

Both sides run in turn, so that they see the same machine, and processor time is counted (with one thread that is what a
quiet machine takes); a ratio is the median over repeats of dense / palindra within a repeat (above 1 palindra is
faster), with the quartiles beside it. Memory is the number of floats of the largest
tensor that exists in a forward and backward pass.

The stack is steps B, C, D and F of the published RNA network (kernels of 13, 9, 5 and 3, batch norm and ReLU between)
on symmetric maps; the dense one has the same channels and kernels, as stock layers.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from palindra.nn.pair import OuterConv2d, PairBatchNorm, PairBranches, PairConv2d, PairSequential, symmetrised
from palindra.symmetry import Rep

FEATURES, FILTERS, TAPS = 20, 32, 7
Work = Callable[[], object]


class DensePairs(nn.Module):
    """What published code does: write all pairs down, then convolve them."""

    def __init__(self, features: int, filters: int, taps: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * features, filters, taps, padding=taps // 2)

    def forward(self, x: Tensor) -> Tensor:
        rows = x[..., :, None].expand(*x.shape, x.shape[-1])
        return self.conv(torch.cat([rows, rows.transpose(-1, -2)], dim=1))


class DenseBranches(nn.ModuleList):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([layer(x) for layer in self], dim=1)


STEPS = [(40, ((20, 13), (20, 9), (10, 5))), (50, ((20, 9), (20, 5))), (40, ((20, 5),)), (20, ((1, 3),))]
SMALL = [(32, ((32, 3),))] * 4


def symmetric_stack(steps: list, evaluation: str) -> nn.Module:
    layers: list[nn.Module] = []
    for given, kernels in steps:
        parts = [PairConv2d(Rep(even=given), Rep(even=made), taps, evaluation=evaluation) for made, taps in kernels]
        branches = PairBranches(*parts)
        layers += [branches, PairBatchNorm(branches.out_rep), nn.ReLU()]
    return PairSequential(*layers)


def dense_stack(steps: list) -> nn.Module:
    layers: list[nn.Module] = []
    for given, kernels in steps:
        layers += [
            DenseBranches(nn.Conv2d(given, made, taps, padding=taps // 2) for made, taps in kernels),
            nn.BatchNorm2d(sum(made for made, _ in kernels)),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


def forward(model: nn.Module, x: Tensor) -> Work:
    def run() -> None:
        model.eval()
        with torch.inference_mode():
            model(x)

    return run


def forward_backward(model: nn.Module, x: Tensor) -> Work:
    x = x.clone().requires_grad_()

    def run() -> None:
        model.train()
        model.zero_grad()
        x.grad = None
        model(x).sum().backward()

    return run


class Largest(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.entries = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, Tensor):
                self.entries = max(self.entries, tensor.numel())
        return made


def largest(work: Work) -> int:
    with Largest() as probe:
        work()
    return probe.entries


def report(what: str, ours: Work, dense: Work, repeats: int) -> None:
    """Median times and the quartiles of dense / palindra; the order alternates, the first round is not counted."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        for number in (0, 1) if repeat % 2 else (1, 0):
            start = time.process_time()
            (ours, dense)[number]()
            if repeat:
                seconds[number].append(time.process_time() - start)
    ratios = [b / a for a, b in zip(*seconds, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    mine, other = (1e3 * statistics.median(s) for s in seconds)
    print(f"{what:62} {mine:10,.1f} {other:10,.1f} {middle:8.2f}   {low:.2f} to {high:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of layers over pairs beside dense convolutions.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--long", type=int, nargs="*", default=[], help="more lengths of the stacks")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    length, repeats = options.length, options.repeats
    print("$ python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))
    print(f"torch {torch.__version__}, python {platform.python_version()}, {platform.machine()}, ", end="")
    print(f"{options.threads} thread(s), {repeats} repeats, batch 1, float32\n")
    print(f"{'':62} {'ours ms':>10} {'dense ms':>10} {'dense/ours':>8}   quartiles")

    x = torch.randn(1, FEATURES, length)
    dense = DensePairs(FEATURES, FILTERS, TAPS)
    for kernel in ("complete", "paper"):
        ours = OuterConv2d(FEATURES, Rep(even=FILTERS), TAPS, kernel=kernel)
        name = f"maps from sequences, {kernel} {TAPS} x {TAPS}, L {length}"
        report(f"{name}, forward", forward(ours, x), forward(dense, x), repeats)
        report(f"{name}, forward + backward", forward_backward(ours, x), forward_backward(dense, x), repeats)
    mine, theirs = (largest(forward_backward(model, x)) for model in (ours, dense))
    out = FILTERS * length**2
    print(f"largest tensor: ours {mine:,} floats ({mine / out:.2f} outputs), dense {theirs:,} ({theirs / out:.2f})\n")

    for what, steps in (("RNA stack", STEPS), ("four 3 x 3 of 32 channels", SMALL)):
        for size in (length, *options.long):
            maps = symmetrised(torch.randn(1, steps[0][0], size, size), Rep(even=steps[0][0]))
            stock = dense_stack(steps)
            for evaluation in ("auto", "whole")[: 2 if size == length else 1]:
                ours = symmetric_stack(steps, evaluation)
                name = f"{what}, {evaluation}, L {size}"
                report(f"{name}, forward", forward(ours, maps), forward(stock, maps), repeats)
                works = forward_backward(ours, maps), forward_backward(stock, maps)
                report(f"{name}, forward + backward", *works, repeats)
    print()

    for given, made, taps in (
        (40, 20, 13),
        (50, 20, 9),
        (40, 20, 5),
        (64, 64, 3),
        (32, 32, 3),
        (16, 16, 3),
        (64, 64, 1),
    ):
        for size in (64, 96, 128, 256):
            maps = symmetrised(torch.randn(1, given, size, size), Rep(even=given))
            layer = PairConv2d(Rep(even=given), Rep(even=made), taps, evaluation="auto")
            chosen = "triangle" if layer._by_triangle(size) else "whole"
            layer.evaluation = "triangle"
            stock = nn.Conv2d(given, made, taps, padding=taps // 2)
            name = f"triangle, {taps} x {taps}, {given} to {made}, L {size} (auto: {chosen}), forward + backward"
            report(name, forward_backward(layer, maps), forward_backward(stock, maps), repeats + 2)


if __name__ == "__main__":
    main()
