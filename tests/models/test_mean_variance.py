"""Models that predict their own spread: strands, order of quantiles, and what they learn."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from palindra.data import Task
from palindra.models import Predictor, StrandResNet, StrandResNetConfig
from palindra.models.mean_variance import SPREADS, MeanVariance, parameter_target
from palindra.nn import StrandMean
from palindra.symmetry import Rep, Target
from palindra.training.losses import consistency_loss, gaussian_nll, label_loss, pinball

TARGETS = {
    "even": Target.invariant(2),
    "pairs": Target.paired([1, 0, 2]),
    "apart": Target.paired([2, 1, 0, 4, 3]),
    "strand": Target.strand_specific(),
}


def model(target: Target, spread: str, outputs: int) -> MeanVariance:
    torch.manual_seed(0)
    kind = SPREADS[spread]
    config = StrandResNetConfig(
        length=19,
        target=parameter_target(target, kind.parameters),
        outputs=outputs * kind.parameters,
        hidden=Rep(regular=3, even=2),
        stem_size=5,
        block_size=3,
        dilations=(1,),
    )
    return MeanVariance(StrandResNet(config), kind).eval()


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(7, 4, 19, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("name", ["even", "pairs", "apart"])
def test_value_and_spread_move_together_with_the_strand(x, name: str, spread: str):
    target = TARGETS[name]
    network = model(target, spread, target.rep.channels)
    y = network(x)
    assert y.shape == (7, target.rep.channels, SPREADS[spread].parameters)
    torch.testing.assert_close(target.act(network(x.flip(1, 2))), y, rtol=1e-4, atol=1e-5)
    assert y.std(0).min() > 0


def test_both_strands_of_any_network_can_be_averaged(x):
    torch.manual_seed(0)
    target = TARGETS["pairs"]
    network = MeanVariance(nn.Sequential(nn.Flatten(), nn.Linear(76, 6)), SPREADS["gaussian"])
    both = StrandMean(network, target)
    torch.testing.assert_close(target.act(both(x.flip(1, 2))), both(x))


def test_a_strand_specific_target_ties_nothing(x):
    assert model(TARGETS["strand"], "gaussian", 2)(x).shape == (7, 2, 2)


def test_a_change_of_sign_is_refused():
    with pytest.raises(ValueError, match="changes its sign"):
        parameter_target(Target(Rep(odd=1)), 2)


def test_quantiles_never_cross(x):
    middle, lower, upper = model(TARGETS["even"], "quantiles", 2)(100 * x).unbind(-1)
    assert (lower <= middle).all()
    assert (middle <= upper).all()


def test_log_variances_are_bounded_and_keep_a_gradient():
    outputs = torch.tensor([[[0.0, 60.0]], [[0.0, 5.0]]], requires_grad=True)
    found = SPREADS["gaussian"].finish(outputs)[..., 1]
    assert found.max() <= 8
    found.sum().backward()
    assert outputs.grad[1, 0, 1] > 0.3


def test_predictors_give_the_value_alone(x):
    networks = [model(TARGETS["pairs"], "gaussian", 3), model(TARGETS["pairs"], "quantiles", 3)]
    predictor = Predictor(
        networks,
        both_strands=[False, True],
        task=Task.REGRESSION,
        target=TARGETS["pairs"],
        offset=[1.0] * 3,
        scale=[2.0] * 3,
    ).eval()
    expected = 1 + (networks[0](x)[..., 0] + networks[1](x)[..., 0])
    torch.testing.assert_close(predictor(x), expected, rtol=1e-4, atol=1e-5)


# ---- losses --------------------------------------------------------------------------------------------------------


def test_the_gaussian_loss_is_that_of_torch():
    y, outputs = torch.randn(5, 3), torch.randn(5, 3, 2)
    expected = nn.functional.gaussian_nll_loss(
        outputs[..., 0], y, outputs[..., 1].exp(), full=True, reduction="none", eps=1e-12
    )
    torch.testing.assert_close(gaussian_nll(outputs, y), expected)


def test_the_best_gaussian_is_the_mean_and_variance_of_the_labels():
    y = torch.tensor([[0.0], [1.0], [5.0]])
    outputs = torch.zeros(1, 1, 2, requires_grad=True)
    optimizer = torch.optim.LBFGS([outputs], max_iter=100)
    optimizer.step(lambda: _backward(label_loss(Task.REGRESSION, outputs.expand(3, 1, 2), y).mean(), optimizer))
    torch.testing.assert_close(outputs[0, 0, 0], y.mean(), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(outputs[0, 0, 1].exp(), y.var(correction=0), rtol=1e-2, atol=1e-2)


def _backward(loss: torch.Tensor, optimizer: torch.optim.Optimizer) -> torch.Tensor:
    optimizer.zero_grad()
    loss.backward()
    return loss


def test_the_best_quantiles_are_those_of_the_labels():
    y = torch.arange(101.0)[:, None]
    grid = torch.stack([torch.arange(101.0)] * 3, dim=-1)[:, None]  # all three at the same value
    losses = torch.stack(
        [pinball(point.expand(101, 1, 3), y).mean() for point in grid]
    )  # level of the sum of all three: (.5 + .05 + .95) / 3
    assert losses.argmin() == 50
    for quantile, best in ((0, 50), (1, 5), (2, 95)):
        points = torch.full((101, 1, 3), 50.0)
        points[:, 0, quantile] = torch.arange(101.0)
        assert torch.stack([pinball(p.expand(101, 1, 3), y).mean() for p in points[:, None]]).argmin() == best


def test_missing_labels_count_nothing():
    for parameters in (2, 3):
        outputs = torch.randn(4, 2, parameters, requires_grad=True)
        labels = torch.tensor([[1.0, torch.nan]] * 4)
        loss = label_loss(Task.REGRESSION, outputs, labels)
        torch.testing.assert_close(loss, label_loss(Task.REGRESSION, outputs[:, :1], labels[:, :1]))
        loss.sum().backward()
        assert outputs.grad is not None
        assert (outputs.grad[:, 1] == 0).all()


def test_strands_are_compared_in_all_parameters():
    given, other = torch.randn(2, 5, 3, 2)
    expected = (given - other).square().mean((1, 2))
    torch.testing.assert_close(consistency_loss(Task.REGRESSION, given, other), expected)
