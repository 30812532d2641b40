"""Train one network to the end, from wherever an earlier attempt stopped, and keep its best weights."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from palindra.data import LabelledSequences, Task
from palindra.errors import InputError
from palindra.nn import StrandMean
from palindra.symmetry import Involution, Position, Target
from palindra.training.batches import Encoded
from palindra.training.precision import choose_precision
from palindra.training.strategies import Strategy


class Fit(NamedTuple):
    """What training gives besides the weights, which are in the network."""

    best_epoch: int  # counted from 0
    best_loss: float  # on the validation split
    epochs: int  # trained
    seconds: float  # over all attempts
    offset: list[float]  # of standardised values (regression)
    scale: list[float]
    history: list[dict[str, float]]  # one row per epoch


def fit(
    network: nn.Module,
    data: LabelledSequences,
    *,
    target: Target,
    strategy: Strategy,
    config: Any,
    seed: int,
    folder: str | Path,
    progress: bool = False,
    loggers: tuple[str, ...] = (),
) -> Fit:
    """Train ``network`` in place on the training split and restore its weights of lowest validation loss.

    A checkpoint is written after every epoch. Called again with the same arguments after a kill, training goes on
    from the last one and ends with the same weights as if it had never stopped; after its end it returns at once.

    Args:
        network: gives logits or standardised values ``(batch, outputs)``.
        data: labelled sequences with train and valid splits.
        target: how labels change with the strand.
        strategy: what is done about the other strand.
        config: a :class:`palindra.training.TrainingConfig`.
        seed: of order, augmentation and dropout.
        folder: for checkpoints and logs of this network.
        progress: show a bar per epoch.
        loggers: any of ``"tensorboard"`` and ``"wandb"``; a CSV log is always written.

    Raises:
        InputError: if the strategy needs the other strand and the target or alphabet has none.
    """
    import lightning
    from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint

    from palindra.training.module import SequenceModule

    _require_strands(strategy, target, data)
    folder = Path(folder)
    train, valid = data.rows("train"), data.rows("valid")
    offset, scale = standardisation(train)
    if strategy.conjoin_training:
        network = StrandMean(network, target)
    module = SequenceModule(
        network,
        task=data.task,
        target=target,
        source=Involution(data.alphabet.rep, Position.REVERSE),
        strategy=strategy,
        config=config,
        train=Encoded(train, offset=offset, scale=scale),
        valid=Encoded(valid, offset=offset, scale=scale),
        seed=seed,
    )
    clock = _Clock(folder / "seconds.json")
    best = ModelCheckpoint(dirpath=folder, filename="best-{epoch}", monitor="valid_loss", save_last=True)
    callbacks: list[Callback] = [best]
    if config.patience:
        callbacks.append(EarlyStopping("valid_loss", patience=config.patience))
    if config.weight_average:
        callbacks.append(EMAWeightAveraging(decay=config.weight_average, use_buffers=True))
    last = folder / "last.ckpt"
    with _quiet_lightning():
        trainer = lightning.Trainer(
            max_epochs=config.epochs,
            accelerator="auto" if torch.cuda.is_available() else "cpu",
            devices=config.devices,
            strategy="ddp" if config.devices > 1 else "auto",
            precision=choose_precision(config.precision),  # type: ignore[arg-type]
            gradient_clip_val=config.gradient_clip or None,
            callbacks=callbacks,
            logger=_loggers(folder, loggers),
            enable_progress_bar=progress,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            reload_dataloaders_every_n_epochs=1,
            log_every_n_steps=1,
        )
        with clock:
            trainer.fit(module, ckpt_path=str(last) if last.exists() else None, weights_only=True)
        checkpoint = torch.load(best.best_model_path, map_location="cpu", weights_only=True)
    prefix = "network."
    network.load_state_dict({k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items()})
    network.eval()
    history = _history(folder)
    return Fit(
        best_epoch=int(checkpoint["epoch"]),
        best_loss=float(best.best_model_score or float("nan")),
        epochs=len(history),
        seconds=clock.total,
        offset=offset,
        scale=scale,
        history=history,
    )


def _require_strands(strategy: Strategy, target: Target, data: LabelledSequences) -> None:
    if not strategy.needs_target:
        return
    if data.alphabet.rep.regular == 0:
        raise InputError(f"strategy {strategy.name!r} needs two strands, but {data.alphabet.name} has one: use 'none'.")
    if target.rep is None:
        raise InputError(
            f"strategy {strategy.name!r} needs to know the labels of the other strand, but the target is declared "
            "strand-specific. Use 'none', or declare the target as invariant or as pairs."
        )


def standardisation(train: LabelledSequences) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the training labels of a regression, per column; (0, 1) otherwise."""
    import numpy as np

    if train.task is not Task.REGRESSION:
        return [0.0], [1.0]
    mean, deviation = np.nanmean(train.labels, axis=0), np.nanstd(train.labels, axis=0)
    return mean.tolist(), np.where(deviation > 0, deviation, 1.0).tolist()


def _loggers(folder: Path, asked: tuple[str, ...]) -> list[Any]:
    from lightning.pytorch.loggers import CSVLogger

    found: list[Any] = [CSVLogger(folder, name="", version="log", flush_logs_every_n_steps=10**9)]
    if "tensorboard" in asked:
        from lightning.pytorch.loggers import TensorBoardLogger

        try:
            found.append(TensorBoardLogger(folder, name="", version="tensorboard"))
        except ModuleNotFoundError as error:
            raise InputError("TensorBoard is not installed: pip install 'palindra[tensorboard]'.") from error
    if "wandb" in asked:
        from lightning.pytorch.loggers import WandbLogger

        try:
            found.append(WandbLogger(save_dir=folder, project="palindra"))
        except ModuleNotFoundError as error:
            raise InputError("Weights & Biases is not installed: pip install 'palindra[wandb]'.") from error
    return found


def _history(folder: Path) -> list[dict[str, float]]:
    """One row per epoch from the CSV log, later attempts last."""
    import csv

    rows: dict[int, dict[str, float]] = {}
    for path in sorted(folder.glob("log*/metrics.csv"), key=lambda p: p.stat().st_mtime):
        with path.open(newline="") as lines:
            for line in csv.DictReader(lines):
                row = rows.setdefault(int(line["epoch"]), {"epoch": float(line["epoch"])})
                row |= {k: float(v) for k, v in line.items() if v and k not in ("epoch", "step")}
    return [rows[epoch] for epoch in sorted(rows)]


class _Clock:
    """Seconds spent, summed over attempts in a small file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.total = float(json.loads(path.read_text())) if path.exists() else 0.0

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.total += time.perf_counter() - self.start
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.total))


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Without Lightning's advice about workers and its banner; its errors stay."""
    import logging

    names = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
