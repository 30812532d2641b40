"""Variants scored by the local pass beside full passes of both alleles, on a model of 2,114 bp with a local trunk.

    taskset -c 0,1 python benchmarks/variant_speed.py [--repeats 3] [--threads 2]

A full pass reads the reference and the alternate window of every variant, as most code does. The local pass reads each
window once and recomputes what the change reaches. How much that saves depends on how many alternates share a window,
so both are measured: all alternates of a site (3 per window, in its middle), single variants of their own windows
(where no way of scoring can be more than twice as fast, because the reference has to be read), and the variants of a
region of 64, 256 or 600 single-nucleotide variants of one window.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from palindra.evaluation.variants import LocalModel, local_difference
from palindra.models.bpnet import BPNet, BPNetConfig
from palindra.models.predictor import predict_batches

LENGTH, BATCH = 2114, 32


def windows(count: int, alternates: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """References of ``count`` windows repeated, and alternates that differ in one letter around the middle."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 4, (count, LENGTH), generator=generator).repeat_interleave(alternates, 0)
    changed = codes.clone()
    number = torch.arange(count * alternates) % alternates
    positions = LENGTH // 2 - alternates // 6 + number // 3
    rows = torch.arange(len(codes))
    changed[rows, positions] = (codes[rows, positions] + 1 + number % 3) % 4
    basis = torch.eye(4)
    return basis[codes].transpose(1, 2).contiguous(), basis[changed].transpose(1, 2).contiguous()


def median_of(run: Callable[[], object], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model: nn.Module = BPNet(BPNetConfig(length=LENGTH, width=64, layers=8, bin_size=1)).eval()
    print(f"torch {torch.__version__}, {options.threads} threads, {platform.processor() or platform.machine()}")
    print("BPNet of 64 channels, 8 dilated layers, 2,114 bp; totals of both alleles; processor seconds")

    def total(outputs: Tensor) -> Tensor:
        return outputs.sum(-1)

    local = LocalModel(model, reduce=total)
    for name, count, alternates in (
        ("own window each", 32, 1),
        ("3 alternates of a site", 16, 3),
        ("64 variants of a window", 1, 64),
        ("256 variants of a window", 1, 256),
        ("600 variants of a window", 1, 600),
    ):
        ref, alt = windows(count, alternates)

        def full(ref: Tensor = ref, alt: Tensor = alt) -> tuple[Tensor, Tensor]:
            return tuple(total(predict_batches(model, allele, batch_size=BATCH)) for allele in (ref, alt))  # type: ignore[return-value]

        def mine(ref: Tensor = ref, alt: Tensor = alt) -> tuple[Tensor, Tensor]:
            return local_difference(local, ref, alt)

        expected, found = full(), mine()
        apart = max(float(((a - b) / a.abs().clamp(min=1)).abs().max()) for a, b in zip(expected, found, strict=True))
        slow, fast = median_of(full, 1), median_of(mine, options.repeats)
        print(
            f"{name:26s} {len(ref):4d} variants  full {slow:7.2f} s  local {fast:7.2f} s  {slow / fast:6.1f} x   "
            f"largest relative difference {apart:.1e}"
        )
        if apart > 1e-5 or local.refused is not None:
            raise SystemExit(f"the numbers differ, or the model was not followed: {local.refused}")


if __name__ == "__main__":
    main()
