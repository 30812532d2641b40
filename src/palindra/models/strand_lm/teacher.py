"""The slow teacher: an exponential moving average of branches and bridges."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from palindra.models.strand_lm.model import StrandLM


class Teacher(nn.Module):
    """Branches and bridges that follow those of a model slowly; stems and head are the model's own.

    The teacher inherits the symmetry of its model. It is a module, so that its weights are saved with a checkpoint,
    but nothing in it is trained.

    Args:
        model: the student.
        decay: share of the old weights that an update keeps.

    Examples:
        >>> from palindra.models.strand_lm import StrandLMConfig
        >>> model = StrandLM(StrandLMConfig(width=8, depth=1, heads=2, key_size=4, window=4))
        >>> teacher = Teacher(model)
        >>> teacher(model, torch.tensor([[0, 1, 5, 3]])).shape     # batch, strands, length, width
        torch.Size([1, 2, 4, 8])
        >>> teacher.update(model)                                  # after every step of the optimiser
    """

    def __init__(self, model: StrandLM, decay: float = 0.999) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError(f"the decay of a moving average is from 0 to below 1, not {decay}.")
        self.decay = decay
        self.encoder = copy.deepcopy(model.encoder).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, model: StrandLM) -> None:
        """Move every weight by ``1 - decay`` of the way to the model's."""
        for slow, fast in zip(self.encoder.parameters(), model.encoder.parameters(), strict=True):
            slow.lerp_(fast.to(slow.dtype), 1 - self.decay)

    @torch.no_grad()
    def forward(
        self, model: StrandLM, tokens: Int[Tensor, "batch length"], mask: Bool[Tensor, "batch length"] | None = None
    ) -> Float[Tensor, "batch strands length width"]:
        """Features of each strand, without dropout, of the same corrupted tokens that the student reads."""
        return model.strands(tokens, mask, encoder=self.encoder)
