"""What is fine-tuned, apart from the data: a language model, how much of it learns, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from palindra.cli.embedding.running import open_model, weights_sha256
from palindra.cli.inputs import choose
from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.models.strand_lm.classifier import LanguageModelClassifier, LanguageModelClassifierConfig
from palindra.models.strand_lm.lora import add_lora
from palindra.models.strand_lm.opening import describe
from palindra.symmetry import Target
from palindra.training.module import TrainingConfig

MODES = ("full", "frozen", "lora")
LEARNING_RATES = {"full": 3e-4, "frozen": 3e-3, "lora": 1e-3}
"""Where none is given: weights that were pretrained are moved less than those that begin at zero."""


@dataclass(frozen=True)
class FinetunePlan:
    """What is fine-tuned, apart from data and seed."""

    source: Path  # folder of the language model
    target: Target
    mode: str = "full"
    from_scratch: bool = False  # the same network with new weights, to see what pretraining is worth
    rank: int = 8  # of the updates in mode lora
    dropout: float = 0.1  # of pooled features
    bins: int = 1  # parts of the sequence that the head reads apart
    training: TrainingConfig = field(default_factory=TrainingConfig)
    loggers: tuple[str, ...] = ()
    command: str = ""

    def __post_init__(self) -> None:
        choose("--mode", self.mode, MODES)
        if self.rank < 1:
            raise InputError(f"--rank {self.rank}: must be at least 1.")
        if not 0 <= self.dropout < 1:
            raise InputError(f"--dropout {self.dropout}: must be from 0 to below 1.")
        if self.bins < 1:
            raise InputError(f"--bins {self.bins}: must be at least 1.")
        if self.from_scratch and self.mode != "full":
            raise InputError(
                f"--from-scratch --mode {self.mode}: new weights that do not learn know nothing; use full."
            )

    @property
    def name(self) -> str:
        """Of the model in tables and figures."""
        return "from scratch" if self.from_scratch else f"fine-tuned ({self.mode})"

    def summary(self) -> str:
        """What must not change between the attempts at one run."""
        parts = [f"weights {weights_sha256(self.source)[:16]}", f"mode {self.mode}", f"scratch {self.from_scratch}"]
        return ", ".join([*parts, f"rank {self.rank}", f"dropout {self.dropout}", f"bins {self.bins}"])


def build(plan: FinetunePlan, data: LabelledSequences) -> LanguageModelClassifier:
    """The network that is trained, initialised from torch's current seed.

    Raises:
        InputError: for sequences other than of DNA or RNA, more bins than letters, or a folder without a language
            model.
    """
    if data.alphabet.rep.regular != 2:
        raise InputError(f"{data.source}: language models of DNA read A, C, G and T, not {data.alphabet.name}.")
    pretrained = open_model(plan.source)
    network = LanguageModelClassifier(
        LanguageModelClassifierConfig(
            length=data.length,
            language_model=describe(pretrained),
            target=plan.target,
            outputs=data.outputs,
            dropout=plan.dropout,
            frozen=plan.mode == "frozen",
            bins=plan.bins,
        )
    )
    if not plan.from_scratch:
        network.language_model.load_state_dict(pretrained.state_dict())
    if plan.mode == "lora":
        add_lora(network.language_model, rank=plan.rank, alpha=2.0 * plan.rank)
    return network


def check_readable(network: nn.Module, data: LabelledSequences) -> None:
    """Find out before any training whether the language model reads sequences of this length.

    Raises:
        InputError: whatever it says against them.
    """
    with torch.no_grad():
        network.eval()(torch.zeros(1, 4, data.length))
    network.train()
