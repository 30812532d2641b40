"""The five letters of RNA with known structure: A, C, G, U, and X for every base that is not certain."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.sequences import RNA

LETTERS = "ACGUX"
CANONICAL = frozenset({"AU", "UA", "CG", "GC", "GU", "UG"})
LowerCase = Literal["letter", "X"]

_SIGNS = RNA.symbols + "TX"
_UPPER = dict.fromkeys(_SIGNS, "X") | {letter: letter for letter in RNA.letters} | {"T": "U"}
_READ = str.maketrans(_UPPER | {sign.lower(): letter for sign, letter in _UPPER.items()})
_READ_SMALL_AS_X = str.maketrans(_UPPER | {sign.lower(): "X" for sign in _SIGNS})
_ACCEPTED = frozenset(_SIGNS + _SIGNS.lower())
_CODE = np.full(256, 255, dtype=np.uint8)
_CODE[[ord(letter) for letter in LETTERS]] = np.arange(5)


def check_rna(sequence: str, place: str) -> None:
    """Make sure that a sequence has letters of RNA only: A C G U, T for U, ambiguity codes and X, large or small.

    Args:
        sequence: as written.
        place: file and line for the message.

    Raises:
        InputError: names the first other sign and its position from 1; also for an empty sequence.

    Examples:
        >>> check_rna("ACGUtNX", "line 2")
        >>> check_rna("ACE", "line 2")
        Traceback (most recent call last):
        palindra.errors.InputError: line 2: letter 'E' at position 3 is not RNA. Needed are A C G U (T is read as U)...
    """
    if not sequence:
        raise InputError(f"{place}: the sequence is empty; at least one base is needed.")
    for position, sign in enumerate(sequence, start=1):
        if sign not in _ACCEPTED:
            codes = " ".join(RNA.symbols[len(RNA.letters) :])
            hint = " Remove gaps: a structure has no position for them." if sign in "-.~" else ""
            raise InputError(
                f"{place}: letter {sign!r} at position {position} is not RNA. Needed are A C G U (T is read as U), or "
                f"X or an ambiguity code ({codes}) for a base that is not certain.{hint}"
            )


def read_letters(sequence: str, *, lower_case: LowerCase = "letter") -> str:
    """The sequence in the letters A C G U X; ambiguity codes become X and T becomes U.

    Args:
        sequence: checked letters.
        lower_case: ``"letter"`` reads small letters as their capitals, as FASTA files mean them; ``"X"`` as not
            certain, as some databases of structures mean them.

    Examples:
        >>> read_letters("ACGTuRn"), read_letters("ACgu", lower_case="X")
        ('ACGUUXX', 'ACXX')
    """
    return sequence.translate(_READ if lower_case == "letter" else _READ_SMALL_AS_X)


def rna_codes(sequence: str, *, lower_case: LowerCase = "letter") -> NDArray[np.uint8]:
    """Codes 0 to 4 of A, C, G, U, X, one for each base ``(length,)``; see :func:`read_letters`.

    Examples:
        >>> rna_codes("ACGTN")
        array([0, 1, 2, 3, 4], dtype=uint8)
    """
    text = read_letters(sequence, lower_case=lower_case)
    return _CODE[np.frombuffer(text.encode("ascii"), dtype=np.uint8)]


def is_canonical(first: str, second: str) -> bool:
    """Whether two bases form one of the pairs GC, AU and GU, either way round.

    Examples:
        >>> is_canonical("G", "t"), is_canonical("G", "A"), is_canonical("N", "A")
        (True, False, False)
    """
    return read_letters(first + second) in CANONICAL
