"""Variants scored with any model: what they change, how sure that is, and only that recomputed."""

from palindra.evaluation.variants.alleles import VariantScores, score_alleles
from palindra.evaluation.variants.reading import Reading, symmetric_shifts
from palindra.evaluation.variants.scores import allele_scores
from palindra.models.local.model import LocalModel, local_difference

__all__ = [
    "LocalModel",
    "Reading",
    "VariantScores",
    "allele_scores",
    "local_difference",
    "score_alleles",
    "symmetric_shifts",
]
