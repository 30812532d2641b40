"""Two FASTA files, of positive and of negative sequences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from palindra.data.files import read_text
from palindra.data.records import Records
from palindra.errors import InputError

# chr1:100-200, with what bedtools getfasta may put before (name::) and after ((+))
_INTERVAL = re.compile(r"^(?:.*::)?(\S+):\d+-\d+(?:\([+-.]\))?$")


@dataclass(frozen=True)
class FastaRecord:
    """One sequence of a FASTA file: its name, its letters and the line of its header."""

    name: str
    sequence: str
    line: int


def read_fasta(path: str | Path) -> tuple[list[FastaRecord], str]:
    """The records of a FASTA file, gzipped or not, and the hash of the file.

    Raises:
        InputError: if letters stand before the first header, or a record has no letters.
    """
    text = read_text(path)
    names: list[tuple[str, int]] = []
    letters: list[list[str]] = []
    for number, raw in enumerate(text.lines, start=1):
        line = raw.strip()
        if line.startswith(">"):
            names.append((line[1:].strip(), number))
            letters.append([])
        elif line and not names:
            raise InputError(f"{text.name} line {number}: not FASTA, whose records begin with a line '>name'.")
        elif line:
            letters[-1].append(line)
    for (name, number), parts in zip(names, letters, strict=True):
        if not parts:
            raise InputError(f"{text.name} line {number}: record {name!r} has no sequence. Remove it.")
    found = [FastaRecord(name, "".join(parts), line) for (name, line), parts in zip(names, letters, strict=True)]
    return found, text.sha256


def read_fasta_pair(positives: str | Path, negatives: str | Path | None) -> Records:
    """Sequences of two FASTA files, labelled 1 and 0.

    Where every header is an interval (``chr1:100-200``, as bedtools writes it), the chromosomes are known as well.

    Raises:
        InputError: if there is no file of negatives.
    """
    if negatives is None:
        raise InputError(
            f"{positives}: a FASTA file has no labels. Give the negative sequences as a second FASTA file with "
            "negatives (--negatives), or write one table with the columns sequence and label."
        )
    first, first_hash = read_fasta(positives)
    second, second_hash = read_fasta(negatives)
    records = first + second
    labels = np.repeat([1.0, 0.0], [len(first), len(second)])
    intervals = [_INTERVAL.match(record.name) for record in records]
    chromosomes = [interval[1] for interval in intervals if interval]
    return Records(
        source=f"{positives} + {negatives}",
        sha256=f"{first_hash}+{second_hash}",
        sequences=[record.sequence for record in records],
        labels=labels[:, None],
        target_names=("label",),
        lines=np.array([record.line for record in records], dtype=np.int64),
        chromosomes=chromosomes if len(chromosomes) == len(records) else None,
        parts=(str(positives), str(negatives)),
        part_of_row=1 - labels.astype(np.int64),
    )
