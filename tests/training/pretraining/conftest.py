"""A small genome with structure, and a tiny network that follows the interface of language models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from palindra.data.genome import Features, Genome, Interval
from palindra.data.language import LanguageData, language_data
from palindra.training.pretraining import PretrainingConfig

LENGTH = 32


class Output(NamedTuple):
    logits: Tensor


@dataclass(frozen=True)
class TinyConfig:
    width: int = 8
    dropout: float = 0.2


class Tiny(nn.Module):
    """Two convolutions; ``break_at`` makes a place of the input give NaN."""

    def __init__(self, config: TinyConfig | None = None) -> None:
        super().__init__()
        self.config = config or TinyConfig()
        width = self.config.width
        self.embedding = nn.Embedding(7, width)
        self.first = nn.Conv1d(width, width, 5, padding=2)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(self.config.dropout)
        self.last = nn.Linear(width, 4)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Output:
        x = self.first(self.embedding(tokens).transpose(1, 2)).transpose(1, 2)
        return Output(self.last(self.dropout(self.norm(torch.tanh(x)))))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> LanguageData:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("genome") / "g.fa"
    with path.open("w") as file:
        for name, size in (("one", 700), ("two", 300), ("three", 20)):
            text = "".join("ACG" if rng.random() < 0.8 else "T" for _ in range(size))[:size]
            text = text[:100] + text[100:150].lower() + text[150:]
            file.write(f">{name}\n{text}\n")
    classes = Features.of([Interval("two", 0, 100), Interval("one", 5, 50)])
    classes = Features(classes.chrom, classes.start, classes.end, classes.strand, ["gene", "gene"])
    return language_data(Genome.open(path), valid=["two"], classes=classes)


@pytest.fixture(scope="session")
def quick() -> Callable[..., PretrainingConfig]:
    def make(**options: object) -> PretrainingConfig:
        plain = {"length": LENGTH, "steps": 6, "valid_every": 2, "batch_size": 4, "precision": "float32"}
        return PretrainingConfig(**{**plain, "learning_rate": 0.01, **options})  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Tiny]:
    def make(seed: int = 0, **options: float) -> Tiny:
        torch.manual_seed(seed)
        return Tiny(TinyConfig(**options))  # type: ignore[arg-type]

    return make
