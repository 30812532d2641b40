"""Patterns at places of a sequence: the edit that global importance analysis consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from palindra.errors import InputError
from palindra.sequences import encode, reverse_complement
from palindra.sequences.alphabet import Codes

_KEEP = 4  # code of N, under which the background shows


@dataclass(frozen=True)
class Insert:
    """A pattern that begins at a position, counted from 0.

    Args:
        pattern: letters A, C, G, T, and N where the background stays.
        start: position of its first letter.

    Raises:
        InputError: for any other letter, none at all, or a position before the first.

    Examples:
        >>> Insert("TGANTCA", 2).mirrored(12)
        Insert(pattern='TGANTCA', start=3)
    """

    pattern: str
    start: int

    def __post_init__(self) -> None:
        if not self.pattern or set(self.pattern.upper()) - set("ACGTN"):
            raise InputError(
                f"the pattern {self.pattern!r} is written with A, C, G, T, and N where the background stays; other "
                "letters stand for several patterns, of which each is asked for by itself."
            )
        if self.start < 0:
            raise InputError(f"the pattern {self.pattern} would begin at position {self.start}, before the first.")

    @property
    def end(self) -> int:
        """Position behind its last letter."""
        return self.start + len(self.pattern)

    def mirrored(self, length: int) -> Insert:
        """The same insert, read from the other strand of a sequence of this length."""
        return Insert(reverse_complement(self.pattern), length - self.end)


Construct = Sequence[Insert]


def middle(pattern: str, length: int) -> int:
    """Where a pattern begins that stands in the middle of a sequence.

    When there are two middles, a pattern and its reverse complement get the two that are one another's mirror image,
    so that both make the same molecule.

    Raises:
        InputError: for a pattern longer than the sequence.

    Examples:
        >>> middle("AAC", 10), middle("GTT", 10), middle("AACC", 10)
        (3, 4, 3)
    """
    check_fits(len(pattern), length, f"the pattern {pattern}")
    earlier = (length - len(pattern)) // 2
    first = pattern.upper() <= reverse_complement(pattern.upper())
    return earlier if first else length - len(pattern) - earlier


def check_fits(needed: int, length: int, what: str) -> None:
    """Make sure that something fits into the sequences, see :class:`palindra.errors.InputError`."""
    if needed > length:
        raise InputError(
            f"{what} needs {needed} letters and the sequences have {length}: shorten it, or give longer sequences "
            "if the model takes them."
        )


def check_construct(construct: Construct, length: int) -> None:
    """Make sure that all inserts lie inside the sequence and apart from each other.

    Raises:
        InputError: otherwise; letters of one pattern overwritten by another would be a third pattern.
    """
    for insert in construct:
        check_fits(insert.end, length, f"the pattern {insert.pattern} at position {insert.start}")
    ordered = sorted(construct, key=lambda insert: insert.start)
    for left, right in pairwise(ordered):
        if left.end > right.start:
            raise InputError(
                f"{left.pattern} at position {left.start} and {right.pattern} at {right.start} overlap: the second "
                f"can begin at {left.end} or later."
            )


def embed(codes: Codes, construct: Construct) -> Codes:
    """Copies of sequences ``(rows, length)`` with every insert written into them.

    Raises:
        InputError: for inserts that do not fit or overlap.

    Examples:
        >>> from palindra.sequences import decode_codes
        >>> decode_codes(embed(encode(["AAAAAA"]), [Insert("CNC", 0), Insert("T", 5)]))
        ['CACAAT']
    """
    check_construct(construct, codes.shape[1])
    written = codes.copy()
    write(written, construct)
    return written


def write(codes: Codes, construct: Construct) -> None:
    """Write inserts that were checked into the sequences themselves."""
    for insert in construct:
        letters = encode([insert.pattern])[0]
        known = np.flatnonzero(letters != _KEEP)
        codes[:, insert.start + known] = letters[known]
