"""One chain of a PDB or mmCIF file as residues with the places of their C-alpha and C-beta atoms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from palindra.data.files import read_text
from palindra.data.proteins.atoms import AtomTable, read_atoms
from palindra.errors import InputError

_BONDED = 4.5  # Angstrom between the C-alpha atoms of neighbours in a chain: 3.8, or 2.9 with a cis peptide
_MOST_MISSING = 500

Missing = Literal["error", "mask"]


@dataclass(frozen=True)
class Chain:
    """The residues of one chain in order; what is not resolved has NaN.

    Args:
        source: the file.
        name: of the chain.
        sequence: one letter per residue, X where it is unknown.
        numbers: of the residues in the file.
        alpha: places of the C-alpha atoms in Angstrom, (residues, 3).
        beta: of the C-beta atoms, of C-alpha in glycine.
    """

    source: str
    name: str
    sequence: str
    numbers: NDArray[np.int64]
    alpha: NDArray[np.float64]
    beta: NDArray[np.float64]


@dataclass(frozen=True)
class _Residue:
    letter: str
    title: str
    number: int
    line: int
    alpha: NDArray[np.float64]
    beta: NDArray[np.float64]

    @property
    def lacks(self) -> str:
        return "C-alpha" if np.isnan(self.alpha).any() else "C-beta" if np.isnan(self.beta).any() else ""


def read_structure(path: str | Path, chain: str | None = None, *, missing: Missing = "error") -> Chain:
    """Read a chain from a PDB or mmCIF file, gzipped or not.

    The first model is read; of alternative places of an atom the one with the highest occupancy, the first of equals.
    Waters and ligands are left out; modified residues such as selenomethionine count as the residue they stand for.

    Args:
        path: the file; one that begins with ``data_`` is mmCIF.
        chain: its name (in mmCIF the author's); None if there is only one.
        missing: "error" refuses residues without C-alpha or C-beta atom and gaps in the numbering; "mask" gives them
            NaN, and the letter X to residues that the numbering leaves out. Where the numbering jumps but the two
            residues are bonded, nothing is missing.

    Raises:
        InputError: with file and line, for such residues, other chains, chains that are no protein, and broken files.
    """
    text = read_text(path)
    table = read_atoms(text).one_chain(chain)
    residues = [_residue(atoms) for atoms in table.residues()]
    if missing == "error":
        for residue in residues:
            if residue.lacks:
                raise InputError(
                    f"{text.name} line {residue.line}: residue {residue.title} has no {residue.lacks} atom, so its "
                    "contacts are unknown. Mend the file, or read it with missing='mask', which leaves the residue "
                    "out of all scores."
                )
    complete = list(_with_missing(residues, text.name, missing))
    return Chain(
        source=text.name,
        name=table.chain[0],
        sequence="".join(residue.letter for residue in complete),
        numbers=np.array([residue.number for residue in complete]),
        alpha=np.stack([residue.alpha for residue in complete]),
        beta=np.stack([residue.beta for residue in complete]),
    )


def _residue(atoms: AtomTable) -> _Residue:
    nowhere = np.full(3, np.nan)
    places: dict[str, NDArray[np.float64]] = {}
    best: dict[str, float] = {}
    for name, place, occupancy in zip(atoms.atom, atoms.place, atoms.occupancy, strict=True):
        if occupancy > best.get(name, -1.0):
            best[name], places[name] = occupancy, place
    alpha = places.get("CA", nowhere)
    beta = alpha if atoms.letter[0] == "G" else places.get("CB", nowhere)
    title = f"{atoms.residue[0]} {atoms.number[0]}{atoms.insertion[0]}"
    return _Residue(atoms.letter[0], title, int(atoms.number[0]), int(atoms.line[0]), alpha, beta)


def _with_missing(residues: list[_Residue], source: str, missing: Missing) -> Iterator[_Residue]:
    """The residues with, in place of each gap in the numbering, residues that are not resolved."""
    nowhere = np.full(3, np.nan)
    yield residues[0]
    for before, after in pairwise(residues):
        step = after.number - before.number
        distance = float(np.linalg.norm(after.alpha - before.alpha))
        # Residues with the same number have insertion codes; an unknown distance cannot excuse a jump.
        if step not in (0, 1) and not distance <= _BONDED:
            _require_masked(before, after, step, source, missing)
            for number in range(before.number + 1, after.number):
                yield _Residue("X", f"X {number}", number, after.line, nowhere, nowhere)
        yield after


def _require_masked(before: _Residue, after: _Residue, step: int, source: str, missing: Missing) -> None:
    where = f"{source} line {after.line}: the numbering goes from {before.title} to {after.title}"
    if step < 0 or step > _MOST_MISSING:
        raise InputError(
            f"{where} without a bond between them, so it is unknown how many residues are missing. Number the residues "
            "in the order of the sequence, or cut the chain into two files."
        )
    if missing == "error":
        raise InputError(
            f"{where}: {step - 1} residue(s) between them are not resolved. Read the file with missing='mask', which "
            "keeps their places and leaves them out of all scores, or mend the file."
        )
