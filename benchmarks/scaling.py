"""What an engine costs and gains: 1 and 2 workers, units of 10 s, and memory per worker over ten times more input.

    pip install 'palindra[ray]'     # without Ray, the local engine alone is measured
    taskset -c 0,1 python benchmarks/scaling.py [--repeats 3] [--units 24] [--variants 700] [--seconds 10]

Every measurement runs in a process of its own, all kinds in turn in every repeat; each worker has one thread.

- Scoring: variants in windows of 2,114 bp of a seeded genome, scored by BPNet (64 channels, 8 dilated layers) in units
  of some windows, once with one worker and once with two. Efficiency is the time of one worker over twice that of two,
  from the first unit to the last result; with start and stop, over the whole time, in which workers import PyTorch and
  Ray starts and ends a cluster.
- Overhead: units that compute for some seconds and write 1 MB. It is the time that workers spend between the beginning
  of their first and the end of their last unit, and until its result is there, over the sum of the seconds that units
  say they took, minus one.
- Memory: the largest resident memory of a worker and of the command for some units and for ten times as many.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from printed import log, public

LENGTH, BATCH, ALTERNATES, GENOME = 2_114, 64, 3, 50_000_000


def peak() -> float:
    """Largest resident memory of this process so far, in GB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e6


@functools.lru_cache(maxsize=1)
def model(width: int) -> Any:
    """Built once in every worker; a run folder would be read once as well."""
    import torch

    from palindra.evaluation.variants import LocalModel
    from palindra.models.bpnet import BPNet, BPNetConfig

    torch.manual_seed(0)
    network = BPNet(BPNetConfig(length=LENGTH, width=width, layers=8, bin_size=1)).eval()
    return LocalModel(network, reduce=lambda outputs: outputs.sum(-1))


def score(folder: Path, number: int, variants: int, width: int, genome: str) -> dict[str, float]:
    """A unit: scores of some variants, three alternates of a site, as a table."""
    began = time.time()
    import numpy as np
    import torch

    from palindra.evaluation.variants import local_difference

    codes = np.load(genome, mmap_mode="r")
    rng = np.random.default_rng(number)
    sites = -(-variants // ALTERNATES)
    starts = rng.integers(0, len(codes) - LENGTH, sites)
    letters = torch.eye(4)
    with (folder / "scores.tsv").open("w", encoding="utf-8") as table:
        for first in range(0, sites, BATCH // ALTERNATES):
            some = starts[first : first + BATCH // ALTERNATES]
            read = np.stack([codes[start : start + LENGTH] for start in some]).astype(np.int64)
            ref = torch.from_numpy(read).repeat_interleave(ALTERNATES, 0)
            alt, middle = ref.clone(), LENGTH // 2
            alt[:, middle] = (ref[:, middle] + 1 + torch.arange(len(ref)) % ALTERNATES) % 4
            given = (letters[one].transpose(1, 2).contiguous() for one in (ref, alt))
            before, after = local_difference(model(width), *given)
            for start, values in zip(np.repeat(some, ALTERNATES).tolist(), (after - before).tolist(), strict=True):
                table.write("\t".join(map(str, [start + middle, *values])) + "\n")
    return {"began": began, "ended": time.time(), "peak": peak(), "process": os.getpid()}


def busy(folder: Path, number: int, seconds: float) -> dict[str, float]:
    """A unit: computes for some seconds, and writes 1 MB."""
    began = time.time()
    value = float(number)
    while time.time() - began < seconds:
        value = sum(value * 0.5 + step for step in range(10_000)) % 1.0
    (folder / "bytes").write_bytes(bytes(1_000_000))
    return {"began": began, "ended": time.time(), "peak": peak(), "process": os.getpid()}


class Measured(NamedTuple):
    """What one job took."""

    start: float  # seconds until the first unit began
    work: float  # seconds from there to the last result
    stop: float  # seconds from there to the end
    busy: float  # seconds of all workers from the beginning of their first to the end of their last unit
    tail: float  # seconds from the end of the last unit to its result
    inside: float  # seconds that all units say they took
    worker: float  # largest resident memory of a worker, GB
    command: float  # the same of the process that gave out the units


def job(engine: str, workers: int, kind: str, count: int, options: argparse.Namespace) -> Measured:
    """Do units of a kind in this process and measure."""
    import torch

    from palindra.engine import Unit, make_engine, work

    torch.set_num_threads(1)
    folder = Path(options.folder)
    shared: dict[str, Any] = {"seconds": options.seconds}
    if kind == "score":
        shared = {"variants": options.variants, "width": options.width, "genome": str(folder / "genome.npy")}
    units = [Unit(f"scaling:{kind}", {"number": number, **shared}, f"unit {number}") for number in range(count)]
    with tempfile.TemporaryDirectory(dir=folder) as results:
        begun = given = time.time()
        found = []
        for _, result in work(make_engine(engine, workers=workers), units, Path(results)):
            found.append(result.values)
            given = time.time()
        ended = time.time()
    first, last = min(values["began"] for values in found), max(values["ended"] for values in found)
    own = [[values for values in found if values["process"] == one] for one in {values["process"] for values in found}]
    return Measured(
        start=first - begun,
        work=given - first,
        stop=ended - given,
        busy=sum(max(v["ended"] for v in values) - min(v["began"] for v in values) for values in own),
        tail=given - last,
        inside=sum(values["ended"] - values["began"] for values in found),
        worker=max(values["peak"] for values in found),
        command=peak(),
    )


def measure(engine: str, workers: int, kind: str, count: int, options: argparse.Namespace) -> Measured:
    """The same in a process of its own, from which workers inherit nothing."""
    words = [sys.executable, __file__, "--job", engine, str(workers), kind, str(count)]
    for name in ("variants", "width", "seconds", "folder"):
        words += [f"--{name}", str(getattr(options, name))]
    here = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    alone = {**os.environ, "PYTHONPATH": here, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, env=alone, check=True, stdout=subprocess.PIPE, text=True)
    found = Measured(*json.loads(done.stdout.splitlines()[-1]))
    log(f"{engine} {workers} {kind} {count}: {found}")
    return found


def installed(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} not installed"


def commit() -> str:
    words = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def mid(values: list[float]) -> str:
    """Median, lowest and highest."""
    return f"{statistics.median(values):9.3f} [{min(values):.3f}, {max(values):.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--units", type=int, default=24, help="of scoring, and of the smaller job for memory")
    parser.add_argument("--variants", type=int, default=700, help="of one unit")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0, help="of one unit for the overhead")
    parser.add_argument("--busy-units", type=int, default=6)
    parser.add_argument("--engines", nargs="+", default=["local", "ray"])
    parser.add_argument("--folder", default=None, help="where the files go; by default a temporary folder")
    parser.add_argument("--job", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        engine, workers, kind, count = options.job
        sys.stdout.write(json.dumps(job(engine, int(workers), kind, int(count), options)) + "\n")
        return
    import numpy as np

    engines = [name for name in options.engines if name == "local" or importlib.util.find_spec("ray")]
    print("$ " + " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *map(public, sys.argv[1:])]))
    print(f"commit {commit()}")
    print(", ".join(map(installed, ("palindra", "torch", "ray", "numpy"))), end=", ")
    print(f"python {platform.python_version()}, {platform.machine()}, {len(os.sched_getaffinity(0))} cores")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        options.folder = name
        np.save(Path(name) / "genome.npy", np.random.default_rng(0).integers(0, 4, GENOME, dtype=np.uint8))
        kinds = [
            (engine, workers, kind, count)
            for engine in engines
            for workers in (1, 2)
            for kind, count in (("score", options.units), ("busy", options.busy_units))
        ]
        found: dict[tuple[str, int, str, int], list[Measured]] = {kind: [] for kind in kinds}
        for _ in range(options.repeats):
            for asked in kinds:
                found[asked].append(measure(*asked, options))
        small = max(2, options.units // 4)
        sizes = {
            engine: {n: measure(engine, 2, "score", n, options) for n in (small, 10 * small)} for engine in engines
        }
    show(found, sizes, options)


def show(
    found: dict[tuple[str, int, str, int], list[Measured]],
    sizes: dict[str, dict[int, Measured]],
    options: argparse.Namespace,
) -> None:
    """Print the three tables: medians of the repeats with the lowest and highest."""
    n, width = options.units, options.width
    print(f"\nscoring {n} x {options.variants} variants, BPNet of {width} channels: 1 and 2 workers; wanted 0.85")
    print(f"{'engine':8}{'seconds, 1':>28}{'seconds, 2':>28}{'efficiency':>28}{'with start and stop':>28}")
    for engine in sizes:
        one, two = (found[engine, workers, "score", n] for workers in (1, 2))
        steady = [a.work / (2 * b.work) for a, b in zip(one, two, strict=True)]
        whole = [sum(a[:3]) / (2 * sum(b[:3])) for a, b in zip(one, two, strict=True)]
        columns = [mid([m.work for m in one]), mid([m.work for m in two]), mid(steady), mid(whole)]
        print(f"{engine:8}" + "".join(f"{column:>28}" for column in columns))
    print(f"\n{options.busy_units} units of {options.seconds:g} s: overhead; wanted below 0.05")
    print(f"{'engine':8}{'workers':>8}{'overhead':>28}{'seconds to start':>28}{'to stop':>28}")
    for (engine, workers, kind, _), jobs in found.items():
        if kind == "busy":
            over = [(m.busy + workers * m.tail) / m.inside - 1 for m in jobs]
            columns = [mid(over), mid([m.start for m in jobs]), mid([m.stop for m in jobs])]
            print(f"{engine:8}{workers:8}" + "".join(f"{column:>28}" for column in columns))
    print("\nlargest resident memory in GB, 2 workers, ten times more input")
    print(f"{'engine':8}{'units':>8}{'variants':>12}{'a worker':>12}{'the command':>14}")
    for engine, sized in sizes.items():
        for count, m in sized.items():
            print(f"{engine:8}{count:8}{count * options.variants:12,}{m.worker:12.3f}{m.command:14.3f}")


if __name__ == "__main__":
    main()
