"""One training step, one validation step, the optimiser: what Lightning asks of a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

import lightning
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.data import DataLoader

from palindra.data.task import Task
from palindra.errors import InputError
from palindra.models.plain import typed
from palindra.symmetry import Target
from palindra.training.batches import Augmentation, Batch, Encoded, EpochBatches, GivenBatches
from palindra.training.losses import consistency_loss, label_loss
from palindra.training.regularisers.problem import Moment
from palindra.training.regularisers.problems import label_problem
from palindra.training.regularisers.regularisation import Regularisation
from palindra.training.regularisers.settings import RANGES, RegulariserSettings, check_combination
from palindra.training.strategies import Strategy

VALID_BATCH = 512


@dataclass(frozen=True)
class TrainingConfig(RegulariserSettings):
    """How a model is trained; the defaults were chosen on validation sets (benchmarks/results)."""

    epochs: int = 20
    batch_size: int = 64  # over all devices together
    learning_rate: float = 2e-3  # peak
    weight_decay: float = 1e-2  # of kernels and linear maps only
    optimizer: Literal["adamw", "adam"] = "adamw"
    schedule: Literal["cosine", "constant"] = "cosine"  # cosine: linear warm-up, then down to zero
    warmup: float = 0.1  # share of all steps
    patience: int = 0  # epochs without a better validation loss before stopping; 0 never stops early
    gradient_clip: float = 1.0  # largest norm; 0 for none
    weight_average: float = 0.0  # decay per step of the exponential average of weights; 0 for none
    shift: int = 0  # random shift of training sequences, bp either way
    precision: Literal["auto", "bf16", "float32"] = "auto"
    accumulate: int = 1  # parts that a batch is read in, one after the other, where memory holds no more
    devices: int = 1  # of each node
    nodes: int = 1  # machines

    def __post_init__(self) -> None:
        check_settings(self, _RANGES | RANGES)
        check_combination(self)
        if not 0 < self.learning_rate < math.inf:
            raise InputError(f"training.learning_rate is {self.learning_rate}: a positive number is needed.")
        check_batch_size(self)

    @property
    def processes(self) -> int:
        """That train together, one for each device."""
        return self.devices * self.nodes


def check_settings(config: Any, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Raise unless every field of a configuration of training has its type and lies in its range.

    Raises:
        InputError: naming the field, what was given and what is needed.
    """
    hints = get_type_hints(type(config))
    for name, value in vars(config).items():
        try:
            typed(hints[name], value)
        except ValueError as error:
            raise InputError(f"training.{name}: {error}") from None
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        if not low <= value <= high:
            wanted = f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
            raise InputError(f"training.{name} is {value}: {wanted} is needed.")


def check_batch_size(config: Any) -> None:
    """Raise unless every device has two rows in every part of every batch.

    Raises:
        InputError: saying how many rows are needed.
    """
    shares = config.processes * config.accumulate
    least = 2 if shares == 1 else 8 * shares  # the last batch may have a quarter of the rows
    if config.batch_size < least:
        raise InputError(
            f"training.batch_size is {config.batch_size}: at least {least} is needed, so that each of "
            f"{config.processes} device(s) has two sequences of every batch, or of every one of its "
            f"{config.accumulate} part(s), to take mean and spread of."
        )


_RANGES = {
    "epochs": (0, math.inf),
    "batch_size": (1, math.inf),
    "weight_decay": (0, math.inf),
    "warmup": (0, 1),
    "patience": (0, math.inf),
    "gradient_clip": (0, math.inf),
    "weight_average": (0, 1),
    "shift": (0, math.inf),
    "accumulate": (1, math.inf),
    "devices": (1, math.inf),
    "nodes": (1, math.inf),
}


def weights_with_decay(network: nn.Module) -> list[nn.Parameter]:
    """The parameters that weight decay is meant for: kernels and linear maps, tied or not.

    Tied weights are stored as flat vectors, so their shape does not tell them from scales and shifts.
    """
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d)
    found: list[Any] = []
    for layer in network.modules():
        if isinstance(layer, kinds):
            tied = parametrize.is_parametrized(layer, "weight")
            found.append(layer.parametrizations.weight.original if tied else layer.weight)  # type: ignore[union-attr]
    return found


def parameters_with_own_rate(network: nn.Module) -> list[tuple[float, list[nn.Parameter]]]:
    """The parameters of layers that declare a ``learning_rate`` of their own, such as curvatures, by that rate."""
    found: dict[float, list[nn.Parameter]] = {}
    for layer in network.modules():
        rate = getattr(layer, "learning_rate", None)
        if isinstance(rate, float):
            found.setdefault(rate, []).extend(p for p in layer.parameters(recurse=False) if p.requires_grad)
    return [(rate, own) for rate, own in found.items() if own]


def seed_dropout(seed: int, epoch: int, rank: int) -> None:
    """Make what a network draws a function of (seed, epoch, process)."""
    torch.manual_seed(seed * 1_000_003 + epoch * 101 + rank)


def share_buffers(network: nn.Module, processes: int) -> None:
    """Give every process the batch statistics of the first."""
    if processes > 1:
        for buffer in network.buffers():
            torch.distributed.broadcast(buffer, src=0)


def require_finite(module: Any, loss: Tensor) -> None:
    """Stop all processes together where the training loss is no longer a number.

    Raises:
        InputError: saying when and what to do.
    """
    whole = float(module.trainer.strategy.reduce(loss.detach(), reduce_op="mean"))
    if not math.isfinite(whole):
        raise InputError(
            f"the training loss became {whole} in step {module.global_step + 1} (epoch {module.current_epoch + 1}): "
            f"lower the learning rate ({module.config.learning_rate:g} now), or train in float32."
        )


def optimization(network: nn.Module, config: Any, steps: Callable[[], int]) -> Any:
    """AdamW or Adam with decay on kernels only, and for ``schedule="cosine"`` a schedule over steps.

    Layers with a ``learning_rate`` of their own have it, under the same schedule and without decay.

    Args:
        network: what is trained.
        config: ``optimizer``, ``learning_rate``, ``weight_decay``, ``schedule`` and ``warmup``.
        steps: gives the number of all steps, asked only where the schedule needs it.

    Returns:
        What Lightning asks of ``configure_optimizers``.
    """
    decayed = weights_with_decay(network)
    paced = parameters_with_own_rate(network)
    kept = {id(p) for p in decayed} | {id(p) for _, own in paced for p in own}
    others = [p for p in network.parameters() if id(p) not in kept]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
        *({"params": own, "weight_decay": 0.0, "lr": rate} for rate, own in paced),
    ]
    kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[config.optimizer]
    optimizer = kind(groups, lr=config.learning_rate)
    if config.schedule != "cosine":
        return optimizer
    total = steps()
    warmup = max(1, round(config.warmup * total))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class SequenceModule(lightning.LightningModule):
    """A network, what it learns from, and how.

    Args:
        network: gives logits or standardised values.
        task: of the labels.
        target: how labels change with the strand.
        source: the involution on inputs.
        strategy: what is done about the other strand.
        config: optimiser and schedule.
        train: training rows.
        valid: validation rows.
        seed: of the run.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        task: Task,
        target: Target,
        source: Any,
        strategy: Strategy,
        config: TrainingConfig,
        train: Encoded,
        valid: Encoded,
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.task, self.target, self.source = task, target, source
        self.strategy, self.config, self.seed = strategy, config, seed
        self.train_rows, self.valid_rows = train, valid
        self.augmentation = Augmentation(strategy.augment, config.shift, task, target, source)
        problem = label_problem(network, task=task, target=target, source=source, outputs=train.outputs)
        self.regularisation = Regularisation(config, problem, letters=train.letters, length=train.codes.shape[1])

    def train_dataloader(self) -> DataLoader[Batch]:
        """The batches of the current epoch; Lightning asks again at every epoch."""
        batches = EpochBatches(
            self.train_rows,
            seed=self.seed,
            epoch=self.current_epoch,
            batch_size=self.config.batch_size,
            augmentation=self.augmentation,
            rank=self.global_rank,
            processes=self.trainer.world_size,
            changes=self.regularisation.rows,
            parts=self.config.accumulate,
        )
        return DataLoader(batches, batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        """All validation rows on every process, so that all decide the same."""
        return DataLoader(GivenBatches(self.valid_rows, VALID_BATCH), batch_size=None)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Dropout follows (seed, epoch), so that a resumed run repeats an uninterrupted one.

        Not at the start of the epoch: Lightning leaves that hook out in the first epoch after resuming.
        """
        if batch_idx == 0:
            seed_dropout(self.seed, self.current_epoch, self.global_rank)

    def on_validation_epoch_start(self) -> None:
        """Batch statistics are those of each process; all go on with those of the first and so see the same loss."""
        share_buffers(self.network, self.trainer.world_size)

    def training_step(self, batch: Batch, number: int) -> Tensor:
        """Mean loss over the rows of the whole batch; each process contributes its own rows."""
        plan, moment = self.regularisation, Moment(self.seed, self.current_epoch, number)
        x = plan.changed(batch.one_hot, batch.labels)
        with plan.mixing(len(x), moment) as mixed:
            if self.strategy.consistency:
                given, other = self.network(torch.cat([x, self.source.act(x)])).chunk(2)
            else:
                given = other = self.network(x)
        losses = label_loss(self.task, given.float(), mixed(batch.labels))
        if self.strategy.consistency:
            aligned = self.target.act(other.float())
            losses = losses + self.strategy.consistency * consistency_loss(self.task, given.float(), aligned)
        losses = plan.added(losses, batch.one_hot, batch.labels, moment)
        # DDP averages gradients over processes, and Lightning over parts, whose shares of a batch may differ by a row.
        loss = losses.sum() * (self.trainer.world_size * self.config.accumulate) / batch.rows
        require_finite(self, loss)
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=batch.rows, sync_dist=True)
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Mean loss over validation rows."""
        losses = label_loss(self.task, self.network(batch.one_hot).float(), batch.labels)
        self.log("valid_loss", losses.mean(), prog_bar=True, batch_size=len(losses))

    def configure_optimizers(self) -> Any:
        """AdamW or Adam with decay on kernels only, and a schedule over steps."""
        return optimization(self.network, self.config, lambda: int(self.trainer.estimated_stepping_batches))
