"""In-silico mutagenesis as an attribution: what every other letter would change, exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from palindra.interpretation.attribution.explained import Explained, score
from palindra.interpretation.attribution.result import Attribution
from palindra.models.local import LocalModel, saturation_mutagenesis

Mutants = Callable[[nn.Module, Tensor, Callable[[Tensor], Tensor]], Tensor]
"""From a network, one sequence ``(1, letters, length)`` and a function of outputs ``(rows, ...)`` to numbers
``(rows,)``: the number of each mutant ``(letters, length)``."""


@dataclass(frozen=True)
class InSilicoMutagenesis:
    """Differences of all single-letter mutants from the sequence, 0 for the letters that are there.

    Mutants of neighbouring positions are computed together, layer by layer, in the interval that a change reaches
    only; a network that cannot be followed in this way is computed in full (:class:`palindra.models.local.LocalModel`).

    Hypothetical values are the mutants less their mean over letters, and a position counts with that of its letter:
    what the letter is worth beside an average one. At an N nothing is counted.

    Args:
        mutants: another way to compute them; None for this one. :func:`full_passes` knows no shortcut.
    """

    mutants: Mutants | None = None

    def __call__(self, explained: Explained, one_hot: Tensor, first_row: int) -> Attribution:
        """Attributions of some sequences."""
        weights, outputs = explained.fixed_weights(one_hot)
        compute = self.mutants or _local(explained.network)
        rows = []
        with torch.no_grad():
            for row in range(len(one_hot)):
                sequence, weight = one_hot[row : row + 1], weights[row : row + 1]

                def number(y: Tensor, weight: Tensor = weight) -> Tensor:
                    return score(y, weight.to(y.device))

                rows.append(compute(explained.network, sequence, number).to(outputs).view_as(sequence[0]))
        mutants = torch.stack(rows)
        there = one_hot == 1
        hypothetical = mutants - mutants.mean(1, keepdim=True)
        values = torch.where(there, 0, mutants - outputs[:, None, None])
        return Attribution(one_hot, values, hypothetical, (hypothetical * there).sum(1), outputs)


def _local(network: nn.Module) -> Mutants:
    local = LocalModel(network)  # one for all sequences: it is compared with full passes once

    def compute(_: nn.Module, sequence: Tensor, number: Callable[[Tensor], Tensor]) -> Tensor:
        found = saturation_mutagenesis(local, sequence, reduce=lambda y: number(y)[:, None])
        return found.mutants[0, ..., 0]

    return compute


def full_passes(
    network: nn.Module, one_hot: Tensor, number: Callable[[Tensor], Tensor], *, batch_size: int = 256
) -> Tensor:
    """The number of each mutant ``(letters, length)`` of one sequence ``(1, letters, length)``, by full passes.

    Examples:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(8, 1, bias=False))
        >>> _ = network[1].weight.data.copy_(torch.arange(8.0))
        >>> with torch.no_grad():
        ...     full_passes(network, torch.eye(4)[None, :, :2], lambda y: y[:, 0])
        tensor([[3., 1.],
                [5., 3.],
                [7., 5.],
                [9., 7.]])
    """
    letters, length = one_hot.shape[1:]
    places = torch.arange(letters * length, device=one_hot.device)
    parts = []
    for block in torch.split(places, batch_size):
        mutants = one_hot.repeat(len(block), 1, 1)
        row, letter, position = torch.arange(len(block), device=one_hot.device), block // length, block % length
        mutants[row, :, position] = 0
        mutants[row, letter, position] = 1
        parts.append(number(network(mutants)))
    return torch.cat(parts).view(letters, length)
