"""Sequences to one-hot tensors: rate of palindra beside tangermeme on 2,000 sequences of 2,114 bp.

    pip install palindra tangermeme
    python benchmarks/one_hot.py [--repeats 20] [--threads 1]

Both make an int8 tensor (batch, 4, length) in one piece of memory from a list of strings. tangermeme encodes one string
at a time, so its tensors are stacked; a further line gives its rate without the stacking, which is not yet a batch.
The results are compared before anything is timed. Repeats are interleaved, so that all see the same machine.
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

import numpy as np
import torch

from palindra.sequences import one_hot

ROWS, LENGTH = 2_000, 2_114


def random_sequences(letters: str, seed: int) -> list[str]:
    table = np.frombuffer(letters.encode(), dtype=np.uint8)
    drawn = table[np.random.default_rng(seed).integers(0, len(letters), (ROWS, LENGTH))]
    return [row.tobytes().decode() for row in drawn]


def candidates() -> dict[str, Callable[[list[str]], object]]:
    """What is timed; tangermeme only where it is installed."""
    found: dict[str, Callable[[list[str]], object]] = {"palindra one_hot": one_hot}
    try:
        from tangermeme.utils import one_hot_encode
    except ImportError:
        return found
    found["tangermeme one_hot_encode, stacked"] = lambda rows: torch.stack([one_hot_encode(row) for row in rows])
    found["tangermeme one_hot_encode, not stacked"] = lambda rows: [one_hot_encode(row) for row in rows]
    return found


def rates(encoders: dict[str, Callable[[list[str]], object]], rows: list[str], repeats: int) -> dict[str, list[float]]:
    """Sequences per second of each encoder in each repeat, all encoders in turn; the first round is not counted."""
    found: dict[str, list[float]] = {name: [] for name in encoders}
    for repeat in range(repeats + 1):
        for name, encode in encoders.items():
            start = time.perf_counter()
            encode(rows)
            if repeat:
                found[name].append(len(rows) / (time.perf_counter() - start))
    return found


def installed(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} from source" if package == "palindra" else f"{package} not installed"


def main() -> None:
    parser = argparse.ArgumentParser(description="Rate of one-hot encoding beside tangermeme.")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    encoders = candidates()

    print("$ python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))
    print(", ".join(map(installed, ("palindra", "tangermeme", "torch", "numpy"))), end=", ")
    print(f"python {platform.python_version()}, {platform.machine()}, {options.threads} thread(s)")
    print(f"{ROWS:,} sequences of {LENGTH:,} bp, int8; sequences per second over {options.repeats} repeats\n")
    print(f"{'':10} {'':40} {'median':>10} {'lowest':>10} {'highest':>10} {'to palindra':>12}")
    for kind, letters in (("ACGT", "ACGT"), ("some N", "ACGT" * 6 + "N")):
        rows = random_sequences(letters, seed=0)
        reference = one_hot(rows)
        for name, encode in encoders.items():
            result = encode(rows)
            stacked = result if isinstance(result, torch.Tensor) else torch.stack(list(result))  # type: ignore[call-overload]
            if stacked.dtype != reference.dtype or not torch.equal(stacked, reference):
                raise SystemExit(f"{name} gives another result than palindra on {kind}: nothing is timed.")
            del result, stacked
        found = rates(encoders, rows, options.repeats)
        first = statistics.median(next(iter(found.values())))
        for name, values in found.items():
            median = statistics.median(values)
            print(
                f"{kind:10} {name:40} {median:10,.0f} {min(values):10,.0f} {max(values):10,.0f} {median / first:12.2f}"
            )
    print("\nThe results of all encoders are equal.")


if __name__ == "__main__":
    main()
