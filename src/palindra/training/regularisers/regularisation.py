"""All regularisers of one training, in their order: what a training step calls."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from torch import Tensor

from palindra.training.regularisers.adversary import projected_gradient, substitutions
from palindra.training.regularisers.consistent_attributions import attribution_consistency
from palindra.training.regularisers.fourier import fourier_prior
from palindra.training.regularisers.jacobian import jacobian_penalty
from palindra.training.regularisers.manifold_mixup import ManifoldMixup, hidden_layers
from palindra.training.regularisers.problem import Moment, Problem
from palindra.training.regularisers.rows import RowChanges
from palindra.training.regularisers.settings import RegulariserSettings

SHIFT_STREAM = 45


class Change(Protocol):
    """Other inputs for the forward pass, with the same targets."""

    def __call__(self, x: Tensor, targets: Tensor) -> Tensor: ...


class Mixing(Protocol):
    """A context in which the network mixes rows; gives the function that mixes their targets alike."""

    def __call__(self, rows: int, moment: Moment) -> AbstractContextManager[Callable[[Tensor], Tensor]]: ...


class Term(Protocol):
    """A number per row that is added to the loss."""

    def __call__(self, x: Tensor, targets: Tensor, moment: Moment) -> Tensor: ...


class Regularisation:
    """The regularisers that settings turn on, in the order in which a training step uses them.

    ``rows`` changes rows as they are read, ``changes`` the inputs of the forward pass, ``mixing`` the features and
    targets within it, and ``terms`` are added to the loss. Terms are computed on the rows as they were read. With all
    regularisers off there is nothing in any of them, and nothing is computed.

    Args:
        settings: of the training.
        problem: that is solved.
        letters: of the alphabet.
        length: of the inputs.

    Raises:
        InputError: if the network has no layer at which features can be mixed.
    """

    def __init__(self, settings: RegulariserSettings, problem: Problem, *, letters: int, length: int) -> None:
        self.rows = RowChanges.of(settings, problem.soft)
        self.changes: list[Change] = []
        self.terms: list[Term] = []
        self.mixing: Mixing = _unmixed
        if count := settings.adversarial_substitutions:
            self.changes.append(lambda x, y: substitutions(problem, x, y, count=count))
        if radius := settings.pgd:
            self.changes.append(lambda x, y: projected_gradient(problem, x, y, radius=radius, steps=settings.pgd_steps))
        if settings.manifold_mixup:
            layers = hidden_layers(problem.network, letters, length)
            self.mixing = ManifoldMixup(problem.network, settings.manifold_mixup, layers, problem.soft)
        if settings.jacobian:
            self.terms.append(lambda x, y, moment: settings.jacobian * jacobian_penalty(problem, x, moment))
        if settings.fourier_prior:
            limit = settings.fourier_limit
            self.terms.append(lambda x, y, _: settings.fourier_prior * fourier_prior(problem, x, y, limit=limit))
        if settings.attribution_consistency:

            def consistency(x: Tensor, targets: Tensor, moment: Moment) -> Tensor:
                furthest = settings.attribution_shift
                step = moment.integer(SHIFT_STREAM, 1, furthest + 1) if furthest else 0
                return settings.attribution_consistency * attribution_consistency(problem, x, step)

            self.terms.append(consistency)

    def changed(self, x: Tensor, targets: Tensor) -> Tensor:
        """The inputs of the forward pass."""
        for change in self.changes:
            x = change(x, targets)
        return x

    def added(self, losses: Tensor, x: Tensor, targets: Tensor, moment: Moment) -> Tensor:
        """Losses with all terms, after the forward pass, since that updates batch statistics which the terms read.

        Args:
            losses: one per row, or their mean.
            x: rows as they were read.
            targets: of the rows.
            moment: that decides what is drawn.
        """
        for term in self.terms:
            values = term(x, targets, moment)
            losses = losses + (values if losses.ndim else values.mean())
        return losses


def _unmixed(rows: int, moment: Moment) -> AbstractContextManager[Callable[[Tensor], Tensor]]:
    return nullcontext(lambda targets: targets)
