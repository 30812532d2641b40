"""Distance from the training distribution: k-mer spectra, embeddings, classifiers, ruggedness, percentiles."""

from palindra.evaluation.shift.divergence import js_distance, kl_divergence
from palindra.evaluation.shift.likelihood import Chain, fit_chain
from palindra.evaluation.shift.neighbourhood import Cloud, fit_cloud
from palindra.evaluation.shift.ruggedness import Ruggedness, Surroundings, ruggedness
from palindra.evaluation.shift.scorer import SCORES, ShiftScorer, kmer_vectors
from palindra.evaluation.shift.sets import SetDistance, set_distances
from palindra.evaluation.shift.spectra import sequence_spectra, spectrum
from palindra.evaluation.shift.transport import sinkhorn, wasserstein
from palindra.evaluation.shift.two_sample import TwoSample, two_sample

__all__ = [
    "SCORES",
    "Chain",
    "Cloud",
    "Ruggedness",
    "SetDistance",
    "ShiftScorer",
    "Surroundings",
    "TwoSample",
    "fit_chain",
    "fit_cloud",
    "js_distance",
    "kl_divergence",
    "kmer_vectors",
    "ruggedness",
    "sequence_spectra",
    "set_distances",
    "sinkhorn",
    "spectrum",
    "two_sample",
    "wasserstein",
]
