"""Rows of measured variants, as the challenge and the whole release write them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from palindra.data.files import read_text
from palindra.data.tabular import read_delimited
from palindra.errors import InputError
from palindra.probing.suites.declared import SuiteTask

LEAST_BARCODES = 10
_COLUMNS = ("Chrom", "Pos", "Ref", "Alt", "Value", "Confidence")


class VariantRow(NamedTuple):
    """One row as it was measured; ``position`` counts from 1."""

    where: str
    chrom: str
    position: int
    reference: str
    alternate: str
    value: float
    confidence: float
    part: str


def read_challenge(task: SuiteTask, path: Path, part: str) -> tuple[str, list[VariantRow]]:
    """Hash and rows of a file of the challenge."""
    text = read_text(path)
    return text.sha256, list(_challenge_rows(path, text.lines, part))


def _challenge_rows(path: Path, lines: list[str], part: str) -> Iterator[VariantRow]:
    names: list[str] = []
    for number, line in enumerate(lines, start=1):
        if line.startswith("##") or not line.strip():
            continue
        fields = [field.strip() for field in line.split("\t")]
        if not names:
            names = [field.lstrip("#") for field in fields]
            missing = [name for name in _COLUMNS[:5] if name not in names]
            if missing:
                raise InputError(f"{path} line {number}: no column {missing[0]!r}; {', '.join(_COLUMNS)} are needed.")
            continue
        given = dict(zip(names, fields, strict=False))
        chosen = {name: given.get(name, "") for name in _COLUMNS}
        yield _row(f"{path} line {number}", part, **{name.lower(): text for name, text in chosen.items()})


def read_release(task: SuiteTask, path: Path, part: str) -> tuple[str, list[VariantRow]]:
    """Hash of the table of the whole release, and its rows of one element."""
    table = read_delimited(path)
    needed = ("element", "chrom", "pos_GRCh37", "ref", "alt", "barcodes", "log2_effect")
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise InputError(f"{path}: no column {missing[0]!r} among {', '.join(table.columns)}.")
    read = {"chrom": "chrom", "pos": "pos_GRCh37", "ref": "ref", "alt": "alt", "value": "log2_effect"}
    elements = [name for name in task.names if name in table.columns["element"]][:1]
    rows = [
        _row(table.where(row), part, **{name: table.columns[column][row] for name, column in read.items()})
        for row, element in enumerate(table.columns["element"])
        if element in elements
        and table.columns["alt"][row] in ("A", "C", "G", "T")
        and _number(table.columns["barcodes"][row], table.where(row), "barcodes") >= LEAST_BARCODES
    ]
    return table.sha256, rows


def _row(
    where: str, part: str, *, chrom: str, pos: str, ref: str, alt: str, value: str, confidence: str = ""
) -> VariantRow:
    place = _number(pos, where, "Pos")
    if place != int(place) or place < 1:
        raise InputError(f"{where}: Pos {pos!r} is no position; whole numbers from 1 are.")
    return VariantRow(
        where=where,
        chrom=chrom,
        position=int(place),
        reference=ref.upper(),
        alternate=alt.upper(),
        value=_number(value, where, "Value"),
        confidence=_number(confidence, where, "Confidence") if confidence else float("nan"),
        part=part,
    )


def _number(text: str, where: str, name: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise InputError(f"{where}: {name} {text!r} is no finite number.")
    return number
