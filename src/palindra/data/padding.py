"""Sequences of one length: checked, or padded with N on both sides alike."""

from __future__ import annotations

from typing import Literal

from palindra.data.records import Where
from palindra.errors import InputError

Pad = int | Literal["longest"] | None


def pad_sequences(sequences: list[str], pad: Pad, letter: str, where: Where) -> list[str]:
    """Bring sequences to one length with as many ambiguous letters before as after them.

    A sequence and its reverse complement then stay reverse complements of each other. That is possible only if the
    missing letters are even in number; a sequence one letter off centre would be read differently on its two strands.

    Args:
        sequences: any lengths.
        pad: the length they are brought to, "longest" for that of the longest, or None for no padding.
        letter: what is added, N for DNA.
        where: names the place of a row.

    Raises:
        InputError: if the lengths differ and ``pad`` is None, if a sequence is longer than ``pad``, or if a sequence
            cannot be centred.

    Examples:
        >>> pad_sequences(["ACGT", "AC"], "longest", "N", where=lambda row: f"line {row + 1}")
        ['ACGT', 'NACN']
    """
    lengths = [len(sequence) for sequence in sequences]
    other = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
    if pad is None:
        if other is not None:
            raise InputError(
                f"{where(0)} has {lengths[0]} letters but {where(other)} has {lengths[other]}: sequences of one length "
                f"are needed. Pad them with {letter} on both sides (pad='longest' or a length; --pad), or trim them."
            )
        return sequences
    window = max(lengths) if pad == "longest" else pad
    if not isinstance(window, int) or window < 1:
        raise InputError(f"pad={pad!r}: give a length of at least 1, or 'longest'.")
    for row, length in enumerate(lengths):
        if length > window:
            raise InputError(
                f"{where(row)} has {length} letters, more than the window of {window}: give a longer window (--pad "
                f"{max(lengths)} or --pad longest) or trim the sequence."
            )
        if (window - length) % 2:
            raise InputError(
                f"{where(row)} has {length} letters, which cannot be centred in a window of {window}: the sequence "
                f"would sit off centre on one strand. {_way_out(lengths, row, window, where)}"
            )
    return [letter * ((window - len(s)) // 2) + s + letter * ((window - len(s)) // 2) for s in sequences]


def _way_out(lengths: list[int], row: int, window: int, where: Where) -> str:
    """What to do about a sequence that the window does not centre: another window, or trimming where none fits all."""
    fits = next((n for n, length in enumerate(lengths) if (length - lengths[row]) % 2), None)
    if fits is None:
        return (
            f"All lengths are {'odd' if lengths[row] % 2 else 'even'}, so give such a window, e.g. --pad {window + 1}."
        )
    return (
        f"No window fits all, because {where(fits)} has {lengths[fits]} letters: lengths must be all even or all odd, "
        "as the window is. Trim one letter where they are not."
    )
