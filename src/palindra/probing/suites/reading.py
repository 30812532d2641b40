"""Read the rows of a task from its released files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from palindra.data.fasta import read_fasta
from palindra.data.genome import Genome
from palindra.data.genome.names import match_names
from palindra.data.read import SPLIT_NAMES
from palindra.data.tabular import Table, read_delimited, read_parquet
from palindra.errors import InputError
from palindra.probing.suites.declared import SuiteTask
from palindra.probing.suites.genomes import Genomes
from palindra.probing.suites.layouts import Found
from palindra.probing.suites.raw import Raw
from palindra.sequences import DNA, decode_codes, reverse_complement

SEQUENCE_NAMES = ("sequence", "seq", "text")
LABEL_NAMES = ("label", "labels", "target", "class")


def read_rows(task: SuiteTask, found: Found, genomes: Genomes) -> Raw:
    """All rows of a task.

    Raises:
        InputError: for what cannot be used, with file and line.
    """
    return _READERS[found.layout](task, found.files, genomes)


Files = Mapping[Path, tuple[str, str]]


def _read_splits(task: SuiteTask, files: Files, genomes: Genomes) -> Raw:
    raw = Raw()
    for path, (split, _) in files.items():
        if {".fna", ".fasta", ".fa"} & set(path.suffixes):
            _add_fasta(raw, task, path, split)
        else:
            table = read_parquet(path) if path.suffix == ".parquet" else read_delimited(path)
            raw.unit = table.unit
            _add_table(raw, task, table, [split] * len(table.lines))
    return raw


def _read_table(task: SuiteTask, files: Files, genomes: Genomes) -> Raw:
    raw = Raw()
    (path,) = files
    table = read_delimited(path)
    if "split" not in table.columns:
        raise InputError(f"{path}: no column 'split' among {', '.join(table.columns)}; it says train, dev or test.")
    for row, name in enumerate(table.columns["split"]):
        if name.lower() not in SPLIT_NAMES:
            raise InputError(f"{table.where(row)}: split {name!r} is none of train, dev (valid) and test.")
    _add_table(raw, task, table, [SPLIT_NAMES[name.lower()] for name in table.columns["split"]])
    return raw


def _read_mixed(task: SuiteTask, files: Files, genomes: Genomes) -> Raw:
    raw = Raw(unit="row")
    for path, (split, _) in files.items():
        table = read_parquet(path)
        rows = [row for row, name in enumerate(table.columns["task"]) if name in task.names]
        columns = {name: [column[row] for row in rows] for name, column in table.columns.items()}
        part = Table(table.name, table.sha256, columns, table.lines[rows], table.unit)
        _add_table(raw, task, part, [split] * len(rows))
    return raw


def _add_table(raw: Raw, task: SuiteTask, table: Table, splits: Sequence[str]) -> None:
    sequence = _column(table, SEQUENCE_NAMES, 0)
    label = _column(table, LABEL_NAMES, 1)
    labels = [_label(task, text, table.where, row) for row, text in enumerate(table.columns[label])]
    raw.add(table.name, table.sha256, table.columns[sequence], labels, splits, table.lines.tolist())


def _column(table: Table, names: Sequence[str], place: int) -> str:
    """The column of one of these names, or the one at that place, as code released with the files reads it."""
    known = {name.lower(): name for name in reversed(table.columns)}
    found = next((known[name] for name in names if name in known), None)
    if found is None and len(table.columns) <= place:
        raise InputError(f"{table.name}: no column {names[0]!r} among {', '.join(table.columns)}.")
    return found or list(table.columns)[place]


def _label(task: SuiteTask, text: str, where: Callable[[int], str], row: int) -> int:
    if text in task.classes:
        return task.classes.index(text)
    try:
        number = float(text)
        if number != int(number):
            raise ValueError
    except (ValueError, OverflowError):
        known = f"one of {', '.join(task.classes)}" if task.classes else "0 or 1"
        raise InputError(f"{where(row)}: label {text!r} is no class; {known} is needed.") from None
    return int(number)


def _add_fasta(raw: Raw, task: SuiteTask, path: Path, split: str) -> None:
    records, digest = read_fasta(path)
    labels: list[int] = []
    for record in records:
        _, bar, text = record.name.rpartition("|")
        if not bar:
            raise InputError(
                f"{path} line {record.line}: header '>{record.name}' has no label; '>name|label' is needed."
            )
        labels.append(_label(task, text.strip(), lambda row: f"{path} line {records[row].line}", len(labels)))
    lines = [record.line for record in records]
    raw.add(str(path), digest, [record.sequence for record in records], labels, [split] * len(records), lines)


def _read_classes(task: SuiteTask, files: Files, genomes: Genomes) -> Raw:
    raw = Raw(unit="file")
    for folder, (split, label) in files.items():
        texts = sorted(folder.glob("*.txt"), key=lambda path: (len(path.stem), path.stem))
        if not texts:
            raise InputError(f"{folder}: no *.txt files, one per sequence.")
        contents = [path.read_text(encoding="utf-8").strip() for path in texts]
        digest = hashlib.sha256("\n".join(f"{p.name}\t{c}" for p, c in zip(texts, contents, strict=True)).encode())
        numbers = [int(path.stem) if path.stem.isdecimal() else place for place, path in enumerate(texts, start=1)]
        number = task.classes.index(label)
        raw.add(str(folder), digest.hexdigest(), contents, [number] * len(texts), [split] * len(texts), numbers)
    return raw


def _read_intervals(task: SuiteTask, files: Files, genomes: Genomes) -> Raw:
    raw = Raw()
    for path, (split, label) in files.items():
        table = read_delimited(path)
        missing = [name for name in ("region", "start", "end", "strand") if name not in table.columns]
        if missing:
            raise InputError(f"{path}: no column {missing[0]!r} among {', '.join(table.columns)}.")
        genome = genomes.open(task.genomes[label], f"{task.name}, class {label}")
        sequences = cut(genome, table)
        number = task.classes.index(label)
        raw.add(
            str(path),
            table.sha256,
            sequences,
            [number] * len(sequences),
            [split] * len(sequences),
            table.lines.tolist(),
        )
    return raw


def cut(genome: Genome, table: Table) -> list[str]:
    """Sequences of intervals (from 0, half-open), reverse-complemented on the minus strand.

    Raises:
        InputError: for a region that the genome lacks, or an interval that leaves it, with file and line.
    """
    names = _names(table, genome)
    order = {name: place for place, name in enumerate(genome.chromosomes)}
    starts, ends = (_integers(table, name) for name in ("start", "end"))
    places = np.array([order[names[region]] for region in table.columns["region"]])
    sizes = np.array(list(genome.chromosomes.values()))[places]
    wrong = np.flatnonzero((starts < 0) | (ends <= starts) | (ends > sizes))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{table.where(row)}: {table.columns['region'][row]}:{starts[row]}-{ends[row]} does not lie inside the "
            f"region of {sizes[row]:,} letters in {genome.fasta}. Is it the assembly that the intervals were made for?"
        )
    found = [""] * len(places)
    lengths = ends - starts
    by_length = sorted(range(len(places)), key=lambda row: int(lengths[row]))
    for length, group in groupby(by_length, key=lambda row: int(lengths[row])):
        rows = list(group)
        texts = decode_codes(genome.windows(places[rows], starts[rows], length), DNA)
        for row, text in zip(rows, texts, strict=True):
            found[row] = reverse_complement(text) if table.columns["strand"][row] == "-" else text
    return found


def _names(table: Table, genome: Genome) -> dict[str, str]:
    """Region of the table -> name in the FASTA, which may differ by ``chr`` or by the version of a transcript."""
    regions = list(dict.fromkeys(table.columns["region"]))
    plain = {name.partition(".")[0]: name for name in genome.chromosomes}
    mapping = {name: plain[name] for name in regions if name in plain}
    mapping |= match_names(regions, genome.chromosomes).mapping
    lost = [name for name in regions if name not in mapping]
    if lost:
        row = table.columns["region"].index(lost[0])
        raise InputError(
            f"{table.where(row)}: region {lost[0]!r} is not in {genome.fasta} ({len(lost)} regions are not)."
        )
    return mapping


def _integers(table: Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    for row, text in enumerate(table.columns[name]):
        if not text.lstrip("-").isdecimal():
            raise InputError(f"{table.where(row)}: {name} {text!r} is no whole number.")
    return np.array([int(text) for text in table.columns[name]], dtype=np.int64)


_READERS: dict[str, Callable[[SuiteTask, Files, Genomes], Raw]] = {
    "splits": _read_splits,
    "table": _read_table,
    "mixed": _read_mixed,
    "classes": _read_classes,
    "intervals": _read_intervals,
}
