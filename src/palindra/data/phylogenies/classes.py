"""Labelled sequences of a phylogeny: the class of a sequence is its clade."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.data.order import random_bits
from palindra.data.phylogenies.alignment import Alignment
from palindra.data.phylogenies.evolving import Indels, evolve
from palindra.data.phylogenies.growing import SHAPES, clade_tree
from palindra.data.phylogenies.substitution import Substitution
from palindra.data.phylogenies.tree import Tree
from palindra.data.table import SPLITS, LabelledSequences
from palindra.data.task import Task
from palindra.errors import InputError

_STREAM = 300


@dataclass(frozen=True)
class PhylogenyConfig:
    """A data set of clades.

    Args:
        shape: of the tree that relates the clades: yule, coalescent, caterpillar or star.
        clades: classes.
        train: sequences of each class in the training split.
        held_out: sequences of each class in the validation and in the test split.
        length: of the sequences; evolved ones that are longer or shorter are cut or filled with N on the right.
        height: from the root to the leaves, in expected substitutions per site.
        within: share of the height that lies inside the clades.
        substitution: the process of letters.
        gamma_shape: of the rates of sites, None for equal ones.
        indels: none by default.
        seed: of tree, sequences and splits.
    """

    shape: str = "yule"
    clades: int = 8
    train: int = 32
    held_out: int = 16
    length: int = 200
    height: float = 0.5
    within: float = 0.3
    substitution: Substitution = field(default_factory=Substitution)
    gamma_shape: float | None = None
    indels: Indels = field(default_factory=Indels)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise InputError(f"shape {self.shape!r}: choose from {', '.join(SHAPES)}.")
        if self.clades < 2 or self.train < 2 or self.held_out < 1:
            raise InputError(
                f"{self.clades} clades with {self.train} training and {self.held_out} held-out sequences: two clades, "
                "two training sequences and one held-out sequence of each are the least; a class with one member "
                "cannot be learned."
            )
        if self.length < 1 or not 0 < self.height < math.inf or not 0 < self.within < 1:
            raise InputError(
                f"length {self.length}, height {self.height:g}, within {self.within:g}: a length of 1 or more, a "
                "positive height and a share between 0 and 1 are needed."
            )
        if self.gamma_shape is not None and not 0 < self.gamma_shape < math.inf:
            raise InputError(f"gamma shape {self.gamma_shape:g}: a positive number is needed.")


class Phylogeny(NamedTuple):
    """Labelled sequences with the tree and the true alignment they come from."""

    data: LabelledSequences
    tree: Tree
    alignment: Alignment
    clades: NDArray[np.int64]  # of the leaves


def make_phylogeny(config: PhylogenyConfig) -> Phylogeny:
    """Grow a tree of clades, let sequences evolve along it, and divide the leaves of each clade among the splits.

    Training sets of one seed differ when their size differs, for the tree has other leaves; to follow a curve over
    sizes, take subsets of the largest.

    Raises:
        InputError: if sequences vanish by deletions.

    Examples:
        >>> made = make_phylogeny(PhylogenyConfig(clades=3, train=4, held_out=2, length=30))
        >>> print(made.data)
        24 sequences of 30 letters, multiclass (label), train 12, valid 6, test 6
    """
    members = config.train + 2 * config.held_out
    tree, clades = clade_tree(
        SHAPES[config.shape], config.clades, members, height=config.height, within=config.within, seed=config.seed
    )
    alignment = evolve(
        tree,
        config.length,
        substitution=config.substitution,
        gamma_shape=config.gamma_shape,
        indels=config.indels,
        seed=config.seed,
    )
    sequences = alignment.sequences()
    if not min(map(len, sequences)):
        raise InputError("a sequence was deleted whole: lower the rate of deletions, or raise the length.")
    splits = np.empty(len(clades), dtype=object)
    sizes = (config.train, config.held_out, config.held_out)
    for clade in range(config.clades):
        rows = np.flatnonzero(clades == clade)
        shuffled = rows[np.argsort(random_bits(config.seed, 0, rows, _STREAM), kind="stable")]
        for name, part in zip(SPLITS, np.split(shuffled, np.cumsum(sizes)[:-1]), strict=True):
            splits[part] = name
    data = LabelledSequences.from_arrays(
        [text[: config.length].ljust(config.length, "N") for text in sequences],
        clades,
        splits=splits.astype(str).tolist(),
        task=Task.BINARY if config.clades == 2 else Task.MULTICLASS,
        class_names=[f"clade{n + 1}" for n in range(config.clades)],
        source=f"{config.shape} phylogeny of height {config.height:g}",
    )
    return Phylogeny(data, tree, alignment, clades)


def clade_labels(tree: Tree, classes: int, *, least: int = 2) -> NDArray[np.int64]:
    """Cut a tree into clades from the root on, always the one with most leaves; the clade of each leaf.

    Args:
        tree: any.
        classes: at least so many clades; a node with several children may give more.
        least: leaves that every clade needs.

    Raises:
        InputError: if a clade is smaller than ``least``, or the tree has too few leaves.

    Examples:
        >>> from palindra.data.phylogenies.newick import parse_newick
        >>> clade_labels(parse_newick("((a,b),(c,(d,e)));"), 2).tolist()
        [0, 0, 1, 1, 1]
        >>> clade_labels(parse_newick("((a,b),(c,(d,e)));"), 3)
        Traceback (most recent call last):
        palindra.errors.InputError: 3 clades: that of leaf 'c' alone has 1 member, but 2 are needed. ...
    """
    below = {0: tree.leaves_below(0)}
    while len(below) < classes:
        node = max(below, key=lambda candidate: (len(below[candidate]), -candidate))
        if len(below[node]) < 2:
            raise InputError(f"{classes} clades of a tree with {len(tree.leaves)} leaves: ask for fewer.")
        del below[node]
        below |= {child: tree.leaves_below(child) for child in tree.children[node]}
    found = np.empty(len(tree.leaves), dtype=np.int64)
    for number, node in enumerate(sorted(below, key=lambda candidate: int(below[candidate][0]))):
        if len(below[node]) < least:
            name = tree.leaf_names[below[node][0]]
            raise InputError(
                f"{classes} clades: that of leaf {name!r} alone has {len(below[node])} member"
                f"{'s' if len(below[node]) > 1 else ''}, but {least} are needed. Ask for fewer clades, or build clades "
                "of equal size with clade_tree."
            )
        found[below[node]] = number
    return found
