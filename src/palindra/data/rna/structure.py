"""A secondary structure: letters and the pairs of bases that hold each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from palindra.data.rna.letters import check_rna, read_letters
from palindra.errors import InputError

Pairs = tuple[tuple[int, int], ...]
"""Positions from 0 of bases that pair, the smaller one first, sorted; no position occurs twice."""


@dataclass(frozen=True)
class Structure:
    """An RNA with its base pairs, checked when it is made; two are equal if all they say is equal.

    Args:
        name: of the molecule.
        sequence: letters as they were written (T, small letters and ambiguity codes are kept; ``letters`` reads them).
        pairs: positions from 0, in any order and either way round; kept sorted with the smaller one first.
        family: of the molecule, such as 5S, or None where not known.

    Raises:
        InputError: for letters that are not RNA, a position out of range, a base paired with itself or twice.

    Examples:
        >>> hairpin = Structure("hairpin", "GGGAAATCC", [(8, 0), (1, 7)])
        >>> hairpin.pairs, hairpin.letters, len(hairpin)
        (((0, 8), (1, 7)), 'GGGAAAUCC', 9)
        >>> Structure("knot", "GGGAAATCC", [(0, 8), (1, 8)])
        Traceback (most recent call last):
        palindra.errors.InputError: knot: base 9 is paired twice, with base 1 and with base 2. A base has ...
    """

    name: str
    sequence: str
    pairs: Pairs = ()
    family: str | None = None

    def __init__(
        self, name: str, sequence: str, pairs: Iterable[Sequence[int]] = (), family: str | None = None
    ) -> None:
        check_rna(sequence, name)
        for key, value in (("name", name), ("sequence", sequence), ("family", family)):
            object.__setattr__(self, key, value)
        object.__setattr__(self, "pairs", check_pairs(pairs, len(sequence), name))

    def __len__(self) -> int:
        return len(self.sequence)

    @cached_property
    def letters(self) -> str:
        """The sequence in A C G U X."""
        return read_letters(self.sequence)

    @cached_property
    def pair_array(self) -> NDArray[np.int64]:
        """The pairs as an array ``(pairs, 2)`` that cannot be written."""
        array = np.array(self.pairs, dtype=np.int64).reshape(-1, 2)
        array.flags.writeable = False
        return array

    @cached_property
    def partners(self) -> NDArray[np.int64]:
        """The position that each base pairs with, -1 for none ``(length,)``; cannot be written."""
        partners = np.full(len(self), -1, dtype=np.int64)
        first, second = self.pair_array.T
        partners[first], partners[second] = second, first
        partners.flags.writeable = False
        return partners

    def pair_map(self) -> NDArray[np.bool_]:
        """Which bases pair, a symmetric map ``(length, length)``."""
        return pair_map(self.pairs, len(self))


def pair_map(pairs: Pairs, length: int) -> NDArray[np.bool_]:
    """Pairs as a symmetric map ``(length, length)``.

    Examples:
        >>> pair_map(((0, 2),), 3).astype(int)
        array([[0, 0, 1],
               [0, 0, 0],
               [1, 0, 0]])
    """
    paired = np.zeros((length, length), dtype=np.bool_)
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    paired[first, second] = paired[second, first] = True
    return paired


def check_pairs(pairs: Iterable[Sequence[int]], length: int, place: str) -> Pairs:
    """Sort pairs and make sure that each is within a sequence and no base is in two of them.

    Args:
        pairs: positions from 0, either way round.
        length: of the sequence.
        place: file and line, or the name, for the message; bases are counted from 1 there, as files do.

    Raises:
        InputError: says which bases.

    Examples:
        >>> check_pairs([(5, 1), (0, 6)], 7, "line 3")
        ((0, 6), (1, 5))
    """
    ordered = sorted((min(pair), max(pair)) for pair in ((int(first), int(second)) for first, second in pairs))
    partner: dict[int, int] = {}
    for i, j in ordered:
        if i < 0 or j >= length:
            raise InputError(
                f"{place}: the pair {i + 1}-{j + 1} is out of range: the sequence has bases 1 to {length}. Is it the "
                "structure of another sequence, or counted from 0?"
            )
        if i == j:
            raise InputError(f"{place}: base {i + 1} is paired with itself. Write it as unpaired.")
        for base, other in ((i, j), (j, i)):
            if base in partner:
                raise InputError(
                    f"{place}: base {base + 1} is paired twice, with base {partner[base] + 1} and with base "
                    f"{other + 1}. A base has one partner at most: remove one of the pairs."
                )
            partner[base] = other
    return tuple(ordered)


def pairs_from_partners(partners: Sequence[int], place: Callable[[int], str]) -> Pairs:
    """Pairs from the partner of every base, as bpseq and ct files give it.

    Args:
        partners: for each base the number of its partner, from 1, or 0 for none.
        place: file and line of a base (from 0), for messages.

    Raises:
        InputError: for a partner out of range, a base that is its own partner, and partners that are not mutual.

    Examples:
        >>> pairs_from_partners([3, 0, 1], lambda base: f"line {base + 1}")
        ((0, 2),)
        >>> pairs_from_partners([3, 3, 1], lambda base: f"line {base + 1}")
        Traceback (most recent call last):
        palindra.errors.InputError: line 2: base 2 names base 3 as its partner, which is paired with base 1 already...
    """
    for base, partner in enumerate(partners, start=1):
        if partner == 0:
            continue
        if not 0 < partner <= len(partners):
            raise InputError(
                f"{place(base - 1)}: base {base} names base {partner} as its partner, which is out of range: there are "
                f"bases 1 to {len(partners)}, and 0 means unpaired."
            )
        if partner == base:
            raise InputError(f"{place(base - 1)}: base {base} names itself as its partner. Write 0 for unpaired.")
        back = partners[partner - 1]
        if back != base:
            says = f"is paired with base {back} already" if back else "says that it is unpaired"
            raise InputError(
                f"{place(base - 1)}: base {base} names base {partner} as its partner, which {says} "
                f"({place(partner - 1)}). Partners must name each other, and each base has one at most."
            )
    return tuple((base, partner - 1) for base, partner in enumerate(partners) if partner - 1 > base)
