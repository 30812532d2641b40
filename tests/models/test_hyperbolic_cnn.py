"""The hyperbolic networks and their twin: both strands, one against several curvatures, saving, bad input."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized

from palindra.data import Task
from palindra.errors import InputError
from palindra.lorentz import geometry as g
from palindra.models import HyperbolicCNN, HyperbolicCNNConfig, Predictor
from palindra.models.embeddings import embeddings
from palindra.models.hyperbolic_cnn import scaled
from palindra.models.plain import from_plain, to_plain
from palindra.models.saving import load, save_run, seal
from palindra.symmetry import DNA_STRAND, Rep, Target, equivariance_error

GEOMETRIES = ["single", "blocks", "euclidean"]
TYPES = [Rep(regular=3), Rep(even=3, odd=2), Rep(regular=2, even=1, odd=3)]
TARGETS = [(Target.invariant(2), 2), (Target.paired([1, 0, 2]), 3), (Target(Rep(odd=1)), 1)]


def sequences(rows: int, length: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.eye(5, 4, dtype=dtype)[torch.randint(5, (rows, length), generator=generator)]  # the fifth letter is N
    return x.mT.contiguous()


def built(length: int = 30, **options) -> HyperbolicCNN:
    torch.manual_seed(0)
    sizes = {"kernel_size": 5, "embedding": 10, "hidden": Rep(regular=3)}
    return HyperbolicCNN(HyperbolicCNNConfig(length=length, **sizes | options))


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("hidden", TYPES, ids=str)
@pytest.mark.parametrize(("target", "outputs"), TARGETS, ids=["invariant", "pair and one", "odd"])
@pytest.mark.parametrize("readout", ["flatten", "pool"])
def test_outputs_move_as_the_target_declares(geometry, hidden, target, outputs, readout):
    for length in (20, 21):
        model = built(length, geometry=geometry, target=target, outputs=outputs, hidden=hidden, readout=readout)
        model, x = model.double(), sequences(4, length)
        x[1, :, :3] = x[2, :, 15:] = 0  # padding at one end
        for training in (True, False):
            assert equivariance_error(model.train(training), DNA_STRAND, target, x) <= 1e-10
        assert equivariance_error(model.float(), DNA_STRAND, target, x.float()) <= 1e-5


@pytest.mark.parametrize("form", ["time", "hyperplane", "tangent"])
@pytest.mark.parametrize("options", [{}, {"dispersion": "frechet"}, {"equal_log_radius": True}, {"blocks": 1}], ids=str)
def test_alternatives_are_equivariant_and_take_a_training_step(form, options):
    model = built(form=form, **options)
    x = sequences(6, 30, torch.float32)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(2):
        model(x).square().sum().backward()
        assert all(p.grad.isfinite().all() for p in model.parameters())
        optimiser.step()
    assert equivariance_error(model.eval(), DNA_STRAND, Target.invariant(1), x) <= 1e-4


@pytest.mark.parametrize("curvature", [0.1, 1.0, 10.0])
def test_features_are_on_the_manifold_after_every_layer_and_step(curvature):
    model = built(geometry="blocks", curvature=curvature)
    x, seen = sequences(6, 30, torch.float32), []
    for layer in model.modules():
        if hasattr(layer, "curvature") and hasattr(layer, "out_rep"):
            layer.register_forward_hook(lambda layer, _, out: seen.append((out, layer.curvature().item())))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(3):
        model(x).square().sum().backward()
        optimiser.step()
    assert len(seen) == 3 * 14  # four of each block, the dense layer and the head
    for out, k in seen:
        g.require_points(g.from_space(out.detach().movedim(1, -1), k), k)


def test_one_curvature_per_block_with_equal_values_is_one_curvature():
    for curvature in (0.3, 1.0, 4.0):
        one, many = (built(geometry=name, curvature=curvature).double() for name in ("single", "blocks"))
        many.load_state_dict(one.state_dict(), strict=False)
        assert len(one.curvatures) == 1
        assert len(many.curvatures) == 4
        x = sequences(5, 30)
        torch.testing.assert_close(one(x), many(x), rtol=1e-9, atol=1e-9)


def test_a_vanishing_curvature_is_a_flat_network_up_to_the_dispersion():
    flat, curved = built(curvature=1e-13).double().eval(), built(curvature=1e-14).double().eval()
    x = sequences(4, 30)
    torch.testing.assert_close(flat(x), curved(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_without_symmetry_nothing_is_tied(geometry):
    model = built(geometry=geometry, involution=None, outputs=2, target=Target.invariant(2)).double().eval()
    assert not any(is_parametrized(part) for part in model.modules())
    assert equivariance_error(model, DNA_STRAND, Target.invariant(2), sequences(4, 30)) > 1e-3


def test_the_twin_has_the_same_plan():
    curved, flat = built(), built(geometry="euclidean")
    assert [tuple(p.shape) for p in flat.parameters() if p.numel() > 50] == [
        tuple(p.shape) for p in curved.parameters() if p.numel() > 50
    ]
    assert flat.curvatures == []


def test_a_saved_run_keeps_the_curvature(tmp_path):
    model = built(geometry="blocks", dispersion="frechet", form="hyperplane")
    with torch.no_grad():
        for number, part in enumerate(m for m in model.modules() if hasattr(m, "logarithm")):
            part.logarithm.fill_(0.1 * number - 0.2)
    model.train()(sequences(8, 30, torch.float32))
    predictor = Predictor([model], both_strands=[False], task=Task.BINARY, target=Target.invariant(1)).eval()
    save_run(tmp_path, predictor, models=[{"model": "hyperbolic_cnn"}], config={"data": {"length": 30}})
    seal(tmp_path)
    loaded = load(tmp_path)
    x = sequences(5, 30, torch.float32)
    assert torch.equal(loaded(x), predictor(x))
    found = [k.item() for k in loaded.members[0].curvatures]
    assert found == pytest.approx([math.exp(0.1 * n - 0.2) for n in range(4)], rel=1e-6)


def test_configurations_are_plain_values_and_back():
    config = HyperbolicCNNConfig(length=30, geometry="blocks", curvature=0.5, form="tangent", involution=None)
    assert from_plain(HyperbolicCNNConfig, to_plain(config)) == config
    with pytest.raises(ValueError, match="one of single, blocks, euclidean"):
        from_plain(HyperbolicCNNConfig, {"length": 30, "geometry": "spherical"})


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_both_strands_have_one_embedding(geometry):
    model = built(geometry=geometry).eval()
    x = sequences(4, 30, torch.float32)
    one, two = (embeddings(model, part, both_strands=False) for part in (x, DNA_STRAND.act(x)))
    assert one.shape == (4, 5)
    torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
    assert model.embedding(x).shape == (4, 10)


def test_sizes_are_scaled_to_the_data():
    assert scaled(500, 100)["readout"] == "pool"
    assert scaled(500, 10**7)["embedding"] == 528
    for rows in (3_000, 20_000):
        options = scaled(200, rows)
        model = HyperbolicCNN(HyperbolicCNNConfig(length=200, hidden=Rep(even=32), involution=None, **options))
        assert sum(p.numel() for p in model.embed.parameters()) <= 101 * rows


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_autocast_is_safe(geometry):
    model, x = built(geometry=geometry), sequences(8, 30, torch.float32)
    exact = model(x)
    with torch.autocast("cpu", torch.bfloat16):
        y = model(x)
    assert (y.float() - exact).abs().max() <= 0.05 * exact.abs().max()
    y.float().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_bad_sizes_and_curvatures_are_refused():
    with pytest.raises(InputError, match="a curvature of -1 is given and a positive number K"):
        built(curvature=-1.0)
    with pytest.raises(ValueError, match="odd number"):
        built(kernel_size=4)
    with pytest.raises(ValueError, match="blocks is 0"):
        built(blocks=0)
    with pytest.raises(ValueError, match="built for 30 letters and got 31"):
        built()(torch.zeros(1, 4, 31))


def test_overflow_names_the_layer():
    model = built().eval()
    with torch.no_grad():
        model.blocks[1].norm2.gamma.fill_(1e6)
    with pytest.raises(InputError, match=r"first layer with such values is blocks\.1\.norm2 \(BatchNorm\)"):
        model(sequences(2, 30, torch.float32))
    before = {name: value.clone() for name, value in model.train().state_dict().items()}
    with pytest.raises(InputError, match="norm2"):
        model(sequences(2, 30, torch.float32))
    assert before.keys() == model.state_dict().keys()


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_sequences_of_padding_alone_give_finite_outputs(geometry):
    model = built(geometry=geometry)
    x = sequences(4, 30, torch.float32)
    x[0] = 0
    assert model(x).isfinite().all()
    assert model(torch.zeros(2, 4, 30)).isfinite().all()
