"""A genome of a few thousand letters with tracks whose true values are known as arrays."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from palindra.data.genome import write_bigwig
from palindra.data.tracks import DataSettings, Splits, Storage, Tiles, Track, build

CHROMOSOMES = {"chr1": 5003, "chr2": 3001, "chrX": 1207, "chr8": 4001, "chr9": 2503, "chrM": 700, "chr1_alt": 903}
NAMES = ("fwd", "atac", "rev")


@dataclass(frozen=True)
class World:
    """Files of a small genome, and what is in them."""

    folder: Path
    letters: dict[str, np.ndarray]
    truth: dict[str, dict[str, np.ndarray]]  # file -> chromosome -> values, NaN where there are none
    settings: DataSettings

    @property
    def fasta(self):
        return self.folder / "genome.fa"

    def bed(self, name, rows):
        path = self.folder / name
        path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
        return path

    def bigwig(self, name, values):
        path = self.folder / name
        chromosomes = {chrom: len(some) for chrom, some in values.items()}
        write_bigwig(path, chromosomes, ((chrom, 0, some, 1) for chrom, some in values.items()))
        return path

    def build(self, folder, **changes):
        return build(folder, replace(self.settings, **changes))


def steps(rng, length, bin_size=25):
    """Coverage in steps, now and then missing."""
    values = np.round(rng.gamma(0.7, 2.0, -(-length // bin_size)), 2).astype(np.float32)
    values[rng.random(len(values)) < 0.1] = np.nan
    values[rng.random(len(values)) < 0.3] = 0
    return np.repeat(values, bin_size)[:length]


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(3)
    letters = {name: rng.integers(0, 5, length).astype(np.uint8) for name, length in CHROMOSOMES.items()}
    text = {name: np.frombuffer(b"ACGTN", np.uint8)[codes].tobytes().decode() for name, codes in letters.items()}
    (folder / "genome.fa").write_text("".join(f">{name}\n{sequence}\n" for name, sequence in text.items()))
    truth = {
        name: {chrom: steps(rng, length) for chrom, length in CHROMOSOMES.items()}
        for name in (*NAMES, *(f"{name}.second" for name in NAMES))
    }
    tracks = tuple(
        Track(
            name=name,
            path=folder / f"{name}.bw",
            partner={"fwd": "rev", "rev": "fwd"}.get(name),
            replicate=folder / f"{name}.second.bw",
            missing="exclude",
        )
        for name in NAMES
    )
    settings = DataSettings(
        genome=folder / "genome.fa",
        tracks=tracks,
        splits=Splits(valid=("chr9",), test=("chr8",)),
        windows=Tiles(window=200, threshold=None),
        storage=Storage(margin=30),
    )
    made = World(folder, letters, truth, settings)
    for name, values in truth.items():
        made.bigwig(f"{name}.bw", values)
    return made


@pytest.fixture(scope="session")
def data(world, tmp_path_factory):
    return world.build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def contents():
    """Every file of a data set by name."""
    return lambda folder: {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
