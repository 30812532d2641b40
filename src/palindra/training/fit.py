"""Train one network to the end, from wherever an earlier attempt stopped, and keep its best weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from palindra.data import LabelledSequences, Task
from palindra.errors import InputError
from palindra.nn import StrandMean
from palindra.symmetry import Involution, Position, Target
from palindra.training.batches import Encoded
from palindra.training.regularisers.settings import check_sizes
from palindra.training.strategies import Strategy


class Fit(NamedTuple):
    """What training gives besides the weights, which are in the network."""

    best_epoch: int  # counted from 0
    best_loss: float  # on the validation split
    epochs: int  # trained
    seconds: float  # of these epochs, in whatever attempts
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
        loggers: any of ``"tensorboard"`` and ``"wandb"``; ``log.csv`` is always written.

    Raises:
        InputError: if the strategy cannot be trained on these data, or the loss is no longer a number.
        KeyboardInterrupt: if Ctrl-C was pressed.
    """
    from palindra.training.module import SequenceModule
    from palindra.training.trainer import train_to_end

    require_trainable(strategy, target, data, config)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    train, valid = data.rows("train"), data.rows("valid")
    offset, scale = standardisation(train, target)
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
    done = train_to_end(module, config, folder, progress=progress, loggers=loggers)
    network.to("cpu").eval()
    return Fit(
        best_epoch=done.best_epoch,
        best_loss=done.best_loss,
        epochs=len(done.history.rows),
        seconds=done.history.seconds,
        offset=offset,
        scale=scale,
        history=done.history.rows,
    )


def require_trainable(strategy: Strategy, target: Target, data: LabelledSequences, config: Any) -> None:
    """Raise unless a strategy can be trained on these data with this target.

    Raises:
        InputError: if the strategy needs the other strand and the target or alphabet has none, if labels cannot change
            as the target says, if a regulariser does not fit the sequences, or if there are too few of them.
    """
    rows = int((data.splits == "train").sum())
    least = 2 * config.processes * config.accumulate
    if rows < least:
        raise InputError(f"{data.source}: {rows} training sequences are too few; at least {least} needed.")
    if target.rep is not None and target.rep.odd and data.task is not Task.REGRESSION:
        raise InputError(
            f"the target says that labels change their sign with the strand, which {data.task} ones cannot."
        )
    check_sizes(config, length=data.length, strands=target.rep is not None and data.alphabet.rep.regular > 0)
    if not strategy.needs_target:
        return
    if data.alphabet.rep.regular == 0:
        raise InputError(f"strategy {strategy.name!r} needs two strands, but {data.alphabet.name} has one: use 'none'.")
    if target.rep is None:
        raise InputError(
            f"strategy {strategy.name!r} needs to know the labels of the other strand, but the target is declared "
            "strand-specific. Use 'none', or declare the target as invariant or as pairs."
        )


def standardisation(train: LabelledSequences, target: Target) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the training labels of a regression, per column; (0, 1) otherwise.

    They are those of the labels of both strands, so that columns that swap share them and standardised labels change
    with the strand as labels do.
    """
    if train.task is not Task.REGRESSION:
        return [0.0], [1.0]
    labels = train.labels
    if target.rep is not None:
        labels = np.concatenate([labels, target.act(torch.from_numpy(labels)).numpy()])
    columns = [column[~np.isnan(column)].astype(np.float64) for column in labels.T]
    mean = [float(c.mean()) if len(c) else 0.0 for c in columns]
    # A constant column may have a spread of 1e-17 by rounding.
    return mean, [float(c.std()) if len(c) and c.max() > c.min() else 1.0 for c in columns]
