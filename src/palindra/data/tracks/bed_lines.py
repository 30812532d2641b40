"""Every line of a BED that cannot be used, not only the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from palindra.data.files import read_text
from palindra.data.genome import match_names, read_bed, require_match
from palindra.data.tracks.partition import matches
from palindra.data.tracks.problems import Problem
from palindra.data.tracks.regions import Axis
from palindra.errors import InputError


def bed_problems(
    path: Path,
    axis: Axis,
    *,
    genome: str,
    map_names: bool = False,
    partial: bool = False,
    drop: Sequence[str] = (),
) -> Iterator[Problem]:
    """What is wrong with a BED: the file as a whole, its chromosome names, and every single line.

    Args:
        path: the file.
        axis: of the genome.
        genome: what to call it.
        map_names: whether chromosomes may be named otherwise than in the genome.
        drop: shell patterns of chromosomes that are not used; the genome need not have those.
        partial: whether the file may have chromosomes that the genome lacks, if it shares one.
    """
    file = str(path)
    try:
        listed = read_bed(path)
        features = listed.take([not matches(name, drop) for name in listed.chrom])
        known = require_match(
            file, list(dict.fromkeys(features.chrom)), genome, axis.chromosomes, map_names=map_names, partial=partial
        )
        features.take([name in known for name in features.chrom]).on(
            axis.chromosomes, genome=genome, map_names=map_names
        )
    except InputError as error:
        lines = list(_line_problems(path, axis, map_names=map_names))
        message = str(error)
        if not lines or not message.startswith(f"{file} line "):  # not about lines alone
            yield Problem(message.removeprefix(f"{file}: "), file=file)
        yield from lines


def _line_problems(path: Path, axis: Axis, *, map_names: bool) -> Iterator[Problem]:
    try:
        lines = read_text(path).lines
    except InputError:
        return
    rows = [line.split("\t") if "\t" in line else line.split() for line in lines]
    names = match_names(list(dict.fromkeys(row[0] for row in rows if row)), axis.chromosomes)
    known = names.mapping if map_names else {name: name for name in names.same}
    for number, (line, row) in enumerate(zip(lines, rows, strict=True), start=1):
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        if len(row) < 3 or not (row[1].strip().isdecimal() and row[2].strip().isdecimal()):
            shown = "\t".join(row[:3])
            yield Problem(f"{shown!r} is not a chromosome, a start and an end.", file=str(path), line=number)
            continue
        start, end = int(row[1]), int(row[2])
        interval = f"{row[0]}:{start}-{end}"
        length = axis.chromosomes.get(known.get(row[0], ""))
        if start >= end:
            yield Problem("start is not before end.", file=str(path), line=number, interval=interval)
        elif length is not None and end > length:
            message = f"ends beyond the chromosome, which has {length} positions."
            yield Problem(message, file=str(path), line=number, interval=interval)
