"""The training step: whole-batch gradients on any number of processes, consistency, decay, schedule; settings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from palindra.data import Task
from palindra.errors import InputError
from palindra.nn import BatchNorm, Conv1d
from palindra.symmetry import DNA_STRAND, Rep, Target
from palindra.training.batches import Batch, Encoded, EpochBatches
from palindra.training.losses import consistency_loss, label_loss
from palindra.training.module import SequenceModule, TrainingConfig, weights_with_decay
from palindra.training.strategies import STRATEGIES


class Flat(nn.Module):
    """A linear map of all letters; every row's loss is its own."""

    def __init__(self, length: int, outputs: int) -> None:
        super().__init__()
        self.map = nn.Linear(4 * length, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.map(x.flatten(1))


class Alone(SequenceModule):
    """A module whose trainer only knows the number of processes."""

    trainer: Any = None

    def log(self, *_: Any, **__: Any) -> None:
        """Nobody listens."""


def module(data: Any, network: nn.Module, strategy: str, target: Target, processes: int = 1, **options: Any) -> Alone:
    made = Alone(
        network,
        task=data.task,
        target=target,
        source=DNA_STRAND,
        strategy=STRATEGIES[strategy],
        config=TrainingConfig(batch_size=10, **options),
        train=Encoded(data.rows("train")),
        valid=Encoded(data.rows("valid")),
        seed=0,
    )
    made.trainer = SimpleNamespace(
        world_size=processes, strategy=SimpleNamespace(reduce=lambda x, reduce_op: x), estimated_stepping_batches=100
    )
    return made


@pytest.mark.parametrize("strategy", ["none", "augment", "consistency"])
@pytest.mark.parametrize("processes", [2, 3, 4])
def test_gradients_averaged_over_processes_are_those_of_the_whole_batch(planted, strategy: str, processes: int):
    data = planted("multilabel")
    network = Flat(data.length, 2)
    target = Target.paired([1, 0])

    def gradient(rank: int, count: int) -> Tensor:
        own = module(data, network, strategy, target, count)
        part = EpochBatches(
            own.train_rows, seed=0, epoch=0, batch_size=10, augmentation=own.augmentation, rank=rank, processes=count
        )
        network.zero_grad()
        own.training_step(part[0], 0).backward()
        assert network.map.weight.grad is not None
        return network.map.weight.grad.clone()

    shares = [len(range(rank, 10, processes)) for rank in range(processes)]
    assert processes == 2 or len(set(shares)) > 1  # ten rows over three or four: unequal
    mean = torch.stack([gradient(rank, processes) for rank in range(processes)]).mean(0)
    torch.testing.assert_close(mean, gradient(0, 1))


def test_consistency_compares_through_the_action_of_the_target(planted):
    data = planted("multilabel")
    target = Target.paired([1, 0])
    torch.manual_seed(0)
    network = Flat(data.length, 2)
    own = module(data, network, "consistency", target)
    batch = Batch(own.train_rows.one_hot(slice(0, 6)), own.train_rows.labels[:6], 6)
    given, other = network(batch.one_hot), network(batch.one_hot.flip(1, 2))
    expected = label_loss(Task.MULTILABEL, given, batch.labels)
    weight = STRATEGIES["consistency"].consistency
    expected = expected + weight * consistency_loss(Task.MULTILABEL, given, other[:, [1, 0]])
    torch.testing.assert_close(own.training_step(batch, 0), expected.mean())


def test_a_loss_that_is_no_number_stops_with_advice(planted):
    data = planted("binary")
    network = Flat(data.length, 1)
    nn.init.constant_(network.map.bias, float("nan"))
    own = module(data, network, "none", Target.invariant(1), learning_rate=7.0)
    batch = Batch(own.train_rows.one_hot(slice(0, 6)), own.train_rows.labels[:6], 6)
    with pytest.raises(InputError, match=r"became nan in step 1 \(epoch 1\): lower the learning rate \(7 now\)"):
        own.training_step(batch, 0)


def test_decay_is_for_kernels_and_linear_maps_only():
    hidden = Rep(regular=2, even=1)
    network = nn.Sequential(Conv1d(Rep(regular=2), hidden, 3), BatchNorm(hidden), nn.Conv1d(5, 3, 1), nn.Linear(3, 2))
    decayed = {id(p) for p in weights_with_decay(network)}
    named = {name for name, p in network.named_parameters() if id(p) in decayed}
    assert named == {"0.parametrizations.weight.original", "2.weight", "3.weight"}


def test_the_cosine_schedule_warms_up_and_ends_at_zero(planted):
    own = module(planted("binary"), Flat(24, 1), "none", Target.invariant(1), warmup=0.2, learning_rate=0.5)
    made = own.configure_optimizers()
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(0.5 / 20)
    assert max(rates) == rates[19] == rates[20] == 0.5
    assert rates[:20] == sorted(rates[:20])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


def test_optimizers_and_decay_follow_the_configuration(planted):
    data, target = planted("binary"), Target.invariant(1)
    made = module(data, Flat(24, 1), "none", target, optimizer="adam", schedule="constant", weight_decay=0.3)
    optimizer = made.configure_optimizers()
    assert type(optimizer) is torch.optim.Adam
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": -1}, "training.epochs is -1: at least 0 is needed"),
        ({"epochs": 2.5}, "training.epochs: 2.5 is given and a whole number needed"),
        ({"epochs": True}, "a whole number needed"),
        ({"learning_rate": 0.0}, "a positive number is needed"),
        ({"learning_rate": float("nan")}, "a positive number is needed"),
        ({"learning_rate": "fast"}, "'fast' is given and a number needed"),
        ({"warmup": 1.5}, "training.warmup is 1.5: from 0 to 1 is needed"),
        ({"weight_average": 2.0}, "from 0 to 1"),
        ({"gradient_clip": -1.0}, "at least 0"),
        ({"optimizer": "sgd"}, "'sgd' is given and one of adamw, adam needed"),
        ({"schedule": "linear"}, "one of cosine, constant needed"),
        ({"precision": "fp16"}, "one of auto, bf16, float32 needed"),
        ({"batch_size": 1}, "batch_size is 1: at least 2 is needed"),
        ({"batch_size": 15, "devices": 2}, "batch_size is 15: at least 16 is needed, so that each of 2 device"),
        ({"devices": 0}, "training.devices is 0"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        TrainingConfig(**options)
