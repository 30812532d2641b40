"""In-silico mutagenesis as an attribution: what every other letter would change, exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from palindra.interpretation.attribution.explained import Explained, score
from palindra.interpretation.attribution.result import Attribution

Mutants = Callable[[nn.Module, Tensor, Callable[[Tensor], Tensor]], Tensor]
"""From a network, one sequence ``(1, letters, length)`` and a function of outputs ``(rows, ...)`` to numbers
``(rows,)``: the number of each mutant ``(letters, length)``."""


@dataclass(frozen=True)
class InSilicoMutagenesis:
    """Differences of all single-letter mutants from the sequence, 0 for the letters that are there.

    Hypothetical values are the mutants less their mean over letters, and a position counts with that of its letter:
    what the letter is worth beside an average one. At an N nothing is counted.

    Args:
        mutants: how mutants are computed; None for full passes of this network. A faster exact way, which computes what
            a mutation reaches only, may be passed in.
        batch_size: mutants at a time in full passes; None for that of sequences.
    """

    mutants: Mutants | None = None
    batch_size: int | None = None

    def __call__(self, explained: Explained, one_hot: Tensor, first_row: int) -> Attribution:
        """Attributions of some sequences."""
        weights, outputs = explained.fixed_weights(one_hot)
        size = self.batch_size or explained.batch_size
        rows = []
        with torch.no_grad():
            for row in range(len(one_hot)):
                sequence, weight = one_hot[row : row + 1], weights[row : row + 1]

                def number(y: Tensor, weight: Tensor = weight) -> Tensor:
                    return score(y, weight.to(y.device))

                found = (
                    full_passes(explained.network, sequence, number, batch_size=size)
                    if self.mutants is None
                    else self.mutants(explained.network, sequence, number)
                )
                rows.append(found.to(one_hot).view_as(sequence[0]))
        mutants = torch.stack(rows)
        there = one_hot == 1
        hypothetical = mutants - mutants.mean(1, keepdim=True)
        values = torch.where(there, 0, mutants - outputs[:, None, None])
        return Attribution(one_hot, values, hypothetical, (hypothetical * there).sum(1), outputs)


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
