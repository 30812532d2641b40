"""Time and memory per position of attention in windows and of full attention, from 1 kb to 256 kb.

    python benchmarks/attention.py [--kilobases 1 4 16 64 256] [--window 512] [--heads 4] [--size 16] [--full 16]

Each row runs in a process of its own, whose seconds (of all its threads) are counted: a forward pass without
gradients, and with ``train`` a forward and a backward pass; the best of two or, where they are short, of up to twenty.
Memory is what the largest resident memory of the process (VmHWM) grew by meanwhile, over that of an earlier pass of 1
kb. Full attention is tried up to ``--full`` kb: with a band it gives the same numbers as windows, which is checked,
from a matrix of all pairs; without one it is the fused kernel, and sees more.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from printed import log

WAYS = ("windows", "windows, train", "windows, alibi", "layer", "full, band", "full")
CONSTANT = 1.2  # the largest against the smallest time per position in windows, from 4 kb on
LONG_ENOUGH = 3.0  # seconds of passes together
ENOUGH = 4096  # positions from which a pass is long enough to be timed


def peak() -> float:
    """Largest resident memory of this process so far, in MB."""
    import resource

    try:
        status = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1e3
    except FileNotFoundError:
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size / 1e6 if sys.platform == "darwin" else size / 1e3


def one_way(way: str, options: argparse.Namespace) -> Callable[[int], None]:
    """A pass over a number of positions."""
    import torch

    from palindra.nn.attention import Attention, alibi_bias, alibi_slopes, full_attention, local_attention
    from palindra.symmetry import Rep

    window, heads, size = options.window, options.heads, options.size
    torch.manual_seed(0)
    layer = Attention(Rep(regular=heads * size // 2), heads, window=window).eval()
    bias = alibi_bias(alibi_slopes(heads), window)

    def band(length: int) -> torch.Tensor:
        offset = torch.arange(length) - torch.arange(length)[:, None]
        return offset.abs() < window

    def run(length: int) -> None:
        x = torch.randn(3, 1, heads, length, size, requires_grad="train" in way)
        q, k, v = x
        if way == "layer":
            layer(x[0].transpose(2, 3).reshape(1, heads * size, length))
        elif way == "full":
            full_attention(q, k, v)
        elif way == "full, band":
            y = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=band(length))
            apart = float((local_attention(q, k, v, window=window) - y).abs().max())
            if apart > 1e-5:
                raise SystemExit(f"windows and band differ by {apart:.1e} at {length:,} positions.")
        else:
            y = local_attention(q, k, v, window=window, bias=bias if "alibi" in way else None)
            if "train" in way:
                y.sum().backward()

    return run


def measure(way: str, options: argparse.Namespace) -> None:
    """Run one row in this process; print seconds and MB."""
    import torch

    torch.set_num_threads(options.threads)
    run, length = one_way(way, options), options.kilobases[0] * 1024
    with torch.set_grad_enabled("train" in way):
        run(1024)
        before, times = peak(), []
        while len(times) < 2 or (sum(times) < LONG_ENOUGH and len(times) < 20):
            start = time.process_time()
            run(length)
            times.append(time.process_time() - start)
    print(min(times), peak() - before)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory per position of attention.")
    parser.add_argument("--kilobases", type=int, nargs="+", default=[1, 4, 16, 64, 256])
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--size", type=int, default=16)
    parser.add_argument("--full", type=int, default=16, help="longest full attention, in kb")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        measure(options.way, options)
        return
    packages = ", ".join(f"{package} {version(package)}" for package in ("palindra", "torch"))
    print(f"{packages}, python {platform.python_version()}, {platform.system()} {platform.machine()}")
    print(f"{options.heads} heads of {options.size}, window {options.window} to each side, float32, ", end="")
    print(f"{options.threads} threads, processor seconds\n")
    print(f"{'attention':16} {'kb':>5} {'seconds':>9} {'us/position':>12} {'MB':>9} {'kB/position':>12}")
    constant = True
    for way in options.ways:
        paces = []
        for kilobases in options.kilobases:
            if way.startswith("full") and kilobases > options.full:
                continue
            log(f"{way}, {kilobases} kb")
            command = [sys.executable, __file__, "--way", way, "--kilobases", str(kilobases)]
            for name in ("window", "heads", "size", "threads"):
                command += [f"--{name}", str(getattr(options, name))]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            seconds, memory, length = float(out[0]), float(out[1]), kilobases * 1024
            print(
                f"{way:16} {kilobases:5} {seconds:9.3f} {seconds / length * 1e6:12.2f} {memory:9.1f} "
                f"{memory / length * 1e3:12.3f}",
                flush=True,
            )
            if length >= ENOUGH:
                paces.append(seconds / length)
        if paces and not way.startswith("full"):
            spread = max(paces) / min(paces)
            constant &= spread <= CONSTANT
            print(f"{way:16} slowest against fastest position from {ENOUGH // 1024} kb on: {spread:.2f}\n")
    print(f"Time per position in windows within {CONSTANT - 1:.0%}: {'yes' if constant else 'NO'}.")


if __name__ == "__main__":
    main()
