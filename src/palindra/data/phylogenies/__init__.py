"""Phylogenies: trees, sequences that evolve along them, and labelled data of their clades."""

from palindra.data.phylogenies.alignment import Alignment, read_alignment
from palindra.data.phylogenies.classes import Phylogeny, PhylogenyConfig, clade_labels, make_phylogeny
from palindra.data.phylogenies.evolving import Indels, evolve
from palindra.data.phylogenies.growing import (
    SHAPES,
    caterpillar_tree,
    clade_tree,
    coalescent_tree,
    star_tree,
    yule_tree,
)
from palindra.data.phylogenies.newick import parse_newick, read_newick
from palindra.data.phylogenies.substitution import Substitution, hky, jc69, jc69_difference, k80
from palindra.data.phylogenies.tree import Tree

__all__ = [
    "SHAPES",
    "Alignment",
    "Indels",
    "Phylogeny",
    "PhylogenyConfig",
    "Substitution",
    "Tree",
    "caterpillar_tree",
    "clade_labels",
    "clade_tree",
    "coalescent_tree",
    "evolve",
    "hky",
    "jc69",
    "jc69_difference",
    "k80",
    "make_phylogeny",
    "parse_newick",
    "read_alignment",
    "read_newick",
    "star_tree",
    "yule_tree",
]
