"""Measured effects of variants (CAGI5, saturation mutagenesis) with the sequence of both alleles around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palindra.data.files import read_text
from palindra.data.order import uniform
from palindra.errors import InputError
from palindra.probing.suites.contexts import Context, Pieces, WholeGenome
from palindra.probing.suites.declared import SuiteTask
from palindra.probing.suites.genomes import Genomes
from palindra.probing.suites.layouts import roots
from palindra.probing.suites.variant_rows import LEAST_BARCODES, VariantRow, read_challenge, read_release

PARTS = ("release", "challenge")
RELEASED = "whole release"
_LIMIT_STREAM = 313


@dataclass(frozen=True, eq=False)
class MeasuredVariants:
    """Single letters that were changed, what the change did, and both alleles in their surroundings.

    Args:
        element: name of the task.
        reference: windows with the reference letters.
        alternate: the same windows with the other letter.
        positions: of each variant, from 0 at the first letter of the element.
        effects: measured, log2 of alternate over reference.
        confidence: of the measurement, 0 to 1; NaN where it was not given.
        parts: "release", "challenge" or "combined" of each row.
        places: ``chr:position`` (from 1), reference and alternate letter.
        rows_read: rows of the files, before any was dropped.
        dropped: why rows were dropped, and how many.
        sha256: of the files.
    """

    element: str
    reference: list[str]
    alternate: list[str]
    positions: NDArray[np.int64]
    effects: NDArray[np.float64]
    confidence: NDArray[np.float64]
    parts: list[str]
    places: list[str]
    rows_read: int
    dropped: Mapping[str, int]
    sha256: str

    def __len__(self) -> int:
        return len(self.reference)


@dataclass(frozen=True)
class Frame:
    """How much is read around variants.

    Args:
        window: letters; None for the element as it is.
        centre: "element" (one window for all its variants) or "variant" (each in the middle, at ``window // 2``).

    Raises:
        InputError: for another centre, fewer than one letter, or a window of no length around each variant.
    """

    window: int | None = None
    centre: str = "element"

    def __post_init__(self) -> None:
        if self.centre not in ("element", "variant"):
            raise InputError(f"--centre {self.centre}: windows are centred on the element or on each variant.")
        if self.window is None and self.centre == "variant":
            raise InputError("--centre variant: say how many letters are read around each variant (--window).")
        if self.window is not None and self.window < 1:
            raise InputError(f"--window {self.window}: at least one letter is needed.")

    def around(self, task: SuiteTask) -> Callable[[int], tuple[int, int]]:
        """Start and end of the window of a position, all counted from 0."""
        first, last = _region(task)
        size = last - first if self.window is None else self.window
        middle = (first + last) // 2
        if self.centre == "variant":
            return lambda position: (position - size // 2, position - size // 2 + size)
        start = first if self.window is None else middle - size // 2
        return lambda position: (start, start + size)


def find_variants(task: SuiteTask, folder: Path) -> dict[Path, str]:
    """Files of an element -> the part that they hold; empty where there are none."""
    for root in roots(folder):
        for wanted in (PARTS, ("combined",)):
            paths = {
                root / f"{part}_{name}.tsv{suffix}": part
                for part in wanted
                for name in task.names
                for suffix in ("", ".gz")
            }
            found = {path: part for path, part in paths.items() if path.is_file()}
            if found:
                return found
        for path in (root / "variants.tsv.gz", root / "variants.tsv"):
            if path.is_file() and _name_in(task, path):
                return {path: RELEASED}
    return {}


def read_variants(
    task: SuiteTask,
    files: Mapping[Path, str],
    genomes: Genomes,
    frame: Frame,
    *,
    rows: int | None = None,
    seed: int = 0,
) -> tuple[MeasuredVariants, list[str]]:
    """The variants of an element, and what must be said beside results on them.

    Windows are centred on the element (Tang, 2024) or on each variant (the code released with it). Rows whose reference
    letter is not the letter of the genome are dropped and counted, as are rows outside the
    sequence that is known, letters other than A, C, G and T, and repeated rows.

    Raises:
        InputError: if no sequence is known around the element, or a row cannot be understood (file and line).
    """
    context = _context(task, files, genomes)
    given: list[VariantRow] = []
    hashes = []
    for path, part in files.items():
        digest, found = (read_release if part == RELEASED else read_challenge)(task, path, part)
        hashes.append(digest)
        given += found
    kept: dict[tuple[str, int, str], tuple[VariantRow, str, int]] = {}
    dropped: Counter[str] = Counter()
    stretch = frame.around(task)
    known = cache(context.window)  # windows of an element are the same one
    for row in given:
        start, end = stretch(row.position - 1)
        letters, place = known(row.chrom, start, end), row.position - 1 - start
        key = (row.chrom, row.position, row.alternate)
        if reason := _why_not(row, letters, place, key in kept):
            dropped[reason] += 1
        elif letters is not None:
            kept[key] = (row, letters, place)
    if not kept:
        reasons = ", ".join(f"{reason} {count}" for reason, count in dropped.items())
        raise InputError(f"{task.name}: none of {len(given)} rows of {next(iter(files))} can be used ({reasons}).")
    warnings = [f"{count:,} of {len(given):,} rows are dropped: {reason}." for reason, count in sorted(dropped.items())]
    if RELEASED in files.values():
        warnings.append(
            f"these are values of the whole release (Kircher et al. 2019; at least {LEAST_BARCODES} barcodes), not "
            "those of the challenge."
        )
    chosen = list(kept.values())
    if rows is not None and len(chosen) > rows:
        order = uniform(seed, 0, np.arange(len(chosen)), _LIMIT_STREAM).argsort(kind="stable")[:rows]
        chosen = [chosen[place] for place in sorted(order.tolist())]
        warnings.append(f"only {rows:,} variants are used (--rows): not comparable with any published figure.")
    filled = sum("N" in letters for _, letters, _ in chosen)
    if filled:
        warnings.append(f"{filled:,} windows leave the sequence that is known, and are filled with N there.")
    return _measured(task, chosen, len(given), dropped, "+".join(hashes)), warnings


def _measured(
    task: SuiteTask, chosen: list[tuple[VariantRow, str, int]], rows_read: int, dropped: Counter[str], sha256: str
) -> MeasuredVariants:
    first = _region(task)[0]
    return MeasuredVariants(
        element=task.name,
        reference=[letters for _, letters, _ in chosen],
        alternate=[letters[:place] + row.alternate + letters[place + 1 :] for row, letters, place in chosen],
        positions=np.array([row.position - 1 - first for row, _, _ in chosen], dtype=np.int64),
        effects=np.array([row.value for row, _, _ in chosen]),
        confidence=np.array([row.confidence for row, _, _ in chosen]),
        parts=[row.part for row, _, _ in chosen],
        places=[f"{row.chrom}:{row.position} {row.reference}>{row.alternate}" for row, _, _ in chosen],
        rows_read=rows_read,
        dropped=dict(dropped),
        sha256=sha256,
    )


def _why_not(row: VariantRow, letters: str | None, place: int, repeated: bool) -> str:
    if row.reference not in "ACGT" or row.alternate not in "ACGT" or len(row.reference + row.alternate) != 2:
        return "not the change of one letter"
    if letters is None or not 0 <= place < len(letters) or letters[place] == "N":
        return "outside the sequence that is known"
    if letters[place] != row.reference:
        return "the base of the genome is not Ref"
    return "repeated" if repeated else ""


def _region(task: SuiteTask) -> tuple[int, int]:
    """First letter of an element, and the one after its last, counted from 0."""
    first, last = task.region.rpartition(":")[2].split("-")
    return int(first) - 1, int(last)


def _context(task: SuiteTask, files: Mapping[Path, str], genomes: Genomes) -> Context:
    assembly = task.genomes["all"]
    if genomes.find(assembly) is not None:
        return WholeGenome(genomes.open(assembly, task.name))
    folders = dict.fromkeys(path.parent for path in files)
    paths = [
        path
        for folder in folders
        for pattern in ("*.fa", "*.fasta", "*.fa.gz")
        for path in sorted(folder.glob(pattern))
    ]
    pieces = Pieces.read(paths)
    if not len(pieces):
        return WholeGenome(genomes.open(assembly, f"{task.name} (no FASTA of elements beside the table, either)"))
    return pieces


def _name_in(task: SuiteTask, path: Path) -> bool:
    return any(line.partition("\t")[0] in task.names for line in read_text(path).lines)
