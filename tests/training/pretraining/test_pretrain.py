"""Pretraining learns, resumes exactly, and stops where a loss is no longer a number."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from palindra.errors import InputError
from palindra.models.strand_lm import StrandLM, StrandLMConfig
from palindra.training.pretraining import (
    PretrainingConfig,
    PretrainingModule,
    bits_of,
    pretrain,
    score_split,
    weight_groups,
)
from palindra.training.pretraining.trainer import COLUMNS
from palindra.training.trainer import LAST


class Killed(Exception):
    pass


def weights(network: nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in network.state_dict().values()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_regular_sequence_is_learned(data, quick, tiny, tmp_path):
    network = tiny(dropout=0.0)
    config = quick(steps=60, valid_every=20, batch_size=16)
    done = pretrain(network, data, config, seed=0, folder=tmp_path)
    assert done.best_bits < 1.5  # of 2
    assert list(done.history[0]) == list(COLUMNS)
    assert [row["step"] for row in done.history] == [20, 40, 60]
    assert done.history[-1]["train_bits"] < done.history[0]["train_bits"]
    scores = score_split(network, data, "valid", config)
    assert abs(scores.table()["all"]["bits_per_base"] - done.best_bits) < 1e-5  # what chose the weights


def test_resumed_training_ends_with_the_same_weights(data, quick, tiny, tmp_path, monkeypatch):
    config = quick(accumulate=2, first_length=16, length_warmup=0.5, steps=8, mask_span=3, reverse_complement=True)
    straight = tiny()
    whole = pretrain(straight, data, config, seed=3, folder=tmp_path / "a")

    plain = PretrainingModule.training_step

    def killed(self, batch, number):
        if self.current_epoch == 2 and number == 1:
            raise Killed
        return plain(self, batch, number)

    monkeypatch.setattr(PretrainingModule, "training_step", killed)
    with pytest.raises(Killed):
        pretrain(tiny(), data, config, seed=3, folder=tmp_path / "b")
    monkeypatch.undo()
    resumed = tiny(seed=9)  # whatever it starts from, the checkpoint counts
    again = pretrain(resumed, data, config, seed=3, folder=tmp_path / "b")
    assert same(weights(straight), weights(resumed))
    drop = ["seconds"]
    assert [{k: v for k, v in row.items() if k not in drop} for row in again.history] == [
        {k: v for k, v in row.items() if k not in drop} for row in whole.history
    ]
    monkeypatch.setattr(PretrainingModule, "training_step", killed)  # after the end nothing is trained
    assert pretrain(resumed, data, config, seed=3, folder=tmp_path / "b").best_bits == whole.best_bits


def test_parts_of_a_batch_add_up_to_the_batch(data, quick, tiny, tmp_path):
    found = []
    for parts in (1, 4):
        network = tiny(dropout=0.0).double()
        config = quick(accumulate=parts, steps=2, batch_size=8, gradient_clip=0.0)
        pretrain(network, data, config, seed=0, folder=tmp_path / str(parts))
        found.append(weights(network))
    assert all(torch.allclose(a, b, atol=1e-9, rtol=0) for a, b in zip(*found, strict=True))


class Broken(nn.Module):
    """Says NaN of windows that hold a letter T at their first position from some call on."""

    def __init__(self, inner: nn.Module, *, after: int, backward: bool = False) -> None:
        super().__init__()
        self.inner, self.config, self.calls, self.after, self.backward = inner, None, 0, after, backward

    def forward(self, tokens, mask=None):
        found = self.inner(tokens, mask)
        self.calls += self.training
        if self.calls <= self.after or not self.training:
            return found
        if self.backward:  # a finite loss with an infinite gradient
            return found._replace(logits=found.logits + (found.logits - found.logits.detach()).clamp(min=0).sqrt())
        bad = torch.where(torch.arange(len(tokens)) == 1, float("nan"), 0.0)
        return found._replace(logits=found.logits + bad[:, None, None])


def test_a_loss_that_is_no_number_stops_and_says_where(data, quick, tiny, tmp_path):
    config = quick()
    reference = PretrainingModule(tiny(), data=data, config=config, seed=5)
    network = Broken(tiny(), after=3)
    with pytest.raises(
        InputError, match=r"training loss became nan in step 4 of 6\. The windows were (\S+:\d+-\d+)\. "
    ) as e:
        pretrain(network, data, config, seed=5, folder=tmp_path)
    from palindra.training.pretraining import TrainingBatches

    batch = TrainingBatches(data, config, seed=5, first_step=2, steps=2)[1]
    assert f"windows were {batch.places[1]}." in str(e.value)  # the second window alone
    assert f"checkpoint is kept in {tmp_path / LAST}" in str(e.value)
    kept = torch.load(tmp_path / LAST, weights_only=True)
    assert kept["global_step"] == 2
    assert all(value.isfinite().all() for value in kept["state_dict"].values())
    assert reference.valid_windows is not None


def test_a_gradient_that_is_no_number_stops_before_the_weights(data, quick, tiny, tmp_path):
    network = Broken(tiny(), after=0, backward=True)
    before = weights(network)
    with pytest.raises(
        InputError, match=r"a gradient became (nan|inf) in step 1 of 6.*There is no checkpoint before it"
    ):
        pretrain(network, data, quick(), seed=0, folder=tmp_path)
    assert same(before, weights(network))


def test_which_weights_decay():
    class Recurrence(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.A_log = nn.Parameter(torch.zeros(4, 3))
            self.dt_bias, self.D = nn.Parameter(torch.zeros(4)), nn.Parameter(torch.zeros(2, 2))
            self.kernel = nn.Parameter(torch.zeros(3, 4))
            self.project = nn.Linear(3, 2)
            self.norm = nn.RMSNorm(3)
            self.fixed = nn.Parameter(torch.zeros(2, 2), requires_grad=False)

    decayed, spared = weight_groups(Recurrence())
    assert decayed == ["kernel", "project.weight"]
    assert spared == ["A_log", "dt_bias", "D", "project.bias", "norm.weight"]


@pytest.mark.parametrize("mixer", ["tied", "untied", "siamese", "single"])
def test_every_parameter_of_a_language_model_is_in_one_group(mixer):
    model = StrandLM(small(mixer=mixer))
    decayed, spared = weight_groups(model)
    assert sorted(decayed + spared) == sorted(name for name, _ in model.named_parameters())
    shapes = {name: p.ndim for name, p in model.named_parameters()}
    assert all(shapes[name] >= 2 for name in decayed)
    assert not [name for name in decayed if name.endswith(("A_log", "dt_bias", ".D", "bias")) or "norm" in name]


def small(**options) -> StrandLMConfig:
    sizes = {"width": 8, "depth": 2, "heads": 2, "key_size": 4, "window": 8, "feed_forward": 1.0}
    return StrandLMConfig(**{**sizes, "dropout": 0.0, **options})


def test_the_losses_of_crossdna_are_added_when_asked_for(data, quick, tmp_path):
    torch.manual_seed(0)
    model = StrandLM(small(mixer="untied"))
    config = quick(steps=2, semantic=0.5, semantic_steps=1, gate=0.1, gate_from=1, teacher_decay=0.5)
    module = PretrainingModule(model, data=data, config=config, seed=0)
    teacher = module.extras.teacher
    from palindra.training.pretraining import TrainingBatches

    batch = TrainingBatches(data, config, seed=0, first_step=0, steps=1)[0]
    output = module.extras.read(model, batch, 0)
    assert torch.equal(output.logits, model(batch.tokens, batch.real, fixed_gate=True).logits)
    assert module.extras(model, output, batch, 0).item() == 0.0  # neither counts at the first step
    assert module.extras(model, output, batch, 5).item() > 0
    slow = [p.clone() for p in teacher.parameters()]
    done = pretrain(model, data, config, seed=0, folder=tmp_path)
    assert math.isfinite(done.best_bits)
    stored = torch.load(tmp_path / LAST, weights_only=True)["state_dict"]
    moved = [value for name, value in stored.items() if name.startswith("extras.teacher.")]
    assert len(moved) >= len(slow)  # resumed with the checkpoint
    with pytest.raises(InputError, match="tied branches"):
        PretrainingModule(StrandLM(small()), data=data, config=quick(gate=0.1), seed=0)


def test_other_networks_have_no_teacher_and_no_checkpointing(data, quick, tiny, tmp_path):
    with pytest.raises(InputError, match="Tiny has no gate"):
        pretrain(tiny(), data, quick(semantic=0.1), seed=0, folder=tmp_path)
    with pytest.raises(InputError, match="Tiny cannot compute layers again"):
        pretrain(tiny(), data, quick(checkpointing=True), seed=0, folder=tmp_path)


def test_layers_computed_again_give_the_same_model(data, quick, tmp_path):
    found = []
    for again in (False, True):
        torch.manual_seed(0)
        model = StrandLM(small())
        pretrain(model, data, quick(steps=2, checkpointing=again), seed=0, folder=tmp_path / str(again))
        assert model.checkpointing is again
        found.append(weights(model))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*found, strict=True))


def test_bits_by_hand():
    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.125, 0.125], [0.25] * 4]]))
    assert bits_of(logits, torch.tensor([[0, -100]])).tolist() == [[1.0, 0.0]]
    five = torch.cat([logits, torch.full((1, 2, 1), 50.0)], dim=2)  # a symbol that cannot be there
    assert torch.allclose(bits_of(five, torch.tensor([[2, 1]])), torch.tensor([[3.0, 2.0]]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first_length": 12}, "windows are doubled"),
        ({"first_length": 64}, "windows are doubled"),
        ({"batch_size": 6, "accumulate": 4}, "multiple of 4"),
        ({"mask_rate": 0.0}, "mask_rate"),
        ({"soft_masked": 1.5}, "soft_masked"),
        ({"strategy": "fsdp", "semantic": 0.1}, "use ddp"),
        ({"steps": 0}, "steps"),
        ({"learning_rate": math.nan}, "learning_rate"),
    ],
)
def test_settings_that_cannot_be_used(options, message):
    with pytest.raises(InputError, match=message):
        PretrainingConfig(**{"length": 32, **options})
