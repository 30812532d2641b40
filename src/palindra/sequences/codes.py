"""Sequences as integer codes, one byte for each letter, and the checks that every letter is legal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from palindra.errors import InputError
from palindra.sequences.alphabet import DNA, ILLEGAL, Alphabet, Codes


def encode(sequences: Iterable[str], alphabet: Alphabet = DNA, *, names: Sequence[str] | None = None) -> Codes:
    """Turn sequences of one length into codes, one byte for each letter.

    Args:
        sequences: strings of one length, in capital or small letters.
        alphabet: the alphabet that they are written with.
        names: where each sequence came from, to be named in errors, e.g. ``"peaks.tsv line 17"``.

    Returns:
        Codes of shape (rows, length), see `Alphabet`.

    Raises:
        InputError: if there is no sequence, if one is empty, not text or of another length, or at the first letter
            that the alphabet does not have; the message names row, position (from 1) and letter.

    Examples:
        >>> encode(["ACGT", "ttNR"])
        array([[0, 1, 2, 3],
               [3, 3, 4, 5]], dtype=uint8)
    """
    rows = _rows(sequences, names)
    if not rows:
        raise InputError("there is no sequence to encode: at least one is needed.")
    length = len(rows[0])
    if len(set(map(len, rows))) != 1:
        odd_one = next(row for row, text in enumerate(rows) if len(text) != length)
        raise InputError(
            f"{_place(odd_one, names)} has {len(rows[odd_one])} letters but {_place(0, names)} has {length}: sequences "
            f"that are encoded together need one length. Cut them, or pad them with {alphabet.ambiguous[0][0]}."
        )
    if length == 0:
        raise InputError(f"{_place(0, names)} is an empty sequence: at least one letter is needed.")
    return _legal_codes(rows, alphabet, names).reshape(len(rows), length)


def decode_codes(codes: Codes, alphabet: Alphabet = DNA) -> list[str]:
    """Turn codes of shape (rows, length) back into strings in capital letters, the inverse of `encode`.

    Raises:
        ValueError: if the codes are not of that shape or not of this alphabet.

    Examples:
        >>> decode_codes(encode(["acgn"]))
        ['ACGN']
    """
    check_codes(codes, alphabet)
    symbols = np.frombuffer(alphabet.symbols.encode(), dtype=np.uint8)
    return [row.tobytes().decode() for row in symbols[codes]]


def check_letters(sequences: Iterable[str], alphabet: Alphabet = DNA, *, names: Sequence[str] | None = None) -> None:
    """Make sure that sequences of any lengths have accepted letters only; faster than encoding them.

    Raises:
        InputError: at the first letter that the alphabet does not have, see `encode`.

    Examples:
        >>> check_letters(["ACGT", "ACGTU"], names=["a.fa line 2", "a.fa line 4"])
        Traceback (most recent call last):
        ...
        palindra.errors.InputError: a.fa line 4: letter 'U' at position 5 is not DNA. DNA is written with ...
    """
    _legal_codes(_rows(sequences, names), alphabet, names)


def check_codes(codes: Codes, alphabet: Alphabet) -> None:
    """Make sure that an array holds codes of an alphabet in the shape (rows, length)."""
    if codes.dtype != np.uint8 or codes.ndim != 2:
        raise ValueError(f"codes are uint8 of shape (rows, length), not {codes.dtype} of shape {codes.shape}.")
    if codes.size and codes.max() >= len(alphabet.symbols):
        raise ValueError(
            f"code {codes.max()} is not {alphabet.name}, whose codes are 0 to {len(alphabet.symbols) - 1}."
        )


def _rows(sequences: Iterable[str], names: Sequence[str] | None) -> list[str]:
    if isinstance(sequences, str):
        raise InputError(f"a list of sequences is needed, not one string: write [{sequences[:12]!r}].")
    rows = list(sequences)
    if names is not None and len(names) != len(rows):
        raise ValueError(f"{len(names)} names were given for {len(rows)} sequences.")
    if not all(issubclass(kind, str) for kind in set(map(type, rows))):
        row = next(row for row, text in enumerate(rows) if not isinstance(text, str))
        raise InputError(f"{_place(row, names)} is {rows[row]!r} and not text: is a sequence missing from the table?")
    return rows


def _legal_codes(rows: list[str], alphabet: Alphabet, names: Sequence[str] | None) -> Codes:
    """The codes of all rows one after the other, or an error that names the first illegal letter."""
    # "replace" keeps one byte for each letter, so that positions hold; a bytearray makes the array writable.
    text = bytearray("".join(rows), "ascii", "replace")
    codes = np.frombuffer(text.translate(alphabet.byte_table), dtype=np.uint8)
    if codes.size and codes.max() == ILLEGAL:
        first = int((codes == ILLEGAL).argmax())
        ends = np.cumsum([len(row) for row in rows])
        row = int(np.searchsorted(ends, first, side="right"))
        position = first - int(ends[row]) + len(rows[row])
        letter = rows[row][position]
        raise InputError(
            f"{_place(row, names)}: letter {letter!r} at position {position + 1} is not {alphabet.name}. "
            + alphabet.refusal(letter)
        )
    return codes


def _place(row: int, names: Sequence[str] | None) -> str:
    return f"row {row}" if names is None else names[row]
