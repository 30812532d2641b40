"""Peak memory of building a data set of tracks and of reading it at random, for genomes of growing length.

    pip install 'palindra[genome]'
    python benchmarks/track_memory.py [--megabases 100 1000] [--windows 100000] [--tracks 1] [--folder DIR]

A seeded genome of ten chromosomes is written as FASTA with a bigWig of random steps; then each stage runs in a process
of its own: importing the package alone, building (codes of the genome, two passes over the bigWig, values in float32 of
every window), and reading windows of 2,114 bp at random, codes and values. Reported is the largest resident memory of
the process (VmHWM), in which mapped pages of files count.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

CHROMOSOMES, STEP, WINDOW, BATCH, LIMIT = 10, 100, 2_114, 64, 2.0
PIECE = 2_000_000  # bp written at a time, a multiple of the step


def write_inputs(folder: Path, length: int, tracks: int) -> None:
    import numpy as np

    from palindra.data.genome import write_bigwig

    sizes = {f"c{number + 1}": length // CHROMOSOMES for number in range(CHROMOSOMES)}
    rng = np.random.default_rng(length)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    with (folder / "genome.fa").open("wb") as fasta:
        for name, size in sizes.items():
            fasta.write(f">{name}\n".encode())
            for start in range(0, size, PIECE):
                fasta.write(letters[rng.integers(0, 4, min(PIECE, size - start), dtype=np.uint8)].tobytes() + b"\n")

    def steps() -> Iterator[tuple[str, int, object, int]]:
        for name, size in sizes.items():
            for start in range(0, size, PIECE):
                yield name, start, rng.gamma(1.0, 2.0, min(PIECE, size - start) // STEP).astype(np.float32), STEP

    for track in range(tracks):
        write_bigwig(folder / f"track{track}.bw", sizes, steps())


def build(folder: Path, tracks: int) -> int:
    from palindra.data.tracks import DataSettings, Splits, Storage, Tiles, Track, build

    settings = DataSettings(
        genome=folder / "genome.fa",
        tracks=tuple(Track(name=f"track{n}", path=folder / f"track{n}.bw") for n in range(tracks)),
        splits=Splits(valid=("c9",), test=("c10",)),
        windows=Tiles(window=WINDOW, threshold=None),
        storage=Storage(margin=0),
    )
    return int(build(folder / "data", settings).made["positions"])


def read(folder: Path, windows: int) -> int:
    import numpy as np

    from palindra.data.tracks import TrackData

    data = TrackData.open(folder / "data")
    rng = np.random.default_rng(0)
    total = 0.0
    for _ in range(0, windows, BATCH):
        rows = rng.integers(0, len(data.splits["train"]), BATCH)
        total += float(data.values("train", rows).sum()) + int(data.codes("train", rows).sum())
    if not total > 0:
        raise SystemExit("nothing was read.")
    return windows


def peak() -> float:
    """Largest resident memory of this process so far, in GB."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1e6
    import resource

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 1e9 if sys.platform == "darwin" else size / 1e6


def stage(name: str, folder: Path, options: argparse.Namespace) -> None:
    """Run one stage in this process; print how much was done, seconds and peak memory."""
    start, done = time.perf_counter(), 0
    if name == "write inputs":
        write_inputs(folder, options.megabases[0] * 1_000_000, options.tracks)
    elif name == "import":
        import palindra.data.tracks  # noqa: F401
    elif name == "build":
        done = build(folder, options.tracks)
    else:
        done = read(folder, options.windows)
    print(done, time.perf_counter() - start, peak())


def main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory of building and reading a data set of tracks.")
    parser.add_argument("--megabases", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--windows", type=int, default=100_000)
    parser.add_argument("--tracks", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None, help="where 7 GB per Gb of genome are free")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        stage(options.stage, options.folder, options)
        return
    print("$ python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))
    packages = ", ".join(f"{package} {version(package)}" for package in ("numpy", "pybigtools"))
    print(f"{packages}, python {platform.python_version()}, {platform.system()} {platform.machine()}\n")
    print(f"{'genome':>9}  {'stage':14} {'done':>24} {'seconds':>9} {'peak GB':>9}")
    highest = 0.0
    for megabases in options.megabases:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            for name in ("write inputs", "import", "build", "read"):
                command = [sys.executable, __file__, "--stage", name, "--folder", folder]
                command += ["--megabases", str(megabases), "--windows", str(options.windows)]
                command += ["--tracks", str(options.tracks)]
                out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
                done, seconds, memory = int(out[0]), float(out[1]), float(out[2])
                unit = {"build": "positions", "read": "windows"}.get(name, "")
                counted = f"{done:,} {unit}" if unit else ""
                print(f"{megabases:6,} Mb  {name:14} {counted:>24} {seconds:9.1f} {memory:9.2f}", flush=True)
                highest = max(highest, memory if name in ("build", "read") else 0.0)
            shutil.rmtree(Path(folder) / "data", ignore_errors=True)
    print(f"\nLargest of building and reading: {highest:.2f} GB; the limit is {LIMIT:g} GB.")
    if highest > LIMIT:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
