"""Designed sequences beside real ones: composition, identity, motifs, two-sample tests, diversity."""

from palindra.data.motifs import Motif, read_meme
from palindra.evaluation.design.composition import Diversity, diversity, gc_content
from palindra.evaluation.design.frechet import Frechet, frechet_distance
from palindra.evaluation.design.identity import Nearest, nearest_identity
from palindra.evaluation.design.motifs import Hits, find_motifs, spacings
from palindra.evaluation.design.neighbours import NearestNeighbourTest, nearest_neighbour_test

__all__ = [
    "Diversity",
    "Frechet",
    "Hits",
    "Motif",
    "Nearest",
    "NearestNeighbourTest",
    "diversity",
    "find_motifs",
    "frechet_distance",
    "gc_content",
    "nearest_identity",
    "nearest_neighbour_test",
    "read_meme",
    "spacings",
]
