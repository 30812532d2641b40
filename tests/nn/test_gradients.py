"""What equivariance says of derivatives: gradients, Jacobians and whole trainings."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian

from palindra.nn import Activation, BatchNorm, Conv1d, GlobalAvgPool, LayerNorm, Residual, Sequential, VectorHead
from palindra.symmetry import DNA_STRAND, Involution, Position, Rep, Target

MIXED = Rep(regular=2, even=3, odd=2)


def network(target: Target, outputs: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        Conv1d(Rep(regular=2), MIXED, 4),
        BatchNorm(MIXED),
        Activation(MIXED),
        Residual(Conv1d(MIXED, MIXED, 3)),
        Activation(MIXED),
        GlobalAvgPool(MIXED),
        VectorHead(MIXED, target, outputs),
    ).double()


def plain_network(target: Target, outputs: int) -> nn.Module:
    torch.manual_seed(0)
    parts = nn.Conv1d(4, 9, 4), nn.BatchNorm1d(9), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten()
    return nn.Sequential(*parts, nn.Linear(9, outputs)).double()


def data(outputs: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.nn.functional.one_hot(torch.randint(4, (6, 21), generator=generator)).mT.double()
    return x, torch.randn(6, outputs, generator=generator, dtype=torch.float64)


TARGETS = [(Target.invariant(3), 3), (Target.paired([1, 0]), 2), (Target(Rep(regular=1, odd=1)), 3)]


def gradients(model: nn.Module, x: Tensor, y: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad((model(x) - y).square().sum(), list(model.parameters())))


@pytest.mark.parametrize(("target", "outputs"), TARGETS, ids=["invariant", "paired", "signed"])
def test_weight_gradients_are_the_same_on_both_strands(target, outputs):
    model, (x, y) = network(target, outputs), data(outputs)
    given, other = gradients(model, x, y), gradients(model, DNA_STRAND.act(x), target.act(y))
    for a, b in zip(given, other, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11)
    assert max(a.abs().max() for a in given) > 1e-3


def test_weight_gradients_of_a_plain_network_differ():
    model, (x, y) = plain_network(*TARGETS[0]), data(3)
    given, other = gradients(model, x, y), gradients(model, DNA_STRAND.act(x), y)
    assert max((a - b).abs().max() for a, b in zip(given, other, strict=True)) > 1e-2


def train(model: nn.Module, x: Tensor, y: Tensor, make) -> dict[str, Tensor]:
    model = copy.deepcopy(model)
    optimiser = make(model.parameters())
    for _ in range(8):
        optimiser.zero_grad()
        (model(x) - y).square().mean().backward()
        optimiser.step()
    return model.state_dict()


OPTIMISERS = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "AdamW": lambda parameters: torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
def test_training_on_either_strand_gives_the_same_weights(make):
    for target, outputs in TARGETS:
        model, (x, y) = network(target, outputs), data(outputs)
        given, other = train(model, x, y, make), train(model, DNA_STRAND.act(x), target.act(y), make)
        for name, value in given.items():
            torch.testing.assert_close(value, other[name], rtol=0, atol=1e-7)
        assert any(not torch.equal(value, model.state_dict()[name]) for name, value in given.items())


def test_training_a_plain_network_does_not():
    model, (x, y) = plain_network(*TARGETS[0]), data(3)
    given, other = (train(model, inputs, y, OPTIMISERS["SGD"]) for inputs in (x, DNA_STRAND.act(x)))
    assert max((value - other[name]).abs().max() for name, value in given.items()) > 1e-2


def test_jacobians_are_turned_at_both_ends():
    out = Rep(regular=1, even=1, odd=2)
    model = Sequential(
        Conv1d(Rep(regular=2), MIXED, 3),
        Activation(MIXED, torch.sigmoid),
        Conv1d(MIXED, Rep(regular=3), 2),
        LayerNorm(Rep(regular=3)),
        Conv1d(Rep(regular=3), out, 2),
    ).double()
    x = torch.randn(1, 4, 9, dtype=torch.float64)
    given = jacobian(model, x)[0, :, :, 0]  # (out, out_length, in, in_length)
    turned = jacobian(model, DNA_STRAND.act(x))[0, :, :, 0]
    expected = out.act(given.flip(1), dim=0)
    expected = Rep(regular=2).act(expected.flip(3), dim=2)
    torch.testing.assert_close(turned, expected, rtol=0, atol=1e-12)
    assert (turned - given).abs().max() > 1e-2


def test_attribution_to_an_invariant_output_moves_with_the_strand():
    model, (x, _) = network(*TARGETS[0]).eval(), data(3)
    given, other = (
        torch.autograd.grad(model(inputs)[:, 0].sum(), inputs)[0]
        for inputs in (x.clone().requires_grad_(), DNA_STRAND.act(x).requires_grad_())
    )
    torch.testing.assert_close(other, Involution(Rep(regular=2), Position.REVERSE).act(given), rtol=0, atol=1e-12)
