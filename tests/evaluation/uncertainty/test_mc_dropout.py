"""Dropout at prediction: one function per pass, the same for both strands, and nothing else changes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from palindra.evaluation.uncertainty import mc_dropout, thinned
from palindra.models import StrandResNet, StrandResNetConfig
from palindra.nn import Dropout, StrandMean
from palindra.symmetry import Position, Rep, Target


def resnet(**options: object) -> StrandResNet:
    torch.manual_seed(0)
    sizes = {"length": 23, "hidden": Rep(regular=3, even=1), "stem_size": 5, "block_size": 3, "dilations": (1, 2)}
    return StrandResNet(StrandResNetConfig(**{**sizes, "dropout": 0.4, "stem_dropout": 0.3} | options)).eval()


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    codes = torch.randint(4, (11, 23), generator=torch.Generator().manual_seed(1))
    return nn.functional.one_hot(codes, 4).transpose(1, 2).float()


def stock() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(4, 6, 5), nn.ReLU(), nn.Dropout1d(0.3), nn.Flatten(), nn.Dropout(0.5), nn.Linear(6 * 19, 1)
    ).eval()


@pytest.mark.parametrize(
    ("target", "outputs"), [(Target.invariant(1), 1), (Target.paired([1, 0, 2]), 3)], ids=["even", "pair"]
)
def test_an_equivariant_model_is_so_in_every_pass(x, target: Target, outputs: int):
    model = resnet(target=target, outputs=outputs)
    given, other = mc_dropout(model, x, passes=5), mc_dropout(model, x.flip(1, 2), passes=5)
    for a, b in zip(given, other, strict=True):
        torch.testing.assert_close(a, target.act(b), rtol=1e-5, atol=1e-6)
    assert given.std(0).min() > 0


def test_an_average_over_both_strands_is_so_in_every_pass(x):
    model = StrandMean(stock(), Target.invariant(1)).eval()
    torch.testing.assert_close(mc_dropout(model, x, passes=4), mc_dropout(model, x.flip(1, 2), passes=4))
    plain = stock()
    assert (mc_dropout(plain, x, passes=2) - mc_dropout(plain, x.flip(1, 2), passes=2)).abs().max() > 1e-3


@pytest.mark.parametrize("make", [resnet, stock])
def test_a_pass_is_a_function_of_the_sequence_alone(x, make):
    model = make()
    whole = mc_dropout(model, x, passes=3, seed=2)
    torch.testing.assert_close(mc_dropout(model, x, passes=3, seed=2, batch_size=4), whole)
    torch.testing.assert_close(mc_dropout(model, x.flip(0), passes=3, seed=2).flip(1), whole)
    torch.testing.assert_close(mc_dropout(model, x, passes=2, seed=2), whole[:2])
    assert (mc_dropout(model, x, passes=3, seed=3) - whole).abs().max() > 1e-3


def test_the_mean_of_a_linear_model_is_its_prediction(x):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 23, 1)).eval()
    passes = mc_dropout(model, x, passes=600)
    expected = model(x)
    spread = passes.std(0) / 600**0.5
    assert ((passes.mean(0) - expected).abs() < 4 * spread).all()
    # Var of sum_i w_i x_i m_i / (1 - p) is sum_i (w_i x_i)^2 p / (1 - p).
    variance = (model[2].weight * x.flatten(1)).square().sum(1)
    torch.testing.assert_close(passes.var(0)[:, 0], variance, rtol=0.3, atol=0)


def test_nothing_else_changes(x):
    model = resnet()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    expected, state = model(x), torch.random.get_rng_state()
    mc_dropout(model, x, passes=2)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(model(x), expected)  # dropout is off again, batch statistics are those of training
    assert not any(part.training for part in model.modules())
    model.train()
    mc_dropout(model, x, passes=2)
    assert all(part.training for part in model.modules())


def test_gradients_pass_through_a_thinned_network(x):
    model, x = resnet(), x.clone().requires_grad_()
    with thinned(model, 0):
        model(x).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().max() > 0


def test_what_cannot_be_sampled(x):
    model = resnet(dropout=0.0, stem_dropout=0.0)
    with pytest.raises(ValueError, match="no dropout layer with p > 0"):
        mc_dropout(model, x)
    with pytest.raises(ValueError, match="at least 2"):
        mc_dropout(resnet(), x, passes=1)


def test_layers_of_the_package_keep_their_rule():
    layer = Dropout(Rep(regular=2, odd=1), 0.5, position=Position.IDENTITY).eval()
    x = torch.ones(3, 5)
    with thinned(layer, 7):
        mask = layer(x)
    assert torch.equal(mask[0], mask[2])
    assert torch.equal(mask[:, [0, 1]], mask[:, [3, 2]])
