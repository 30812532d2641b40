"""The atoms of amino acids in a PDB or mmCIF file, each with the line it stands on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, fields
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.data.files import TextFile
from palindra.data.proteins.alignment import LETTERS
from palindra.data.proteins.library import biotite
from palindra.errors import InputError

_RECORDS = ("ATOM", "HETATM")
_COORDINATES = (("x", 30, 38), ("y", 38, 46), ("z", 46, 54))


@dataclass(frozen=True)
class AtomTable:
    """Columns of one length, one entry per atom, in the order of the file."""

    source: str
    chain: NDArray[np.str_]
    number: NDArray[np.int64]
    insertion: NDArray[np.str_]
    residue: NDArray[np.str_]  # three letters
    letter: NDArray[np.str_]
    atom: NDArray[np.str_]
    place: NDArray[np.float64]  # (atoms, 3)
    occupancy: NDArray[np.float64]
    line: NDArray[np.int64]

    def where(self, kept: NDArray[np.bool_] | slice) -> AtomTable:
        """The atoms that are kept."""
        columns = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "source"}
        return AtomTable(self.source, **{name: column[kept] for name, column in columns.items()})

    def one_chain(self, name: str | None) -> AtomTable:
        """The atoms of the named chain, or of the only one.

        Raises:
            InputError: if there is no such chain, or there are several and none is named.
        """
        chains = list(dict.fromkeys(self.chain.tolist()))
        if name is None and len(chains) == 1:
            return self
        if name not in chains:
            given = "no chain is named" if name is None else f"there is no protein chain {name!r}"
            raise InputError(
                f"{self.source}: {given}; its chains are {', '.join(map(repr, chains))}. Name one of them."
            )
        return self.where(self.chain == name)

    def residues(self) -> Iterator[AtomTable]:
        """The atoms of one residue after the other.

        Raises:
            InputError: if a residue comes twice.
        """
        keys = list(zip(self.number.tolist(), self.insertion.tolist(), strict=True))
        starts = [i for i, key in enumerate(keys) if i == 0 or key != keys[i - 1]]
        seen: dict[tuple[int, str], int] = {}
        for start, stop in zip(starts, [*starts[1:], len(keys)], strict=True):
            line = int(self.line[start])
            if keys[start] in seen:
                title = f"{self.residue[start]} {keys[start][0]}{keys[start][1]}"
                raise InputError(
                    f"{self.source} line {line}: residue {title} of chain {self.chain[start]!r} came before, on line "
                    f"{seen[keys[start]]}. Number the residues apart."
                )
            seen[keys[start]] = line
            yield self.where(slice(start, stop))


def read_atoms(text: TextFile) -> AtomTable:
    """The atoms of all amino acids of the first model of a file.

    Raises:
        InputError: if the file is broken, or has residues that are neither protein nor marked as ligands.
    """
    cif = next((line for line in text.lines if line.strip() and not line.startswith("#")), "").startswith("data_")
    lines = np.array([n for n, line in enumerate(text.lines, start=1) if line.startswith(_RECORDS)], dtype=np.int64)
    if not len(lines):
        raise InputError(f"{text.name}: has no line ATOM. A structure as a PDB or mmCIF file is needed.")
    if not cif:
        _require_coordinates(text, lines)
    content = StringIO("\n".join(text.lines) + "\n")
    pdb, pdbx = biotite("structure.io.pdb"), biotite("structure.io.pdbx")
    wanted: dict[str, Any] = {"model": 1, "altloc": "all", "extra_fields": ["occupancy"]}
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # without occupancies all are 1, as needed
            if cif:
                array = pdbx.get_structure(pdbx.CIFFile.read(content), **wanted)
            else:
                array = pdb.PDBFile.read(content).get_structure(**wanted)
    except Exception as error:  # files that are not what they seem fail in biotite in many ways
        kind = "mmCIF" if cif else "PDB"
        raise InputError(f"{text.name}: cannot be read as {kind} ({type(error).__name__}: {error}).") from error
    codes = {name: biotite("structure.info").one_letter_code(name) or "X" for name in set(array.res_name.tolist())}
    table = AtomTable(
        source=text.name,
        chain=array.chain_id,
        number=array.res_id,
        insertion=array.ins_code,
        residue=array.res_name,
        letter=np.array([codes[name] if codes[name] in LETTERS else "X" for name in array.res_name.tolist()]),
        atom=array.atom_name,
        place=array.coord.astype(np.float64),
        occupancy=array.occupancy.astype(np.float64),
        line=lines[: array.array_length()],
    )
    protein = biotite("structure").filter_amino_acids(array)
    other = np.flatnonzero(~protein & ~array.hetero)
    if len(other):
        at = other[0]
        raise InputError(
            f"{text.name} line {table.line[at]}: residue {table.residue[at]} {table.number[at]} is no amino acid. "
            "Contacts are read from protein chains: remove the others, or mark ligands as HETATM."
        )
    if not protein.any():
        raise InputError(f"{text.name}: has no amino acid among its {len(protein)} atoms. A protein is needed.")
    return table.where(protein)


def _require_coordinates(text: TextFile, lines: NDArray[np.int64]) -> None:
    """Biotite does not say on which line a number is broken."""
    for number in lines.tolist():
        line = text.lines[number - 1]
        for axis, start, stop in _COORDINATES:
            try:
                float(line[start:stop])
            except ValueError:
                raise InputError(
                    f"{text.name} line {number}: {line[start:stop]!r} in columns {start + 1} to {stop} is not the "
                    f"{axis} coordinate of an atom. PDB files have fixed columns: write the file again with the "
                    "program that made it, or give it as mmCIF."
                ) from None
