"""The constants of the capacity model in docs/explanation/scale.md that no other benchmark gives, each on one core.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/capacity.py [--repeats 3]

Seconds are those of the processor, medians with the lowest and highest. Measured are: what scoring a variant costs
besides the forward pass (reading, one-hot, writing), the trunk and the head of a model of many tracks, values of a
bigWig file, codes of a genome, counts of Markov models, and a step of a language model: its time and what it keeps for
the backward pass, with and without --set training.checkpointing=true.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

CHROMOSOME = 20_000_000


class Cheap(nn.Module):
    """A model that costs nothing, so that what is left is the cost of everything else."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1, x.shape[2] // 2]


def cheap() -> nn.Module:
    return Cheap()


def seconds(run: Callable[[], object], repeats: int) -> list[float]:
    found = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return found


def line(name: str, taken: list[float], units: float, unit: str) -> None:
    values = [second / units for second in taken]
    print(f"{name:58}{statistics.median(values):12.3e} [{min(values):.2e}, {max(values):.2e}] s per {unit}", flush=True)


def write_genome(folder: Path) -> np.ndarray:
    codes = np.random.default_rng(0).integers(0, 4, CHROMOSOME, dtype=np.uint8)
    letters = np.frombuffer(b"ACGT", np.uint8)[codes].reshape(-1, 100)
    with (folder / "genome.fa").open("wb") as out:
        out.write(b">c1\n" + np.pad(letters, ((0, 0), (0, 1)), constant_values=ord("\n")).tobytes())
    return codes


def variants(folder: Path, codes: np.ndarray, repeats: int) -> None:
    """Two sizes, of which the difference has no start in it."""
    sizes = (2_000, 12_000)
    for size in sizes:
        places = np.linspace(5_000, CHROMOSOME - 5_000, size).astype(int)
        rows = [f"c1\t{p + 1}\t.\t{'ACGT'[codes[p]]}\t{'ACGT'[3 - codes[p]]}\t.\t.\t.\n" for p in places.tolist()]
        (folder / f"{size}.vcf").write_text(
            "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "".join(rows)
        )
    here = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    found = []
    for repeat in range(repeats):
        taken = []
        for size in sizes:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            words = ["variants", "capacity:cheap", folder / f"{size}.vcf", folder / "genome.fa", "--window", 2_114]
            words += ["-o", folder / f"scored-{repeat}-{size}", "--no-progress"]
            subprocess.run(
                [sys.executable, "-m", "palindra", *map(str, words)],
                check=True,
                capture_output=True,
                env={**os.environ, "PYTHONPATH": here},
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        found.append(taken[1] - taken[0])
    line("variants: all but the model, windows of 2,114 bp", found, sizes[1] - sizes[0], "variant")


def tracks(repeats: int) -> None:
    from palindra.models.track_models import TRACK_MODELS
    from palindra.symmetry import Position, Target

    model, config = TRACK_MODELS["track_resnet"]
    length, bin_size, width = 32_768, 128, 256
    x = torch.eye(4)[torch.randint(0, 4, (1, length))].transpose(1, 2).contiguous()
    target = Target.invariant(5_000, Position.REVERSE)
    network = model(config(length=length, outputs=5_000, target=target, bin_size=bin_size, width=width)).eval()
    head, values = network.head, length // bin_size * 5_000
    network.head = nn.Identity()
    with torch.inference_mode():
        features = network(x)
        trunk, many = seconds(lambda: network(x), repeats), seconds(lambda: head(features), repeats)
    line(f"tracks: trunk of track_resnet, width {width}, bins of {bin_size}", trunk, length, "bp")
    line(f"tracks: head of 5,000 tracks, width {width}", many, values, "value")


def bigwig(folder: Path, repeats: int) -> None:
    from palindra.data.genome import write_bigwig

    for bin_size in (128, 16):
        values = np.random.default_rng(0).gamma(1.0, 2.0, CHROMOSOME // bin_size).astype(np.float32)

        def write(values: np.ndarray = values, bin_size: int = bin_size) -> None:
            write_bigwig(folder / "track.bw", {"c1": CHROMOSOME}, [("c1", 0, values, bin_size)])

        line(f"bigWig: writing bins of {bin_size}", seconds(write, repeats), len(values), "value")
        print(f"{'':58}{(folder / 'track.bw').stat().st_size / len(values):12.2f} bytes per value")


def letters(folder: Path, repeats: int) -> None:
    from palindra.data.genome import Genome
    from palindra.evaluation.markov import fit_markov

    found = []
    for repeat in range(repeats):
        found += seconds(lambda repeat=repeat: Genome.open(folder / "genome.fa", cache=folder / f"cache-{repeat}"), 1)
    line("genome: codes of the letters", found, CHROMOSOME, "bp")
    genome = Genome.open(folder / "genome.fa", cache=folder / "cache-0")

    def pieces() -> Iterator[np.ndarray]:
        yield genome.codes("c1", 0, CHROMOSOME)

    line("pretrain: Markov counts, left 8", seconds(lambda: fit_markov(pieces(), left=8), repeats), CHROMOSOME, "bp")
    both = seconds(lambda: fit_markov(pieces(), left=4, right=4), repeats)
    line("pretrain: Markov counts, both sides 4 + 4", both, CHROMOSOME, "bp")


def kept(network: Any, tokens: Tensor) -> int:
    """Bytes of different storages that the graph of a forward pass keeps, without the weights."""
    own = {p.untyped_storage().data_ptr() for p in [*network.parameters(), *network.buffers()]}
    storages: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network(tokens).logits.sum()
    return sum(storages.values())


def language_model(repeats: int) -> None:
    from palindra.models.strand_lm import StrandLM, StrandLMConfig

    for length in (1_024, 4_096):
        torch.manual_seed(0)
        network = StrandLM(StrandLMConfig())
        tokens = torch.randint(4, (1, length))
        for checkpointing in (False, True):
            network.checkpointing = checkpointing

            def step(network: Any = network, tokens: Tensor = tokens) -> None:
                network.zero_grad()
                network(tokens).logits.square().mean().backward()

            step()
            name = f"pretrain: step, length {length:,}" + (", checkpointing" if checkpointing else "")
            line(name, seconds(step, repeats), length, "position")
            print(f"{'':58}{kept(network, tokens) / length:12.0f} bytes kept per position")
    print(f"{'':58}{sum(p.numel() for p in network.parameters()):12,} parameters")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("$ OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))
    print(", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "pybigtools")), end=", ")
    print(f"python {platform.python_version()}, {platform.machine()}, 1 thread, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        codes = write_genome(folder)
        letters(folder, options.repeats)
        bigwig(folder, options.repeats)
        tracks(options.repeats)
        language_model(options.repeats)
        variants(folder, codes, options.repeats)


if __name__ == "__main__":
    main()
