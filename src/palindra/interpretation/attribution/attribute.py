"""The one front of all attribution methods."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.interpretation.attribution.deeplift import DeepLiftShap
from palindra.interpretation.attribution.explained import Explained, evaluation_mode
from palindra.interpretation.attribution.outputs import Chosen, Output, only_output
from palindra.interpretation.attribution.result import Attribution, join
from palindra.symmetry import Target


class Method(Protocol):
    """A way to attribute a number to letters."""

    def __call__(self, explained: Explained, one_hot: Tensor, first_row: int) -> Attribution:
        """Attributions of some sequences, the first of which has this number."""


BATCH = 64  # sequences at a time


def attribute(
    model: nn.Module,
    one_hot: Tensor,
    *,
    method: Method | None = None,
    output: Output | None = None,
    reading: Target | None = None,
    batch_size: int = BATCH,
    first_row: int = 0,
) -> Attribution:
    """What each letter of each sequence is worth to one number that a model gives.

    Attributions of a model that is equivariant are equivariant, with every method: those of the reverse complement are
    the reversed ones, for the output that the target moves this one to (:meth:`Output.turned`).

    Args:
        model: any network of one-hot sequences, in any mode; it is left as it was.
        one_hot: ``(rows, letters, length)`` of any dtype.
        method: ``DeepLiftShap()`` by default; ``SALIENCY``, ``INPUT_TIMES_GRADIENT``, ``CORRECTED_GRADIENT``,
            ``SmoothGrad()``, ``IntegratedGradients()``, ``InSilicoMutagenesis()``, or another one.
        output: which number; may be left out where a model gives one value or one track (its total).
        reading: how the outputs change with the strand; where it is given, outputs are averaged over both strands
            before anything is explained, which changes nothing for an equivariant model.
        batch_size: sequences (with their references) at a time.
        first_row: number of the first sequence, for methods that draw shuffles or noise by it: rows of a block are
            explained as they are among all rows.

    Returns:
        Attributions on the CPU.

    Raises:
        InputError: for an output that the model does not have, or several to choose from, for inputs that are no
            sequences, or where the outputs or attributions are not finite.

    Examples:
        >>> from palindra.models import StrandCNN, StrandCNNConfig
        >>> from palindra.sequences import one_hot
        >>> x = one_hot(["ACGTTGCA" * 8])
        >>> found = attribute(StrandCNN(StrandCNNConfig(length=64)), x)
        >>> found.values.shape, bool(found.delta.max() < 1e-3)
        (torch.Size([1, 4, 64]), True)
    """
    if one_hot.dim() != 3 or not len(one_hot):
        raise InputError(f"one-hot sequences (rows, letters, length) are needed, and {tuple(one_hot.shape)} is given.")
    if batch_size < 1:
        raise InputError(f"at least one sequence at a time is needed, not batch_size={batch_size}.")
    chosen = output or Output(only_output)
    with evaluation_mode(model) as (device, dtype):
        network = Chosen(model, chosen, reading).eval()
        explained = Explained(network, chosen.weights, batch_size)
        parts = []
        for block in torch.split(one_hot, batch_size):
            found = (method or DeepLiftShap())(explained, block.detach().to(device, dtype), first_row)
            parts.append(_on_cpu(found))
            first_row += len(block)
    joined = join(parts)
    if not (joined.values.isfinite().all() and joined.outputs.isfinite().all()):
        raise InputError("the model gives outputs or derivatives that are not finite: check its weights and inputs.")
    return joined


def _on_cpu(found: Attribution) -> Attribution:
    moved = {
        name: value.cpu().to(found.one_hot.dtype) if isinstance(value := getattr(found, name), torch.Tensor) else value
        for name in Attribution.__dataclass_fields__
    }
    return Attribution(**moved)
