"""Windows of a genome and of a bigWig file: rates of palindra beside tangermeme, gReLU, pybigtools, pyBigWig, figwig.

    pip install 'palindra[genome]' tangermeme gReLU     # what is missing is said and left out
    taskset -c 0,1 python benchmarks/genome_windows.py [--repeats 5] [--folder FOLDER] [--memory]

A seeded genome of 10 Mb with one track (runs of a few bp, a tenth without data) and 4,000 random windows of 2,114 bp.
Results are compared before anything is timed. Cold: the files are dropped from the cache of the system, and the time
includes opening them; warm: the same windows again. All readers take turns in each repeat. What is built once (codes of
the genome, index of the FASTA, data set of palindra) exists before; the time to build the codes is given on a line.
With --memory the resident memory of a process that builds and reads a genome of 1 Gb is printed instead.
"""

from __future__ import annotations

import argparse
import functools
import gc
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from palindra.data.genome import BigWig, Genome, write_bigwig

TRAIN, HELD_OUT = 9_400_000, 300_000  # bp of chr1, and of each of chr2 and chr3
COUNT, LENGTH, THREADS = 4_000, 2_114, 2
Read = Callable[[], Any]
Open = Callable[[], Read]


def make_files(folder: Path) -> None:
    """The genome and its track, from a seed."""
    rng = np.random.default_rng(0)
    lengths = {"chr1": TRAIN, "chr2": HELD_OUT, "chr3": HELD_OUT}
    table = np.frombuffer(b"ACGT", dtype=np.uint8)
    pieces = []
    with (folder / "genome.fa").open("wb") as out:
        for name, length in lengths.items():
            lines = np.full((length // 100, 101), ord("\n"), dtype=np.uint8)
            lines[:, :100] = table[rng.integers(0, 4, (length // 100, 100))]
            out.write(f">{name}\n".encode() + lines.tobytes())
            runs = rng.geometric(1 / 8, length // 4)
            values = rng.gamma(1, 2, len(runs)).astype(np.float32)
            values[rng.random(len(runs)) < 0.1] = np.nan
            pieces.append((name, 0, np.repeat(values, runs)[:length], 1))
    write_bigwig(folder / "track.bw", lengths, pieces)
    sizes = "".join(f"{name}\t{length}\n" for name, length in lengths.items())
    (folder / "genome.fa.sizes").write_text(sizes)  # gReLU asks for it


def sequence_readers(folder: Path, starts: np.ndarray) -> dict[str, Open]:
    """How each package reads the letters of the windows on chr1; those that cannot be imported are left out."""
    fasta = str(folder / "genome.fa")
    chrom = np.zeros(len(starts), dtype=np.int64)

    def palindra(kind: str) -> Read:
        return functools.partial(getattr(Genome.open(fasta), kind), chrom, starts, LENGTH)

    found: dict[str, Open] = {
        "palindra codes": lambda: palindra("windows"),
        "palindra int8 one-hot": lambda: palindra("one_hot"),
    }
    try:
        import pandas as pd
        from tangermeme.io import extract_loci

        table = pd.DataFrame({"chrom": "chr1", "start": starts, "end": starts + LENGTH})
        found["tangermeme extract_loci"] = lambda: functools.partial(
            extract_loci, table, fasta, in_window=LENGTH, n_jobs=THREADS
        )
    except ImportError as error:
        print(f"not measured: tangermeme ({error})")
    try:
        import pandas as pd
        from grelu.data.dataset import SeqDataset
        from torch.utils.data import DataLoader

        intervals = pd.DataFrame({"chrom": "chr1", "start": starts, "end": starts + LENGTH})

        def grelu() -> Read:
            loader = DataLoader(SeqDataset(intervals, seq_len=LENGTH, genome=fasta), batch_size=64)
            return lambda: torch.cat(list(loader))

        found["gReLU SeqDataset, DataLoader"] = grelu
    except ImportError as error:
        print(f"not measured: gReLU ({error})")
    return found


def track_readers(folder: Path, starts: np.ndarray, rows: np.ndarray, offsets: np.ndarray) -> dict[str, Open]:
    """How each package reads the values of the windows at base resolution, missing ones as 0."""
    path = str(folder / "track.bw")
    found: dict[str, Open] = {}
    try:
        from palindra.data.tracks import TrackData

        def cache() -> Read:
            data = TrackData.open(folder / "data")
            return lambda: data.values("train", rows, offsets, LENGTH)[:, 0]

        found["palindra cache"] = cache
    except ImportError as error:
        print(f"not measured: the cache of palindra ({error})")

    def one_by_one(values: Callable[[int, int], np.ndarray]) -> np.ndarray:
        out = np.empty((len(starts), LENGTH), dtype=np.float32)
        for row, start in enumerate(starts.tolist()):
            out[row] = values(start, start + LENGTH)
        return np.nan_to_num(out, copy=False)

    def palindra() -> Read:
        bigwig = BigWig.open(path)
        return lambda: one_by_one(functools.partial(bigwig.values, "chr1"))

    found["palindra BigWig"] = palindra
    try:
        import pybigtools

        def bigtools() -> Read:
            file = pybigtools.open(path)
            return lambda: one_by_one(lambda start, end: file.values("chr1", start, end, fillna=0.0))

        found["pybigtools"] = bigtools
    except ImportError as error:
        print(f"not measured: pybigtools ({error})")
    try:
        import pyBigWig

        def big_wig() -> Read:
            file = pyBigWig.open(path)
            return lambda: one_by_one(lambda start, end: file.values("chr1", start, end, numpy=True))

        found["pyBigWig"] = big_wig
    except ImportError as error:
        print(f"not measured: pyBigWig ({error})")
    try:
        import figwig

        def fig() -> Read:
            file = figwig.BigWigReader(path)
            return lambda: np.nan_to_num(file.read(["chr1"] * len(starts), starts, LENGTH, n_jobs=THREADS), copy=False)

        found["figwig"] = fig
    except ImportError as error:
        print(f"not measured: figwig ({error})")
    try:
        import pandas as pd
        from grelu.io.bigwig import read_bigwig

        table = pd.DataFrame({"chrom": "chr1", "start": starts, "end": starts + LENGTH})
        found["gReLU read_bigwig"] = lambda: lambda: read_bigwig(table, path, aggfunc=None)[:, 0]
    except ImportError as error:
        print(f"not measured: gReLU ({error})")
    return found


def windows(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts on chr1, and the same windows as rows and offsets of a data set of palindra where there is one."""
    rng = np.random.default_rng(1)
    offsets = rng.integers(-256, 257, COUNT)
    try:
        from palindra.data.tracks import DataSettings, Splits, Tiles, Track, build
    except ImportError:
        return rng.integers(0, TRAIN - LENGTH, COUNT), np.arange(COUNT), offsets
    settings = DataSettings(
        genome=folder / "genome.fa",
        tracks=(Track(name="track", path=folder / "track.bw"),),
        splits=Splits(valid=("chr2",), test=("chr3",)),
        windows=Tiles(window=LENGTH, threshold=None),
    )
    data = build(folder / "data", settings)
    train = data.splits["train"]
    ends = TRAIN - LENGTH - 256
    inside = np.flatnonzero((train.start >= 256) & (train.start < ends))
    rows = rng.choice(inside, COUNT, replace=False)
    return train.start[rows] + offsets, rows, offsets


def plain(result: Any) -> np.ndarray:
    """A result as codes, or as values (rows, length)."""
    array = np.asarray(result).squeeze()
    if array.ndim == 3:  # one-hot (rows, letters, length)
        array = np.where(array.any(axis=1), array.argmax(axis=1), 4).astype(np.uint8)
    return array


def check(readers: dict[str, Open]) -> None:
    """Stop unless all readers give one result; this also compiles what compiles on first use."""
    results = {name: plain(opened()()) for name, opened in readers.items()}
    first = next(iter(results))
    for name, result in results.items():
        if not np.array_equal(result, results[first]):
            raise SystemExit(f"{name} gives another result than {first}: nothing is timed.")


def forget(folder: Path) -> None:
    """Drop the files from the cache of the system, so that the next read comes from the disk."""
    gc.collect()
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def measure(folder: Path, readers: dict[str, Open], repeats: int) -> dict[str, tuple[list[float], list[float]]]:
    """Windows per second of each reader, cold and warm, all in turn."""
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in readers}
    for _ in range(repeats):
        for name, opened in readers.items():
            forget(folder)
            start = time.perf_counter()
            read = opened()
            read()
            found[name][0].append(COUNT / (time.perf_counter() - start))
            start = time.perf_counter()
            read()
            found[name][1].append(COUNT / (time.perf_counter() - start))
            del read
    return found


def memory(folder: Path) -> None:
    """Resident memory of this process while it builds the codes of a genome of 1 Gb and reads windows at random."""
    rng = np.random.default_rng(0)
    table = np.frombuffer(b"ACGT", dtype=np.uint8)
    with (folder / "large.fa").open("wb") as out:
        for number in range(4):
            out.write(f">chr{number}\n".encode())
            for _ in range(25):
                lines = np.full((100_000, 101), ord("\n"), dtype=np.uint8)
                lines[:, :100] = table[rng.integers(0, 4, (100_000, 100))]
                out.write(lines.tobytes())

    def status() -> str:
        lines = Path("/proc/self/status").read_text().splitlines()
        found = {line.split()[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Vm")}
        return f"{found['VmRSS:']:.0f} MiB now, {found['VmHWM:']:.0f} at most"

    print(f"before, with all imports and 10 Mb of letters made at a time: {status()}")
    start = time.perf_counter()
    genome = Genome.open(folder / "large.fa")
    print(f"codes of 1 Gb built in {time.perf_counter() - start:.0f} s: {status()}")
    start = time.perf_counter()
    for _ in range(100):
        genome.windows(rng.integers(0, 4, COUNT), rng.integers(0, 250_000_000 - LENGTH, COUNT), LENGTH)
    rate = 100 * COUNT / (time.perf_counter() - start)
    print(f"{100 * COUNT:,} windows read, {rate:,.0f} per second: {status()}")


def show(title: str, found: dict[str, tuple[list[float], list[float]]]) -> None:
    print(f"\n{title:32} {'cold':>10} {'warm':>10} {'warm, lowest':>14} {'highest':>10} {'first is':>10}")
    best = statistics.median(next(iter(found.values()))[1])
    for name, (cold, warm) in found.items():
        median = statistics.median(warm)
        numbers = f"{statistics.median(cold):10,.0f} {median:10,.0f} {min(warm):14,.0f} {max(warm):10,.0f}"
        print(f"{name:32} {numbers} {best / median:9.1f}x")


def installed(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} from source" if package == "palindra" else f"{package} not installed"


def main() -> None:
    parser = argparse.ArgumentParser(description="Rates of reading windows of a genome and of a bigWig file.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the files go; by default a temporary folder")
    parser.add_argument("--memory", action="store_true", help="measure memory on 1 Gb instead of rates")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    warnings.simplefilter("ignore")  # of other packages, about their own future
    print("$ python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))
    packages = ("palindra", "tangermeme", "gReLU", "figwig", "pybigtools", "pyBigWig", "torch", "numpy")
    print(", ".join(map(installed, packages)), end=", ")
    print(f"python {platform.python_version()}, {platform.machine()}, {len(os.sched_getaffinity(0))} cores")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        if options.memory:
            return memory(folder)
        make_files(folder)
        time.sleep(
            2.5
        )  # a FASTA written just before its codes is hashed whenever it is opened; this one shall be older
        start = time.perf_counter()
        Genome.open(folder / "genome.fa")
        print(f"codes of 10 Mb built in {time.perf_counter() - start:.2f} s")
        starts, rows, offsets = windows(folder)
        print(f"{COUNT:,} random windows of {LENGTH:,} bp; windows per second, median of {options.repeats}")
        for title, readers in (
            ("sequence", sequence_readers(folder, starts)),
            ("one track", track_readers(folder, starts, rows, offsets)),
        ):
            check(readers)
            show(title, measure(folder, readers, options.repeats))
    print("\nThe results of all readers of a table are equal (missing values read as 0).")


if __name__ == "__main__":
    main()
