"""A trained model as its user meets it: predictions in the units of the labels, one strand or both."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.data.task import Task
from palindra.models.mean_variance import values
from palindra.nn import StrandMean
from palindra.symmetry import Target


class Predictor(nn.Module):
    """One trained network or several, averaged over strands where asked.

    Args:
        members: networks that give logits, or standardised values, alone or with a spread (``MeanVariance``).
        both_strands: for each member, whether its outputs are averaged over both strands.
        task: what the outputs are.
        target: how they change with the strand.
        offset: added to standardised values, one per output (regression).
        scale: by which standardised values are multiplied first.

    Inputs are one-hot ``(batch, letters, length)``; outputs ``(batch, outputs)`` are probabilities (binary,
    multi-class, multi-label) or values in the units of the labels.
    """

    offset: Tensor
    scale: Tensor

    def __init__(
        self,
        members: Sequence[nn.Module],
        *,
        both_strands: Sequence[bool],
        task: Task,
        target: Target,
        offset: Sequence[float] = (0.0,),
        scale: Sequence[float] = (1.0,),
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(
            StrandMean(member, target) if both else member for member, both in zip(members, both_strands, strict=True)
        )
        self.task, self.target = task, target
        self.register_buffer("offset", torch.tensor(list(offset), dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(list(scale), dtype=torch.float32))

    def logits(self, x: Float[Tensor, "batch letters length"]) -> Float[Tensor, "batch outputs"]:
        """Mean outputs of the members before the link function, without spreads; attribution starts here."""
        outputs = values(self.members[0](x))
        for member in self.members[1:]:
            outputs = outputs + values(member(x))
        return outputs / len(self.members)

    def forward(self, x: Float[Tensor, "batch letters length"]) -> Float[Tensor, "batch outputs"]:
        return self.link(self.logits(x))

    def conjoined(self) -> Predictor:
        """The same networks, with the outputs of each averaged over both strands.

        Raises:
            ValueError: for a strand-specific target, which has no average over strands.
        """
        networks = [member.module if isinstance(member, StrandMean) else member for member in self.members]
        found = Predictor(
            networks,
            both_strands=[True] * len(networks),
            task=self.task,
            target=self.target,
            offset=self.offset.tolist(),
            scale=self.scale.tolist(),
        )
        return found.train(self.training)

    def link(self, outputs: Float[Tensor, "batch outputs"]) -> Float[Tensor, "batch outputs"]:
        """Predictions from mean outputs: probabilities, or values in the units of the labels."""
        if self.task is Task.REGRESSION:
            return outputs * self.scale + self.offset
        return outputs.softmax(1) if self.task is Task.MULTICLASS else outputs.sigmoid()


@torch.no_grad()
def predict_batches(
    model: nn.Module, one_hot: Tensor, *, batch_size: int = 512, device: torch.device | str = "cpu"
) -> Tensor:
    """Predictions for many sequences in evaluation mode, in their order, on the CPU in float32.

    Args:
        model: a :class:`Predictor` or any module.
        one_hot: ``(rows, letters, length)`` of any dtype, e.g. int8.
        batch_size: rows at a time.
        device: where to compute; the model is moved there.
    """
    training = model.training
    model.eval().to(device)
    try:
        parts = [model(part.to(device, torch.float32)).float().cpu() for part in torch.split(one_hot, batch_size)]
    finally:
        model.train(training)
    return torch.cat(parts)
