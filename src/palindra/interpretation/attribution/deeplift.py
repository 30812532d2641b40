"""DeepLIFT/SHAP: contributions by the rescale rule, averaged over shuffled references, right for every network.

Tools that put hooks on modules attribute wrongly, or refuse, where a module is used twice, where functions are called
without a module, where weights are tied, or where a branch reads both strands as one larger batch. Here operations are
followed and not modules (see :mod:`palindra.interpretation.attribution.rescale`), and none of this is special.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from palindra.interpretation.attribution.explained import Explained, score
from palindra.interpretation.attribution.followed import follow, plain
from palindra.interpretation.attribution.references import DinucleotideShuffles, as_references
from palindra.interpretation.attribution.rescale import Rescale
from palindra.interpretation.attribution.result import Attribution, contributions


@dataclass(frozen=True)
class DeepLiftShap:
    """Contributions of letters to the change of the output from references, averaged over references.

    Multipliers of one number are the slope of the line through its two values (rescale rule); of products and quotients
    those that treat both sides alike; of a maximum the change of the entry that decides it; of other functions their
    derivative averaged along the line. Each carries the change of an operation exactly, so that the contributions of a
    sequence add up to the change of the output, and ``delta`` is what rounding (or a function that is not smooth and
    has no rule) leaves.

    Sequences run forward once for many references, and only the references run backward.

    Args:
        references: from sequences and the number of the first row to ``(rows, references, letters, length)``, or that
            tensor; 20 dinucleotide shuffles by default.

    Source: Shrikumar, Greenside & Kundaje (2017); Lundberg & Lee (2017).
    """

    references: Any = field(default_factory=DinucleotideShuffles)

    def __call__(self, explained: Explained, one_hot: Tensor, first_row: int) -> Attribution:
        """Attributions of some sequences."""
        references = as_references(self.references)(one_hot, first_row).to(one_hot)
        rows, count = references.shape[:2]
        together = max(
            part
            for part in range(1, count + 1)
            if count % part == 0 and (part * rows <= explained.batch_size or part == 1)
        )
        sequences = one_hot.repeat(together, 1, 1)
        weights, outputs, tape = _recorded(explained, sequences)
        delta, before = torch.zeros_like(outputs[:rows]), torch.zeros_like(outputs[:rows])
        sums = [torch.zeros_like(one_hot) for _ in range(2)]
        for block in torch.split(references, together, dim=1):
            flat = block.transpose(0, 1).flatten(0, 1)  # references of all rows, one after the other
            numbers, multipliers = _carried(explained, tape, flat, weights)
            found = contributions(sequences, multipliers, flat)
            missed = (found[0].sum((1, 2)) - (outputs - numbers)).abs().view(together, rows)
            delta = torch.maximum(delta, missed.amax(0))
            before += numbers.view(together, rows).sum(0) / count
            for total, part in zip(sums, found, strict=True):
                total += part.view(together, *one_hot.shape).sum(0) / count
        return Attribution(one_hot, sums[0], sums[1], sums[0].sum(1), outputs[:rows], before, delta)


def _recorded(explained: Explained, sequences: Tensor) -> tuple[Tensor, Tensor, Rescale]:
    """Weights and numbers of sequences, and the operations that made them."""
    for copies in (False, True):
        tape = Rescale(copies=copies)
        with torch.no_grad():
            found = plain(explained.network(follow(sequences, tape)))
            weights = explained.weights(found).to(found)
        if not tape.overwritten:
            break
    return weights, score(found, weights), tape


def _carried(explained: Explained, tape: Rescale, references: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of references, and the multipliers between them and the sequences."""
    tape.again()
    with torch.enable_grad():
        leaf = references.detach().requires_grad_()
        numbers = score(plain(explained.network(follow(leaf, tape))), weights)
        tape.finish()
        return numbers.detach(), torch.autograd.grad(numbers.sum(), leaf)[0]
