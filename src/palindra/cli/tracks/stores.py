"""One prediction pass over a split into a store, and what the store was made by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from palindra.evaluation.tracks import Places, Predictions, PredictionStore
from palindra.models.track_saving import TrackRun
from palindra.symmetry import DNA_STRAND, Target
from palindra.training.track_batches import TrackRows
from palindra.training.track_losses import LOSSES
from palindra.training.track_outputs import other_strand
from palindra.training.track_predict import predict_tracks

STORES = "predictions"
OTHER = "-other"  # behind a split: predictions for reverse complements, brought back to the given strand


class OtherStrand(nn.Module):
    """A network on reverse complements, its outputs brought back to the given strand.

    Args:
        network: gives what a loss reads.
        target: how the tracks change with the strand.
    """

    def __init__(self, network: nn.Module, target: Target) -> None:
        super().__init__()
        self.network, self.target = network, target

    def forward(self, x: Tensor) -> Any:
        return other_strand(self.target, self.network(DNA_STRAND.act(x)))


def devices(count: int = 1) -> list[str]:
    """Where predictions are computed: GPUs where there are any."""
    gpus = torch.cuda.device_count()
    return [f"cuda:{number}" for number in range(min(max(count, 1), gpus))] or ["cpu"]


def is_binary(run: TrackRun) -> bool:
    """Whether the model gives labels of windows."""
    return str(run.table["training"]["labels"]) == "activity"


def made_by(weights: Path, data: Any, split: str) -> str:
    """What predictions depend on: weights, configuration, data set and split."""
    digest = hashlib.sha256(weights.read_bytes())
    digest.update(json.dumps([contents(data), split]).encode())
    return digest.hexdigest()[:32]


def contents(data: Any) -> str:
    """Hash of everything in a data set: its files and its genome."""
    what = [data.made["files"], data.made["genome"]["fingerprint"]]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def holds(folder: Path, weights: Path, data: Any, split: str, *, other: bool = False) -> bool:
    """Whether a folder holds finished predictions of these weights for this split of this data set."""
    layout = folder / "layout.json"
    if not layout.is_file() or not (folder / "complete.json").is_file():
        return False
    found = json.loads(layout.read_text(encoding="utf-8")).get("made_by")
    return bool(found == made_by(weights, data, split) + (OTHER if other else ""))


def predict_split(
    run: TrackRun,
    data: Any,
    split: str,
    folder: Path,
    *,
    weights: Path,
    other: bool = False,
    batch_size: int = 64,
    gpus: int = 1,
) -> Predictions:
    """Predict every window of a split into a store, or what is missing of one, and open it.

    Where windows have no labels, a model of labels is stored beside NaN; it may still be held against coverage.

    Args:
        run: the trained model.
        data: the data set.
        split: name of the split.
        folder: of the store.
        weights: file of the model's weights, by which the store knows whose predictions it holds.
        other: predict reverse complements and bring them back to the given strand.
        batch_size: windows at a time on each device.
        gpus: to compute on, where there are any.
    """
    binary = is_binary(run)
    labelled = data.activity is not None and split in data.activity
    rows = TrackRows(data, split, run.length, run.bin_size, "activity" if binary and labelled else "tracks")
    middle, windows = rows.slack // 2, data.splits[split]
    store = PredictionStore.create(
        folder,
        Places(windows.chrom, windows.start + middle, run.length),
        run.tracks,
        bin_size=run.bin_size,
        chromosomes=list(data.genome.chromosomes),
        made_by=made_by(weights, data, split) + (OTHER if other else ""),
    )
    if len(store.missing()):
        network = OtherStrand(run.network, data.target) if other else run.network
        found = predict_tracks(
            network,
            data,
            split,
            loss=LOSSES[run.loss],
            length=run.length,
            bin_size=run.bin_size,
            batch_size=batch_size,
            both_strands=run.target if run.both_strands else None,
            devices=devices(gpus),
        )
        for part, values in found:
            numbers = np.arange(part.start, part.stop)
            if binary:
                values = values[:, :, None]
            truth = rows.targets(numbers, middle) if labelled or not binary else np.full(values.shape, np.nan)
            truth = truth.reshape(values.shape)
            store.write(numbers, values, truth)
        store.finish()
    return PredictionStore.open(folder)
