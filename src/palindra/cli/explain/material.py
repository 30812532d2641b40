"""The sequences that are explained: of a file, or windows of a genome in the middle of regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from palindra.cli import inputs
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.subject import Subject
from palindra.cli.shift.inputs import read_compared
from palindra.data.genome import Genome, read_bed
from palindra.data.read import FASTA_SUFFIXES, PARQUET_SUFFIXES
from palindra.data.table import SPLITS
from palindra.data.tabular import read_delimited, read_parquet
from palindra.errors import InputError
from palindra.interpretation.attribution.outputs import Chosen
from palindra.models import predict_batches
from palindra.sequences import one_hot
from palindra.sequences.alphabet import Codes

MOVE = 10  # bp on each side, by which inputs are moved to see how maps vary


@dataclass(frozen=True, eq=False)
class Material:
    """Sequences of the length that the model reads.

    Args:
        names: of each.
        codes: ``(rows, length)``.
        wider: the same with the letters on both sides of them, N where those are not known.
        labels: measured ones as text, empty where they are not known.
        outputs: the explained number ``(rows,)``.
        chrom: of windows of a genome, else empty.
        start: their first position, else 0.
        chromosomes: name and length of each, of a genome.
        train: training sequences of the same file ``(rows, length)`` with names and labels.
    """

    names: list[str]
    codes: Codes
    wider: Codes
    labels: list[str]
    outputs: NDArray[np.float64]
    chrom: list[str]
    start: list[int]
    chromosomes: dict[str, int]
    train: Reference | None = None


@dataclass(frozen=True, eq=False)
class Reference:
    """Sequences that a model was trained on."""

    names: list[str]
    codes: Codes
    labels: list[str]


@dataclass(frozen=True, eq=False)
class _Rows:
    names: list[str]
    codes: Codes
    wider: Codes
    labels: list[str]
    chrom: list[str]
    start: list[int]
    chromosomes: dict[str, int]
    train: Reference | None = None


def gather(subject: Subject, path: Path, settings: Settings, say: Callable[[str], None]) -> Material:
    """The sequences that are explained, as many as the settings allow.

    Raises:
        InputError: for a file that does not fit the model, or without a sequence that is predicted positive.
    """
    if is_bed(path):
        found = _of_regions(subject, path, settings, say)
    elif settings.genome is not None:
        raise InputError(f"--genome {settings.genome}: it goes with a BED file of regions, and {path} is none.")
    elif subject.tracks:
        raise InputError(
            f"{path}: {subject.folder} predicts tracks, which are explained in windows of a genome: give a BED file of "
            "regions with --genome GENOME.fa."
        )
    else:
        found = _of_file(subject, path, settings, say)
    numbers = predict_batches(subject.number(), one_hot(found.codes), batch_size=_batch(subject))[:, 0].double()
    kept = torch.arange(len(numbers))
    if subject.positive is not None and not settings.every:
        every = Chosen(subject.network, subject.output, subject.reading)
        outputs = predict_batches(every, one_hot(found.codes), batch_size=_batch(subject))
        kept = torch.nonzero(subject.positive(outputs)).flatten()
        if not len(kept):
            raise InputError(
                f"{path}: none of {len(numbers):,} sequences is predicted {subject.name!r} (the largest {subject.unit} "
                f"is {numbers.max():.3g}), so there is no positive prediction to explain. Explain all of them with "
                "--all, or give other sequences."
            )
        say(f"{len(kept):,} of {len(numbers):,} sequences are predicted {subject.name!r}; those are explained")
    if len(kept) > settings.max_sequences:
        say(
            f"the first {settings.max_sequences:,} of {len(kept):,} sequences are explained (--max-sequences); more "
            "take longer"
        )
    rows = kept[: settings.max_sequences].tolist()
    return Material(
        [found.names[row] for row in rows],
        found.codes[rows],
        found.wider[rows],
        [found.labels[row] for row in rows],
        numbers.numpy()[rows],
        [found.chrom[row] for row in rows],
        [found.start[row] for row in rows],
        found.chromosomes,
        found.train,
    )


def is_bed(path: Path) -> bool:
    """Whether a file is called like one of regions."""
    return any(suffix.lower() in (".bed", ".narrowpeak") for suffix in path.suffixes)


def read_reference(path: Path, subject: Subject, settings: Settings) -> Reference:
    """Training sequences of a file: those of its split 'train', if it has one.

    Raises:
        InputError: for a file that cannot be read, or sequences of another length.
    """
    read = read_compared(
        path, sequence_column=settings.sequence_column, length=subject.length, needs=str(subject.folder)
    )
    labels = _labels(path, subject, len(read.names))
    rows = [row for row in range(len(read.names)) if read.splits is None or read.splits[row] == "train"]
    if not rows:
        raise InputError(f"{path}: has a column of splits and no row of 'train' in it.")
    return Reference([read.names[row] for row in rows], read.codes[rows], [labels[row] for row in rows])


def read_backgrounds(path: Path, subject: Subject) -> Codes:
    """The user's own backgrounds.

    Raises:
        InputError: for sequences of several lengths, or another one than the model reads.
    """
    read = read_compared(path)
    lengths = sorted({len(text) for text in read.sequences})
    if lengths != [subject.length]:
        shown = ", ".join(map(str, lengths[:3])) + (", ..." if len(lengths) > 3 else "")
        raise InputError(
            f"{path}: backgrounds of {shown} letters, and {subject.folder} reads {subject.length}: give backgrounds of "
            f"{subject.length} letters."
        )
    return read.codes


def _of_file(subject: Subject, path: Path, settings: Settings, say: Callable[[str], None]) -> _Rows:
    read = read_compared(
        path, sequence_column=settings.sequence_column, length=subject.length, needs=str(subject.folder)
    )
    if settings.split is not None:
        inputs.choose("--split", settings.split, SPLITS)
        if read.splits is None:
            raise InputError(f"--split {settings.split}: {path} has no column of splits.")
    wanted = settings.split or ("test" if read.splits is not None and "test" in read.splits else None)
    rows = [
        n for n in range(len(read.names)) if wanted is None or (read.splits is not None and read.splits[n] == wanted)
    ]
    if not rows:
        raise InputError(f"--split {wanted}: {path} has no row of it.")
    if wanted is not None:
        say(f"{len(rows):,} sequences of the split {wanted!r} of {path} are read (--split)")
    labels = _labels(path, subject, len(read.names))
    train = None
    if read.splits is not None and "train" in read.splits:
        train = read_reference(path, subject, settings)
    codes = read.codes[rows]
    beyond = np.full((len(codes), MOVE), 4, dtype=codes.dtype)
    return _Rows(
        [read.names[row] for row in rows],
        codes,
        np.concatenate([beyond, codes, beyond], axis=1),
        [labels[row] for row in rows],
        [""] * len(rows),
        [0] * len(rows),
        {},
        train,
    )


def _labels(path: Path, subject: Subject, rows: int) -> list[str]:
    """The column of the explained output, or of a single label, as text; empty where a file has none."""
    suffix = next((s.lower() for s in reversed(path.suffixes) if s.lower() != ".gz"), "")
    if suffix in FASTA_SUFFIXES:
        return [""] * rows
    columns = (read_parquet(path) if suffix in PARQUET_SUFFIXES else read_delimited(path)).columns
    name = next((name for name in columns if name == subject.name or name.lower() == "label"), None)
    return [""] * rows if name is None else list(columns[name])


def _of_regions(subject: Subject, path: Path, settings: Settings, say: Callable[[str], None]) -> _Rows:
    if settings.genome is None:
        raise InputError(f"{path}: regions need the genome that they are of: --genome GENOME.fa.")
    genome = Genome.open(settings.genome, cache=settings.cache)
    try:
        some = read_bed(path, chromosomes=genome.chromosomes, genome=genome.fasta, map_names=settings.map_names)
    except InputError as error:
        raise InputError(str(error).replace("(map_names)", "(--map-names)")) from None
    length = subject.length
    chrom, start = _windows(some.chrom, some.start.tolist(), some.end.tolist(), length)
    if len(chrom) > len(some.chrom):
        say(
            f"{len(some.chrom):,} regions make {len(chrom):,} windows of {length:,} bp, because longer ones are cut in "
            "pieces"
        )
    if (some.strand == "-").any():
        say("strands of the BED file are not used: every window is read on the forward strand of the genome")
    place = {name: number for number, name in enumerate(genome.chromosomes)}
    index, first = np.array([place[name] for name in chrom]), np.array(start)
    return _Rows(
        [f"{name}:{at}-{at + length}" for name, at in zip(chrom, start, strict=True)],
        genome.windows(index, first, length),
        genome.windows(index, first - MOVE, length + 2 * MOVE),
        [""] * len(chrom),
        chrom,
        start,
        dict(genome.chromosomes),
    )


def _windows(
    chrom: Sequence[str], start: Sequence[int], end: Sequence[int], length: int
) -> tuple[list[str], list[int]]:
    """Windows around the middle of each region, or of each of the equal pieces of a longer one.

    Examples:
        >>> _windows(["a", "b"], [100, 0], [110, 30], 20)
        (['a', 'b', 'b'], [95, -3, 12])
    """
    chroms, starts = [], []
    for name, first, last in zip(chrom, start, end, strict=True):
        pieces = -(-(last - first) // length)
        edges = np.linspace(first, last, pieces + 1).round().astype(int).tolist()
        for left, right in pairwise(edges):
            chroms.append(name)
            starts.append((left + right) // 2 - length // 2)
    return chroms, starts


def _batch(subject: Subject) -> int:
    return max(1, 200_000 // subject.length)


def letters_of(codes: Any) -> str:
    """Codes as text, N for an unknown letter."""
    return "".join("ACGTN"[min(int(code), 4)] for code in codes)
