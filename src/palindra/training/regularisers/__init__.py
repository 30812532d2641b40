"""Regularisers of training: each a function in its own file, all off by default, any of them together."""

from palindra.training.regularisers.adversary import projected_gradient, substitutions
from palindra.training.regularisers.consistent_attributions import attribution_consistency
from palindra.training.regularisers.fourier import fourier_prior, high_frequencies
from palindra.training.regularisers.jacobian import jacobian_penalty
from palindra.training.regularisers.manifold_mixup import ManifoldMixup, hidden_layers
from palindra.training.regularisers.mixup import mix
from palindra.training.regularisers.noise import add_noise
from palindra.training.regularisers.problem import Moment, Problem
from palindra.training.regularisers.problems import label_problem, track_problem
from palindra.training.regularisers.regularisation import Regularisation
from palindra.training.regularisers.rows import RowChanges
from palindra.training.regularisers.settings import REGULARISERS, RegulariserSettings

__all__ = [
    "REGULARISERS",
    "ManifoldMixup",
    "Moment",
    "Problem",
    "Regularisation",
    "RegulariserSettings",
    "RowChanges",
    "add_noise",
    "attribution_consistency",
    "fourier_prior",
    "hidden_layers",
    "high_frequencies",
    "jacobian_penalty",
    "label_problem",
    "mix",
    "projected_gradient",
    "substitutions",
    "track_problem",
]
