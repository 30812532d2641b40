"""Tiny files of every kind, and the command line called in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from palindra.cli.main import main
from palindra.sequences import reverse_complement

LENGTH, ROWS = 30, 96
MOTIF = "TGACGCA"
QUICK = ["--epochs", "1", "--width", "4", "--batch-size", "16", "--precision", "float32", "--no-progress"]
QUICK += ["--set", "model.dilations=[1]", "--set", "model.stem_size=5", "--set", "model.block_size=3"]


class Result(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Palindra = Callable[..., Result]


def sequences(rows: int = ROWS, length: int = LENGTH, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Random sequences; every second one holds the motif, in turn on this strand (+1) and on the other (-1)."""
    rng = np.random.default_rng(seed)
    found, strand = [], np.zeros(rows, dtype=int)
    for row in range(rows):
        letters = "".join(rng.choice(list("ACGT"), length))
        if row % 2:
            strand[row] = 1 if row % 4 == 1 else -1
            word = MOTIF if strand[row] > 0 else reverse_complement(MOTIF)
            start = int(rng.integers(0, length - len(word)))
            letters = letters[:start] + word + letters[start + len(word) :]
        found.append(letters)
    return found, strand


def splits(rows: int = ROWS) -> list[str]:
    """Three fifths to train, the rest shared."""
    return ["train" if row < rows * 0.6 else "valid" if row < rows * 0.8 else "test" for row in range(rows)]


def table(path: Path, columns: dict[str, Sequence[object]]) -> Path:
    """Write a TSV file."""
    lines = ["\t".join(columns), *("\t".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small files: binary, classes, labels, values, pair, FASTA."""
    folder = tmp_path_factory.mktemp("files")
    letters, strand = sequences()
    noise = np.random.default_rng(1).normal(size=ROWS)
    common = {"sequence": letters, "split": splits()}
    bound = abs(strand)
    missing = ["" if row % 9 == 0 else int(value) for row, value in enumerate(strand > 0)]
    table(folder / "binary.tsv", {**common, "label": bound})
    table(folder / "classes.tsv", {**common, "label": [("neither", "plus", "minus")[s] for s in strand]})
    table(folder / "labels.tsv", {**common, "plus": missing, "any": bound})
    table(folder / "value.tsv", {**common, "label": np.round(5 + 3 * bound + 0.1 * noise, 4)})
    table(
        folder / "pair.tsv",
        {**common, "plus": np.round(100 + 9 * (strand > 0) + noise, 4), "minus": 100 + 9 * (strand < 0)},
    )
    table(
        folder / "chromosomes.tsv",
        {"sequence": letters, "label": bound, "chrom": [f"chr{1 + r % 3}" for r in range(ROWS)]},
    )
    for name, wanted in (("positives.fa", 1), ("negatives.fa", 0)):
        records = [f">{name}\t{row}\n{text}" for row, text in enumerate(letters) if bound[row] == wanted]
        (folder / name).write_text("\n".join(records) + "\n")
    return folder


def typed(words: Sequence[object]) -> int:
    """Run a command line in this process; the exit code."""
    before, sys.argv = sys.argv, ["palindra", *map(str, words)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


@pytest.fixture
def palindra(capsys: pytest.CaptureFixture[str]) -> Palindra:
    """``palindra("train", path, ...)`` as typed in a shell, in this process."""

    def call(*words: object) -> Result:
        capsys.readouterr()
        code = typed(words)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call


@pytest.fixture(scope="session")
def trained(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``trained("binary", "regular")``: a finished run folder, trained once per session and not to be changed."""
    folder = tmp_path_factory.mktemp("runs")

    def train(data: str, strategy: str, *options: str) -> Path:
        name = "_".join([data, strategy.replace("*", "x"), *(o.strip("-") for o in options)])
        if not (folder / name).exists():
            words = ["train", files / f"{data}.tsv", "-o", folder / name, "--strategy", strategy, *QUICK, *options]
            assert typed(words) == 0
        return folder / name

    return train


@pytest.fixture(scope="session")
def quick() -> list[str]:
    """Options of a training that takes less than a second."""
    return list(QUICK)
