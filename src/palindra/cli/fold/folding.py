"""One molecule through a model: probabilities, pairs, what RNAfold says, and what to be careful with."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palindra.cli.fold.folder import Folder, families_seen, longest_seen
from palindra.cli.fold.molecules import Molecule
from palindra.data.rna import Pairs, format_pairs, minimum_free_energy, read_letters
from palindra.errors import InputError
from palindra.evaluation.pairs import DECODERS, decode

_BYTES_PER_PAIR = 150  # of two bases: maps of several energies, and lists of numbers that are made into them
_UNCERTAIN = 0.05  # share of letters that are not A C G U from which on it is said
_OVERFULL = 1.25  # sum of the chances of one base from which on it is said
_UNSURE = 0.6  # mean probability of the chosen pairs below which it is said


@dataclass(frozen=True)
class Choice:
    """How pairs are chosen from probabilities, and which probabilities are written."""

    decoder: str = "matching"
    threshold: float = 0.5
    minimum_loop: int = 3
    canonical: bool = True
    floor: float = 0.01
    rnafold: bool = True


@dataclass(frozen=True, eq=False)
class Folded:
    """A molecule with its predicted structure.

    Args:
        molecule: what was folded.
        pairs: the predicted structure.
        first: smaller position, from 0, of each pair whose probability is written.
        second: larger position of each.
        probability: of each, ``(pairs,)``.
        unpaired: chance of each base to be in no pair ``(length,)``: one minus the sum of its row, at least 0.
        largest_sum: of the probabilities of one base; above 1 the map contradicts itself there.
        rnafold: pairs of the structure of minimum free energy, None where it was not computed.
        energy: its free energy in kcal/mol.
    """

    molecule: Molecule
    pairs: Pairs
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    probability: NDArray[np.float32]
    unpaired: NDArray[np.float32]
    largest_sum: float
    rnafold: Pairs | None = None
    energy: float | None = None

    @property
    def certainty(self) -> float | None:
        """Mean probability of the predicted pairs, None without any."""
        chance = dict(zip(zip(self.first.tolist(), self.second.tolist(), strict=True), self.probability, strict=True))
        return float(np.mean([chance[pair] for pair in self.pairs])) if self.pairs else None

    @property
    def gc(self) -> float:
        """Share of G and C."""
        letters = read_letters(self.molecule.sequence)
        return (letters.count("G") + letters.count("C")) / len(letters)


def fold_molecule(folder: Folder, molecule: Molecule, choice: Choice) -> tuple[Folded, NDArray[np.float32]]:
    """The structure of a molecule, and the whole map of probabilities.

    Raises:
        InputError: if memory runs out, or the pairs are no structure, with the place of the molecule.
    """
    try:
        table = folder.probabilities(molecule.sequence)
        pairs = decode(
            table,
            DECODERS[choice.decoder],
            threshold=choice.threshold,
            minimum_loop=choice.minimum_loop,
            canonical=molecule.sequence if choice.canonical else None,
        )
        energy = minimum_free_energy(molecule.sequence) if choice.rnafold else None
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        raise InputError(_too_long(molecule, "memory ran out")) from error
    check_levels(molecule, pairs)
    kept = np.triu(table >= choice.floor, 1)
    chosen = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    kept[chosen[:, 0], chosen[:, 1]] = True
    first, second = np.nonzero(kept)
    sums = table.sum(axis=1, dtype=np.float64)
    folded = Folded(
        molecule,
        pairs,
        first,
        second,
        table[first, second].astype(np.float32),
        np.clip(1 - sums, 0, 1).astype(np.float32),
        float(sums.max()),
        None if energy is None else energy.pairs,
        None if energy is None else energy.energy,
    )
    return folded, table


def check_levels(molecule: Molecule, pairs: Pairs) -> None:
    """Make sure that brackets can say which bases pair.

    Raises:
        InputError: if too many pairs cross each other.
    """
    try:
        format_pairs(pairs, len(molecule.sequence))
    except InputError as error:
        raise InputError(
            f"{molecule.place}: the {len(pairs):,} pairs of {molecule.name!r} cross so often that brackets cannot say "
            "them, which is no structure. Raise --threshold, or use --decoder nested."
        ) from error


def cautions(folded: Folded, folder: Folder) -> list[str]:
    """What a reader of this structure should know, in sentences."""
    molecule, found = folded.molecule, []
    length, longest, families = len(molecule.sequence), longest_seen(folder), families_seen(folder)
    if longest is not None and length > longest:
        found.append(f"Longer than any molecule in training: {length:,} bases, where the longest has {longest:,}.")
    same = {name.lower() for name in families}
    if molecule.family and families and molecule.family.lower() not in same:
        found.append(f"Family {molecule.family} was not in training, which had {', '.join(families)}.")
    uncertain = read_letters(molecule.sequence).count("X")
    if uncertain > _UNCERTAIN * length:
        found.append(f"{uncertain:,} of {length:,} letters are not A, C, G or U, and pair with nothing for certain.")
    if not folded.pairs:
        found.append("No pair is more probable than the threshold.")
    certainty = folded.certainty
    if certainty is not None and certainty < _UNSURE:
        found.append(f"The model is unsure: its pairs have a mean probability of {certainty:.2f}.")
    if folded.largest_sum > _OVERFULL:
        found.append(
            f"The chances of one base add up to {folded.largest_sum:.2f}, more than 1: several partners compete for it."
        )
    return found


def check_length(folder: Folder, molecule: Molecule) -> None:
    """Make sure that a model folds molecules as long as this one, and that its maps fit in the memory that is left.

    Raises:
        InputError: with the place of the molecule, and the length that would fit.
    """
    if folder.longest is not None and len(molecule.sequence) > folder.longest:
        raise InputError(
            f"{molecule.place}: {molecule.name!r} has {len(molecule.sequence):,} bases, and {folder.name} folds up to "
            f"{folder.longest:,}. Cut it into domains, or use another model."
        )
    left = memory_left()
    each = float(getattr(folder, "bytes_per_pair", _BYTES_PER_PAIR))
    length = len(molecule.sequence)
    if left is not None and length**2 * each > left:
        fits = int((left / each) ** 0.5)
        why = f"its maps need about {length**2 * each / 2**30:.1f} GiB and {left / 2**30:.1f} GiB are free"
        raise InputError(_too_long(molecule, f"{why}, which is enough for {fits:,} bases"))


def memory_left() -> int | None:
    """Bytes of memory that are free or can be freed, None where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123  (no file of the user)
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        try:
            return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, ValueError, OSError):
            return None


def _too_long(molecule: Molecule, why: str) -> str:
    return (
        f"{molecule.place}: {molecule.name!r} has {len(molecule.sequence):,} bases, too many for this machine: {why}. "
        "Cut it into domains, or use a machine with more memory."
    )
