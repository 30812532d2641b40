"""Attribution methods by the names that the command line knows them by."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from palindra.interpretation.attribution import (
    CORRECTED_GRADIENT,
    INPUT_TIMES_GRADIENT,
    SALIENCY,
    DeepLiftShap,
    DinucleotideShuffles,
    InSilicoMutagenesis,
    IntegratedGradients,
    Method,
    SmoothGrad,
    on_simplex,
)
from palindra.models.local import saturation_mutagenesis


class Named(NamedTuple):
    """A method and what it is, in words."""

    words: str
    make: Callable[[int], Method]  # from a seed


def local_mutants(network: nn.Module, sequence: Tensor, number: Callable[[Tensor], Tensor]) -> Tensor:
    """The number of every mutant of one sequence, computing again what a mutation reaches only."""
    found = saturation_mutagenesis(network, sequence, reduce=lambda y: number(y)[:, None])
    return found.mutants[0, ..., 0]


METHODS: dict[str, Named] = {
    "deeplift": Named(
        "DeepLIFT/SHAP, rescale rule, 20 dinucleotide shuffles",
        lambda seed: DeepLiftShap(DinucleotideShuffles(20, seed)),
    ),
    "integrated-gradients": Named("integrated gradients from equal letters, 50 steps", lambda _: IntegratedGradients()),
    "simplex-gradients": Named(
        "integrated gradients on the simplex of letters, 50 steps", lambda _: IntegratedGradients(path=on_simplex)
    ),
    "expected-gradients": Named(
        "integrated gradients from 10 dinucleotide shuffles, 20 steps each",
        lambda seed: IntegratedGradients(DinucleotideShuffles(10, seed), steps=20),
    ),
    "saliency": Named("gradient", lambda _: SALIENCY),
    "input-x-gradient": Named("gradient of the letter that is there", lambda _: INPUT_TIMES_GRADIENT),
    "corrected-gradient": Named("gradient less its mean over letters", lambda _: CORRECTED_GRADIENT),
    "smoothgrad": Named(
        "gradient less its mean over letters, averaged over 50 noises", lambda seed: SmoothGrad(seed=seed)
    ),
    "mutagenesis": Named("in-silico mutagenesis of every letter", lambda _: InSilicoMutagenesis(mutants=local_mutants)),
}
