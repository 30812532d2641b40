"""Train a labelled model and a language model on a number of processes; write what the first of them ends with.

Run as ``python two_processes.py DEVICES FOLDER [STOP]``; with STOP training is stopped in that epoch.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch

from palindra.data import LabelledSequences, Task
from palindra.data.genome import Genome
from palindra.data.language import language_data
from palindra.models import StrandResNet, StrandResNetConfig
from palindra.models.strand_lm import StrandLM, StrandLMConfig
from palindra.symmetry import Rep, Target
from palindra.training.fit import fit
from palindra.training.module import SequenceModule, TrainingConfig
from palindra.training.pretraining import PretrainingConfig, PretrainingModule, pretrain
from palindra.training.strategies import STRATEGIES


def labelled() -> LabelledSequences:
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), 24)) for _ in range(45)]
    labels = [float("TGA" in text or "TCA" in text) for text in sequences]
    return LabelledSequences.from_arrays(
        sequences, np.array(labels), splits=["train"] * 30 + ["valid"] * 15, task=Task.BINARY
    )


def main(devices: int, folder: Path, stop: int | None) -> None:
    folder.mkdir(exist_ok=True)
    if stop is not None:
        for module in (SequenceModule, PretrainingModule):
            stopping(module, stop)
    parts = {"labelled": train_labelled, "language": train_language, "sharded": train_sharded}
    for name, part in parts.items():
        try:
            network, history = part(devices, folder / name)
        except Stopped:
            continue
        if int(os.environ.get("LOCAL_RANK", "0")) == 0:
            torch.save({"weights": network.state_dict(), "history": history}, folder / f"{name}.pt")


def train_labelled(devices: int, folder: Path) -> tuple[torch.nn.Module, list[dict[str, float]]]:
    data, target = labelled(), Target.invariant(1)
    torch.manual_seed(0)
    network = StrandResNet(
        StrandResNetConfig(
            length=24, target=target, hidden=Rep(regular=4), stem_size=5, dilations=(1,), dropout=0.0, stem_dropout=0.0
        )
    )
    config = TrainingConfig(epochs=3, batch_size=16, precision="float32", shift=2, devices=devices)
    done = fit(network, data, target=target, strategy=STRATEGIES["augment"], config=config, seed=1, folder=folder)
    return network, done.history


def train_sharded(devices: int, folder: Path) -> tuple[torch.nn.Module, list[dict[str, float]]]:
    return train_language(devices, folder, strategy="fsdp" if devices > 1 else "auto")


def train_language(
    devices: int, folder: Path, strategy: str = "auto"
) -> tuple[torch.nn.Module, list[dict[str, float]]]:
    torch.manual_seed(0)
    network = StrandLM(
        StrandLMConfig(mixer="tied", width=8, depth=1, heads=2, key_size=4, attention=False, window=None, dropout=0.0)
    )
    data = language_data(Genome.open(folder.parent.parent / "genome.fa"), valid=["two"])
    config = PretrainingConfig(
        length=32, steps=6, valid_every=2, batch_size=8, devices=devices, precision="float32", learning_rate=0.01,
        strategy=strategy,
    )  # fmt: skip
    done = pretrain(network, data, config, seed=1, folder=folder)
    return network, done.history


class Stopped(Exception):
    """Stands for the job being killed."""


def stopping(module: type, epoch: int) -> None:
    original = module.training_step

    def step(self, batch, number):
        if self.current_epoch == epoch:
            raise Stopped
        return original(self, batch, number)

    module.training_step = step


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None)
