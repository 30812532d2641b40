"""Laws of the layers that keep maps, and of their evaluation on the triangle alone."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from palindra.nn import Dropout
from palindra.nn.pair import (
    OuterConv2d,
    PairBatchNorm,
    PairConv2d,
    PairSequential,
    asymmetry,
    symmetrised,
    triangle_conv2d,
    triangle_pays,
)
from palindra.nn.pair.triangle import _mirrored
from palindra.symmetry import Position, Rep, assert_complete, assert_equivariant, null_space_dimension

EVEN, MIXED = Rep(even=4), Rep(regular=2, even=2, odd=1)
TYPES = [(EVEN, Rep(even=3)), (MIXED, MIXED), (Rep(odd=2), Rep(regular=3)), (Rep(regular=2), Rep(odd=3))]


def map_of(rep: Rep, length: int, batch: int = 2, seed: int = 0) -> Tensor:
    """A map that is its own image."""
    generator = torch.Generator().manual_seed(seed)
    return symmetrised(torch.randn(batch, rep.channels, length, length, generator=generator, dtype=torch.float64), rep)


def conv(given: Rep, made: Rep, taps: int, **options) -> PairConv2d:
    torch.manual_seed(2)
    return PairConv2d(given, made, taps, **options).double()


@pytest.mark.parametrize(("given", "made"), TYPES, ids=str)
@pytest.mark.parametrize(
    "options",
    [
        {"taps": 5},
        {"taps": 3, "dilation": 3},
        {"taps": 4, "stride": 2, "padding": 1},
        {"taps": 3, "stride": 3, "dilation": 2, "padding": 2},
        {"taps": 2, "padding": "valid"},
    ],
    ids=str,
)
def test_keeps_maps_for_any_kernel_dilation_and_stride(given, made, options):
    layer = conv(given, made, **options)
    assert_equivariant(layer, lengths=(8, 11))
    assert_complete(layer)
    assert asymmetry(layer(map_of(given, 9)), made) <= 1e-10


@pytest.mark.parametrize(("taps", "dimension"), [(3, 6), (5, 15)])
def test_numbers_of_an_even_kernel(taps, dimension):
    assert null_space_dimension([Rep(even=1)] * 2, [taps, taps], Position.TRANSPOSE) == dimension
    layer = PairConv2d(Rep(even=5), Rep(even=7), taps, bias=False)
    assert sum(p.numel() for p in layer.parameters()) == 35 * dimension


def test_complete_by_the_null_space_of_symmetric_outputs_of_symmetric_maps():
    size, length = 9, 5
    kernels = torch.eye(size, dtype=torch.float64).reshape(size, 1, 3, 3)
    maps = symmetrised(torch.eye(length**2, dtype=torch.float64).view(-1, 1, length, length), Rep(even=1))
    made = functional.conv2d(maps, kernels, padding=1)
    skew = (made - made.transpose(-1, -2)).movedim(1, 0).flatten(1)
    assert size - int(torch.linalg.matrix_rank(skew)) == 6


def test_a_kernel_without_the_constraint_fails():
    free = nn.Conv2d(4, 3, 3, padding=1).double()
    assert asymmetry(free(map_of(EVEN, 9)), Rep(even=3)) > 0.1


def test_gradient_of_the_kernel_is_the_sum_over_the_entries_that_it_stands_for():
    layer = conv(Rep(even=2), Rep(even=3), 3)
    x, weights = map_of(Rep(even=2), 7), map_of(Rep(even=3), 7, seed=1)
    full = layer.weight.detach().requires_grad_()
    (functional.conv2d(x, full, layer.bias, padding=1) * weights).sum().backward()
    (layer(x) * weights).sum().backward()
    grad = full.grad + full.grad.transpose(-1, -2)
    expected = torch.stack([grad[..., i, j] / (2 if i == j else 1) for i in range(3) for j in range(i, 3)], -1)
    torch.testing.assert_close(layer.parametrizations.weight.original.grad, expected.flatten(), atol=1e-11, rtol=1e-11)


@pytest.mark.parametrize(("given", "made"), TYPES, ids=str)
@pytest.mark.parametrize("block", [2, 5, 32])
@pytest.mark.parametrize(("taps", "dilation", "padding"), [(5, 1, 2), (3, 2, 2), (3, 1, 0), (1, 1, 0), (4, 1, 1)])
def test_triangle_and_whole_agree_in_values_and_gradients(given, made, block, taps, dilation, padding):
    layer = conv(given, made, taps, dilation=dilation, padding=padding)
    x = map_of(given, 13).requires_grad_()

    def triangle(x: Tensor) -> Tensor:
        return triangle_conv2d(
            x, layer.weight, layer.bias, given, made, padding=padding, dilation=dilation, block=block
        )

    whole, half = layer(x), triangle(x)
    torch.testing.assert_close(half, whole, atol=1e-10, rtol=1e-10)
    weights = torch.randn(whole.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    wanted = [x, *(p for p in layer.parameters() if p.numel())]
    wholes = torch.autograd.grad((whole * weights).sum(), wanted)
    halves = torch.autograd.grad((half * weights).sum(), wanted)
    # A loss that is not symmetric has gradients outside the maps that are their own image; there both agree.
    torch.testing.assert_close(halves[0], symmetrised(wholes[0], given), atol=1e-10, rtol=1e-10)
    for a, b in zip(halves[1:], wholes[1:], strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)


def test_triangle_with_groups():
    rep = Rep(regular=3)
    layer = conv(rep, Rep(regular=6), 3, groups=3)
    x = map_of(rep, 11).requires_grad_()
    half = triangle_conv2d(x, layer.weight, layer.bias, rep, layer.out_rep, padding=1, groups=3, block=4)
    torch.testing.assert_close(half, layer(x), atol=1e-10, rtol=1e-10)
    wanted = [x, layer.parametrizations.weight.original]
    for a, b in zip(
        torch.autograd.grad(half.square().sum(), wanted),
        torch.autograd.grad(layer(x).square().sum(), wanted),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)


def _network(evaluation: str) -> PairSequential:
    torch.manual_seed(0)
    hidden = Rep(even=5)
    return PairSequential(
        OuterConv2d(3, hidden, 3),
        PairBatchNorm(hidden),
        nn.ReLU(),
        PairConv2d(hidden, hidden, 5, evaluation=evaluation),
        Dropout(hidden, 0.3, position=Position.TRANSPOSE),
        PairConv2d(hidden, Rep(even=1), 3, evaluation=evaluation),
    ).double()


@pytest.mark.parametrize("training", [True, False])
def test_a_whole_network_agrees_with_its_triangle_in_training_and_evaluation(training):
    x = torch.randn(2, 3, 37, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    lengths, results = torch.tensor([37, 20]), []
    for evaluation in ("whole", "triangle"):
        model = _network(evaluation).train(training)
        torch.manual_seed(1)
        y = model(x, lengths)
        loss = y.triu().square().sum()  # a loss on the triangle only, as in training
        results.append([y, *torch.autograd.grad(loss, list(model.parameters()))])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)


def test_training_with_dropout_stays_symmetric():
    model = _network("whole").train()
    y = model(torch.randn(2, 3, 12, dtype=torch.float64))
    assert asymmetry(y, Rep(even=1)) <= 1e-10
    ones = torch.ones(1, 5, 12, 12)
    mask = Dropout(Rep(even=5), 0.5, position=Position.TRANSPOSE).train()(ones)
    assert torch.equal(mask, mask.transpose(-1, -2))
    assert 0 < (mask == 0).double().mean() < 1


def test_about_half_of_the_outputs_is_computed(monkeypatch):
    computed = []
    real = functional.conv2d

    def counted(*args, **options):
        made = real(*args, **options)
        computed.append(made[0, 0].numel())
        return made

    monkeypatch.setattr("palindra.nn.pair.triangle.functional.conv2d", counted)
    rep, length, block = Rep(even=1), 96, 8
    _mirrored(torch.zeros(1, 1, length + 2, length + 2), torch.zeros(1, 1, 3, 3), None, rep, (1, 1, block))
    assert sum(computed) == length * (length + block) // 2


def test_auto_computes_the_triangle_where_it_pays_and_never_for_strides():
    assert not triangle_pays(64, 9, 8)
    assert not triangle_pays(256, 9, 64)  # 3 x 3 kernels gain nothing on CPUs
    assert triangle_pays(256, 81, 50)
    big = conv(Rep(even=16), Rep(even=2), 9, evaluation="auto")
    assert big._by_triangle(128)
    assert not big._by_triangle(32)
    assert not conv(Rep(even=16), Rep(even=2), 9, padding=4, stride=2, evaluation="auto")._by_triangle(128)
    assert not conv(Rep(even=16), Rep(even=2), 9)._by_triangle(128)
    x = map_of(Rep(even=16), 100, batch=1)
    whole = copy.deepcopy(big)
    whole.evaluation = "whole"
    torch.testing.assert_close(big(x), whole(x), atol=1e-10, rtol=1e-10)


def test_half_precision_as_stock_convolutions():
    layer = conv(Rep(even=4), Rep(even=3), 3, evaluation="triangle").float()
    x = map_of(Rep(even=4), 40).float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    assert y.dtype is torch.bfloat16
    y.float().sum().backward()
    torch.testing.assert_close(y.float(), layer(x), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("options", [{}, {"padding": "valid"}, {"padding": 1, "stride": 2}, {"padding": 3}], ids=str)
def test_each_sequence_of_a_padded_batch_gives_what_it_gives_alone(options):
    layer = conv(MIXED, EVEN, 5, **options)
    x, lengths = map_of(MIXED, 12, batch=3), torch.tensor([12, 7, 5])
    for row, length in enumerate(lengths):
        x[row, :, length:], x[row, :, :, length:] = 0, 0
    made, sizes = layer(x, lengths), layer.out_lengths(lengths)
    for row, (length, size) in enumerate(zip(lengths.tolist(), sizes.tolist(), strict=True)):
        alone = layer(x[row : row + 1, :, :length, :length])[0]
        assert alone.shape[-1] == size
        torch.testing.assert_close(made[row, :, :size, :size], alone)
        assert (made[row] != 0).any(0).sum() == size**2


def test_removing_the_ties_leaves_a_stock_kernel():
    layer = conv(EVEN, EVEN, 3, evaluation="triangle")
    x = map_of(EVEN, 9)
    expected = layer(x)
    parametrize.remove_parametrizations(layer, "weight")
    assert torch.equal(layer(x), expected)
    stock = nn.Conv2d(4, 4, 3, padding=1).double()
    stock.load_state_dict(layer.state_dict())
    torch.testing.assert_close(stock(x), expected)
    assert repr(layer) == "PairConv2d(4 even -> 4 even, kernel_size=3, padding=1, evaluation=triangle)"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PairConv2d(EVEN, EVEN, 4), "odd extents"),
        (lambda: PairConv2d(EVEN, EVEN, 3, stride=2), "stride 1"),
        (lambda: PairConv2d(EVEN, EVEN, 3, evaluation="half"), '"auto", "whole" or "triangle"'),
        (lambda: PairConv2d(EVEN, EVEN, 3, padding=3, evaluation="triangle"), "below the extent 3"),
    ],
)
def test_errors_say_what_is_needed(build, message):
    with pytest.raises(ValueError, match=message):
        build()
