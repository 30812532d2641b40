"""The letters of DNA, RNA and protein, what their ambiguity codes stand for, and their complements."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from palindra.errors import InputError
from palindra.symmetry.rep import Rep

Codes = npt.NDArray[np.uint8]

ILLEGAL = 255  # the code of every byte that is not written in an alphabet


@dataclass(frozen=True)
class Alphabet:
    """The letters of a kind of sequence, what its ambiguity codes stand for, and how its strand symmetry acts.

    A code is an index into ``symbols``: 0 to n-1 for the n letters, then one for each ambiguity code, of which the
    first stands for any letter (N, or X in protein). Lower case is read as upper case.

    Args:
        name: the word used in messages.
        letters: the letters in channel order; the complement of channel c is channel ``rep.permutation[c]``.
        ambiguous: pairs of an ambiguity code and the letters it stands for.
        rep: the type of the one-hot channels.
        read_as: pairs of a further accepted sign and the symbol that it is read as.
        hints: pairs of a sign that is refused and what to do about it.

    Examples:
        >>> DNA.symbols, RNA.letters, len(PROTEIN.letters)
        ('ACGTNRYKMSWBDHV', 'ACGU', 20)
        >>> print(DNA.rep)
        2 regular
    """

    name: str
    letters: str
    ambiguous: tuple[tuple[str, str], ...]
    rep: Rep
    read_as: tuple[tuple[str, str], ...] = ()
    hints: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if len(self.letters) != self.rep.channels:
            raise ValueError(f"{self.name} has {len(self.letters)} letters but its type has {self.rep.channels}.")
        written = self.symbols + "".join(sign for sign, _ in self.read_as)
        if len(set(written)) != len(written) or written != written.upper() or not written.isascii():
            raise ValueError(f"{self.name} must be written with distinct ASCII capitals and signs, not {written!r}.")

    @cached_property
    def symbols(self) -> str:
        """All letters and then all ambiguity codes; the place of a symbol is its code."""
        return self.letters + "".join(code for code, _ in self.ambiguous)

    @cached_property
    def byte_table(self) -> bytes:
        """The code of each of the 256 bytes, 255 for those that are not accepted."""
        table = bytearray([ILLEGAL]) * 256
        meanings = [(symbol, symbol) for symbol in self.symbols] + list(self.read_as)
        for sign, symbol in meanings:
            table[ord(sign)] = table[ord(sign.lower())] = self.symbols.index(symbol)
        return bytes(table)

    @cached_property
    def shares(self) -> npt.NDArray[np.float64]:
        """For each symbol (row) the share of each letter (column); an ambiguity code has equal shares."""
        stands_for = [*self.letters, *(letters for _, letters in self.ambiguous)]
        return np.array([[(letter in some) / len(some) for letter in self.letters] for some in stands_for])

    @cached_property
    def complement_codes(self) -> Codes:
        """The code of the complement of each code, found from the letters that each symbol stands for.

        Raises:
            InputError: if the alphabet has no complement (protein).
        """
        if self.rep.regular == 0:
            raise InputError(f"{self.name} has no complement: reverse complements need DNA or RNA.")
        complements = self.shares[:, self.rep.permutation]
        same = (complements[:, None] == self.shares[None]).all(axis=-1)  # (symbol, symbol that is its complement)
        return same.argmax(axis=1).astype(np.uint8)

    @cached_property
    def complement_text(self) -> dict[int, str]:
        """The complement of every accepted sign, case kept, for ``str.translate``; a gap stays a gap."""
        complement = {
            symbol: self.symbols[code] for symbol, code in zip(self.symbols, self.complement_codes, strict=True)
        }
        for sign, symbol in self.read_as:
            complement[sign] = sign if complement[symbol] == symbol else complement[symbol]
        lower = {sign.lower(): other.lower() for sign, other in complement.items()}
        return str.maketrans(complement | lower)

    def refusal(self, sign: str) -> str:
        """What to say about a sign that is not accepted: what is, and what to do."""
        hint = dict(self.hints).get(sign.upper(), "")
        if sign.isspace():
            hint = "Remove white space and line ends from sequences."
        also = ", ".join(f"{sign!r} read as {symbol}" for sign, symbol in self.read_as)
        codes = " ".join(self.symbols[len(self.letters) :])
        accepted = f"{self.name} is written with {' '.join(self.letters)}, the ambiguity codes {codes} and {also}"
        return f"{accepted}, in capital or small letters. {hint}".rstrip()


_PURINES_AND_SO_ON = {
    "R": "AG",
    "Y": "CT",
    "K": "GT",
    "M": "AC",
    "S": "CG",
    "W": "AT",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
}
_AMBIGUOUS_DNA = (("N", "ACGT"), *_PURINES_AND_SO_ON.items())

DNA = Alphabet(
    name="DNA",
    letters="ACGT",
    ambiguous=_AMBIGUOUS_DNA,
    rep=Rep(regular=2),
    read_as=(("-", "N"),),
    hints=(("U", "U is a letter of RNA: replace U by T, or choose the RNA alphabet."),),
)
"""DNA in the order ACGT with the IUPAC ambiguity codes (NC-IUB 1985); a gap is read as N, U is refused."""

RNA = Alphabet(
    name="RNA",
    letters="ACGU",
    ambiguous=tuple((code, letters.replace("T", "U")) for code, letters in _AMBIGUOUS_DNA),
    rep=Rep(regular=2),
    read_as=(("T", "U"), ("-", "N")),
)
"""RNA in the order ACGU with the IUPAC ambiguity codes; T is read as U, so that DNA databases of RNA can be used."""

PROTEIN = Alphabet(
    name="protein",
    letters="ACDEFGHIKLMNPQRSTVWY",
    ambiguous=(("X", "ACDEFGHIKLMNPQRSTVWY"), ("B", "DN"), ("Z", "EQ"), ("J", "IL")),
    rep=Rep(even=20),
    # Selenocysteine and pyrrolysine are none of the twenty; as C and K they would claim a residue that is not there.
    read_as=(("U", "X"), ("O", "X"), ("-", "X")),
    hints=(("*", "'*' is a stop and not a residue: cut the sequence before it."),),
)
"""The twenty amino acids in alphabetical order of their letters; U, O and gaps are read as X, a stop is refused."""
