"""Validation rows cut from training, rows left out to try something, and leaks between splits: all by molecule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from palindra.data.order import uniform
from palindra.data.table import SPLITS
from palindra.sequences import reverse_complement

_VALID_STREAM, _LIMIT_STREAM = 311, 312
VALID_SHARE = 0.1


class Leak(NamedTuple):
    """Rows of ``later`` whose sequence, or its reverse complement, is in ``earlier``."""

    earlier: str
    later: str
    same: int
    opposite: int

    def __str__(self) -> str:
        return (
            f"{self.later} and {self.earlier} share sequences: {self.same} rows of {self.later} occur in "
            f"{self.earlier}, {self.opposite} more as their reverse complement"
        )


def canonical(sequence: str) -> str:
    """The first in the alphabet of a sequence and its reverse complement.

    Examples:
        >>> canonical("GGTT"), canonical("AACC")
        ('AACC', 'AACC')
    """
    return min(sequence, reverse_complement(sequence))


def find_leaks(sequences: Sequence[str], splits: Sequence[str]) -> list[Leak]:
    """Leaks between every two splits, those without any left out.

    Examples:
        >>> find_leaks(["AACC", "AACC", "GGTT", "ACGT"], ["train", "test", "test", "test"])
        [Leak(earlier='train', later='test', same=1, opposite=1)]
    """
    rows = {split: [s for s, name in zip(sequences, splits, strict=True) if name == split] for split in SPLITS}
    sets = {split: set(found) for split, found in rows.items()}
    leaks = []
    for place, earlier in enumerate(SPLITS):
        for later in SPLITS[place + 1 :]:
            same = sum(s in sets[earlier] for s in rows[later])
            opposite = sum(s not in sets[earlier] and reverse_complement(s) in sets[earlier] for s in rows[later])
            leaks += [Leak(earlier, later, same, opposite)] if same + opposite else []
    return leaks


def cut_validation(
    sequences: Sequence[str], labels: Sequence[int], splits: Sequence[str], *, seed: int, share: float = VALID_SHARE
) -> list[str]:
    """Splits in which a share of training is validation, each class in proportion; a function of the seed.

    A sequence that occurs more than once, or with its reverse complement, moves as a whole, so the cut makes no leak.
    Rows of other splits stay as they are.

    Examples:
        >>> splits = cut_validation(["AACC", "GGTT", "ACGA", "TTTT", "CCCC"], [0, 0, 0, 0, 1], ["train"] * 5, seed=1)
        >>> splits[0] == splits[1], splits.count("valid") >= 1
        (True, True)
    """
    molecules: defaultdict[str, list[int]] = defaultdict(list)
    for row, (sequence, split) in enumerate(zip(sequences, splits, strict=True)):
        if split == "train":
            molecules[canonical(sequence)].append(row)
    groups: defaultdict[int, list[list[int]]] = defaultdict(list)
    for rows in molecules.values():
        groups[labels[rows[0]]].append(rows)
    found = list(splits)
    for members in groups.values():
        wanted = max(1, round(share * sum(map(len, members))))
        draws = uniform(seed, 0, [rows[0] for rows in members], _VALID_STREAM)
        taken = 0
        for place in draws.argsort(kind="stable")[: len(members) - 1]:  # one molecule of a class always trains
            if taken >= wanted:
                break
            taken += len(members[place])
            for row in members[place]:
                found[row] = "valid"
    return found


def limit_rows(labels: Sequence[int], splits: Sequence[str], *, most: int, seed: int) -> list[int]:
    """Numbers of at most so many rows of each split, each class in proportion and none lost; in their order.

    Examples:
        >>> rows = limit_rows([0, 1] * 50, ["train"] * 80 + ["test"] * 20, most=10, seed=3)
        >>> len(rows), sum(row >= 80 for row in rows), rows == sorted(rows)
        (20, 10, True)
    """
    groups: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for row, key in enumerate(zip(splits, labels, strict=True)):
        groups[key].append(row)
    sizes = {split: list(splits).count(split) for split in set(splits)}
    kept: list[int] = []
    for (split, _), rows in groups.items():
        share = min(1.0, most / sizes[split])
        draws = uniform(seed, 0, rows, _LIMIT_STREAM).argsort(kind="stable")
        kept += [rows[place] for place in draws[: max(1, round(share * len(rows)))]]
    return sorted(kept)
