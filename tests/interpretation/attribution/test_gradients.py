"""Gradients and integrated gradients: known answers, completeness, paths, noise, and an independent implementation."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from palindra.errors import InputError
from palindra.interpretation.attribution import (
    CORRECTED_GRADIENT,
    INPUT_TIMES_GRADIENT,
    SALIENCY,
    DeepLiftShap,
    DinucleotideShuffles,
    Gradient,
    IntegratedGradients,
    SmoothGrad,
    attribute,
    on_simplex,
    straight,
    uniform,
    value,
    zeros,
)


def network(seed: int = 0, smooth: bool = False) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv1d(4, 7, 5), nn.AvgPool1d(2) if smooth else nn.MaxPool1d(2), nn.Softplus() if smooth else nn.ReLU(),
        nn.Conv1d(7, 5, 3), nn.Tanh() if smooth else nn.ReLU(), nn.Flatten(), nn.Linear(40, 6),
        nn.Softplus() if smooth else nn.ReLU(), nn.Linear(6, 3),
    )  # fmt: skip


def letters(rows: int, length: int = 24, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.eye(4)[torch.randint(4, (rows, length), generator=generator)].mT.contiguous()


def linear(weight: torch.Tensor) -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(weight.numel(), 1))
    model[1].weight.data.copy_(weight.reshape(1, -1))
    return model


def test_gradients_of_a_linear_model_are_its_weights():
    weight = torch.randn(4, 24, generator=torch.Generator().manual_seed(0))
    model, x = linear(weight), letters(3)
    corrected = weight - weight.mean(0)
    expected = {
        SALIENCY: weight.expand(3, -1, -1),
        INPUT_TIMES_GRADIENT: weight * x,
        CORRECTED_GRADIENT: corrected.expand(3, -1, -1),
        Gradient(corrected=True, times_input=True): corrected * x,
        SmoothGrad(Gradient(times_input=True), samples=4): weight * x,
        IntegratedGradients(zeros, steps=2): weight * x,
        IntegratedGradients(uniform, steps=2): corrected * x,
        IntegratedGradients(uniform, steps=20, path=on_simplex): corrected * x,
        DeepLiftShap(uniform): corrected * x,
    }
    for method, values in expected.items():
        found = attribute(model, x, method=method)
        assert torch.allclose(found.values, values, atol=1e-5), method
    assert torch.allclose(attribute(model, x, method=SALIENCY).positions, weight.abs().amax(0).expand(3, -1))


@pytest.mark.parametrize("path", [straight, on_simplex])
@pytest.mark.parametrize("baselines", [uniform, zeros, DinucleotideShuffles(2)], ids=["uniform", "zeros", "shuffles"])
def test_integrated_gradients_are_multiplied_by_the_difference_and_add_up(path, baselines):
    """Published code returns the mean gradient, whose sum is nothing."""
    model, x = network(smooth=True), letters(4)
    found = attribute(model, x, method=IntegratedGradients(baselines, steps=30, path=path), output=value(1))
    assert torch.allclose(found.values.sum((1, 2)), found.outputs - found.baseline, atol=2e-3)
    assert found.delta.max() < 0.01 * (found.outputs - found.baseline).abs().max()
    assert (found.values[x == 0] == 0).all()


def test_more_steps_bring_the_delta_down():
    model, x = network(smooth=True).double(), letters(4).double()
    deltas = [attribute(model, x, method=IntegratedGradients(steps=n), output=value(0)).delta.max() for n in (1, 2, 5)]
    assert deltas[0] > 10 * deltas[1] > 100 * deltas[2]


def test_several_baselines_are_averaged():
    model, x = network(), letters(2)
    both = torch.stack([torch.zeros_like(x), torch.full_like(x, 0.25)], 1)
    found = attribute(model, x, method=IntegratedGradients(both), output=value(0)).values
    each = [attribute(model, x, method=IntegratedGradients(one), output=value(0)).values for one in (zeros, uniform)]
    assert torch.allclose(found, (each[0] + each[1]) / 2, atol=1e-6)


@pytest.mark.parametrize("time", [0.0, 0.3, 0.5, 1.0])
def test_the_path_on_the_simplex_is_one_of_distributions(time):
    x, baseline = letters(2, 8).double(), letters(2, 8, seed=1).double()
    baseline[0] = 0.25
    point, direction = on_simplex(baseline, x, time)
    assert torch.allclose(point.sum(1), torch.ones(2, 8, dtype=torch.double))
    assert point.min() >= 0
    assert torch.allclose(direction.sum(1), torch.zeros(2, 8, dtype=torch.double), atol=1e-12)
    step = 1e-6
    if 0 < time < 1:
        there = on_simplex(baseline, x, time + step)[0]
        assert torch.allclose((there - point) / step, direction, atol=1e-4)
    if time in (0.0, 1.0):
        assert torch.allclose(point, baseline if time == 0 else x, atol=1e-12)


def test_no_letter_takes_the_straight_path_also_on_the_simplex():
    x = letters(1, 4)
    x[:, :, 2] = 0
    point, direction = on_simplex(torch.full_like(x, 0.25), x, 0.5)
    assert point[0, :, 2].tolist() == [0.125] * 4
    assert direction[0, :, 2].tolist() == [-0.25] * 4


def test_noise_is_a_function_of_seed_and_row():
    model, x = network(smooth=True).double(), letters(3).double()
    first = attribute(model, x, method=SmoothGrad(samples=3), output=value(0)).values
    one_by_one = attribute(model, x, method=SmoothGrad(samples=3), output=value(0), batch_size=1).values
    assert torch.allclose(one_by_one, first, atol=1e-12)
    assert not torch.allclose(attribute(model, x, method=SmoothGrad(samples=3, seed=1), output=value(0)).values, first)
    none = attribute(model, x, method=SmoothGrad(samples=2, deviation=0.0), output=value(0)).values
    assert torch.allclose(none, attribute(model, x, method=CORRECTED_GRADIENT, output=value(0)).values, atol=1e-6)


def test_unknown_letters_lose_nothing():
    model, x = network(), letters(3)
    x[:, :, 5:9] = 0
    for method in (DeepLiftShap(letters(6, seed=2).view(3, 2, 4, 24)), IntegratedGradients(uniform, steps=100)):
        found = attribute(model, x, method=method, output=value(2))
        assert torch.allclose(found.values.sum((1, 2)), found.outputs - found.baseline, atol=5e-3)
        assert torch.allclose(found.positions, found.values.sum(1))


def test_no_steps_are_refused():
    with pytest.raises(InputError, match="at least one step"):
        attribute(network(), letters(1), method=IntegratedGradients(steps=0), output=value(0))


@pytest.fixture(scope="module")
def captum_attr():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("captum.attr")


@pytest.mark.parametrize("smooth", [False, True])
def test_captum_gives_the_same_gradients(captum_attr, smooth):
    model, x = network(smooth=smooth).double(), letters(3).double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        saliency = captum_attr.Saliency(model).attribute(x.clone(), target=1, abs=False)
        times = captum_attr.InputXGradient(model).attribute(x.clone(), target=1)
        integrated = captum_attr.IntegratedGradients(model).attribute(
            x.clone(), baselines=torch.full_like(x, 0.25), target=1, n_steps=30, method="gausslegendre"
        )
    assert torch.allclose(attribute(model, x, method=SALIENCY, output=value(1)).values, saliency)
    assert torch.allclose(attribute(model, x, method=INPUT_TIMES_GRADIENT, output=value(1)).values, times)
    ours = attribute(model, x, method=IntegratedGradients(steps=30), output=value(1))
    assert torch.allclose(ours.positions, integrated.sum(1), atol=1e-9)


DEEP = {
    "rectifiers": lambda: [
        nn.Conv1d(4, 7, 5),
        nn.ReLU(),
        nn.Conv1d(7, 5, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(90, 3),
    ],
    "smooth": lambda: [
        nn.Conv1d(4, 7, 5),
        nn.Softplus(),
        nn.Conv1d(7, 5, 3),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(90, 3),
    ],
    "pooling": lambda: [nn.Conv1d(4, 7, 5), nn.MaxPool1d(4), nn.Flatten(), nn.Linear(35, 3)],
}


@pytest.mark.parametrize("name", DEEP)
def test_captum_gives_the_same_contributions(captum_attr, name):
    """On networks where those of captum add up; where a maximum meets a rectifier they do not, and ours do."""
    torch.manual_seed(0)
    model, x = nn.Sequential(*DEEP[name]()).double(), letters(3).double()
    references = letters(12, seed=5).view(3, 4, 4, 24).double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [
            captum_attr.DeepLift(model).attribute(x.clone(), baselines=references[:, copy].clone(), target=1)
            for copy in range(4)
        ]
    ours = attribute(model, x, method=DeepLiftShap(references), output=value(1))
    assert torch.allclose(ours.positions, torch.stack(theirs).mean(0).sum(1), atol=1e-9)
    assert ours.delta.max() < 1e-12
