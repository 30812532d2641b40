"""Families of transposable elements, and which of them are relatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from palindra.data.read import FASTA_SUFFIXES
from palindra.data.similarity import similarity_clusters
from palindra.data.tabular import read_delimited
from palindra.data.transposons.settings import FAMILY, LEVELS
from palindra.errors import InputError
from palindra.sequences import check_letters

_COLUMNS = ("name", *LEVELS, "sequence")
_PIECE = 250  # letters that are compared at a time


@dataclass(frozen=True)
class Family:
    """A family: its consensus and its place in the classification."""

    name: str
    te_class: str
    order: str
    superfamily: str
    sequence: str
    place: str  # file and line

    def of(self, level: str) -> str:
        """What it is at a level of the classification."""
        return self.name if level == FAMILY else str(getattr(self, level))


def read_families(path: str | Path) -> list[Family]:
    """Families of a table with the columns name, te_class, order, superfamily and sequence, gzipped or not.

    Raises:
        InputError: for a missing column or field, a name that repeats or letters that are not DNA, with file and line.
    """
    if any(suffix in FASTA_SUFFIXES for suffix in Path(path).suffixes):
        raise InputError(f"{path}: FASTA has no classification; give a table with the columns {', '.join(_COLUMNS)}.")
    table = read_delimited(path)
    for column in _COLUMNS:
        if column not in table.columns:
            raise InputError(f"{path}: there is no column {column!r}; there are {', '.join(table.columns)}.")
    seen: dict[str, str] = {}
    found = []
    for row, fields in enumerate(zip(*(table.columns[column] for column in _COLUMNS), strict=True)):
        place = table.where(row)
        for column, text in zip(_COLUMNS, fields, strict=True):
            if not text:
                raise InputError(f"{place}: the field {column!r} is empty. Fill it, or remove the row.")
        name, te_class, order, superfamily, sequence = fields
        if name in seen:
            raise InputError(f"{place}: family {name!r} stands at {seen[name]} already. Remove or rename one.")
        seen[name] = place
        found.append(Family(name, te_class, order, superfamily, sequence.upper(), place))
    check_letters([family.sequence for family in found], names=[family.place for family in found])
    return found


def relatives_of(families: Sequence[Family], *, threshold: float) -> list[int]:
    """Number of the group of each family: families that share a piece, on either strand, are in one, over others too.

    Pieces of 250 letters, half overlapping, are compared by the Jaccard index of their 12-mers.

    Examples:
        >>> text = "ACGTTGCAATCCGGATATTCGCGAATTGCCAAGT"
        >>> sequences = {"a": text, "b": text[2:] + "CC", "c": "TTCTTACTCAAACGGGTTACAGCATGACCTTACA"}
        >>> relatives_of([Family(n, "I", "LTR", "Gypsy", s, "-") for n, s in sequences.items()], threshold=0.1)
        [0, 0, 2]
    """
    owners: list[int] = []
    pieces: list[str] = []
    for number, family in enumerate(families):
        for start in range(0, max(1, len(family.sequence) - _PIECE // 2), _PIECE // 2):
            owners.append(number)
            pieces.append(family.sequence[start : start + _PIECE].ljust(_PIECE, "N"))
    group = list(range(len(families)))
    first: dict[int, int] = {}
    for owner, cluster in zip(owners, similarity_clusters(pieces, threshold=threshold).tolist(), strict=True):
        old, new = sorted((group[owner], group[first.setdefault(cluster, owner)]), reverse=True)
        group = [new if value == old else value for value in group]
    return group
