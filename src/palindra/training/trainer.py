"""The Lightning trainer of one network: callbacks, loggers, devices, precision."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import lightning
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, WeightAveraging
from torch import Tensor

from palindra.errors import InputError
from palindra.models.saving import write_text
from palindra.ranks import UNIT, require_started
from palindra.training.precision import choose_precision

LAST = "last.ckpt"


class History(Callback):
    """Losses and time of every epoch, as ``log.csv`` for people to follow and in the checkpoint to resume from."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.csv"
        self.rows: list[dict[str, float]] = []
        self.seconds = 0.0
        self._since = 0.0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Start the clock."""
        self._since = time.perf_counter()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Add the row of this epoch."""
        losses = {name: float(trainer.callback_metrics[name]) for name in ("train_loss", "valid_loss")}
        self.rows.append({"epoch": float(trainer.current_epoch), **losses})
        now = time.perf_counter()
        self.seconds, self._since = self.seconds + now - self._since, now
        if trainer.is_global_zero:
            lines = ["epoch,train_loss,valid_loss", *(",".join(f"{v:.7g}" for v in row.values()) for row in self.rows)]
            write_text(self.path, "\n".join(lines) + "\n")

    def state_dict(self) -> dict[str, Any]:
        """What the checkpoint keeps."""
        return {"rows": self.rows, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.rows, self.seconds = list(state_dict["rows"]), float(state_dict["seconds"])


class Best(ModelCheckpoint):
    """The checkpoint of lowest validation loss, found again where its folder was moved between attempts."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""

        def here(path: str) -> str:
            return str(Path(self.dirpath or "", Path(path).name)) if path else path

        moved = {name: here(state_dict[name]) for name in ("best_model_path", "kth_best_model_path")}
        models = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **moved, "best_k_models": models, "dirpath": self.dirpath})


class Patience(EarlyStopping):
    """Early stopping that stays stopped: called again after its end, training does not go on for an epoch."""

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Stop at once where the checkpoint says that patience had run out."""
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


def make_trainer(
    config: Any, folder: Path, *, progress: bool, loggers: tuple[str, ...]
) -> tuple[lightning.Trainer, ModelCheckpoint, History]:
    """A trainer that writes a checkpoint after every epoch, and the two callbacks that know the result.

    Raises:
        InputError: for more devices than there are, or a logger that is not installed.
    """
    best = Best(dirpath=folder, filename="best-{epoch}", monitor="valid_loss")
    # Of its own and after the best: `save_last` would write only in epochs that are the best so far.
    last = ModelCheckpoint(dirpath=folder, filename=LAST.removesuffix(".ckpt"), enable_version_counter=False)
    history = History(folder)
    callbacks: list[Callback] = [OneFolder(folder), history, best, last]
    if config.patience:
        callbacks.append(Patience("valid_loss", patience=config.patience))
    if config.weight_average:
        callbacks.append(WeightAveraging(avg_fn=partial(moving_average, config.weight_average), use_buffers=True))
    trainer = lightning.Trainer(
        max_epochs=config.epochs,
        **machines(config),
        strategy="ddp" if config.processes > 1 else "auto",
        accumulate_grad_batches=config.accumulate,
        precision=choose_precision(config.precision),  # type: ignore[arg-type]
        gradient_clip_val=config.gradient_clip or None,
        callbacks=callbacks,
        logger=make_loggers(folder, loggers) or False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        reload_dataloaders_every_n_epochs=1,
        log_every_n_steps=1,
    )
    return trainer, best, history


def machines(config: Any) -> dict[str, Any]:
    """Where Lightning trains: the arguments of its trainer about devices, nodes and who starts their processes.

    Raises:
        InputError: for more devices than there are, other processes than were started, or a unit of an engine, which
            has one device.
    """
    gpus = torch.cuda.device_count()
    if 0 < gpus < config.devices:
        raise InputError(f"{config.devices} devices were asked for, but this machine has {gpus} (--devices).")
    if config.processes > 1 and UNIT in os.environ:
        raise InputError(
            f"--devices {config.devices}: several runs at a time have one device each. Leave out --devices, or "
            "--engine and --workers."
        )
    by = require_started(config.devices, config.nodes)
    given: dict[str, Any] = {"accelerator": "gpu" if gpus else "cpu", "devices": config.devices}
    given["num_nodes"] = config.nodes
    try:
        if by is None and "SLURM_NTASKS" in os.environ:  # an allocation, but not srun: Lightning would wait for others
            given["plugins"] = [LightningEnvironment()]
        elif by is not None and by.by == "srun":  # a requeued job goes on from its own checkpoints
            given["plugins"] = [SLURMEnvironment(auto_requeue=False)]
    except RuntimeError as error:
        raise InputError(f"the tasks that srun has started cannot be used: {error}") from error
    return given


class OneFolder(Callback):
    """Makes sure that the machines that train together write into and go on from one folder.

    Args:
        folder: of the checkpoints.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Ask every process whether it sees what the first one writes, before any checkpoint is read.

        Raises:
            InputError: on all processes, if one does not.
        """
        if trainer.num_nodes == 1:
            return
        name = trainer.strategy.broadcast(f".seen-{uuid.uuid4().hex}")
        token = self.folder / name
        if trainer.is_global_zero:
            write_text(token, name)
        trainer.strategy.barrier()
        blind = 0 if token.is_file() else 1
        blind = int(trainer.strategy.reduce(torch.tensor(blind, device=pl_module.device), reduce_op="sum"))
        if trainer.is_global_zero:
            token.unlink(missing_ok=True)
        if blind:
            raise InputError(
                f"{self.folder}: {blind} of {trainer.world_size} processes do not see what the first one writes there. "
                "Choose an output on a disk that all nodes share."
            )


class Trained(NamedTuple):
    """What is known after training, besides the best weights, which are in the module."""

    best_epoch: int  # counted from 0
    best_loss: float  # on the validation split
    history: History


def train_to_end(module: Any, config: Any, folder: Path, *, progress: bool, loggers: tuple[str, ...]) -> Trained:
    """Train a module from its last checkpoint, or from the start, and restore its ``network`` of lowest loss.

    Args:
        module: a Lightning module whose ``network`` is what is trained.
        config: of training.
        folder: for checkpoints and logs, an existing one.
        progress: show a bar per epoch.
        loggers: any of ``"tensorboard"`` and ``"wandb"``.

    Raises:
        KeyboardInterrupt: if Ctrl-C was pressed.
    """
    last = folder / LAST
    with quiet_lightning():
        trainer, best, history = make_trainer(config, folder, progress=progress, loggers=loggers)
        fit_from(trainer, module, last)
        checkpoint = torch.load(best.best_model_path, map_location="cpu", weights_only=True)
    prefix = "network."
    module.network.load_state_dict({k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items()})
    score = float("nan") if best.best_model_score is None else float(best.best_model_score)
    return Trained(int(checkpoint["epoch"]), score, history)


def fit_from(trainer: Any, module: Any, last: Path) -> None:
    """Train from a checkpoint, if it is there; Ctrl-C is a KeyboardInterrupt, as everywhere else.

    Libraries make other things of it, according to where it meets them: Lightning an exit, the writer of a checkpoint
    an error of a file that has no end.
    """
    pressed = False

    def press(*_: Any) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    ours = threading.current_thread() is threading.main_thread() and before is not None  # None: another language's
    if ours and before is signal.default_int_handler:
        signal.signal(signal.SIGINT, press)
    try:
        trainer.fit(module, ckpt_path=str(last) if last.exists() else None, weights_only=True)
    except BaseException as error:
        if pressed or (isinstance(error, SystemExit) and trainer.interrupted):
            raise KeyboardInterrupt from error
        raise
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)  # Lightning lets no second one through
    if pressed:  # where nothing can be raised, as in a destructor
        raise KeyboardInterrupt


def moving_average(decay: float, average: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
    """One update of the exponential average of weights, whose decay grows to its value from 2/11 on.

    With the full decay from the first step on, the average would be made of the first weights and batch statistics for
    hundreds of steps; in a short training validation would then prefer the untrained model.

    Examples:
        >>> [round(float(moving_average(0.9, torch.tensor(0.0), torch.tensor(1.0), n)), 3) for n in (1, 10, 1000)]
        [0.818, 0.45, 0.1]
    """
    if not average.is_floating_point():
        return current  # indices of tied weights: rounding down would tie others
    return torch.lerp(average, current, 1 - min(decay, (1 + int(updates)) / (10 + int(updates))))


def make_loggers(folder: Path, asked: tuple[str, ...]) -> list[Any]:
    """Loggers of Lightning by name.

    Raises:
        InputError: if one is not installed.
    """
    found: list[Any] = []
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


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Without Lightning's advice about workers and its banner; its errors stay."""
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
