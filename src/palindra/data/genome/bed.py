"""BED files: three to twelve columns or narrowPeak, gzipped or not, with file and line in every error."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.data.files import read_text
from palindra.data.genome.features import Features, some_of
from palindra.errors import InputError

_NARROW_PEAK = 10  # columns; BED itself has no form with ten (GA4GH, BED 1.0: BED10 and BED11 are prohibited)
_NOT_INTERVALS = ("#", "track ", "track\t", "browser ", "browser\t")


def read_bed(
    path: str | Path,
    *,
    chromosomes: Mapping[str, int] | None = None,
    genome: str | Path = "the genome",
    map_names: bool = False,
) -> Features:
    """The intervals of a BED file in the order of the file.

    Columns are divided by tabs, or by white space if the file has no tabs. Read are the first six (chromosome, start,
    end, name, score, strand), and the tenth of a file with exactly ten columns, which is narrowPeak: the offset of
    the summit, where -1 stands for none and becomes the center of the interval. Other columns, the blocks of BED12
    among them, are left out. Comments, blank lines and lines that begin with ``track`` or ``browser`` are skipped.

    Args:
        path: the file, gzipped or not.
        chromosomes: name and length of each chromosome; with it, every interval must lie on one.
        genome: where those come from, for errors.
        map_names: whether chromosomes that the genome names otherwise (chr1 against 1) are renamed.

    Raises:
        InputError: naming file and line, if there is no interval, the number of columns is below three, above twelve or
            not that of the first interval, a position, a score or a strand cannot be read, ``start >= end``, a summit
            is outside its peak, or an interval is not on the chromosomes.
    """
    text = read_text(path)
    kept = [
        (number, line)
        for number, line in enumerate(text.lines, start=1)
        if line.strip() and not line.startswith(_NOT_INTERVALS)
    ]
    if not kept:
        raise InputError(f"{path}: has no interval. A line such as 'chr1<tab>100<tab>200' is needed.")
    numbers = [number for number, _ in kept]
    separator = "\t" if "\t" in kept[0][1] else None
    rows = [line.rstrip("\r\n").split(separator) for _, line in kept]
    width = len(rows[0])
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != width or not 3 <= width <= 12 or not row[0].strip():
            expected = f"the first interval has {width}" if 3 <= width <= 12 else "BED has 3 to 12"
            raise InputError(
                f"{path} line {number}: {len(row)} columns but {expected}, and the first is a name; a BED file has the "
                "same columns on every line, divided by tabs (or all by blanks)."
            )
    columns = list(zip(*rows, strict=True))

    def column(index: int, convert: Callable[[str], Any], dtype: type, what: str) -> NDArray[Any]:
        try:
            return np.array([convert(value) for value in columns[index]], dtype=dtype)
        except (ValueError, OverflowError):
            row = next(row for row, value in enumerate(columns[index]) if _fails(convert, value))
            raise InputError(
                f"{path} line {numbers[row]}: {columns[index][row]!r} in column {index + 1} is not {what}."
            ) from None

    start = column(1, _position, np.int64, "a start (an integer from 0)")
    end = column(2, _position, np.int64, "an end (an integer)")
    summit = None
    if width == _NARROW_PEAK:
        offset = column(9, _offset, np.int64, "the summit of a narrowPeak (an offset from the start, or -1 for none)")
        summit = np.where(offset < 0, (start + end) // 2, start + offset)
    features = Features(
        chrom=[name.strip() for name in columns[0]],
        start=start,
        end=end,
        strand=np.array(columns[5]) if width > 5 else np.full(len(rows), "."),
        name=list(columns[3]) if width > 3 else None,
        score=column(4, _score, np.float64, "a score (a number or .)") if width > 4 else None,
        summit=summit,
        source=str(path),
        lines=np.array(numbers, dtype=np.int64),
    )
    problems = features.problems()
    if problems:
        raise InputError(some_of(problems))
    return features if chromosomes is None else features.on(chromosomes, genome=str(genome), map_names=map_names)


def write_bed(path: str | Path, features: Features) -> None:
    """Write features as BED with as many columns as they need, gzipped if the path ends in ``.gz``.

    Three columns without names, scores and strands; six otherwise, where ``.`` stands for what there is not; ten
    (narrowPeak) with summits. ``read_bed`` gives the same columns back.
    """
    rows = range(len(features))
    columns = [features.chrom, features.start.tolist(), features.end.tolist()]
    strands = features.strand.tolist()
    if features.name is not None or features.score is not None or features.summit is not None or set(strands) != {"."}:
        scores = [] if features.score is None else [f"{score:.17g}" for score in features.score.tolist()]
        columns += [
            features.name if features.name is not None else ["."] * len(rows),
            ["." if score == "nan" else score for score in scores] if scores else ["."] * len(rows),
            strands,
        ]
    if features.summit is not None:
        # Signal, p and q are unknown here; -1 stands for "not given" in narrowPeak, and 0 for no signal.
        columns += [[value] * len(rows) for value in (0, -1, -1)] + [(features.summit - features.start).tolist()]
    text = "".join("\t".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))
    data = text.encode()
    Path(path).write_bytes(gzip.compress(data, mtime=0) if Path(path).suffix == ".gz" else data)


def _position(text: str) -> int:
    return int(text) if text.strip().isascii() and "_" not in text else int("not a number")


def _offset(text: str) -> int:
    offset = _position(text)
    if offset < -1:
        raise ValueError
    return offset


def _score(text: str) -> float:
    return float("nan") if text.strip() == "." else float(text)


def _fails(convert: Callable[[str], Any], value: str) -> bool:
    try:
        return bool(abs(convert(value)) >= 1 << 63)
    except ValueError:
        return True
