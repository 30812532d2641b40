"""Delta-hyperbolicity: how near points are to a tree, beside points alike that have none."""

from palindra.evaluation.hyperbolicity.distances import (
    METRICS,
    angle_distances,
    euclidean_distances,
    hyperbolic_distances,
)
from palindra.evaluation.hyperbolicity.four_point import Delta, base_deltas, delta, delta_at, gromov_products
from palindra.evaluation.hyperbolicity.matched import (
    Draws,
    Hyperbolicity,
    Null,
    conclude,
    hyperbolicity,
    relative_average,
)
from palindra.evaluation.hyperbolicity.sampled import SampledDelta, average_delta, sampled_delta
from palindra.evaluation.hyperbolicity.sequence_distances import (
    SiteDistances,
    complete_rows,
    jc69_distances,
    kmer_distances,
    p_distances,
)
from palindra.evaluation.hyperbolicity.subjects import (
    SITES,
    Subject,
    of_alignment,
    of_distances,
    of_embeddings,
    of_sequences,
    of_tree,
)

__all__ = [
    "METRICS",
    "SITES",
    "Delta",
    "Draws",
    "Hyperbolicity",
    "Null",
    "SampledDelta",
    "SiteDistances",
    "Subject",
    "angle_distances",
    "average_delta",
    "base_deltas",
    "complete_rows",
    "conclude",
    "delta",
    "delta_at",
    "euclidean_distances",
    "gromov_products",
    "hyperbolic_distances",
    "hyperbolicity",
    "jc69_distances",
    "kmer_distances",
    "of_alignment",
    "of_distances",
    "of_embeddings",
    "of_sequences",
    "of_tree",
    "p_distances",
    "relative_average",
    "sampled_delta",
]
