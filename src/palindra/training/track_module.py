"""One training step and one validation step of a model of tracks: what Lightning asks of it."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from palindra.symmetry import Target
from palindra.training.module import optimization, require_finite, seed_dropout, share_buffers
from palindra.training.regularisers.problem import Moment
from palindra.training.regularisers.problems import track_problem
from palindra.training.regularisers.regularisation import Regularisation
from palindra.training.strategies import Strategy
from palindra.training.track_batches import GivenTrackBatches, TrackBatch, TrackEpochBatches, TrackRows
from palindra.training.track_config import TrackTrainingConfig
from palindra.training.track_loading import loader
from palindra.training.track_outputs import both_strands, each, inconsistency

VALID_BATCH = 64


class Plateau(Callback):
    """Lower the learning rate where the validation loss has not become better for some epochs.

    It comes before the checkpoint of the epoch is written (schedules of Lightning that watch a loss come after it), so
    that a resumed run goes on with the same rate.

    Args:
        factor: of the rate.
        patience: epochs.
        minimum: rate below which it is not lowered.
    """

    def __init__(self, factor: float, patience: int, minimum: float) -> None:
        self.factor, self.patience, self.minimum = factor, patience, minimum
        self.best, self.waited = float("inf"), 0

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Compare the loss of this epoch."""
        loss = float(trainer.callback_metrics["valid_loss"])
        self.best, self.waited = (loss, 0) if loss < self.best else (self.best, self.waited + 1)
        if self.waited < self.patience:
            return
        self.waited = 0
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = min(group["lr"], max(group["lr"] * self.factor, self.minimum))

    def state_dict(self) -> dict[str, Any]:
        """What the checkpoint keeps."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.best, self.waited = float(state_dict["best"]), int(state_dict["waited"])


class TrackModule(lightning.LightningModule):
    """A network, the windows that it learns from, and how.

    Args:
        network: reads ``(batch, 4, length)``, gives what the loss reads.
        target: how tracks change with the strand.
        strategy: what is done about the other strand.
        config: loss, optimiser, schedule, augmentation.
        train: training windows.
        valid: validation windows.
        seed: of the run.
        first_epoch: number of the first epoch, where another stage of training came before.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        target: Target,
        strategy: Strategy,
        config: TrackTrainingConfig,
        train: TrackRows,
        valid: TrackRows,
        seed: int,
        first_epoch: int = 0,
    ) -> None:
        super().__init__()
        self.network = network
        self.target, self.strategy, self.config, self.seed = target, strategy, config, seed
        self.train_rows, self.valid_rows, self.first_epoch = train, valid, first_epoch
        self.loss = config.loss_function
        self.augmentation = config.augmentation(target, strategy)
        problem = track_problem(network, loss=self.loss, target=target)
        self.regularisation = Regularisation(config, problem, letters=4, length=train.length)
        self._checked = False
        self._valid: list[tuple[Tensor, int]] = []

    def train_dataloader(self) -> Any:
        """The batches of the current epoch; Lightning asks again at every epoch."""
        batches = TrackEpochBatches(
            self.train_rows,
            seed=self.seed,
            epoch=self.first_epoch + self.current_epoch,
            batch_size=self.config.batch_size,
            augmentation=self.augmentation,
            rank=self.global_rank,
            processes=self.trainer.world_size,
            changes=self.regularisation.rows,
            parts=self.config.accumulate,
        )
        return loader(batches, workers=self.config.workers, pinned=torch.cuda.is_available())

    def val_dataloader(self) -> Any:
        """The share of this process in all validation windows."""
        batches = GivenTrackBatches(
            self.valid_rows, VALID_BATCH, rank=self.global_rank, processes=self.trainer.world_size
        )
        return loader(batches, workers=self.config.workers, pinned=torch.cuda.is_available())

    def configure_callbacks(self) -> list[Callback]:
        """The schedule that follows the validation loss, if it is asked for."""
        config = self.config
        if config.schedule != "plateau":
            return []
        return [Plateau(config.plateau_factor, config.plateau_patience, config.plateau_minimum)]

    def configure_optimizers(self) -> Any:
        """AdamW or Adam with decay on kernels only."""
        return optimization(self.network, self.config, lambda: int(self.trainer.estimated_stepping_batches))

    def on_train_batch_start(self, batch: TrackBatch, batch_idx: int) -> None:
        """Dropout follows (seed, epoch), so that a resumed run repeats an uninterrupted one."""
        if batch_idx == 0:
            seed_dropout(self.seed, self.first_epoch + self.current_epoch, self.global_rank)

    def training_step(self, batch: TrackBatch, number: int) -> Tensor:
        """Loss of the whole batch; each process contributes its own rows."""
        plan, moment = self.regularisation, Moment(self.seed, self.first_epoch + self.current_epoch, number)
        x = plan.changed(batch.one_hot, batch.targets)
        with plan.mixing(len(x), moment) as mixed:
            if self.strategy.consistency:
                outputs, other = both_strands(self.network, self.target, x)
            else:
                outputs = other = self.network(x)
        if not self._checked:  # once: it waits for the device
            self._checked = True
            self.loss.check(each(lambda y: y.detach().float(), outputs), batch.targets)
        loss = self.loss(outputs, mixed(batch.targets))
        if self.strategy.consistency:
            loss = loss + self.strategy.consistency * inconsistency(self.loss, outputs, other)
        loss = plan.added(loss, batch.one_hot, batch.targets, moment)
        # DDP averages gradients over processes, and Lightning over parts, whose shares of a batch may differ by a row.
        # The result is that of one process for losses that are means over rows with as many known values; correlations
        # are those of shares.
        shares = self.trainer.world_size * self.config.accumulate
        loss = loss * (len(batch.targets) * shares / batch.rows)
        require_finite(self, loss)
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=batch.rows, sync_dist=True)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Batch statistics are those of each process; all go on with those of the first."""
        share_buffers(self.network, self.trainer.world_size)
        self._valid = []

    def validation_step(self, batch: TrackBatch, _: int) -> None:
        """Loss of one batch of the validation windows."""
        loss = self.loss(self.network(batch.one_hot), batch.targets)
        self._valid.append((loss.detach().double(), batch.rows))

    def on_validation_epoch_end(self) -> None:
        """Mean over batches, weighted by their rows, the same number on all processes."""
        total = torch.zeros(2, dtype=torch.float64, device=self.device)
        for loss, rows in self._valid:
            total += torch.stack([loss * rows, torch.full_like(loss, rows)])
        total = self.trainer.strategy.reduce(total, reduce_op="sum")
        self.log("valid_loss", (total[0] / total[1]).float(), prog_bar=True, batch_size=1)
