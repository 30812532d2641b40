"""Rooted trees with branch lengths, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_QUOTED = set("()[]{},:;'\" \t")


@dataclass(frozen=True, eq=False)
class Tree:
    """A rooted tree; nodes are numbered so that a parent comes before its children, the root first.

    Args:
        parents: of each node its parent, -1 for the root.
        lengths: of the branch above each node, 0 for the root; in expected substitutions per site where sequences
            evolve along it.
        names: of each node; inner nodes may have an empty one.

    Raises:
        ValueError: for arrays of different sizes, an order that is not from the root on, or a negative length.

    Examples:
        >>> tree = Tree(np.array([-1, 0, 0, 1, 1]), np.array([0, 1, 3, 1, 1.0]), ("", "", "c", "a", "b"))
        >>> print(tree)
        ((a:1,b:1):1,c:3);
        >>> tree.leaf_names, tree.leaf_distances().tolist()
        (('c', 'a', 'b'), [[0.0, 5.0, 5.0], [5.0, 0.0, 2.0], [5.0, 2.0, 0.0]])
    """

    parents: NDArray[np.int64]
    lengths: NDArray[np.float64]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        nodes = len(self.parents)
        if not nodes or len(self.lengths) != nodes or len(self.names) != nodes:
            raise ValueError(f"{nodes} parents, {len(self.lengths)} lengths, {len(self.names)} names: one each needed.")
        if self.parents[0] != -1 or (nodes > 1 and not _ordered(self.parents)):
            raise ValueError("nodes of a tree are numbered from the root (parent -1) on, a parent before its children.")
        if not (np.isfinite(self.lengths).all() and (self.lengths >= 0).all()):
            bad = int(np.flatnonzero(~(np.isfinite(self.lengths) & (self.lengths >= 0)))[0])
            raise ValueError(f"the branch above node {bad} has length {self.lengths[bad]:g}: 0 or more is needed.")

    @cached_property
    def leaves(self) -> NDArray[np.int64]:
        """Numbers of the nodes without children, ascending."""
        return np.setdiff1d(np.arange(len(self.parents)), self.parents)

    @property
    def leaf_names(self) -> tuple[str, ...]:
        """Names of the leaves in their order."""
        return tuple(self.names[leaf] for leaf in self.leaves)

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """Of each node its children."""
        found: list[list[int]] = [[] for _ in self.parents]
        for node, parent in enumerate(self.parents[1:].tolist(), start=1):
            found[parent].append(node)
        return tuple(map(tuple, found))

    @cached_property
    def depths(self) -> NDArray[np.float64]:
        """Path length from the root to each node."""
        found = np.zeros(len(self.parents))
        for node in range(1, len(found)):
            found[node] = found[self.parents[node]] + self.lengths[node]
        return found

    @property
    def height(self) -> float:
        """Path length from the root to the farthest leaf."""
        return float(self.depths[self.leaves].max())

    def leaf_distances(self) -> NDArray[np.float64]:
        """Path lengths between the leaves ``(leaves, leaves)``, a metric whose delta is 0."""
        nodes = len(self.parents)
        found = np.zeros((nodes, nodes))
        for node in range(1, nodes):
            found[node, :node] = found[self.parents[node], :node] + self.lengths[node]
            found[:node, node] = found[node, :node]
        return found[np.ix_(self.leaves, self.leaves)]

    def leaves_below(self, node: int) -> NDArray[np.int64]:
        """Places in ``leaves`` of those that descend from a node (or are it)."""
        inside = np.zeros(len(self.parents), dtype=bool)
        inside[node] = True
        for other in range(node + 1, len(self.parents)):
            inside[other] = inside[self.parents[other]]
        return np.flatnonzero(inside[self.leaves])

    def scaled(self, height: float) -> Tree:
        """The same tree with another height.

        Raises:
            ValueError: if the tree has no length to scale.
        """
        if self.height <= 0:
            raise ValueError("a tree whose leaves are all at the root cannot be scaled.")
        return Tree(self.parents, self.lengths * (height / self.height), self.names)

    def __str__(self) -> str:
        texts = [""] * len(self.parents)
        for node in range(len(self.parents) - 1, -1, -1):
            below = [texts[child] for child in self.children[node]]
            inner = f"({','.join(below)})" if below else ""
            length = f":{self.lengths[node]:.17g}" if node else ""
            texts[node] = inner + _label(self.names[node]) + length
        return texts[0] + ";"

    __repr__ = __str__


def _ordered(parents: NDArray[np.int64]) -> bool:
    return bool(((parents[1:] >= 0) & (parents[1:] < np.arange(1, len(parents)))).all())


def _label(name: str) -> str:
    return "'" + name.replace("'", "''") + "'" if _QUOTED & set(name) or "_" in name else name
