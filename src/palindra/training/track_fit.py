"""Train one network on tracks to the end, from wherever an earlier attempt stopped, and keep its best weights."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import nn

from palindra.errors import InputError
from palindra.symmetry import Position, Target
from palindra.training.regularisers.settings import check_sizes
from palindra.training.strategies import Strategy

if TYPE_CHECKING:
    from palindra.training.track_config import TrackTrainingConfig

FINETUNE = "finetune"


class TrackFit(NamedTuple):
    """What training gives besides the weights, which are in the network."""

    best_epoch: int  # counted from 0, over both stages
    best_loss: float  # on the validation split
    epochs: int  # trained
    seconds: float  # of these epochs, in whatever attempts
    history: list[dict[str, float]]  # one row per epoch: epoch, train_loss, valid_loss


def fit_tracks(
    network: nn.Module,
    data: Any,
    config: TrackTrainingConfig,
    *,
    strategy: Strategy,
    seed: int,
    folder: str | Path,
    target: Target | None = None,
    train: str = "train",
    valid: str = "valid",
    progress: bool = False,
    loggers: tuple[str, ...] = (),
) -> TrackFit:
    """Train ``network`` in place on genome windows and restore its weights of lowest validation loss.

    A checkpoint is written after every epoch. Called again with the same arguments after a kill, training goes on
    from the last one and ends with the same weights as if it had never stopped; after its end it returns at once.

    With ``config.finetune_epochs`` a second stage starts from the best weights of the first, without evoaug and at a
    lower learning rate (EvoAug's two stages); its checkpoints and log are in ``folder/finetune``. Shifts and reverse
    complements stay on: they move targets along and so are true. The stage of lower validation loss gives the weights.

    Args:
        network: reads ``(batch, 4, length)`` and gives what the loss reads.
        data: a :class:`palindra.data.tracks.TrackData`.
        config: loss, optimiser, schedule, augmentation.
        strategy: what is done about the other strand.
        seed: of order, augmentation and dropout.
        folder: for checkpoints and logs of this network.
        target: how tracks change with the strand; as declared with the data by default.
        train: split to train on.
        valid: split that chooses the weights.
        progress: show a bar per epoch.
        loggers: any of ``"tensorboard"`` and ``"wandb"``; ``log.csv`` is always written.

    Raises:
        InputError: if strategy, network, data and config do not fit each other, or the loss is no longer a number.
        KeyboardInterrupt: if Ctrl-C was pressed.
    """
    from palindra.training.track_batches import TrackRows
    from palindra.training.track_module import TrackModule
    from palindra.training.track_outputs import TrackStrandMean
    from palindra.training.trainer import train_to_end

    target = data.target if target is None else target
    require_trainable_tracks(network, data, config, strategy=strategy, target=target)
    rows = [TrackRows(data, split, config.length, config.bin_size, config.labels) for split in (train, valid)]
    if len(rows[0]) < (least := 2 * config.processes * config.accumulate):
        raise InputError(f"{len(rows[0])} training windows are too few; at least {least} are needed.")
    trained = TrackStrandMean(network, target) if strategy.conjoin_training else network

    def stage(plan: TrackTrainingConfig, place: Path, first_epoch: int) -> TrackFit:
        place.mkdir(parents=True, exist_ok=True)
        module = TrackModule(
            trained,
            target=target,
            strategy=strategy,
            config=plan,
            train=rows[0],
            valid=rows[1],
            seed=seed,
            first_epoch=first_epoch,
        )
        module.augmentation.check(rows[0])
        done = train_to_end(module, plan, place, progress=progress, loggers=loggers)
        history = done.history
        return TrackFit(done.best_epoch, done.best_loss, len(history.rows), history.seconds, history.rows)

    folder = Path(folder)
    first = stage(replace(config, epochs=config.epochs - config.finetune_epochs, finetune_epochs=0), folder, 0)
    if config.finetune_epochs:
        before = copy.deepcopy(trained.state_dict())
        finetune = replace(
            config,
            epochs=config.finetune_epochs,
            finetune_epochs=0,
            evoaug=(),
            learning_rate=config.learning_rate * config.finetune_factor,
        )
        second = stage(finetune, folder / FINETUNE, config.epochs - config.finetune_epochs)
        if not second.best_loss < first.best_loss:
            trained.load_state_dict(before)
        first = _joined(first, second)
    network.to("cpu").eval()
    return first


def require_trainable_tracks(
    network: nn.Module, data: Any, config: TrackTrainingConfig, *, strategy: Strategy, target: Target
) -> None:
    """Raise unless a strategy can train a network on these data with this target.

    Raises:
        InputError: if the strategy needs the other strand and the target has none, if the target's tracks or positions
            are not those of the data, or if the network reads another length.
    """
    tracks = len(data.tracks)
    if strategy.linear:
        raise InputError(f"strategy {strategy.name!r} is a linear model of one value per sequence, not of tracks.")
    if strategy.needs_target or config.reverse_complement:
        if target.rep is None:
            raise InputError(
                f"strategy {strategy.name!r} needs to know the tracks of the other strand, but the target is declared "
                "strand-specific. Use 'none' without reverse_complement, or declare the partner of each track."
            )
        if target.position is not Position.REVERSE:
            raise InputError("tracks run along the sequence: declare the target with Position.REVERSE.")
    if target.rep is not None and target.rep.channels != tracks:
        raise InputError(f"the target declares {target.rep.channels} tracks ({target.rep}) and the data have {tracks}.")
    check_sizes(config, length=config.length, strands=target.rep is not None)
    described = getattr(network, "config", None)
    for name, given in (("length", config.length), ("bin_size", config.bin_size)):
        built = getattr(described, name, given)
        if built != given and (name == "length" or config.labels == "tracks"):
            raise InputError(
                f"the network was built for {name} {built} and training.{name} is {given}: set them alike."
            )


def _joined(first: TrackFit, second: TrackFit) -> TrackFit:
    """Two stages as one, epochs counted on."""
    better = second.best_loss < first.best_loss
    later = [{**row, "epoch": row["epoch"] + first.epochs} for row in second.history]
    return TrackFit(
        best_epoch=second.best_epoch + first.epochs if better else first.best_epoch,
        best_loss=second.best_loss if better else first.best_loss,
        epochs=first.epochs + second.epochs,
        seconds=first.seconds + second.seconds,
        history=[*first.history, *later],
    )
