"""One step and one validation of a masked language model: what Lightning asks of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from palindra.data.language import LanguageData, scored_windows
from palindra.errors import InputError
from palindra.sequences.vocabulary import VOCABULARY
from palindra.training.pretraining.batches import LanguageBatch, ScoredBatches, TrainingBatches
from palindra.training.pretraining.classes import ClassBits, window_bits
from palindra.training.pretraining.config import PretrainingConfig
from palindra.training.pretraining.decay import weight_groups
from palindra.training.pretraining.extras import ExtraLosses
from palindra.training.trainer import LAST

_SHOWN = 3  # windows named in one error


def bits_of(logits: Tensor, targets: Tensor) -> Tensor:
    """-log2 of the probability of what was hidden, ``(windows, length)``; 0 where nothing is scored.

    Args:
        logits: ``(windows, length, letters)``; further symbols than A, C, G, T cannot be there and are left out.
        targets: ids, -100 where not scored.

    Examples:
        >>> bits_of(torch.zeros(1, 2, 4), torch.tensor([[3, -100]]))
        tensor([[2., 0.]])
    """
    letters = logits[..., : VOCABULARY.letters].float().transpose(1, 2)
    return functional.cross_entropy(letters, targets, ignore_index=-100, reduction="none") / math.log(2)


class PretrainingModule(lightning.LightningModule):
    """A network, the genome that it learns from, and how.

    Args:
        network: ``network(tokens, mask).logits`` of A, C, G, T.
        data: genome and splits.
        config: optimiser, schedule, masking.
        seed: of the run.
    """

    def __init__(self, network: nn.Module, *, data: LanguageData, config: PretrainingConfig, seed: int) -> None:
        super().__init__()
        self.network = network
        self.data, self.config, self.seed = data, config, seed
        self.extras = ExtraLosses(network, config)
        self.valid_windows = scored_windows(data, "valid", config.length)
        self._sums = torch.zeros(2, dtype=torch.float64)  # bits and positions of this stretch of training
        self._valid: list[ClassBits] = []
        self._missing = 0  # batches of validation that another process has more
        self._seen: tuple[str, ...] = ()  # windows since the last step

    def configure_model(self) -> None:
        """Share out the weights over devices, if the strategy does that (FSDP)."""
        if self.device_mesh is None:
            return
        from palindra.training.pretraining.sharding import shard

        shard(self.network, self.device_mesh["data_parallel"])

    def train_dataloader(self) -> Any:
        """The batches up to the next validation; Lightning asks again after each."""
        config, epoch = self.config, self.current_epoch
        batches = TrainingBatches(
            self.data,
            config,
            seed=self.seed,
            first_step=epoch * config.valid_every,
            steps=config.steps_of(epoch),
            rank=self.global_rank,
            processes=self.trainer.world_size,
        )
        return DataLoader(batches, batch_size=None, shuffle=False)

    def val_dataloader(self) -> Any:
        """The share of this process in the validation windows."""
        shares = [self._valid_batches(rank) for rank in range(self.trainer.world_size)]
        mine = shares[self.global_rank]
        self._missing = max(map(len, shares)) - len(mine)
        return DataLoader(mine, batch_size=None, shuffle=False)

    def _valid_batches(self, rank: int) -> ScoredBatches:
        config, windows = self.config, len(self.valid_windows)
        wanted = min(config.valid_windows or windows, windows)
        return ScoredBatches(
            self.valid_windows,
            rate=config.mask_rate,
            batch_size=config.batch_size // (config.accumulate * config.processes),
            only=np.unique(np.linspace(0, windows - 1, wanted).round().astype(np.int64)),
            rank=rank,
            processes=self.trainer.world_size,
        )

    def configure_optimizers(self) -> Any:
        """AdamW with decay on matrices only, warm-up and cosine over all steps."""
        parameters = dict(self.network.named_parameters())
        decayed, spared = weight_groups(self.network)
        groups = [
            {"params": [parameters[name] for name in decayed], "weight_decay": self.config.weight_decay},
            {"params": [parameters[name] for name in spared], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.config.learning_rate, betas=(0.9, 0.95))
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.config.rate_factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_batch_start(self, batch: LanguageBatch, batch_idx: int) -> None:
        """Dropout follows (seed, step, part, process), so that a resumed run repeats an uninterrupted one."""
        part = self.current_epoch * self.config.valid_every * self.config.accumulate + batch_idx
        torch.manual_seed((self.seed * 1_000_003 + part) * 101 + self.global_rank)
        if batch_idx == 0:
            self._sums = torch.zeros(2, dtype=torch.float64, device=self.device)

    def training_step(self, batch: LanguageBatch, number: int) -> Tensor:
        """Loss of a part of a batch; the gradients of all parts and processes add up to those of the whole batch."""
        config = self.config
        step = self.current_epoch * config.valid_every + number // config.accumulate
        output = self.extras.read(self.network, batch, step)
        bits = bits_of(output.logits, batch.targets)
        # Divided by a number that does not depend on the batch: parts and processes with fewer letters (padding, N)
        # then count for less, exactly as if the whole batch had been read at once.
        nominal = batch.targets.numel() * config.mask_rate
        loss = bits.sum() * math.log(2) / nominal + self.extras(self.network, output, batch, step)
        self._seen = batch.places if number % config.accumulate == 0 else (*self._seen, *batch.places)
        self._require_finite(loss, bits, batch, step)
        self._sums += torch.stack([bits.detach().double().sum(), (batch.targets >= 0).double().sum()])
        self.log("bits", loss.detach() / math.log(2), prog_bar=True, batch_size=len(batch.tokens), logger=True)
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """One step, followed by the slow teacher."""
        super().optimizer_step(*args, **kwargs)
        self.extras.follow(self.network)

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        """Stop where a gradient is no longer a number, before it gets into the weights."""
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        norm: Any = torch.nn.utils.get_total_norm(gradients)
        if self.device_mesh is not None:  # a sum over shares
            norm = norm.full_tensor()
        norm = self.trainer.strategy.reduce(norm.detach().clone(), reduce_op="mean")
        if not math.isfinite(float(norm)):
            raise self._stopped("a gradient", float(norm), self.global_step, self._seen)

    def on_validation_epoch_start(self) -> None:
        """Forget the sums before."""
        self._valid = []

    def validation_step(self, batch: LanguageBatch, _: int) -> None:
        """Bits of one batch of validation windows."""
        bits = bits_of(self.network(batch.tokens, batch.real).logits, batch.targets)
        scored = (batch.targets >= 0).cpu().numpy()
        self._valid.append(window_bits(self.valid_windows, batch.rows.tolist(), bits.double().cpu().numpy(), scored))

    def on_validation_epoch_end(self) -> None:
        """Bits per base of training since the last validation and of all validation windows, on all processes."""
        if self.device_mesh is not None:
            # Every pass of a sharded network needs all processes, also those that have no more windows of their own.
            for _ in range(self._missing):
                self.network(torch.zeros(1, self.config.length, dtype=torch.long, device=self.device))
        found = ClassBits.joined(self._valid).weighted(self.config.soft_masked)
        valid = torch.tensor(found, dtype=torch.float64, device=self.device)
        valid = self.trainer.strategy.reduce(valid, reduce_op="sum")
        train = self.trainer.strategy.reduce(self._sums.to(self.device, copy=True), reduce_op="sum")
        if not math.isfinite(float(valid[0])):
            # Raised before the checkpoint of this stretch is written.
            step = self.config.valid_every * self.current_epoch + self.config.steps_of(self.current_epoch)
            raise self._stopped("the validation loss", float(valid[0]), step - 1, self._seen)
        self.log("train_loss", (train[0] / train[1].clamp(min=1)).float(), batch_size=1)
        self.log("valid_loss", (valid[0] / valid[1].clamp(min=1e-9)).float(), prog_bar=True, batch_size=1)

    def _require_finite(self, loss: Tensor, bits: Tensor, batch: LanguageBatch, step: int) -> None:
        """Stop all processes together where the loss is no longer a number, and say in which windows."""
        whole = float(self.trainer.strategy.reduce(loss.detach().clone(), reduce_op="mean"))
        if math.isfinite(whole):
            return
        bad = (~bits.isfinite().all(1)).tolist()
        raise self._stopped("the training loss", whole, step, [p for p, b in zip(batch.places, bad, strict=True) if b])

    def _stopped(self, what: str, value: float, step: int, places: Any) -> InputError:
        every = list(places)
        if self.trainer.world_size > 1:
            gathered: list[Any] = [None] * self.trainer.world_size
            torch.distributed.all_gather_object(gathered, every)
            every = [place for some in gathered for place in some]
        more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
        where = f" The windows were {', '.join(every[:_SHOWN])}{more}." if every else ""
        kept = Path(getattr(self.trainer.checkpoint_callback, "dirpath", None) or "") / LAST
        good = f"The last good checkpoint is kept in {kept}." if kept.exists() else "There is no checkpoint before it."
        return InputError(
            f"{what} became {value} in step {step + 1} of {self.config.steps}.{where} {good} Lower the learning rate "
            f"({self.config.learning_rate:g} now), lengthen the warm-up, or train in float32."
        )
