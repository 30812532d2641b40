"""What CrossDNA learns from besides hidden letters, where a configuration asks for it and the network has it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.training.pretraining.batches import LanguageBatch
from palindra.training.pretraining.config import PretrainingConfig


class ExtraLosses(nn.Module):
    """Agreement with a slow teacher and supervision of the gate; nothing at all by default.

    The teacher is part of the checkpoint. It reads the same corrupted letters as its student.

    Args:
        network: what is trained.
        config: weights of the losses.

    Raises:
        InputError: if the network does not have what is asked for.
    """

    def __init__(self, network: nn.Module, config: PretrainingConfig) -> None:
        super().__init__()
        self.config = config
        self.teacher: Any = None
        self.supervised = getattr(getattr(network, "config", None), "mixer", None) == "untied"
        asked = [name for name in ("semantic", "gate", "gate_from") if getattr(config, name)]
        if not asked:
            return
        from palindra.models.strand_lm import StrandLM, Teacher

        if not isinstance(network, StrandLM):
            raise InputError(
                f"training.{asked[0]} is for models of both strands; {type(network).__name__} has no gate."
            )
        if config.gate and not self.supervised:
            raise InputError(
                f"training.gate is {config.gate:g}: the gate of a model with tied branches must not learn to tell the "
                "strands apart. Set it to 0, or choose the mixer 'untied'."
            )
        if config.semantic:
            self.teacher = Teacher(network, config.teacher_decay)

    def read(self, network: nn.Module, batch: LanguageBatch, step: int) -> Any:
        """What the network says, with both strands weighed alike in the first steps if that is asked for."""
        fixed = {"fixed_gate": True} if step < self.config.gate_from else {}
        return network(batch.tokens, batch.real, **fixed)

    def forward(self, network: Any, output: Any, batch: LanguageBatch, step: int) -> Tensor:
        """The sum of the losses at a step, weighted."""
        config, total = self.config, torch.zeros((), device=batch.tokens.device)
        if not config.semantic and not config.gate:
            return total
        from palindra.models.strand_lm import agreement_loss, gate_supervision_loss, objective_weights

        weights = objective_weights(
            step,
            semantic=config.semantic,
            semantic_steps=config.semantic_steps,
            gate=config.gate,
            gate_step=config.gate_from,
            supervised=self.supervised,
        )
        if self.teacher is not None:
            slow = self.teacher(network, batch.tokens, batch.real).float()
            total = total + weights.semantic * agreement_loss(network.config, slow, output.strands.float(), batch.real)
        if weights.gate:
            total = total + weights.gate * gate_supervision_loss(network.config, output.gate.float(), batch.real)
        return total

    def follow(self, network: Any) -> None:
        """Move the teacher after a step of the optimiser."""
        if self.teacher is not None:
            self.teacher.update(network)

    def train(self, mode: bool = True) -> ExtraLosses:
        """The teacher stays in evaluation mode."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self
