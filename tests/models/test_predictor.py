"""Predictions in the units of the labels, averaged over members and strands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from palindra.data import Task
from palindra.models import Predictor, predict_batches
from palindra.symmetry import Target

INVARIANT = Target.invariant(2)
X = torch.eye(4)[torch.randint(0, 4, (7, 11), generator=torch.Generator().manual_seed(0))].mT.contiguous()


class Flat(nn.Module):
    """A linear map that tells strands apart."""

    def __init__(self, seed: int, outputs: int = 2) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.map = nn.Linear(44, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.map(x.flatten(1))


@pytest.mark.parametrize(
    ("task", "link"),
    [
        (Task.BINARY, lambda y: 1 / (1 + (-y).exp())),
        (Task.MULTILABEL, lambda y: 1 / (1 + (-y).exp())),
        (Task.MULTICLASS, lambda y: y.exp() / y.exp().sum(1, keepdim=True)),
        (Task.REGRESSION, lambda y: y * torch.tensor([2.0, 3.0]) + torch.tensor([10.0, -1.0])),
    ],
    ids=["binary", "multilabel", "multiclass", "regression"],
)
def test_members_are_averaged_before_the_link(task: Task, link: Callable[[Tensor], Tensor]):
    first, second = Flat(0), Flat(1)
    units = {"offset": [10.0, -1.0], "scale": [2.0, 3.0]} if task is Task.REGRESSION else {}
    predictor = Predictor([first, second], both_strands=[False, False], task=task, target=INVARIANT, **units)
    mean = (first(X) + second(X)) / 2
    torch.testing.assert_close(predictor.logits(X), mean)
    torch.testing.assert_close(predictor(X), link(mean))


@pytest.mark.parametrize("target", [INVARIANT, Target.paired([1, 0])], ids=["invariant", "pair"])
def test_both_strands_average_outputs_through_the_target(target: Target):
    network = Flat(0)
    predictor = Predictor([network], both_strands=[True], task=Task.MULTILABEL, target=target)
    expected = (network(X) + target.act(network(X.flip(1, 2)))) / 2
    torch.testing.assert_close(predictor.logits(X), expected)
    torch.testing.assert_close(predictor(X), target.act(predictor(X.flip(1, 2))))


def test_conjoined_averages_members_that_did_not_and_leaves_others():
    first, second = Flat(0), Flat(1)
    predictor = Predictor(
        [first, second], both_strands=[True, False], task=Task.REGRESSION, target=INVARIANT, offset=[1.0], scale=[3.0]
    ).eval()
    conjoined = predictor.conjoined()
    expected = Predictor(
        [first, second], both_strands=[True, True], task=Task.REGRESSION, target=INVARIANT, offset=[1.0], scale=[3.0]
    )
    torch.testing.assert_close(conjoined(X), expected(X))
    assert not torch.allclose(conjoined(X), predictor(X))
    assert not conjoined.training
    torch.testing.assert_close(conjoined.conjoined()(X), conjoined(X))


def test_a_strand_specific_target_has_no_average():
    predictor = Predictor([Flat(0)], both_strands=[False], task=Task.BINARY, target=Target.strand_specific())
    with pytest.raises(ValueError, match="no average over strands"):
        predictor.conjoined()


def test_batches_change_nothing_and_keep_the_order():
    predictor = Predictor([Flat(0)], both_strands=[False], task=Task.BINARY, target=INVARIANT)
    whole = predict_batches(predictor, X)
    for size in (1, 2, 3, 7, 100):
        torch.testing.assert_close(predict_batches(predictor, X.to(torch.int8), batch_size=size), whole)
    assert not whole.requires_grad


def test_prediction_is_in_evaluation_mode_and_leaves_the_mode_alone():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(44, 1))
    model.train()
    torch.testing.assert_close(predict_batches(model, X), predict_batches(model, X))
    assert model.training
    model.eval()
    predict_batches(model, X)
    assert not model.training
