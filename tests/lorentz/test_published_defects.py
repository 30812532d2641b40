"""Defects of the published code (Hyperbolic Genome Embeddings and what it derives from), one test each."""

from __future__ import annotations

import math

import pytest
import torch

from palindra import lorentz
from palindra.lorentz import geometry as g
from palindra.lorentz.geometry import space
from palindra.models import HyperbolicCNN, HyperbolicCNNConfig
from palindra.models.hyperbolic_cnn import published
from palindra.symmetry import Rep, Target
from palindra.training.module import TrainingConfig, optimization

CONSTANT = TrainingConfig(schedule="constant", learning_rate=1e-5, weight_decay=0.1)


def small(**options) -> HyperbolicCNN:
    torch.manual_seed(0)
    return HyperbolicCNN(HyperbolicCNNConfig(length=20, hidden=Rep(regular=4), embedding=8, **options))


def sequences(rows: int, length: int = 20) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.eye(4)[torch.randint(4, (rows, length), generator=generator)].mT.contiguous()


@pytest.mark.parametrize("curvature", [0.5, 1.0, 2.0, 4.0])
def test_flattened_points_are_on_the_manifold_for_every_curvature(curvature):
    x = g.from_space(torch.randn(2, 7, 3, dtype=torch.float64), curvature)
    joined = g.concatenate(x, curvature)
    g.require_points(joined, curvature)
    published_time = (x[..., 0].square().sum(1) - (7 - 1) * curvature).sqrt()  # (N - 1) / (-k), k = 1 / curvature
    assert torch.allclose(published_time, joined[:, 0]) == (curvature == 1.0)


@pytest.mark.parametrize("geometry", ["single", "blocks"])
def test_curvatures_are_in_a_group_of_their_own_whose_rate_moves_them(geometry):
    model = small(geometry=geometry)
    optimiser = optimization(model, CONSTANT, lambda: 0)
    groups = [group for group in optimiser.param_groups if group["lr"] == 0.01]
    assert len(groups) == 1
    assert len(groups[0]["params"]) == (1 if geometry == "single" else 4)
    assert groups[0]["weight_decay"] == 0
    everywhere = [p for group in optimiser.param_groups for p in group["params"]]
    assert sorted(map(id, everywhere)) == sorted(map(id, model.parameters()))
    x, y = sequences(16), torch.arange(16.0)[:, None] % 2
    for _ in range(20):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(model(x), y).backward()
        assert all(p.grad.abs() > 0 for p in groups[0]["params"])
        optimiser.step()
    assert all(abs(k.log()) > 0.01 for k in model.curvatures)


def test_a_model_without_curvatures_has_the_groups_it_had():
    assert len(optimization(small(geometry="euclidean"), CONSTANT, lambda: 0).param_groups) == 2
    assert len(optimization(small(learn_curvature=False), CONSTANT, lambda: 0).param_groups) == 2


def test_no_parameter_is_dead():
    """No row for the time coordinate of outputs, no frozen scale: every number gets a gradient."""
    model = small(geometry="blocks")
    target = torch.randn(16, 1, generator=torch.Generator().manual_seed(2))
    (model(sequences(16)) - target).square().sum().backward()
    assert all(p.grad is not None and p.requires_grad for p in model.parameters())
    dead = [name for name, p in model.named_parameters() if not p.grad.any()]
    assert dead == []
    layer = lorentz.Linear(Rep(even=5), Rep(even=3), lorentz.Curvature(1.0))
    assert sum(p.numel() for p in layer.parameters()) == 3 * (5 + 1) + 3 + 1  # weights with time, bias, curvature


@pytest.mark.parametrize("a", [5.0, 8.0, 9.0, 30.0, -80.0])
def test_logits_are_exact_for_large_offsets_in_float32(a):
    z = torch.tensor([[0.6, -0.8]])
    head = lorentz.HyperplaneHead(Rep(even=2), Target.invariant(1), 1, lorentz.Curvature(1.0, learned=False))
    with torch.no_grad():
        head.map.weight.copy_(z)
        head.offset.fill_(a)
    x = torch.tensor([[0.0, 0.0], [0.3, -0.1], [2.0, 1.0]], requires_grad=True)
    logits = head(x)
    expected = head.double()(x.detach().double())
    torch.testing.assert_close(logits.double(), expected, rtol=1e-6, atol=0)
    assert logits[0].item() == pytest.approx(-a, rel=1e-6)
    logits.sum().backward()
    assert x.grad.isfinite().all()
    beta = math.cosh(a) ** 2 - math.sinh(a) ** 2 if abs(a) < 9 else 0.0  # what the published code divides by
    assert torch.isfinite(logits).all(), beta


def test_an_offset_of_zero_has_a_gradient():
    head = lorentz.HyperplaneHead(Rep(even=2), Target.invariant(1), 1, lorentz.Curvature(1.0)).double()
    with torch.no_grad():
        head.offset.zero_()
    x = torch.tensor([[0.3, -0.1]], dtype=torch.float64)
    head(x).sum().backward()
    step = 1e-6
    with torch.no_grad():
        values = []
        for sign in (1, -1):
            head.offset.fill_(sign * step)
            values.append(head(x).item())
    assert head.offset.grad.item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("length", [1e-6, 1e-3, 12.0, 40.0])
def test_small_and_large_radii_are_not_clamped(length):
    """The published maps lose radii below 1e-3 and stop at 10."""
    v = torch.tensor([[0.6, -0.8]]) * length
    torch.testing.assert_close(space.log_origin(space.exp_origin(v, 1.0), 1.0), v, rtol=1e-5, atol=0)
    x = g.from_space(space.exp_origin(v, 1.0), 1.0)
    assert g.distance(g.origin(2, 1.0), x, 1.0).item() == pytest.approx(length, rel=1e-5)


def test_near_points_keep_their_distance_in_float32():
    """acosh(-<x, y>) of float32 points 1e-4 apart is a few 1e-4 or zero."""
    x = g.from_space(torch.tensor([[1.0, 2.0]]), 1.0)
    y = g.from_space(torch.tensor([[1.0001, 2.0]]), 1.0)
    exact = g.distance(g.from_space(x[:, 1:].double(), 1.0), g.from_space(y[:, 1:].double(), 1.0), 1.0).item()
    assert g.distance(x, y, 1.0).item() == pytest.approx(exact, rel=1e-6)
    textbook = torch.acosh(torch.clamp(-g.inner(x, y), min=1.0)).item()
    assert abs(textbook / exact - 1) > 1e-2


def test_a_mean_distance_is_not_called_a_variance():
    layers = [
        lorentz.BatchNorm(Rep(even=3), lorentz.Curvature(1.0), dispersion=d) for d in ("mean distance", "frechet")
    ]
    x = torch.randn(8, 3, 10)
    assert not torch.allclose(layers[0](x), layers[1](x), rtol=1e-2)


@pytest.mark.parametrize("geometry", ["single", "blocks", "euclidean"])
def test_what_padding_holds_changes_nothing(geometry):
    """Other features at padding positions would enter centroids and the dense layer; more padding does not either."""
    model = small(geometry=geometry).double().train()
    x = torch.zeros(6, 4, 20, dtype=torch.float64)
    x[:, :, 4:16] = sequences(6, 12).double()
    norms = [block.norm1 for block in model.blocks]
    seen = []
    handle = norms[0].register_forward_hook(lambda layer, given, out: seen.append((given, out)))
    model(x)
    handle.remove()
    (features, mask), out = seen[0]
    assert mask.sum() == 6 * 12
    other = torch.where(mask.unsqueeze(1), features, torch.full_like(features, 50.0))
    inside = mask.unsqueeze(1).expand_as(out)
    torch.testing.assert_close(norms[0](other, mask)[inside], out[inside])
    read = []
    model.readout.register_forward_hook(lambda layer, given, out: read.append(out))
    model(x)
    flat = read[0].reshape(6, 8, 20)
    assert not flat[:, :, :4].any()
    assert not flat[:, :, 16:].any()


def test_published_sizes():
    """About 3.4 M parameters at 200 letters, 8.4 M at 500, 16.7 M at 1000; the hyperbolic ones slightly fewer."""
    for length, millions in ((200, 3.4), (500, 8.4), (1000, 16.9)):
        counts = {
            name: sum(p.numel() for p in HyperbolicCNN(published(length, 2, name)).parameters())
            for name in ("single", "euclidean")
        }
        assert counts["euclidean"] / 1e6 == pytest.approx(millions, abs=0.15)
        assert 0.95 < counts["single"] / counts["euclidean"] < 1
