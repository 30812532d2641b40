"""Which regularisers a training uses, and how strongly; all are off by default and any may be combined."""

from __future__ import annotations

import math
from dataclasses import dataclass

from palindra.errors import InputError


@dataclass(frozen=True)
class RegulariserSettings:
    """The regularisers of a training; every configuration of training has these fields.

    Examples:
        >>> RegulariserSettings(mixup=0.2, jacobian=0.1).regularisers
        ('mixup', 'jacobian')
    """

    mixup: float = 0.0  # alpha of the Beta distribution of shares; 0 for none (as for all that follow)
    manifold_mixup: float = 0.0  # the same at a random hidden layer
    input_noise: float = 0.0  # standard deviation of normal noise on the one-hot
    pgd: float = 0.0  # radius of the adversary's ball around the one-hot, largest change of an entry
    pgd_steps: int = 3  # of the adversary
    adversarial_substitutions: int = 0  # letters per sequence that an adversary substitutes
    jacobian: float = 0.0  # weight of the squared norm of the input gradients
    fourier_prior: float = 0.0  # weight of the Fourier attribution prior
    fourier_limit: int = 0  # frequencies that count as wide enough; 0 for periods above 20/3 letters, as published
    attribution_consistency: float = 0.0  # weight of what attributions of shifted and turned sequences differ
    attribution_shift: int = 5  # largest shift of these, bp either way

    @property
    def regularisers(self) -> tuple[str, ...]:
        """Names of those that are on."""
        return tuple(name for name in REGULARISERS if getattr(self, name))


REGULARISERS = (
    "mixup",
    "manifold_mixup",
    "input_noise",
    "pgd",
    "adversarial_substitutions",
    "jacobian",
    "fourier_prior",
    "attribution_consistency",
)
"""Fields of which 0 means off."""

RANGES = {
    **dict.fromkeys(REGULARISERS, (0.0, math.inf)),
    "pgd_steps": (1, math.inf),
    "fourier_limit": (0, math.inf),
    "attribution_shift": (0, math.inf),
}
"""Smallest and largest value of each field."""


def check_combination(settings: RegulariserSettings) -> None:
    """Raise where one regulariser leaves nothing to another.

    Raises:
        InputError: naming both.
    """
    if settings.adversarial_substitutions and (settings.mixup or settings.input_noise):
        other = "mixup" if settings.mixup else "input_noise"
        raise InputError(
            f"training.adversarial_substitutions substitutes letters, and training.{other} leaves none: use one of "
            "them, or training.pgd, which changes any input."
        )


def check_sizes(settings: RegulariserSettings, *, length: int, strands: bool) -> None:
    """Raise unless the regularisers can be computed on such sequences.

    Args:
        settings: of the training.
        length: letters that the model reads.
        strands: whether it is known what outputs are for the reverse complement.

    Raises:
        InputError: saying which setting to change.
    """
    if settings.fourier_prior and settings.fourier_limit >= length // 2:
        raise InputError(
            f"training.fourier_limit is {settings.fourier_limit}: sequences of {length} letters have {length // 2} "
            "frequencies, and some must lie beyond the limit. Lower it, or leave it at 0."
        )
    if settings.attribution_consistency:
        if 4 * settings.attribution_shift > length:
            raise InputError(
                f"training.attribution_shift is {settings.attribution_shift}: at most a quarter of {length} letters "
                "is needed, so that at least half of them are compared."
            )
        if not settings.attribution_shift and not strands:
            raise InputError(
                "training.attribution_consistency compares shifted and reverse-complemented sequences: without a known "
                "other strand, training.attribution_shift must be at least 1."
            )


def refuse_for_linear(settings: RegulariserSettings, strategy: str) -> None:
    """Raise if a linear model, which is fitted to its optimum, would have to be regularised.

    Raises:
        InputError: naming the regulariser.
    """
    if settings.regularisers:
        raise InputError(
            f"training.{settings.regularisers[0]}: strategy {strategy!r} is a linear model fitted to its optimum in "
            "one go, with a ridge penalty chosen on validation; regularisers of training do not apply. Leave one out."
        )
