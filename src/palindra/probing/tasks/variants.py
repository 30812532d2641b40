"""Variants with measured effects, to be scored without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.data.fasta import read_fasta
from palindra.errors import InputError
from palindra.probing.tasks.reading import column, number_column, read_table, sequence_column

Array = NDArray[Any]

CAGI5_ZERO_SHOT = ("LDLR", "SORT1", "F9", "PKLR")  # of the thesis: HepG2 (averaged) and K562
FEWEST_BARCODES = 10


@dataclass(frozen=True, eq=False)
class VariantTask:
    """Windows with and without a variant, and what the variant was measured to do.

    Args:
        name: as reports print it.
        reference: windows.
        alternate: the same windows with the variant.
        effects: measured, signed ``(rows,)``.
        elements: name of the experiment of each row; correlations are within one.
        positions: of the variant in the window, from 0; rows of one element and position are drawn together.
        symmetric: whether the effect is the same for the other strand.
        notes: what a reader of results has to know.
        citation: where the measurements come from.
    """

    name: str
    reference: list[str]
    alternate: list[str]
    effects: NDArray[np.float64]
    elements: NDArray[np.str_]
    positions: NDArray[np.int64]
    symmetric: bool | None = True
    notes: tuple[str, ...] = ()
    citation: str = ""

    def __post_init__(self) -> None:
        rows = len(self.reference)
        for name in ("alternate", "effects", "elements", "positions"):
            if len(getattr(self, name)) != rows:
                raise ValueError(f"{rows} references but {len(getattr(self, name))} {name}: one for each is needed.")
        if not rows:
            raise InputError(f"{self.name}: there is no variant.")
        if not np.isfinite(self.effects).all():
            row = int(np.argmin(np.isfinite(self.effects)))
            raise InputError(f"{self.name}: the effect of variant {row + 1} is {self.effects[row]}. Remove the row.")

    kind = "variants"

    def __len__(self) -> int:
        return len(self.reference)


def variant_table(path: str | Path, *, name: str = "variants") -> VariantTask:
    """Variants of a user's table (Tang, 2024, task 3).

    Args:
        path: a table with columns ``reference`` and ``alternate`` (windows, letters), ``effect`` (signed number) and,
            where there are several experiments, ``element``.
        name: of the task.

    Raises:
        InputError: for everything that cannot be used, with file and line.
    """
    table = read_table(path)
    reference, alternate = sequence_column(table, "reference"), sequence_column(table, "alternate")
    effects = number_column(table, "effect")
    for row, (one, two) in enumerate(zip(reference, alternate, strict=True)):
        if one == two:
            raise InputError(f"{table.where(row)}: reference and alternate are the same. Remove the row.")
        if np.isnan(effects[row]):
            raise InputError(f"{table.where(row)}: the effect is missing. Remove the row.")
    elements = column(table, "element") if "element" in table.columns else ["all"] * len(reference)
    return VariantTask(
        name=name,
        reference=reference,
        alternate=alternate,
        effects=effects,
        elements=np.array(elements, dtype=np.str_),
        positions=np.array([_first_difference(*pair) for pair in zip(reference, alternate, strict=True)]),
        citation="Tang (2024), task 3",
    )


def saturation_mutagenesis(
    folder: str | Path,
    *,
    elements: Sequence[str] | None = None,
    fewest_barcodes: int = FEWEST_BARCODES,
    name: str = "saturation mutagenesis",
) -> VariantTask:
    """Single-letter variants of regulatory elements with their log2 effects.

    Args:
        folder: with ``variants.tsv.gz`` (element, pos_in_element from 1, ref, alt, barcodes, log2_effect; "-" deletes)
            and ``elements.fa.gz`` (the wild type of each element); either may be unpacked.
        elements: which are used (default: all), e.g. ``CAGI5_ZERO_SHOT``.
        fewest_barcodes: of a variant that is used.
        name: of the task.

    Raises:
        InputError: for a variant whose reference letter is not in its element, with file and line.

    Source: Kircher et al. (2019).
    """
    table = read_table(_either(Path(folder), "variants.tsv"))
    fasta, _ = read_fasta(_either(Path(folder), "elements.fa"))
    wild_types = {record.name.split()[0]: record.sequence.upper() for record in fasta}
    names = column(table, "element")
    chosen = list(dict.fromkeys(names)) if elements is None else list(elements)
    unknown = [element for element in chosen if element not in set(names)]
    if unknown:
        raise InputError(f"{table.name}: no element {unknown[0]!r}; it has {', '.join(dict.fromkeys(names))}.")
    places, barcodes = number_column(table, "pos_in_element"), number_column(table, "barcodes")
    effects = number_column(table, "log2_effect")
    ref, alt = column(table, "ref"), column(table, "alt")
    kept: list[int] = []
    deleted = few = 0
    for row, element in enumerate(names):
        if element not in chosen:
            continue
        if element not in wild_types:
            raise InputError(f"{table.where(row)}: element {element!r} has no sequence among {', '.join(wild_types)}.")
        place = int(places[row]) - 1
        there = wild_types[element][place : place + 1] if place >= 0 else ""
        if not there or there != ref[row].upper():
            raise InputError(
                f"{table.where(row)}: reference {ref[row]!r} at position {place + 1} of {element} is "
                f"{there or 'nothing'!r} in its sequence. Do both files belong together?"
            )
        if not barcodes[row] >= fewest_barcodes or np.isnan(effects[row]):
            few += 1
        elif alt[row].upper() not in "ACGT" or len(alt[row]) != 1:
            deleted += 1
        else:
            kept.append(row)
    windows = [wild_types[names[row]] for row in kept]
    at = [int(places[row]) - 1 for row in kept]
    changed = [w[:p] + alt[row].upper() + w[p + 1 :] for w, p, row in zip(windows, at, kept, strict=True)]
    return VariantTask(
        name=name,
        reference=windows,
        alternate=changed,
        effects=effects[kept],
        elements=np.array([names[row] for row in kept], dtype=np.str_),
        positions=np.array(at, dtype=np.int64),
        notes=(
            f"{len(kept)} single-letter variants; left out: {few} with fewer than {fewest_barcodes} barcodes or "
            f"without an effect, {deleted} deletions.",
        ),
        citation="Kircher et al. (2019)",
    )


def _either(folder: Path, name: str) -> Path:
    """The file with or without .gz."""
    found = [path for path in (folder / f"{name}.gz", folder / name) if path.is_file()]
    if not found:
        raise InputError(f"{folder}: neither {name}.gz nor {name} is there.")
    return found[0]


def _first_difference(one: str, two: str) -> int:
    same = (place for place, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
    return next(same, min(len(one), len(two)) - 1)
