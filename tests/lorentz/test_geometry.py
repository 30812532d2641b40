"""Maps of ambient points: geoopt and float64 as independent answers, round trips, gradients where they are delicate."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from palindra.errors import InputError
from palindra.lorentz import geometry as g
from palindra.lorentz.geometry import space
from palindra.lorentz.geometry.maps import tangent_length_squared
from palindra.lorentz.geometry.radial import asinh_scaled, asinhc, cosh_less_one, sinhc

with warnings.catch_warnings():  # of torch about the way geoopt is compiled
    warnings.simplefilter("ignore", DeprecationWarning)
    from geoopt.manifolds.lorentz import math as reference

CURVATURES = [0.1, 0.25, 1.0, 4.0, 10.0]
F64 = torch.float64


def points(rows: int, dimension: int, curvature: float, radius: float = 2.0, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    v = torch.randn(rows, dimension, generator=generator, dtype=F64)
    v = v / v.norm(dim=1, keepdim=True) * radius * torch.rand(rows, 1, generator=generator, dtype=F64)
    return g.from_space(space.exp_origin(v, curvature), curvature)


def tangents(x: Tensor, curvature: float, seed: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return g.to_tangent(x, torch.randn(x.shape, generator=generator, dtype=x.dtype), curvature)


@pytest.mark.parametrize("curvature", CURVATURES)
def test_agrees_with_geoopt(curvature):
    k = torch.tensor(1 / curvature, dtype=F64)
    radius = 2.0 / math.sqrt(curvature)
    x, y = points(40, 7, curvature, radius, seed=1), points(40, 7, curvature, radius, seed=2)
    u = 0.5 * tangents(x, curvature) / math.sqrt(curvature)
    close = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(g.inner(x, y), reference.inner(x, y), **close)
    torch.testing.assert_close(g.distance(x, y, curvature), reference.dist(x, y, k=k), **close)
    torch.testing.assert_close(g.exp_map(x, u, curvature), reference.expmap(x, u, k=k), **close)
    torch.testing.assert_close(g.log_map(x, y, curvature), reference.logmap(x, y, k=k), **close)
    torch.testing.assert_close(g.transport(x, y, u, curvature), reference.parallel_transport(x, y, u, k=k), **close)
    torch.testing.assert_close(g.to_tangent(x, y, curvature), reference.project_u(x, y, k=k), **close)
    torch.testing.assert_close(g.riemannian_gradient(x, y, curvature), reference.egrad2rgrad(x, y, k=k), **close)
    torch.testing.assert_close(g.from_space(x[:, 1:], curvature), reference.project(x, k=k), **close)


@pytest.mark.parametrize("curvature", CURVATURES)
def test_origin_maps_and_balls_agree_with_geoopt(curvature):
    k, root = torch.tensor(1 / curvature, dtype=F64), math.sqrt(curvature)
    x = points(40, 5, curvature)
    v = torch.cat([torch.zeros(40, 1, dtype=F64), torch.randn(40, 5, dtype=F64)], dim=1)
    close = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(
        g.from_space(space.exp_origin(v[:, 1:], curvature), curvature), reference.expmap0(v, k=k), **close
    )
    torch.testing.assert_close(space.log_origin(x[:, 1:], curvature), reference.logmap0(x, k=k)[:, 1:], **close)
    # geoopt gives the ball of radius sqrt k in units in which it is x_s sqrt k / (x_0 + sqrt k).
    ball = x[:, 1:] / (x[:, :1] + 1 / root) / root
    torch.testing.assert_close(g.to_poincare(x, curvature), ball, **close)
    torch.testing.assert_close(g.from_poincare(g.to_poincare(x, curvature), curvature), x, **close)
    torch.testing.assert_close(g.from_klein(g.to_klein(x, curvature), curvature), x, **close)


def test_distances_are_those_of_the_poincare_ball():
    x, y = points(30, 3, 1.0, seed=1), points(30, 3, 1.0, seed=2)
    a, b = g.to_poincare(x, 1.0), g.to_poincare(y, 1.0)
    ratio = (a - b).square().sum(1) / ((1 - a.square().sum(1)) * (1 - b.square().sum(1)))
    torch.testing.assert_close(g.distance(x, y, 1.0), torch.acosh(1 + 2 * ratio), rtol=1e-9, atol=1e-9)


def test_a_point_of_the_klein_ball_lies_on_the_chord_of_its_geodesic():
    x, y = points(5, 3, 0.5, seed=1), points(5, 3, 0.5, seed=2)
    middle = g.to_klein(g.exp_map(x, 0.3 * g.log_map(x, y, 0.5), 0.5), 0.5)
    a, b = g.to_klein(x, 0.5), g.to_klein(y, 0.5)
    t = ((middle - a) * (b - a)).sum(1, keepdim=True) / (b - a).square().sum(1, keepdim=True)
    torch.testing.assert_close(middle, a + t * (b - a), rtol=0, atol=1e-12)


@given(exponent=st.floats(-9, 1), curvature=st.sampled_from(CURVATURES))
def test_round_trips_from_tiny_to_large(exponent, curvature):
    x, direction = points(6, 4, curvature), tangents(points(6, 4, curvature), curvature)
    length = tangent_length_squared(x, direction, curvature).sqrt()[:, None]
    u = direction / length * 10**exponent / math.sqrt(curvature)
    y = g.exp_map(x, u, curvature)
    torch.testing.assert_close(g.log_map(x, y, curvature), u, rtol=1e-6, atol=1e-14)
    torch.testing.assert_close(
        g.distance(x, y, curvature), u.new_full((6,), 10**exponent / math.sqrt(curvature)), rtol=1e-6, atol=1e-14
    )


@pytest.mark.parametrize("curvature", CURVATURES)
def test_transport_is_an_isometry_onto_the_tangent_space(curvature):
    x, y = points(20, 6, curvature, seed=1), points(20, 6, curvature, seed=2)
    u, v = tangents(x, curvature, 1), tangents(x, curvature, 2)
    a, b = g.transport(x, y, u, curvature), g.transport(x, y, v, curvature)
    torch.testing.assert_close(g.inner(a, y), torch.zeros(20, dtype=F64), rtol=0, atol=1e-10 * a.abs().max().item())
    torch.testing.assert_close(g.inner(a, b), g.inner(u, v), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(g.transport(x, x, u, curvature), u, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("curvature", CURVATURES)
def test_a_boost_is_transport_to_the_origin(curvature):
    m, x = points(9, 4, curvature, seed=3), points(9, 4, curvature, seed=4)
    o = g.origin(4, curvature, dtype=F64).expand(9, 5)
    carried = g.transport(m, o, g.log_map(m, x, curvature), curvature)[:, 1:]
    back = space.boost(x[:, 1:], m[:, 1:], curvature, back=True)
    torch.testing.assert_close(space.log_origin(back, curvature), carried, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(space.boost(back, m[:, 1:], curvature), x[:, 1:], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("curvature", CURVATURES)
def test_the_centroid_is_equidistant_from_two_and_blind_to_order(curvature):
    pair = points(2, 5, curvature)
    c = g.centroid(pair, curvature)
    one, two = g.distance(c, pair, curvature)
    torch.testing.assert_close(one, two, rtol=1e-10, atol=0)
    many = points(12, 5, curvature)
    weight = torch.rand(12, dtype=F64)
    order = torch.randperm(12)
    torch.testing.assert_close(
        g.centroid(many, curvature, weight=weight), g.centroid(many[order], curvature, weight=7 * weight[order])
    )
    mean = many.mean(0)
    torch.testing.assert_close(g.centroid(many, curvature), mean / (curvature * -g.inner(mean, mean)).sqrt())


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_the_centroid_of_antipodal_points_is_the_origin(dtype):
    x = torch.tensor([[1e3, -2e3], [-1e3, 2e3]], dtype=dtype)
    c = g.centroid(g.from_space(x, 1.0), 1.0)
    torch.testing.assert_close(c, torch.tensor([1.0, 0.0, 0.0], dtype=dtype))
    same = g.from_space(torch.full((3, 2), 1e4, dtype=dtype), 1.0)  # rounding must not take -<a, a> below 1/K
    torch.testing.assert_close(g.centroid(same, 1.0), same[0])


@pytest.mark.parametrize("curvature", CURVATURES)
def test_joined_points_are_on_the_manifold_and_origins_give_the_origin(curvature):
    x = points(6, 3, curvature).reshape(2, 3, 4)
    joined = g.concatenate(x, curvature)
    torch.testing.assert_close(g.inner(joined, joined), torch.full((2,), -1 / curvature, dtype=F64))
    torch.testing.assert_close(joined[:, 0], (x[..., 0].square().sum(1) - 2 / curvature).sqrt())
    origins = g.origin(3, curvature, dtype=F64).expand(5, 4)
    torch.testing.assert_close(g.concatenate(origins, curvature), g.origin(15, curvature, dtype=F64))
    scaled = g.concatenate(x, curvature, equal_log_radius=True)
    torch.testing.assert_close(scaled[:, 1:], joined[:, 1:] * g.log_radius_scale(3, 3))
    s = g.log_radius_scale(3, 3)
    t = (1 / curvature + s**2 * (x[..., 0].square() - 1 / curvature).sum(1)).sqrt()
    torch.testing.assert_close(scaled[:, 0], t)


@pytest.mark.parametrize("radius", [1e-6, 1e-3, 1.0, 5.0, 10.0, 20.0])
@pytest.mark.parametrize("curvature", [0.1, 1.0, 10.0])
def test_float32_distances_keep_their_digits_at_any_radius(radius, curvature):
    """Documented: 2e-6 relative, from float32 coordinates, where the textbook formula has no digit left."""
    scale = radius / math.sqrt(curvature)
    x = points(50, 4, curvature, radius=scale, seed=1).float()
    y = x[:, 1:] * (1 + 1e-3 * torch.randn(50, 4, generator=torch.Generator().manual_seed(0)))
    y = g.from_space(y, curvature)
    exact = g.distance(
        g.from_space(x[:, 1:].double(), curvature), g.from_space(y[:, 1:].double(), curvature), curvature
    )
    torch.testing.assert_close(g.distance(x, y, curvature).double(), exact, rtol=2e-6, atol=0)


def test_distances_of_float64_are_right_to_the_last_digits_by_long_arithmetic():
    from mpmath import acosh, mp, mpf, sqrt

    mp.dps = 60
    for a, b in (((3e5, 4e5), (3e5 + 1e-3, 4e5)), ((1e-9, 0.0), (0.0, 2e-9)), ((2e3, 1.0), (-2e3, 5.0))):
        x, y = [mpf(v) for v in a], [mpf(v) for v in b]
        times = [sqrt(1 + sum(v * v for v in p)) for p in (x, y)]
        expected = float(acosh(times[0] * times[1] - sum(p * q for p, q in zip(x, y, strict=True))))
        found = g.distance(
            g.from_space(torch.tensor(a, dtype=F64), 1.0), g.from_space(torch.tensor(b, dtype=F64), 1.0), 1.0
        )
        assert found.item() == pytest.approx(expected, rel=1e-13)


def test_no_clamps_what_saturates_is_infinite_and_where_is_known():
    # Maps along rays go to the overflow of the dtype, 45 / sqrt K (float32) and 355 / sqrt K (float64), not to 10.
    for dtype, largest in ((torch.float32, 45.0), (F64, 355.0)):
        v = torch.tensor([[largest, 0.0]], dtype=dtype)
        there = space.exp_origin(v, 1.0)
        torch.testing.assert_close(space.log_origin(there, 1.0), v, rtol=1e-5, atol=0)
        beyond = g.from_space(space.exp_origin(v * 1.03, 1.0), 1.0)
        assert beyond[0, 0].isinf()
    tiny = torch.tensor([[1e-6, 0.0]])
    torch.testing.assert_close(space.log_origin(space.exp_origin(tiny, 1.0), 1.0), tiny, rtol=1e-6, atol=0)


def test_balls_round_to_their_border_where_it_is_documented():
    far = g.from_space(space.exp_origin(torch.tensor([[20.0, 0.0]]), 1.0), 1.0)
    assert g.to_poincare(far, 1.0).norm() == 1
    with pytest.raises(InputError, match=r"sqrt K \|x\| = 1 .* Poincare ball"):
        g.from_poincare(g.to_poincare(far, 1.0), 1.0)
    with pytest.raises(InputError, match="Klein ball"):
        g.from_klein(torch.tensor([[2.0, 0.0]]), 1.0)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_gradients_are_finite_at_the_origin_and_at_coincident_points(dtype):
    curvature = torch.tensor(0.7, dtype=dtype, requires_grad=True)
    for start in (torch.zeros(2, 3), torch.ones(2, 3), torch.full((2, 3), 1e-20)):
        x = start.to(dtype).requires_grad_()
        y = start.clone().to(dtype).requires_grad_()
        a, b = g.from_space(x, curvature), g.from_space(y, curvature)
        u = torch.zeros(2, 4, dtype=dtype)
        results = [
            g.distance(a, b, curvature),
            g.log_map(a, b, curvature),
            g.exp_map(a, u, curvature),
            g.transport(a, b, g.log_map(a, b, curvature), curvature),
            g.centroid(a, curvature),
            g.concatenate(a, curvature),
            g.to_poincare(a, curvature),
            g.to_klein(a, curvature),
            space.log_origin(x, curvature),
            space.exp_origin(x, curvature),
            space.stretch(x, 2.0, curvature),
            space.boost(x, y, curvature),
        ]
        for result in results:
            found = torch.autograd.grad(result.sum(), [x, y, curvature], retain_graph=True, allow_unused=True)
            assert all(part is None or part.isfinite().all() for part in found)


def test_gradients_by_finite_differences():
    curvature = torch.tensor(0.7, dtype=F64, requires_grad=True)
    x, y = (points(2, 3, 0.7, seed=s)[:, 1:].clone().requires_grad_() for s in (1, 2))

    def lifted(function):
        return lambda a, b, k: function(g.from_space(a, k), g.from_space(b, k), k)

    assert torch.autograd.gradcheck(lifted(g.distance), (x, y, curvature))
    assert torch.autograd.gradcheck(lifted(g.log_map), (x, y, curvature))
    assert torch.autograd.gradcheck(lifted(lambda a, b, k: g.exp_map(a, g.log_map(a, b, k), k)), (x, y, curvature))


@pytest.mark.parametrize("z", [0.0, 1e-8, 9.9e-4, 1.01e-3, 0.5, 30.0])
def test_functions_of_a_squared_length(z):
    from mpmath import asinh, cosh, mp, mpf, sinh, sqrt

    mp.dps = 50
    r = sqrt(mpf(z)) if z else mpf(1) / 10**30
    for function, exact in ((sinhc, sinh(r) / r), (asinhc, asinh(r) / r), (cosh_less_one, cosh(r) - 1)):
        assert function(torch.tensor(z, dtype=F64)).item() == pytest.approx(float(exact), rel=1e-14, abs=1e-40)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_the_scaled_asinh_agrees_where_the_plain_one_works_and_goes_on_where_it_does_not(dtype):
    x = torch.tensor([-3.0, -1e-3, 0.0, 1e-6, 0.4, 7.0], dtype=dtype)
    for exponent in (0.0, 0.5, 5.0):
        torch.testing.assert_close(
            asinh_scaled(x, torch.tensor(exponent, dtype=dtype)), torch.asinh(math.exp(exponent) * x)
        )
    far = asinh_scaled(torch.tensor([2.0], dtype=dtype), torch.tensor(500.0, dtype=dtype))
    assert far.item() == pytest.approx(500 + math.log(4), rel=1e-6)


@pytest.mark.parametrize("curvature", [0.0, -1.0, math.nan, math.inf])
def test_curvatures_that_are_not_positive_are_refused(curvature):
    with pytest.raises(InputError, match=r"a curvature of \S+ is given and a positive number K is needed"):
        g.distance(torch.zeros(1, 3), torch.zeros(1, 3), curvature)
    with pytest.raises(InputError, match="positive number K"):
        g.from_space(torch.zeros(1, 3), torch.tensor(curvature))


def test_points_off_the_manifold_are_reported_with_their_distance():
    x = points(4, 3, 2.0).reshape(2, 2, 4)
    g.require_points(x, 2.0)
    x[1, 0, 0] *= 1.01
    with pytest.raises(
        InputError, match=r"embedding at index \[1, 0\] is off the manifold of curvature K = 2.*0\.01 \("
    ):
        g.require_points(x, 2.0, what="embedding")
    x[0, 1, 2] = math.nan
    with pytest.raises(InputError, match=r"index \[0, 1\]"):
        g.require_points(x, 2.0)
    with pytest.raises(InputError, match="another curvature"):
        g.require_points(points(4, 3, 2.0), 1.0)
