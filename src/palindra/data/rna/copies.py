"""Copies and near-copies of molecules within and across splits: counted, shown and removed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palindra.data.rna.dataset import StructureSet
from palindra.data.rna.overlap import K, nearest_by_kmers
from palindra.data.table import SPLITS

NEAR = 0.9  # estimated identity
_KEPT_FIRST = ("test", "valid", "train")  # copies are removed from what comes later, so that scores stay comparable
_ACROSS = (("test", "train"), ("test", "valid"), ("valid", "train"))


@dataclass(frozen=True)
class Overlap:
    """How many molecules of one split occur in another.

    Args:
        split: whose molecules are looked up.
        other: where they are looked up.
        rows: molecules of ``split``.
        exact: of them, those with the same letters in ``other`` (T as U, small as capital, ends of X left away).
        other_structure: of the exact ones, those whose copies all have other pairs.
        near: those with the estimated identity, exact ones included.
        identities: median and largest estimated identity with the nearest of ``other``.
    """

    split: str
    other: str
    rows: int
    exact: int
    other_structure: int
    near: int
    identities: tuple[float, float]


@dataclass(frozen=True)
class CopyAudit:
    """Copies within splits and across them.

    Args:
        within: molecules of each split that repeat one above them in the same split.
        across: for test in train, test in valid and valid in train, over all families and for each; keys are names of
            families, and "" for all.
        identity: from which estimated identity on molecules count as near-copies.

    Examples:
        >>> from palindra.data.rna import Structure
        >>> copies = [Structure("a", "GGGAAACCC"), Structure("b", "gggaaaccc", [(0, 8)]), Structure("c", "UUUUGGAAA")]
        >>> print(audit_copies(StructureSet.of(copies, ["train", "test", "test"]), k=4))
        copies within splits: train 0 of 1, test 0 of 2
        test in train: 1 of 2 exact (1 with other pairs), 1 at 0.9 identity or more, nearest 0.88 median and 1.00 ...
    """

    within: dict[str, tuple[int, int]]
    across: dict[str, list[Overlap]]
    identity: float

    def __str__(self) -> str:
        within = ", ".join(f"{split} {copies:,} of {rows:,}" for split, (copies, rows) in self.within.items())
        lines = [f"copies within splits: {within}"]
        for family, overlaps in self.across.items():
            for one in overlaps:
                lines.append(
                    f"{f'{family}: ' if family else ''}{one.split} in {one.other}: {one.exact:,} of {one.rows:,} exact "
                    f"({one.other_structure:,} with other pairs), {one.near:,} at {self.identity:g} identity or more, "
                    f"nearest {one.identities[0]:.2f} median and {one.identities[1]:.2f} largest"
                )
        return "\n".join(lines)


def audit_copies(data: StructureSet, *, identity: float = NEAR, k: int = K) -> CopyAudit:
    """Count copies and near-copies within and across the splits of a set, for all and for each family.

    Identity is estimated from shared k-mers, see :func:`palindra.data.rna.nearest_by_kmers`.

    Args:
        data: structures with their splits.
        identity: from which on molecules count as near-copies.
        k: letters of a k-mer.
    """
    keys = _keys(data)
    present = [split for split in SPLITS if (data.splits == split).any()]
    within = {}
    for split in present:
        of_split = [key for key, name in zip(keys, data.splits, strict=True) if name == split]
        within[split] = (len(of_split) - len(set(of_split)), len(of_split))
    across: dict[str, list[Overlap]] = {}
    for split, other in _ACROSS:
        if split not in present or other not in present:
            continue
        overlaps = _overlaps(data, keys, split, other, identity, k)
        for family in ("", *(data.families if len(data.families) > 1 else ())):
            chosen = overlaps.of_family(data, split, family)
            if chosen is not None:
                across.setdefault(family, []).append(chosen)
    return CopyAudit(within, dict(sorted(across.items())), identity)


def without_copies(data: StructureSet, *, identity: float | None = NEAR, k: int = K) -> StructureSet:
    """Leave out every copy: repeats within a split, then training rows that are in valid or test, and valid in test.

    The test split keeps its molecules (less its own repeats), so that scores before and after compare.

    Args:
        data: structures with their splits.
        identity: also leave out near-copies across splits, from this estimated identity on; None for exact ones only.
        k: letters of a k-mer.

    Examples:
        >>> from palindra.data.rna import Structure
        >>> copies = [Structure("a", "GGGAAACCC"), Structure("b", "gggaaaccc"), Structure("c", "UUUUGGAAA")]
        >>> print(without_copies(StructureSet.of(copies, ["train", "test", "train"]), k=4))
        2 structures of 9 bases, train 1, test 1
    """
    keys = _keys(data)
    kept = np.zeros(len(data), dtype=np.bool_)
    seen: set[str] = set()
    for split in _KEPT_FIRST:
        before = np.flatnonzero(kept)
        rows = []
        for row in np.flatnonzero(data.splits == split).tolist():
            if keys[row] not in seen:
                seen.add(keys[row])
                rows.append(row)
        if identity is not None and len(before) and rows:
            found = nearest_by_kmers([keys[row] for row in rows], [keys[row] for row in before.tolist()], k=k)
            rows = [row for row, near in zip(rows, found.identity >= identity, strict=True) if not near]
        kept[rows] = True
    return data.select(kept)


@dataclass(frozen=True)
class _Found:
    """For each molecule of a split: whether another split has a copy, one with the same pairs, and how near it is."""

    split: str
    other: str
    threshold: float
    exact: NDArray[np.bool_]
    same_pairs: NDArray[np.bool_]
    identity: NDArray[np.float64]

    def of_family(self, data: StructureSet, split: str, family: str) -> Overlap | None:
        rows = np.ones(len(self.exact), dtype=bool) if not family else data.rows(split).family_of == family
        if not rows.any():
            return None
        exact, identity = self.exact[rows], np.where(self.exact, 1.0, self.identity)[rows]
        return Overlap(
            split=self.split,
            other=self.other,
            rows=int(rows.sum()),
            exact=int(exact.sum()),
            other_structure=int((exact & ~self.same_pairs[rows]).sum()),
            near=int((identity >= self.threshold).sum()),
            identities=(float(np.median(identity)), float(identity.max())),
        )


def _overlaps(data: StructureSet, keys: list[str], split: str, other: str, threshold: float, k: int) -> _Found:
    mine, theirs = (np.flatnonzero(data.splits == name).tolist() for name in (split, other))
    structures_of: defaultdict[str, set[tuple[tuple[int, int], ...]]] = defaultdict(set)
    for row in theirs:
        structures_of[keys[row]].add(_pairs(data, row))
    exact = np.array([keys[row] in structures_of for row in mine], dtype=np.bool_)
    same = np.array([_pairs(data, row) in structures_of.get(keys[row], ()) for row in mine], dtype=np.bool_)
    nearest = nearest_by_kmers([keys[row] for row in mine], [keys[row] for row in theirs], k=k)
    return _Found(split, other, threshold, exact, same, nearest.identity)


def _keys(data: StructureSet) -> list[str]:
    """What two copies have in common: letters, without uncertain ones at the ends."""
    return [structure.letters.strip("X") for structure in data.structures]


def _pairs(data: StructureSet, row: int) -> tuple[tuple[int, int], ...]:
    letters = data.structures[row].letters
    start = len(letters) - len(letters.lstrip("X"))
    return tuple((i - start, j - start) for i, j in data.structures[row].pairs)
