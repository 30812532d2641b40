"""Laws of every hyperbolic layer: on the manifold, commuting, flat for K -> 0, equal to ambient formulas."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from palindra import lorentz
from palindra.errors import InputError
from palindra.lorentz import geometry as g
from palindra.lorentz.geometry import space
from palindra.lorentz.overflow import require_finite_outputs
from palindra.nn.printed import printed_name
from palindra.symmetry import Involution, Position, Rep, Target, assert_complete, assert_equivariant, equivariance_error

CURVATURES = [0.1, 0.25, 1.0, 4.0, 10.0]
REGULAR, EVEN, ODD, MIXED = Rep(regular=3), Rep(even=5), Rep(odd=2), Rep(regular=2, even=3, odd=5)
FORMS = [lorentz.TimeColumn, lorentz.Hyperplanes, lorentz.Tangent]
F64 = torch.float64


def factories() -> dict[str, Callable[[float], nn.Module]]:
    """Every kind of layer between types of different sizes, made from a curvature."""
    table: dict[str, Callable[[float], nn.Module]] = {}

    def conv(given, made, size, **options):
        return lambda k: lorentz.Conv1d(given, made, size, lorentz.Curvature(k), **options)

    def of_type(kind, rep, **options):
        return lambda k: kind(rep, lorentz.Curvature(k), **options)

    def linear(given, made, form):
        return lambda k: lorentz.Linear(given, made, lorentz.Curvature(k), form=form)

    def move(rep):
        def make(k):
            layer = lorentz.ChangeCurvature(lorentz.Curvature(k), lorentz.Curvature(k * 2.5))
            layer.in_rep = layer.out_rep = rep
            return layer

        return make

    for form in FORMS:
        for given, made in ((REGULAR, MIXED), (MIXED, EVEN), (EVEN, ODD), (ODD, REGULAR)):
            name = f"{form.__name__} {given} to {made}"
            table[f"conv {name}"] = conv(given, made, 3, form=form, padding=1)
            table[f"linear {name}"] = linear(given, made, form)
        table[f"conv dilated {form.__name__}"] = conv(MIXED, REGULAR, 4, form=form, dilation=2)
        table[f"conv log-radius {form.__name__}"] = conv(REGULAR, MIXED, 5, form=form, equal_log_radius=True)
    for rep in (REGULAR, EVEN, ODD, MIXED):
        table[f"norm {rep}"] = of_type(lorentz.BatchNorm, rep)
        table[f"frechet norm {rep}"] = of_type(lorentz.BatchNorm, rep, dispersion="frechet")
        table[f"pool {rep}"] = of_type(lorentz.CentroidPool1d, rep)
        table[f"move {rep}"] = move(rep)
    table["activation"] = lambda _: lorentz.Activation(MIXED)
    table["residual"] = lambda k: lorentz.Residual(conv(MIXED, MIXED, 3, padding=1)(k))
    return table


LAYERS = factories()
NAMES = list(LAYERS)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def jittered(layer: nn.Module, scale: float = 0.3) -> nn.Module:
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if not name.endswith("logarithm"):
                parameter.add_(scale * torch.randn_like(parameter))
    return layer


def draw(layer: nn.Module, rows: int = 4, length: int = 12) -> Tensor:
    vector = getattr(layer, "position", None) is Position.IDENTITY
    return torch.randn(rows, layer.in_rep.channels, *([] if vector else [length]))


@pytest.mark.parametrize("curvature", CURVATURES)
@pytest.mark.parametrize("name", NAMES)
def test_points_stay_on_the_manifold_in_float32(name, curvature):
    """The distance is that of the time coordinate from its right value, relative to it: a unit of the last place."""
    layer = jittered(LAYERS[name](curvature))
    own = getattr(layer, "curvature", None)
    k = own().item() if own is not None else curvature
    optimiser = torch.optim.AdamW(layer.parameters() if list(layer.parameters()) else [nn.Parameter(torch.ones(1))])
    for training in (True, False):
        y = layer.train(training)(draw(layer))
        assert y.isfinite().all()
        point = g.from_space(y.movedim(1, -1), k)
        g.require_points(point, k)  # in float32
        exact = (1 / k + point[..., 1:].double().square().sum(-1)).sqrt()
        assert ((point[..., 0].double() - exact) / exact).abs().max() < 5e-7
        if y.requires_grad:
            y.square().sum().backward()
            optimiser.step()
            assert all(p.grad is None or p.grad.isfinite().all() for p in layer.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_commutes_with_the_involution(name):
    layer = jittered(LAYERS[name](0.7))
    for training in (True, False):
        assert_equivariant(layer.train(training))
        assert_equivariant(layer.train(training), dtype=torch.float32)


@pytest.mark.parametrize("form", FORMS)
def test_the_weights_miss_no_equivariant_map(form):
    k = lorentz.Curvature(1.0)
    assert_complete(lorentz.Conv1d(MIXED, REGULAR, 3, k, form=form).map)
    assert_complete(lorentz.Linear(ODD, MIXED, k, form=form).map)
    # The time coordinate is one more even input: a column that is an invariant vector.
    column = next(iter(lorentz.Linear(ODD, MIXED, k, form=form).form.parameters()))
    assert column.numel() == MIXED.regular + MIXED.even


@pytest.mark.parametrize("name", NAMES)
def test_a_vanishing_curvature_gives_the_euclidean_layer(name):
    layer = jittered(LAYERS[name](1e-14)).double().eval()
    x = draw(layer).double()
    y = layer(x)
    if name.startswith(("conv", "linear")) and "log-radius" not in name:
        expected = layer.map(x)
        if isinstance(layer.form, lorentz.Hyperplanes):
            length = layer.map.weight.flatten(1).norm(dim=1)
            bias = -layer.form.offset * length
        else:
            bias = layer.form.bias
        expected = expected + bias.view(1, -1, *[1] * (x.dim() - 2))
    elif name.startswith("pool"):
        expected = x.mean(2)
    elif name.startswith("move"):
        expected = x
    elif "norm" in name:
        layer.train()
        y = layer(x)
        mean = x.mean((0, 2))
        centred = x - ((mean + layer.in_rep.act(mean, dim=0)) / 2)[:, None]
        d = centred.norm(dim=1)
        s = d.square().mean().sqrt() if "frechet" in name else d.mean()
        expected = centred * layer.gamma / (s + layer.eps) + layer.beta[:, None]
    else:
        return
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("curvature", [0.25, 1.0, 4.0])
def test_a_linear_layer_is_the_published_map_of_all_coordinates(curvature):
    layer = jittered(lorentz.Linear(EVEN, Rep(even=3), lorentz.Curvature(curvature))).double()
    k = layer.curvature().item()
    x = draw(layer).double()
    full = torch.cat([layer.form.time[:, None], layer.map.weight], dim=1)
    expected = g.from_space(x, k) @ full.T + layer.form.bias - layer.form.time / math.sqrt(k)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("curvature", [0.25, 1.0, 4.0])
def test_a_convolution_is_a_linear_layer_of_joined_windows_padded_with_origins(form, curvature):
    k = lorentz.Curvature(curvature)
    conv = jittered(
        lorentz.Conv1d(EVEN, Rep(even=4), 3, k, form=form, padding=2, dilation=2, stride=2, position=Position.IDENTITY)
    )
    conv = conv.double()
    linear = lorentz.Linear(Rep(even=15), Rep(even=4), k, form=form).double()
    linear.form = conv.form
    value = k().item()
    x = torch.randn(4, 5, 9, dtype=F64)
    points = g.from_space(x.mT, value)  # (rows, length, 6)
    origins = g.origin(5, value, dtype=F64).expand(4, 2, 6)
    padded = torch.cat([origins, points, origins], dim=1)
    # Weights of a window are laid out (point, channel) where points are joined, (channel, tap) in a convolution.
    linear.map.weight = nn.Parameter(conv.map.weight.transpose(1, 2).reshape(4, 15))
    for number, start in enumerate(range(0, 9, 2)):
        joined = g.concatenate(padded[:, start : start + 5 : 2], value)
        torch.testing.assert_close(conv(x)[:, :, number], linear(joined[:, 1:]))


def test_one_tap_is_a_linear_layer_and_origins_stay_origins():
    k = lorentz.Curvature(0.3)
    conv = lorentz.Conv1d(MIXED, REGULAR, 1, k)
    linear = lorentz.Linear(MIXED, REGULAR, k)
    linear.form = conv.form
    with torch.no_grad():
        linear.map.parametrizations.weight.original.copy_(torch.zeros(()))
        linear.map.weight = conv.map.weight[..., 0]
    x = draw(conv)
    full = conv.map.weight[..., 0]
    torch.testing.assert_close(
        conv(x)[:, :, 5], linear(x[:, :, 5]) + nn.functional.linear(x[:, :, 5], full - linear.map.weight)
    )
    assert not conv(torch.zeros_like(x)).any()


@pytest.mark.parametrize("curvature", CURVATURES)
@pytest.mark.parametrize("dispersion", ["mean distance", "frechet"])
def test_batch_norm_is_the_published_chain_of_maps(curvature, dispersion):
    layer = jittered(lorentz.BatchNorm(EVEN, lorentz.Curvature(curvature), dispersion=dispersion)).double().train()
    k = layer.curvature().item()
    x = draw(layer, length=7).double() / math.sqrt(k)
    points = g.from_space(x.mT, k)
    mu = g.centroid(g.centroid(points, k), k)
    o = g.origin(5, k, dtype=F64)
    v = g.transport(mu, o, g.log_map(mu, points, k), k)
    length = g.distance(mu, points, k)
    s = length.mean() if dispersion == "mean distance" else length.square().mean().sqrt()
    beta = g.from_space(space.exp_origin(layer.beta[None], k), k)[0]
    expected = g.exp_map(beta, g.transport(o, beta, v * layer.gamma / (s + layer.eps), k), k)
    torch.testing.assert_close(layer(x), expected[..., 1:].mT, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("dispersion", ["mean distance", "frechet"])
def test_batch_norm_gives_the_dispersion_that_it_claims(dispersion):
    layer = lorentz.BatchNorm(EVEN, lorentz.Curvature(2.0), dispersion=dispersion).double().train()
    y = layer(draw(layer, rows=9).double() + 0.4)
    d = g.distance(g.origin(5, 2.0, dtype=F64), g.from_space(y.mT, 2.0), 2.0)
    claimed = d.mean() if dispersion == "mean distance" else d.square().mean().sqrt()
    assert claimed.item() == pytest.approx(1, abs=1e-4)
    other = d.square().mean().sqrt() if dispersion == "mean distance" else d.mean()
    assert abs(other.item() - 1) > 1e-2  # a mean is not a root mean square
    centre = g.centroid(g.centroid(g.from_space(y.mT, 2.0), 2.0), 2.0)
    assert centre[1:].norm() < 0.2


def test_batch_norm_commutes_with_rotations_at_the_origin():
    layer = lorentz.BatchNorm(EVEN, lorentz.Curvature(1.0)).double().train()
    q = torch.linalg.qr(torch.randn(5, 5, dtype=F64)).Q
    x = draw(layer).double() + 0.5
    torch.testing.assert_close(layer(torch.einsum("ij,bjl->bil", q, x)), torch.einsum("ij,bjl->bil", q, layer(x)))


def test_running_statistics_tend_to_those_of_a_repeated_batch_and_outlive_a_change_of_curvature():
    layer = lorentz.BatchNorm(EVEN, lorentz.Curvature(1.0)).double().train()
    x = draw(layer).double() + 0.5
    for _ in range(300):
        y = layer(x)
    torch.testing.assert_close(layer.eval()(x), y, rtol=1e-6, atol=1e-6)
    before = layer.running_mean.norm()
    with torch.no_grad():
        layer.curvature.logarithm.fill_(1.0)
    mean = space.exp_origin(layer.running_mean[None], layer.curvature())
    found = g.distance(g.origin(5, math.e, dtype=F64), g.from_space(mean, math.e), math.e)
    assert found.item() == pytest.approx(before.item(), rel=1e-6)


def test_padding_enters_neither_centroid_nor_dispersion_nor_pooling():
    layer = lorentz.BatchNorm(EVEN, lorentz.Curvature(1.0)).double().train()
    x = draw(layer).double()
    mask = torch.zeros(4, 16, dtype=torch.bool)
    mask[:, 2:14] = True
    padded = torch.full((4, 5, 16), 9.0, dtype=F64)
    padded[:, :, 2:14] = x
    torch.testing.assert_close(layer(padded, mask)[:, :, 2:14], layer(x))
    pool = lorentz.CentroidPool1d(EVEN, lorentz.Curvature(1.0)).double()
    torch.testing.assert_close(pool(padded, mask), pool(x))
    assert not pool(padded, torch.zeros_like(mask)).any()
    empty = mask.clone()
    empty[0] = False
    assert layer(padded, empty).isfinite().all()
    torch.testing.assert_close(layer(padded, empty)[1:, :, 2:14], layer(x[1:]))


@pytest.mark.parametrize("curvature", CURVATURES)
def test_windows_of_a_pool_have_the_centroids_of_their_points(curvature):
    k = lorentz.Curvature(curvature)
    pool = lorentz.CentroidPool1d(EVEN, k, 4, stride=2).double()
    x = torch.randn(3, 5, 12, dtype=F64)
    y = pool(x)
    for number in range(5):
        points = g.from_space(x[:, :, 2 * number : 2 * number + 4].mT, k().item())
        torch.testing.assert_close(y[:, :, number], g.centroid(points, k().item())[:, 1:])


@pytest.mark.parametrize("curvature", CURVATURES)
def test_point_to_hyperplane_coordinates_are_re_read_exactly(curvature):
    layer = jittered(lorentz.Linear(EVEN, Rep(even=3), lorentz.Curvature(curvature), form=lorentz.Hyperplanes)).double()
    k = layer.curvature().item()
    x = draw(layer).double() / math.sqrt(k)
    read = torch.asinh(math.sqrt(k) * layer(x)) / math.sqrt(k)  # signed distance to a coordinate hyperplane
    head = lorentz.HyperplaneHead(EVEN, Target.invariant(3), 3, layer.curvature).double()
    head.map, head.offset = layer.map, layer.form.offset
    torch.testing.assert_close(head(x), read)


@pytest.mark.parametrize("curvature", CURVATURES)
def test_tangent_layers_map_the_tangent_space(curvature):
    layer = jittered(lorentz.Linear(EVEN, Rep(even=3), lorentz.Curvature(curvature), form=lorentz.Tangent)).double()
    k = layer.curvature().item()
    x = draw(layer).double() / math.sqrt(k)
    o = g.origin(5, k, dtype=F64)
    v = g.log_map(o, g.from_space(x, k), k)[:, 1:] @ layer.map.weight.T + layer.form.bias
    out = g.origin(3, k, dtype=F64)
    expected = g.exp_map(out, torch.cat([torch.zeros(4, 1, dtype=F64), v], dim=1), k)
    torch.testing.assert_close(layer(x), expected[:, 1:])


def test_moving_between_spaces_keeps_distances_from_the_origin():
    a, b = lorentz.Curvature(0.3), lorentz.Curvature(5.0)
    x = torch.randn(3, 4, 6, dtype=F64)
    y = lorentz.ChangeCurvature(a, b)(x)
    d = [torch.asinh(k().sqrt() * v.norm(dim=1)) / k().sqrt() for k, v in ((a, x), (b, y))]
    torch.testing.assert_close(d[0], d[1], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(lorentz.ChangeCurvature(b, a)(y), x, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(lorentz.ChangeCurvature(a, a)(x), x, rtol=1e-12, atol=1e-12)


TARGETS = [(Target.invariant(2), 2), (Target.paired([1, 0, 2]), 3), (Target(Rep(odd=1)), 1)]


@pytest.mark.parametrize(("target", "outputs"), TARGETS, ids=["invariant", "pair and one", "odd"])
@pytest.mark.parametrize("rep", [REGULAR, EVEN, MIXED], ids=str)
def test_the_head_moves_as_the_target_declares(rep, target, outputs):
    head = jittered(lorentz.HyperplaneHead(rep, target, outputs, lorentz.Curvature(0.6))).double()
    x = torch.randn(4, rep.channels, dtype=F64)
    assert equivariance_error(head, Involution(rep, Position.IDENTITY), target, x) < 1e-12
    specific = lorentz.HyperplaneHead(rep, Target.strand_specific(), outputs, lorentz.Curvature(0.6))
    assert sum(p.numel() for p in specific.map.parameters()) == outputs * rep.channels
    with pytest.raises(ValueError, match="declares"):
        lorentz.HyperplaneHead(rep, target, outputs + 1, lorentz.Curvature(1.0))


def head_of(a: float, z: list[float], curvature: float, dtype: torch.dtype = F64) -> lorentz.HyperplaneHead:
    head = lorentz.HyperplaneHead(Rep(even=len(z)), Target.invariant(1), 1, lorentz.Curvature(curvature)).to(dtype)
    with torch.no_grad():
        head.map.weight.copy_(torch.tensor([z]))
        head.offset.fill_(a)
    return head


@pytest.mark.parametrize("curvature", CURVATURES)
@pytest.mark.parametrize("a", [-1.3, 0.0, 0.4])
def test_a_logit_is_the_signed_distance_to_the_hyperplane_times_the_length_of_the_normal(a, curvature):
    z = [0.6, -0.8, 1.5]
    head = head_of(a, z, curvature)
    k, length = head.curvature().item(), math.sqrt(sum(v * v for v in z))
    origin = torch.zeros(1, 3, dtype=F64)
    assert head(origin).item() == pytest.approx(-a * length, rel=1e-6)
    # A point moved by d along the geodesic orthogonal to the hyperplane, from its foot at distance a along z.
    unit = torch.tensor([z], dtype=F64) / length
    for d in (-0.7, 0.0, 0.3):
        x = space.exp_origin(unit * (a + d), k)
        assert head(x).item() == pytest.approx(d * length, rel=1e-5, abs=1e-6)
    # Any point, from the projection of its chord (Lorentz normal of the hyperplane).
    x = torch.randn(5, 3, dtype=F64)
    normal = torch.tensor([math.sinh(a * k**0.5), *(math.cosh(a * k**0.5) * unit[0]).tolist()], dtype=F64)
    side = g.inner(g.from_space(x, k), normal)
    torch.testing.assert_close(head(x)[:, 0], length / k**0.5 * torch.asinh(k**0.5 * side), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_autocast_computes_geometry_in_float32_and_stays_near(form):
    k = lorentz.Curvature(1.0)
    chain = nn.Sequential(
        lorentz.Conv1d(MIXED, REGULAR, 5, k, form=form, padding=2), lorentz.BatchNorm(REGULAR, k)
    ).train()
    x = torch.randn(4, MIXED.channels, 20)
    exact = chain(x)
    with torch.autocast("cpu", torch.bfloat16):
        y = chain(x)
        assert y.dtype is torch.float32
        error = equivariance_error(chain, Involution(MIXED, Position.REVERSE), Involution(REGULAR, Position.REVERSE), x)
    assert error < 2e-2
    assert 0 < (y - exact).abs().max() / exact.abs().max() < 3e-2
    g.require_points(g.from_space(y.mT, 1.0), 1.0)
    y.sum().backward()
    assert all(p.grad.isfinite().all() for p in chain.parameters())
    with pytest.raises(ValueError, match="float16"), torch.autocast("cpu", torch.float16):
        chain(x)


def test_learned_curvature_gets_a_gradient_stays_positive_and_is_saved_once_per_layer():
    k = lorentz.Curvature(1.0)
    net = nn.Sequential(
        lorentz.Conv1d(REGULAR, REGULAR, 3, k), lorentz.CentroidPool1d(REGULAR, k), lorentz.Linear(REGULAR, EVEN, k)
    )
    net(torch.randn(3, 6, 9)).square().sum().backward()
    assert k.logarithm.grad.abs() > 1e-4
    assert sum(p is k.logarithm for p in net.parameters()) == 1
    optimiser = torch.optim.SGD([k.logarithm], lr=1e3)
    optimiser.step()
    assert k() > 0 or k.logarithm < -50
    from safetensors.torch import load, save

    stored = load(save(copy.deepcopy(net).state_dict()))
    assert sum(name.endswith("logarithm") for name in stored) == 3
    assert not lorentz.Curvature(2.0, learned=False).logarithm.requires_grad
    assert copy.deepcopy(net)[0].curvature is not k


@pytest.mark.parametrize("curvature", [0.0, -2.0, math.nan])
def test_a_curvature_that_is_not_positive_is_refused(curvature):
    with pytest.raises(InputError, match="positive number K"):
        lorentz.Curvature(curvature)


def test_overflow_names_the_layer():
    k = lorentz.Curvature(1.0)
    net = nn.Sequential(lorentz.Linear(EVEN, EVEN, k), lorentz.Linear(EVEN, EVEN, k, form=lorentz.Tangent))
    x = torch.randn(2, 5)
    require_finite_outputs(net, x, net(x))
    with torch.no_grad():
        net[1].map.weight.fill_(1e4)
    with pytest.raises(InputError, match=r"first layer with such values is 1\.form \(Tangent\).*curvature K: 1\)"):
        require_finite_outputs(net, x, net(x))
    x[0, 0] = math.nan
    with pytest.raises(InputError, match="the input, before any layer"):
        require_finite_outputs(net, x, net(x))


def test_windows_that_do_not_fit_are_refused():
    k = lorentz.Curvature(1.0)
    with pytest.raises(ValueError, match="does not fit length 12"):
        lorentz.Conv1d(EVEN, EVEN, 3, k, stride=2)(torch.zeros(1, 5, 12))
    with pytest.raises(ValueError, match="does not fit length 12"):
        lorentz.CentroidPool1d(EVEN, k, 5)(torch.zeros(1, 5, 12))


def test_every_public_layer_has_a_case():
    direct = {printed_name(layer) for layer in (make(1.0) for make in LAYERS.values())}
    forms = {form.__name__ for form in FORMS}
    assert set(lorentz.__all__) == direct | forms | {"Curvature", "Form", "HyperplaneHead"}
