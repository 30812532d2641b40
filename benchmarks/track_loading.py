"""What a training step costs beside its data: windows of a seeded genome and bigWig, every augmentation on.

    pip install 'palindra[genome]'
    python benchmarks/track_loading.py [--threads 2] [--repeats 5] [--steps 8] [--large]

A genome of 10 Mb and one bigWig (values constant over 25 bp) are built into a data set once. Then one network is
trained for some steps three times over, in turn: on a single batch that is in memory (no data side at all), on batches
that are read in the step itself, and on batches that are read ahead by a thread, as training does it. What the second
and third cost above the first is the data side. The batches of the thread are compared with those of the step before
anything is timed; medians are over repeats. The smaller the network, the larger the share of its data; "core time" is
the time of all cores that reading ahead adds, which other programs on the machine do not change.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from palindra.data.genome import write_bigwig
from palindra.data.tracks import DataSettings, Splits, Tiles, Track, TrackData, build
from palindra.training.evoaug import EvoAug
from palindra.training.track_batches import TrackAugmentation, TrackBatch, TrackEpochBatches, TrackRows
from palindra.training.track_loading import Prefetched
from palindra.training.track_losses import LOSSES

GENOME, WINDOW, LENGTH, STEP = 10_000_000, 3_072, 2_048, 25
SPLIT = {"train": 9_000_000, "valid": 9_500_000}


def data_set(folder: Path) -> TrackData:
    """A genome of random letters with one track, in windows of which none is left out."""
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)[rng.integers(0, 4, GENOME)]
    fasta = folder / "genome.fa"
    lines = [letters[at : at + 100].tobytes() for at in range(0, GENOME, 100)]
    fasta.write_bytes(b">chr1\n" + b"\n".join(lines) + b"\n")
    values = rng.gamma(0.5, 4.0, GENOME // STEP).astype(np.float32)
    write_bigwig(folder / "track.bw", {"chr1": GENOME}, [("chr1", 0, values, STEP)])
    settings = DataSettings(
        genome=fasta,
        tracks=(Track(name="atac", path=folder / "track.bw"),),
        splits=Splits(
            train=(f"chr1:0-{SPLIT['train']}",),
            valid=(f"chr1:{SPLIT['train']}-{SPLIT['valid']}",),
            test=(f"chr1:{SPLIT['valid']}-",),
        ),
        windows=Tiles(window=WINDOW, threshold=None),
    )
    return build(folder / "data", settings)


class Network(nn.Module):
    """Dilated convolutions on every position, of the size of the original BPNet (64 filters, 9 layers) or other."""

    def __init__(self, filters: int, layers: int, bin_size: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(4, filters, 25, padding="same")
        self.body = nn.ModuleList(
            nn.Conv1d(filters, filters, 3, dilation=2**i, padding="same") for i in range(1, layers + 1)
        )
        self.last, self.bin_size = nn.Conv1d(filters, 1, 25, padding="same"), bin_size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.first(x))
        for layer in self.body:
            x = x + functional.relu(layer(x))
        return functional.softplus(functional.avg_pool1d(self.last(x), self.bin_size))


def seconds_per_step(network: nn.Module, batches: Iterable[TrackBatch]) -> tuple[float, float]:
    """Seconds per step of training on these batches, by the clock and of all cores, the first one not counted."""
    optimizer = torch.optim.Adam(network.parameters())
    clock, cores, steps = 0.0, 0.0, -1
    for batch in batches:
        optimizer.zero_grad()
        LOSSES["poisson"](network(batch.one_hot), batch.targets).backward()
        optimizer.step()
        steps += 1
        if steps == 0:
            clock, cores = time.perf_counter(), time.process_time()
    return (time.perf_counter() - clock) / steps, (time.process_time() - cores) / steps


class First:
    """The first batches of an epoch."""

    def __init__(self, batches: TrackEpochBatches, count: int) -> None:
        self.batches, self.count = batches, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> TrackBatch:
        return self.batches[number]


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of the data side of a training step.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--large", action="store_true", help="also a network of the size of the original BPNet")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("$ python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))
    print(f"torch {version('torch')}, numpy {version('numpy')}, python {platform.python_version()},", end=" ")
    print(f"{platform.machine()}, {options.threads} thread(s)")
    print(f"{GENOME:,} bp, windows of {WINDOW:,} bp read at random as {LENGTH:,} bp, batches of {options.batch_size},")
    print(f"{options.steps} steps, median of {options.repeats} repeats\n")
    with tempfile.TemporaryDirectory() as folder:
        data = data_set(Path(folder))
        measure(data, options)


def measure(data: TrackData, options: argparse.Namespace) -> None:
    """Print the tables."""
    every = ("mutation", "deletion", "insertion", "translocation", "inversion", "noise")
    plans = {
        "no augmentation": TrackAugmentation(data.target),
        "shift, reverse complement": TrackAugmentation(data.target, reverse_complement=True, crop="random"),
        "the same and EvoAug": TrackAugmentation(
            data.target, reverse_complement=True, crop="random", evoaug=EvoAug(every, most=2)
        ),
    }

    def batches(plan: TrackAugmentation, bin_size: int, epoch: int) -> First:
        rows = TrackRows(data, "train", LENGTH, bin_size)
        made = TrackEpochBatches(rows, seed=0, epoch=epoch, batch_size=options.batch_size, augmentation=plan)
        return First(made, options.steps + 1)

    print("the data side alone, one thread")
    print(f"{'augmentation':28} {'bin':>5} {'ms/batch':>9} {'windows/s':>10}")
    for name, plan in plans.items():
        for bin_size in (1, 32):
            taken = []
            for repeat in range(options.repeats + 1):
                since = time.perf_counter()
                for number in range(options.steps):
                    batches(plan, bin_size, 0)[number]
                taken.append((time.perf_counter() - since) / options.steps if repeat else 0.0)
            median = statistics.median(taken[1:])
            print(f"{name:28} {bin_size:5} {1000 * median:9.2f} {options.batch_size / median:10,.0f}")

    print("\na step of training: ms by the clock alone, with batches read in the step, and read ahead; what that adds")
    head = f"{'network':28} {'augmentation':28} {'alone':>8} {'in step':>8} {'ahead':>8} {'in step':>9} {'ahead':>9}"
    print(f"{head} {'core time':>10}")
    for filters, layers, bin_size in ((16, 4, 32), (64, 9, 1))[: 1 + options.large]:
        for name, plan in plans.items():
            ways: dict[str, Callable[[int], Iterable[TrackBatch]]] = {
                "alone": lambda epoch, p=plan, b=bin_size: [batches(p, b, epoch)[0]] * (options.steps + 1),
                "in step": lambda epoch, p=plan, b=bin_size: map(
                    batches(p, b, epoch).__getitem__, range(options.steps + 1)
                ),
                "ahead": lambda epoch, p=plan, b=bin_size: Prefetched(batches(p, b, epoch)),
            }
            for now, ahead in zip(ways["in step"](0), ways["ahead"](0), strict=True):
                if not (torch.equal(now.one_hot, ahead.one_hot) and torch.equal(now.targets, ahead.targets)):
                    raise SystemExit("batches read ahead differ from those read in the step: nothing is timed.")
            network = Network(filters, layers, bin_size)
            found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
            for repeat in range(options.repeats):
                for way, make in ways.items():
                    found[way].append(seconds_per_step(network, make(repeat)))
            middle = {way: np.median(values, axis=0) for way, values in found.items()}
            added = {way: middle[way] / middle["alone"] - 1 for way in ways}
            label = f"{filters} filters, {layers} layers, bin {bin_size}"
            times = " ".join(f"{1000 * middle[way][0]:8.1f}" for way in ways)
            costs = " ".join(f"{added[way][0]:9.1%}" for way in ("in step", "ahead"))
            print(f"{label:28} {name:28} {times} {costs} {added['ahead'][1]:10.1%}", flush=True)


if __name__ == "__main__":
    main()
