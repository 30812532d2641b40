"""What is known of each molecule already, so that an interrupted command goes on where it was."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.cli.fold.folding import Folded
from palindra.cli.fold.molecules import Molecule
from palindra.data.rna import Pairs

WORK = "work"


def stored_path(partial: Path, number: int) -> Path:
    """Where the result of a molecule waits until all are there."""
    return partial / WORK / f"{number:06d}.npz"


def store(path: Path, folded: Folded) -> None:
    """Write the result of one molecule whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    arrays: dict[str, Any] = {} if folded.rnafold is None else {"rnafold": _array(folded.rnafold)}
    arrays |= {} if folded.energy is None else {"energy": np.float64(folded.energy)}
    with partial.open("wb") as file:
        np.savez(
            file,
            letters=_letters(folded.molecule),
            pairs=_array(folded.pairs),
            first=folded.first,
            second=folded.second,
            probability=folded.probability,
            unpaired=folded.unpaired,
            largest_sum=folded.largest_sum,
            **arrays,
        )
    partial.replace(path)


def restore(path: Path, molecule: Molecule) -> Folded | None:
    """What was written, or None where there is nothing that can be used."""
    try:
        with np.load(path, allow_pickle=False) as held:
            if held["letters"] != _letters(molecule):
                return None
            return Folded(
                molecule,
                _pairs(held["pairs"]),
                held["first"],
                held["second"],
                held["probability"],
                held["unpaired"],
                float(held["largest_sum"]),
                _pairs(held["rnafold"]) if "rnafold" in held else None,
                float(held["energy"]) if "energy" in held else None,
            )
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _letters(molecule: Molecule) -> str:
    return hashlib.sha256(molecule.sequence.encode()).hexdigest()


def _array(pairs: Pairs) -> NDArray[np.int64]:
    return np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)


def _pairs(array: NDArray[np.int64]) -> Pairs:
    return tuple((int(i), int(j)) for i, j in array)
