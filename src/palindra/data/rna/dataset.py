"""Structures with their splits as one value: what was read, from which file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.data.rna.structure import Structure
from palindra.data.table import SPLITS
from palindra.errors import InputError


@dataclass(frozen=True, eq=False)
class StructureSet:
    """Structures, the split of each, and where they came from.

    Args:
        structures: in the order of the file.
        splits: 'train', 'valid' or 'test' for each.
        source: the file as the user named it.
        sha256: of the file as it lies on disk, empty where there is none.

    Examples:
        >>> two = [Structure("a", "GAAAC", [(0, 4)], "5S"), Structure("b", "GGAAACC", [(0, 6)], "tRNA")]
        >>> data = StructureSet.of(two, ["train", "test"])
        >>> print(data)
        2 structures of 5 to 7 bases (5S 1, tRNA 1), train 1, test 1
        >>> data.rows("test").structures[0].name, data.families
        ('b', ('5S', 'tRNA'))
    """

    structures: tuple[Structure, ...]
    splits: NDArray[np.str_]
    source: str = "structures"
    sha256: str = ""

    def __post_init__(self) -> None:
        if len(self.splits) != len(self.structures):
            raise ValueError(
                f"{len(self.structures)} structures but {len(self.splits)} splits: one for each is needed."
            )
        unknown = sorted(set(self.splits.tolist()) - set(SPLITS))
        if unknown:
            raise InputError(f"{self.source}: split {unknown[0]!r} is none of {', '.join(SPLITS)}.")

    @classmethod
    def of(
        cls, structures: Iterable[Structure], splits: Sequence[str] | str = "train", source: str = "structures"
    ) -> StructureSet:
        """A set of structures, each with its split or all with one."""
        rows = tuple(structures)
        names = np.full(len(rows), splits) if isinstance(splits, str) else np.array(splits, dtype=np.str_)
        return cls(rows, names, source)

    def __len__(self) -> int:
        return len(self.structures)

    def __str__(self) -> str:
        if not len(self):
            return "0 structures"
        shortest, longest = self.lengths.min(), self.lengths.max()
        bases = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
        families = self.family_of.tolist()
        held = ", ".join(f"{name} {families.count(name):,}" for name in self.families)
        splits = [f"{name} {(self.splits == name).sum():,}" for name in SPLITS if (self.splits == name).any()]
        return ", ".join([f"{len(self):,} structures of {bases} bases" + (f" ({held})" if held else ""), *splits])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of bases of each."""
        return np.array([len(structure) for structure in self.structures], dtype=np.int64)

    @property
    def family_of(self) -> NDArray[np.str_]:
        """Family of each, an empty string where not known."""
        return np.array([structure.family or "" for structure in self.structures], dtype=np.str_)

    @property
    def families(self) -> tuple[str, ...]:
        """Names of the families, sorted."""
        return tuple(sorted(set(self.family_of.tolist()) - {""}))

    def select(self, rows: ArrayLike) -> StructureSet:
        """Some of them, by a mask or by numbers."""
        wanted = np.asarray(rows)
        numbers = np.flatnonzero(wanted) if wanted.dtype == np.bool_ else wanted.astype(np.int64)
        return replace(
            self, structures=tuple(self.structures[row] for row in numbers.tolist()), splits=self.splits[numbers]
        )

    def rows(self, split: str) -> StructureSet:
        """Those of one split.

        Raises:
            InputError: if there are none.
        """
        if not (self.splits == split).any():
            present = ", ".join(name for name in SPLITS if (self.splits == name).any())
            raise InputError(f"{self.source}: no structure is in split {split!r} (there are {present or 'none'}).")
        return self.select(self.splits == split)

    def with_splits(self, splits: ArrayLike) -> StructureSet:
        """The same structures with other splits."""
        return replace(self, splits=np.asarray(splits, dtype=np.str_))
