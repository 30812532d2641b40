"""Trees of known shapes: Yule, Kingman's coalescent, caterpillar and star, and clades put on a backbone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from palindra.data.phylogenies.tree import Tree

Grow = Callable[[int, int], Tree]


def yule_tree(leaves: int, seed: int) -> Tree:
    """A pure-birth tree (Yule, 1925): every lineage splits at rate 1; ultrametric, scaled to height 1.

    While there are k lineages the next split comes after a time with mean 1 / k and hits each alike. After the last
    split one more such time passes, so that no two leaves coincide.

    Args:
        leaves: 2 or more.
        seed: the same seed gives the same tree.

    Examples:
        >>> tree = yule_tree(5, seed=0)
        >>> len(tree.leaves), round(tree.height, 12)
        (5, 1.0)
    """
    rng = np.random.default_rng(seed)
    parents, born, ends = [-1, 0, 0], [0.0, 0.0, 0.0], [0.0, np.inf, np.inf]
    alive, time = [1, 2], 0.0
    for lineages in range(2, _enough(leaves)):
        time += rng.exponential(1 / lineages)
        split = alive.pop(int(rng.integers(lineages)))
        ends[split] = time
        for _ in range(2):
            alive.append(len(parents))
            parents.append(split)
            born.append(time)
            ends.append(np.inf)
    time += rng.exponential(1 / leaves)
    return _made(parents, np.minimum(ends, time) - np.array(born)).scaled(1.0)


def coalescent_tree(leaves: int, seed: int) -> Tree:
    """A tree of Kingman's coalescent (1982): pairs of lineages join at rate 1 each, back in time; scaled to height 1.

    Most splits are young and the two oldest branches long: of the height before scaling, half is the time of two
    lineages.

    Examples:
        >>> len(coalescent_tree(7, seed=1).leaves)
        7
    """
    rng = np.random.default_rng(seed)
    nodes = 2 * _enough(leaves) - 1
    age, parent_of = np.zeros(nodes), np.zeros(nodes, dtype=np.int64)
    alive, time = list(range(leaves)), 0.0
    for node in range(leaves, nodes):
        lineages = len(alive)
        time += rng.exponential(2 / (lineages * (lineages - 1)))
        age[node] = time
        for _ in range(2):
            parent_of[alive.pop(int(rng.integers(len(alive))))] = node
        alive.append(node)
    turned = nodes - 1 - np.arange(nodes)  # the last join becomes node 0
    parents = (nodes - 1 - parent_of)[turned]
    lengths = (age[parent_of] - age)[turned]
    parents[0], lengths[0] = -1, 0.0
    return _made(parents.tolist(), lengths).scaled(1.0)


def caterpillar_tree(leaves: int, seed: int = 0) -> Tree:
    """A tree that gives off one leaf at a time, equally spaced; ultrametric, height 1, nothing random.

    Examples:
        >>> print(caterpillar_tree(3).scaled(2))
        (leaf1:2,(leaf2:1,leaf3:1):1);
    """
    parents, lengths, spine = [-1], [0.0], 0
    for step in range(_enough(leaves) - 1):
        parents += [spine, spine]
        lengths += [leaves - 1.0 - step, 1.0]
        spine = len(parents) - 1
    return _made(parents, np.array(lengths)).scaled(1.0)


def star_tree(leaves: int, seed: int = 0) -> Tree:
    """A tree whose leaves all come from the root, height 1: no order among them, nothing random.

    Examples:
        >>> print(star_tree(3))
        (leaf1:1,leaf2:1,leaf3:1);
    """
    return _made([-1] + [0] * _enough(leaves), np.array([0.0] + [1.0] * leaves))


SHAPES: dict[str, Grow] = {
    "yule": yule_tree,
    "coalescent": coalescent_tree,
    "caterpillar": caterpillar_tree,
    "star": star_tree,
}
"""Shapes of trees by name."""


def clade_tree(
    shape: Grow, clades: int, members: int, *, height: float, within: float = 0.3, seed: int
) -> tuple[Tree, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """A backbone of any shape whose tips are clades of equal size, each a Yule tree of its own.

    So classes have the same size and the same spread whatever the shape of the tree that relates them, also for a
    caterpillar and a star, which cannot be cut into clades of equal size.

    Args:
        shape: of the backbone, a value of ``SHAPES``.
        clades: tips of the backbone, 2 or more.
        members: leaves of each clade, 2 or more.
        height: from the root to the leaves, in expected substitutions per site.
        within: share of the height that lies inside the clades, between 0 and 1.
        seed: of everything random.

    Returns:
        The tree and the number of the clade of each leaf.

    Examples:
        >>> tree, clade = clade_tree(star_tree, 3, 2, height=0.5, seed=0)
        >>> np.bincount(clade).tolist(), round(tree.height, 12)
        ([2, 2, 2], 0.5)
    """
    if not 0 < within < 1:
        raise ValueError(f"a share of {within:g} of the height inside the clades: a number between 0 and 1 is needed.")
    _enough(members)
    seeds = np.random.SeedSequence(seed).generate_state(clades + 1)
    backbone = shape(clades, int(seeds[0]))
    parents, lengths = backbone.parents.tolist(), (backbone.lengths * (1 - within)).tolist()
    clade_of: dict[int, int] = {}
    for clade, (tip, state) in enumerate(zip(backbone.leaves.tolist(), seeds[1:], strict=True)):
        part = yule_tree(members, int(state))
        number = {0: tip}
        for node in range(1, len(part.parents)):
            number[node] = len(parents)
            parents.append(number[int(part.parents[node])])
            lengths.append(float(part.lengths[node]) * within)
        clade_of |= {number[leaf]: clade for leaf in part.leaves.tolist()}
    tree = _made(parents, np.array(lengths)).scaled(height)
    return tree, np.array([clade_of[leaf] for leaf in tree.leaves.tolist()], dtype=np.int64)


def _enough(leaves: int) -> int:
    if leaves < 2:
        raise ValueError(f"a tree of {leaves} leaves: at least 2 are needed.")
    return leaves


def _made(parents: list[int], lengths: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Tree:
    parent = np.array(parents, dtype=np.int64)
    inner = np.isin(np.arange(len(parent)), parent)
    order = np.cumsum(~inner)
    names = tuple("" if inside else f"leaf{place}" for inside, place in zip(inner, order, strict=True))
    return Tree(parent, np.asarray(lengths, dtype=np.float64), names)
