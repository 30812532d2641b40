from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.evaluation import audit, auroc, paired_bootstrap, score, unshift_track
from palindra.symmetry import Position, Target


def sequences(rows=80, length=23, seed=0):
    codes = torch.randint(5, (rows, length), generator=torch.Generator().manual_seed(seed))
    return torch.cat([torch.eye(4, dtype=torch.int8), torch.zeros(1, 4, dtype=torch.int8)])[codes].mT  # with N


class Plain(nn.Module):
    """A convolution that knows nothing of the other strand; probabilities."""

    def __init__(self, outputs=1):
        super().__init__()
        torch.manual_seed(1)
        self.body = nn.Sequential(nn.Conv1d(4, 6, 5), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(6, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(3 * self.body(x).amax(-1)).sigmoid()


class BothStrands(nn.Module):
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return (self.model(x) + self.model(x.flip(1, 2))) / 2


class StrandedTracks(nn.Module):
    """Two tracks (plus, minus), each the coverage of one strand: exact when channels swap and positions turn."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.conv = nn.Conv1d(4, 1, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.conv(x), self.conv(x.flip(1, 2)).flip(-1)], 1)


def test_an_invariant_model_has_no_discrepancy_and_the_verdict_says_so():
    found = audit(BothStrands(Plain()), sequences(), task="binary")
    assert found.strands.largest < 1e-6
    assert found.strands.relative < 1e-5
    assert found.strands.correlation == pytest.approx(1)
    assert found.strands.flipped == 0
    assert found.invariant
    assert found.verdict()[0].startswith("Reads both strands alike")


def test_a_plain_model_is_measured_as_by_hand():
    model, x = Plain(), sequences()
    model.eval()
    with torch.no_grad():
        f, g = (model(s.float()).numpy() for s in (x, x.flip(1, 2)))
    found = audit(model, x, task="binary", batch_size=7)
    gap = np.abs(f - g)
    assert found.strands.mean == pytest.approx(gap.mean(), rel=1e-5)
    assert found.strands.largest == pytest.approx(gap.max(), rel=1e-5)
    assert found.strands.relative == pytest.approx(gap.mean() / f.std(), rel=1e-5)
    assert found.strands.correlation == pytest.approx(np.corrcoef(f[:, 0], g[:, 0])[0, 1], abs=1e-5)
    assert found.strands.flipped == pytest.approx(((f >= 0.5) != (g >= 0.5)).mean())
    assert found.both == pytest.approx((f + g) / 2)
    assert not found.invariant
    assert f"{found.strands.flipped:.1%}" in found.verdict()[0]


def test_shifts_are_measured_as_by_hand():
    model, x = Plain().eval(), sequences().float()
    found = audit(model, x, task="binary", shifts=(3,))
    right, left = torch.zeros_like(x), torch.zeros_like(x)
    right[..., 3:], left[..., :-3] = x[..., :-3], x[..., 3:]
    with torch.no_grad():
        f, moved = model(x), [model(right), model(left)]
    gaps = torch.stack([(m - f).abs() for m in moved])
    (shift,) = found.shifts
    assert shift.positions == 3
    assert shift.difference.mean == pytest.approx(gaps.mean().item(), rel=1e-5)
    assert shift.difference.relative == pytest.approx((gaps.mean() / f.std(correction=0)).item(), rel=1e-5)
    flips = torch.stack([(m >= 0.5) != (f >= 0.5) for m in moved]).double().mean().item()
    assert shift.difference.flipped == pytest.approx(flips)


def test_composition_is_hardly_moved_by_shifts_and_a_fixed_position_is():
    x = sequences()
    shifts = [
        audit(model, x, shifts=(2,)).shifts[0].difference.relative
        for model in (lambda x: x[:, 1:3].mean((1, 2)), lambda x: x[:, 1, 10])
    ]
    assert shifts[0] < 0.5 < shifts[1]


def test_stranded_tracks_with_the_right_and_the_wrong_alignment():
    model, x = StrandedTracks(), sequences()
    aligned = Target.paired([1, 0], Position.REVERSE).act
    assert audit(model, x, align=aligned, shifts=()).invariant
    assert audit(model, x, align=lambda y: y.flip(1, 2), shifts=()).invariant
    for wrong in (lambda y: y, lambda y: y.flip(-1), lambda y: y.flip(1)):
        found = audit(model, x, align=wrong, shifts=())
        assert found.strands.relative > 0.3
        assert found.strands.correlation < 0.9


def test_tracks_are_moved_back_after_a_shift():
    def letter_track(x):
        return x[:, 1:3].sum(1, keepdim=True)

    found = audit(letter_track, sequences(), align=lambda y: y.flip(-1), unshift=unshift_track)
    assert found.invariant
    assert [shift.difference.largest for shift in found.shifts] == [0, 0, 0, 0]


def test_unrelated_strands_put_the_alignment_under_suspicion():
    found = audit(lambda x: x[:, 0, 0], sequences(), shifts=())
    assert any("align" in sentence for sentence in found.verdict())


def labelled(rows=300):
    """Labels that a model of the plus strand reads with strand noise, so that averaging helps."""
    x = sequences(rows, 40, seed=4)
    gc = x[:, 1:3].sum((1, 2)).double()
    return x, (gc > gc.median()).long().numpy()


def only_c(x):
    return (x[:, 1].sum(1, keepdim=True) - 8).mul(0.5).sigmoid()


def test_averaging_is_the_cure_and_its_effect_has_an_interval():
    x, labels = labelled()
    found = audit(only_c, x, labels=labels, task="binary", shifts=())
    given, reverse = only_c(x.float()).numpy(), only_c(x.float().flip(1, 2)).numpy()
    assert found.scores["given"] == score("binary", given, labels)
    assert found.scores["reverse"] == score("binary", reverse, labels)
    assert found.scores["both"] == score("binary", (given + reverse) / 2, labels)
    effect = found.effects[0]
    assert (effect.metric, [e.metric for e in found.effects]) == ("AUROC", ["AUROC", "MCC"])
    expected = paired_bootstrap(auroc, found.both[:, 0], found.given[:, 0], labels, 0, resamples=500)
    assert (effect.difference, effect.low, effect.high) == pytest.approx(expected[2:])
    assert effect.low > 0
    said = " ".join(found.verdict())
    assert "raises AUROC" in said
    assert "--both-strands" in said


def test_averaging_a_strand_specific_model_is_advised_against():
    x = sequences(300, 40, seed=5)
    excess = (x[:, 1].sum(1) - x[:, 2].sum(1)).double()  # changes sign on the other strand
    labels = (excess > 0).long().numpy()
    found = audit(lambda x: (x[:, 1].sum(1) - x[:, 2].sum(1)).sigmoid(), x, labels=labels, task="binary", shifts=())
    assert found.effects[0].high < 0
    assert any("Do not average" in sentence for sentence in found.verdict())


def test_logits_are_averaged_before_the_activation():
    x, labels = labelled()

    def logits(x):
        return x[:, 1].sum(1, keepdim=True) - 8

    found = audit(logits, x, labels=labels, task="binary", activation=torch.sigmoid, shifts=())
    raw = (logits(x.float()) + logits(x.float().flip(1, 2))) / 2
    assert found.both == pytest.approx(raw.sigmoid().numpy())
    with pytest.raises(InputError, match=r"torch\.sigmoid"):
        audit(logits, x, labels=labels, task="binary")


def test_several_classes_flip_when_the_winner_changes():
    model, x = Plain(outputs=3), sequences()
    found = audit(lambda s: model.eval()(s).logit(), x, task="multiclass", activation=lambda y: y.softmax(1))
    winners = [model(s.float()).argmax(1) for s in (x, x.flip(1, 2))]
    assert found.strands.flipped == pytest.approx((winners[0] != winners[1]).double().mean().item())


class Outputs(NamedTuple):
    extra: int
    label: Tensor
    track: Tensor


@pytest.mark.parametrize("output", [None, "label", 1])
def test_one_of_several_outputs_is_chosen(output):
    def model(x):
        return Outputs(0, x[:, 1].sum(1), x.sum(1))

    found = audit(model, sequences(), output=output, shifts=())
    assert found.given == pytest.approx(sequences()[:, 1].sum(1).numpy())


@pytest.mark.parametrize("container", [tuple, list, lambda values: dict(zip("ab", values, strict=True))])
def test_outputs_come_in_many_containers(container):
    found = audit(lambda x: container([x[:, 0].sum(1), x.sum(1)]), sequences(), output=0, shifts=())
    assert found.given == pytest.approx(sequences()[:, 0].sum(1).numpy())


def test_a_missing_output_is_named():
    with pytest.raises(InputError, match="output='logits'"):
        audit(lambda x: {"label": x.sum((1, 2))}, sequences(), output="logits")


def test_a_module_is_left_as_it_was():
    model = Plain().double()
    model.train()
    model.head.eval()  # one frozen part
    first = audit(model, sequences())
    assert (model.training, model.body.training, model.body[2].training, model.head.training) == (
        True,
        True,
        True,
        False,
    )
    assert (first.given == audit(model, sequences()).given).all()  # no dropout
    assert all(weight.grad is None for weight in model.parameters())


def test_input_is_left_as_it_was():
    x = sequences()
    before = x.clone()
    audit(Plain(), x)
    assert torch.equal(x, before)


def test_numbers_and_words_fit_into_a_json_file():
    x, labels = labelled()
    found = audit(only_c, x, labels=labels, task="binary", shifts=(1,))
    back = json.loads(json.dumps(found.as_dict()))
    assert back["strands"]["mean"] == found.strands.mean
    assert back["shifts"][0]["difference"]["relative"] == found.shifts[0].difference.relative
    assert back["verdict"] == found.verdict()
    assert "given" not in back


def test_constant_outputs_are_scored_without_an_interval():
    x = sequences()
    found = audit(lambda x: 0 * x[:, 0, 0], x, labels=np.arange(80.0), task="regression")
    assert np.isnan([found.effects[0].low, found.scores["given"]["Pearson"]]).all()
    assert found.verdict()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"one_hot": torch.zeros(3, 5, 9)}, "one-hot DNA"),
        ({"one_hot": torch.zeros(1, 4, 9)}, "two or more"),
        ({"shifts": (23,)}, "between 1 and 22"),
        ({"shifts": (0,)}, "between 1 and 22"),
        ({"task": "ranking"}, "is not one of"),
        ({"labels": np.zeros(80)}, "without a task"),
        ({"align": lambda y: y[:5]}, "keep their shape"),
        ({"predict": lambda x: x.sum((1, 2)) / 0}, "not numbers"),
        ({"predict": lambda x: x.sum()[None]}, "for 80 sequences"),
    ],
)
def test_unfit_input_is_refused_with_a_reason(options, says):
    with pytest.raises(InputError, match=says):
        audit(**{"predict": lambda x: x[:, 0].sum(1), "one_hot": sequences(), **options})
