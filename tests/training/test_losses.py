"""Losses against hand values and against independent formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from palindra.data import Task
from palindra.training.losses import consistency_loss, label_loss

NAN = float("nan")


def test_binary_by_hand():
    outputs = torch.tensor([[0.0], [math.log(3)], [math.log(3)]])
    labels = torch.tensor([[1.0], [1.0], [0.0]])
    expected = torch.tensor([math.log(2), -math.log(0.75), -math.log(0.25)])
    torch.testing.assert_close(label_loss(Task.BINARY, outputs, labels), expected)


def test_multiclass_by_hand():
    outputs = torch.tensor([[1.0, 2.0, 3.0], [2.0, 1.0, 1.0]]).log()
    labels = torch.tensor([[2.0], [0.0]])
    expected = torch.tensor([-math.log(3 / 6), -math.log(2 / 4)])
    torch.testing.assert_close(label_loss(Task.MULTICLASS, outputs, labels), expected)


def test_multilabel_leaves_missing_labels_out_of_the_mean():
    outputs = torch.tensor([[0.0, math.log(3), 50.0], [0.0, 0.0, 0.0]])
    labels = torch.tensor([[1.0, 0.0, NAN], [NAN, NAN, NAN]])
    expected = torch.tensor([(math.log(2) - math.log(0.25)) / 2, 0.0])
    torch.testing.assert_close(label_loss(Task.MULTILABEL, outputs, labels), expected)


def test_regression_leaves_missing_values_out_of_the_mean():
    outputs = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    labels = torch.tensor([[0.0, 5.0], [NAN, 2.0]])
    torch.testing.assert_close(label_loss(Task.REGRESSION, outputs, labels), torch.tensor([(1 + 9) / 2, 4.0]))


@pytest.mark.parametrize("task", [Task.MULTILABEL, Task.REGRESSION], ids=str)
def test_missing_labels_send_no_gradient(task: Task):
    outputs = torch.randn(4, 3, requires_grad=True)
    labels = torch.tensor([[0.0, 1.0, NAN]]).repeat(4, 1)
    label_loss(task, outputs, labels).sum().backward()
    assert outputs.grad is not None
    assert outputs.grad.isfinite().all()
    assert (outputs.grad[:, 2] == 0).all()
    assert (outputs.grad[:, :2] != 0).all()


def coins(logits: Tensor) -> Tensor:
    """Each output as a distribution over (no, yes), in double precision: (batch, outputs, 2)."""
    p = torch.sigmoid(logits.double())
    return torch.stack([1 - p, p], dim=-1)


def symmetric_kl(p: Tensor, q: Tensor) -> Tensor:
    return (p * (p / q).log()).sum(-1) + (q * (q / p).log()).sum(-1)


def test_consistency_is_the_symmetric_divergence_of_coins():
    torch.manual_seed(0)
    given, other = torch.randn(7, 3), torch.randn(7, 3)
    expected = symmetric_kl(coins(given), coins(other)).mean(1)
    torch.testing.assert_close(consistency_loss(Task.MULTILABEL, given, other).double(), expected, rtol=1e-5, atol=1e-6)


def test_consistency_is_the_symmetric_divergence_of_classes():
    torch.manual_seed(0)
    given, other = torch.randn(7, 5), torch.randn(7, 5)
    expected = symmetric_kl(given.double().softmax(1), other.double().softmax(1))
    torch.testing.assert_close(consistency_loss(Task.MULTICLASS, given, other).double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("task", list(Task), ids=str)
def test_consistency_is_symmetric_and_zero_only_for_equal_outputs(task: Task):
    torch.manual_seed(0)
    given, other = torch.randn(6, 3), torch.randn(6, 3)
    assert torch.equal(consistency_loss(task, given, given), torch.zeros(6))
    assert (consistency_loss(task, given, other) > 0).all()
    torch.testing.assert_close(consistency_loss(task, given, other), consistency_loss(task, other, given))


def test_classes_have_the_same_divergence_whatever_is_added_to_all_logits():
    given, other = torch.randn(6, 3), torch.randn(6, 3)
    torch.testing.assert_close(
        consistency_loss(Task.MULTICLASS, given + 10, other - 3), consistency_loss(Task.MULTICLASS, given, other)
    )


def test_large_logits_stay_finite():
    large = torch.full((1, 1), 200.0)
    assert label_loss(Task.BINARY, large, torch.zeros(1, 1)).isfinite().all()
    assert consistency_loss(Task.BINARY, large, -large).isfinite().all()
