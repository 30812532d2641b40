"""Tiny data with a planted motif for every task, and tiny networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from palindra.data import LabelledSequences, Task
from palindra.models import StrandCNN, StrandCNNConfig, StrandResNet, StrandResNetConfig
from palindra.sequences import reverse_complement
from palindra.symmetry import Target
from palindra.training.module import TrainingConfig
from palindra.training.strategies import Strategy

LENGTH = 24
FIRST, SECOND = "TGACGCA", "GGAAGTG"

Planted = Callable[..., LabelledSequences]


def sequences_and_counts(rows: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Random sequences, and for each whether it holds (first, first reversed, second) motif; exactly one or none."""
    rng = np.random.default_rng(seed)
    found, kinds = [], np.zeros((rows, 3))
    for row in range(rows):
        letters = "".join(rng.choice(list("ACGT"), LENGTH))
        kind = row % 4  # 3: none
        if kind < 3:
            word = (FIRST, reverse_complement(FIRST), SECOND)[kind]
            start = int(rng.integers(0, LENGTH - len(word)))
            letters = letters[:start] + word + letters[start + len(word) :]
            kinds[row, kind] = 1
        found.append(letters)
    return found, kinds


@pytest.fixture(scope="session")
def planted() -> Planted:
    """``planted("binary")``; the other kinds of labels are the keys below."""

    def make(kind: str, rows: int = 64, seed: int = 0) -> LabelledSequences:
        sequences, motifs = sequences_and_counts(rows, seed)
        noise = np.random.default_rng(seed + 1).normal(size=(rows, 2))
        first = motifs[:, 0] + motifs[:, 1]
        missing = np.arange(rows) % 7 == 0
        both = np.stack([first, motifs[:, 2]], axis=1)
        labels, task = {
            "binary": (first, Task.BINARY),
            "multiclass": (first + 2 * motifs[:, 2], Task.MULTICLASS),
            "multilabel": (np.where(missing[:, None] & [True, False], np.nan, both), Task.MULTILABEL),
            "regression": (
                np.where(missing[:, None] & [False, True], np.nan, 5 + both * [3, -20] + 0.1 * noise),
                Task.REGRESSION,
            ),
            "pair": (100 + 7 * motifs[:, :2] + 0.1 * noise, Task.REGRESSION),
            "classes that swap": (motifs[:, 1] + 2 * (1 - first), Task.MULTICLASS),
        }[kind]
        splits = ["train"] * (rows * 5 // 8) + ["valid"] * (rows - rows * 5 // 8)
        return LabelledSequences.from_arrays(sequences, labels, splits=splits, task=task)

    return make


TARGETS = {"pair": Target.paired([1, 0]), "classes that swap": Target.paired([1, 0, 2])}


@pytest.fixture(scope="session")
def target_of() -> Callable[[str, LabelledSequences], Target]:
    return lambda kind, data: TARGETS.get(kind, Target.invariant(data.outputs))


@pytest.fixture(scope="session")
def network() -> Callable[..., nn.Module]:
    """A tiny network for a strategy; k-mers are read by the network of the paper, all else by the residual one."""

    def make(data: LabelledSequences, strategy: Strategy, target: Target, seed: int = 0, **options: Any) -> nn.Module:
        torch.manual_seed(seed)
        common: dict[str, Any] = {
            "length": data.length,
            "target": target,
            "outputs": data.outputs,
            "hidden": strategy.hidden(8),
            "involution": strategy.position,
        }
        if strategy.k > 1:
            return StrandCNN(StrandCNNConfig(**common, k=strategy.k, kernel_sizes=(5, 3)))
        sizes: dict[str, Any] = {"stem_size": 7, "block_size": 3, "dilations": (1,)}
        return StrandResNet(StrandResNetConfig(**common | sizes | options))

    return make


@pytest.fixture(scope="session")
def quick() -> Callable[..., TrainingConfig]:
    """A configuration for tests: few epochs, single precision."""
    return lambda **options: TrainingConfig(
        **{"epochs": 2, "batch_size": 16, "learning_rate": 0.01, "precision": "float32"} | options
    )
