"""The Lightning trainer of a language model, from wherever an earlier attempt stopped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor

from palindra.models.saving import write_text
from palindra.training.precision import choose_precision
from palindra.training.pretraining.config import PretrainingConfig
from palindra.training.trainer import LAST, Best, OneFolder, fit_from, machines, quiet_lightning

COLUMNS = ("step", "length", "learning_rate", "train_bits", "valid_bits", "valid_perplexity", "seconds")


class LanguageHistory(Callback):
    """Bits per base at every validation, as ``log.tsv`` for people to follow and in the checkpoint to resume from."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.tsv"
        self.rows: list[dict[str, float]] = []
        self._since = 0.0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Start the clock."""
        self._since = time.perf_counter()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Add the row of this stretch."""
        train, valid = (float(trainer.callback_metrics[name]) for name in ("train_loss", "valid_loss"))
        step, config = int(trainer.global_step), pl_module.config
        now = time.perf_counter()
        before = self.rows[-1]["seconds"] if self.rows else 0.0
        length, rate = config.length_at(step - 1), config.learning_rate * config.rate_factor(step - 1)
        values = (step, length, rate, train, valid, 2.0**valid, before + now - self._since)
        self._since = now
        self.rows.append(dict(zip(COLUMNS, map(float, values), strict=True)))
        if trainer.is_global_zero:
            write_text(self.path, history_text(self.rows))

    def state_dict(self) -> dict[str, Any]:
        """What the checkpoint keeps."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.rows = list(state_dict["rows"])


def history_text(rows: list[dict[str, float]]) -> str:
    """Rows of training as a table with tabs."""
    lines = ["\t".join(f"{row[name]:.7g}" for name in COLUMNS) for row in rows]
    return "\n".join(["\t".join(COLUMNS), *lines]) + "\n"


def make_language_trainer(
    config: PretrainingConfig, folder: Path, *, progress: bool, loggers: list[Any]
) -> tuple[lightning.Trainer, ModelCheckpoint, LanguageHistory]:
    """A trainer that writes a checkpoint after every validation, and the two callbacks that know the result.

    Raises:
        InputError: for more devices than there are.
    """
    best = Best(dirpath=folder, filename="best-{epoch}", monitor="valid_loss")
    last = ModelCheckpoint(dirpath=folder, filename=LAST.removesuffix(".ckpt"), enable_version_counter=False)
    history = LanguageHistory(folder)
    trainer = lightning.Trainer(
        max_epochs=config.epochs,
        **machines(config),
        strategy=_strategy(config),
        precision=choose_precision(config.precision),  # type: ignore[arg-type]
        gradient_clip_val=config.gradient_clip or None,
        accumulate_grad_batches=config.accumulate,
        callbacks=[OneFolder(folder), history, best, last],
        logger=loggers or False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        reload_dataloaders_every_n_epochs=1,
        log_every_n_steps=1,
    )
    return trainer, best, history


def _strategy(config: PretrainingConfig) -> Any:
    if config.strategy == "fsdp":
        from palindra.training.pretraining.sharding import Sharded

        return Sharded(config.processes)
    if config.processes > 1:
        return "ddp_find_unused_parameters_true" if config.gate_from else "ddp"
    return "auto"


class Trained(NamedTuple):
    """What is known after training."""

    step: int  # of the weights of lowest validation loss
    bits: float  # per base, theirs
    weights: dict[str, Tensor]  # of the ``network``
    history: LanguageHistory


def train_language_model(
    module: Any, config: PretrainingConfig, folder: Path, *, progress: bool, loggers: list[Any]
) -> Trained:
    """Train from the last checkpoint, or from the start, to the end.

    Raises:
        KeyboardInterrupt: if Ctrl-C was pressed.
    """
    last = folder / LAST
    with quiet_lightning():
        trainer, best, history = make_language_trainer(config, folder, progress=progress, loggers=loggers)
        fit_from(trainer, module, last)
        checkpoint = torch.load(best.best_model_path, map_location="cpu", weights_only=True)
    prefix = "network."
    weights = {k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}
    score = float("nan") if best.best_model_score is None else float(best.best_model_score)
    return Trained(int(checkpoint["global_step"]), score, weights, history)
