"""Masks, means over the triangle, normalisation, chains and attention of padded batches."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import palindra.nn.pair as pair
from palindra.nn import Activation, BatchNorm
from palindra.nn.pair import (
    OuterConv2d,
    PairAttention,
    PairBatchNorm,
    PairBranches,
    PairConv2d,
    PairResidual,
    PairSequential,
    asymmetry,
    symmetrised,
    triangle_mask,
    triangle_mean,
    zero_outside,
)
from palindra.symmetry import Rep, assert_equivariant

EVEN, MIXED = Rep(even=3), Rep(regular=2, even=1, odd=2)
TYPES = [EVEN, Rep(odd=2), Rep(regular=2), MIXED]
LENGTHS = torch.tensor([9, 4, 6])


def padded(rep: Rep, *, own_image: bool = True, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3, rep.channels, 9, 9, generator=generator, dtype=torch.float64) + 0.5
    return zero_outside(symmetrised(x, rep) if own_image else x, LENGTHS)


def test_mean_over_the_triangle_counts_each_valid_pair_once():
    values = padded(Rep(even=1))
    mine = [values[i, 0, s, t] for i, n in enumerate(LENGTHS) for s in range(n) for t in range(s, n)]
    torch.testing.assert_close(triangle_mean(values, LENGTHS), torch.stack(mine).mean())
    apart = [values[i, 0, s, t] for i, n in enumerate(LENGTHS) for s in range(n) for t in range(s + 3, n)]
    torch.testing.assert_close(triangle_mean(values, LENGTHS, separation=3), torch.stack(apart).mean())
    assert triangle_mask(LENGTHS, 9).sum() == len(mine)


def test_padding_never_enters_a_loss():
    values = padded(Rep(even=1)).requires_grad_()
    spoilt = values.detach().masked_fill(~pair.pair_mask(LENGTHS, 9), float("nan"))
    wider = functional.pad(values, (0, 5, 0, 5))
    for how in ({}, {"per_sequence": True}):
        expected = triangle_mean(values, LENGTHS, **how)
        torch.testing.assert_close(triangle_mean(spoilt, LENGTHS, **how), expected)
        torch.testing.assert_close(triangle_mean(wider, LENGTHS, **how), expected)
    triangle_mean(values, LENGTHS).backward()
    assert values.grad.masked_select(~triangle_mask(LENGTHS, 9)).abs().max() == 0


def test_mean_per_sequence_weighs_sequences_alike():
    values = torch.stack([torch.full((1, 5, 5), v) for v in (1.0, 3.0)])
    assert triangle_mean(values, torch.tensor([5, 1]), per_sequence=True) == 2
    assert triangle_mean(values, torch.tensor([5, 1])) == 18 / 16
    with pytest.raises(ValueError, match="lower the separation"):
        triangle_mean(values, torch.tensor([1, 1]), separation=1)


def triangle_entries(x: Tensor, channel: int, diagonal: bool) -> Tensor:
    start = 0 if diagonal else 1
    return torch.stack([x[i, channel, s, t] for i, n in enumerate(LENGTHS) for s in range(n) for t in range(s + start, n)])  # fmt: skip # noqa: E501


@pytest.mark.parametrize("diagonal", [True, False])
def test_statistics_are_those_of_the_valid_triangle(diagonal):
    x, layer = padded(EVEN), PairBatchNorm(EVEN, momentum=1.0, diagonal=diagonal).double().train()
    y = layer(x, LENGTHS)
    for channel in range(3):
        entries = triangle_entries(x, channel, diagonal)
        torch.testing.assert_close(layer.running_mean[channel], entries.mean())
        torch.testing.assert_close(layer.running_var[channel], entries.var())
        normal = (x[0, channel] - entries.mean()) / (entries.var(correction=0) + layer.eps).sqrt()
        torch.testing.assert_close(y[0, channel], normal)
    assert torch.equal(y, zero_outside(y, LENGTHS))
    torch.testing.assert_close(layer.eval()(x, LENGTHS)[0], (x[0] - layer.running_mean.view(-1, 1, 1))
                               / (layer.running_var.view(-1, 1, 1) + layer.eps).sqrt())  # fmt: skip


def test_odd_channels_have_no_mean_and_pairs_share_their_statistics():
    rep = Rep(regular=1, odd=1)
    x, layer = padded(rep), PairBatchNorm(rep, momentum=1.0).double().train()
    layer(x, LENGTHS)
    assert layer.running_mean[2] == 0
    torch.testing.assert_close(layer.running_mean[0], layer.running_mean[1])
    both = torch.cat([triangle_entries(x, 0, True), triangle_entries(x, 1, True)])
    torch.testing.assert_close(layer.running_mean[0], both.mean())
    torch.testing.assert_close(layer.running_var[0], both.var())
    entries = triangle_entries(x, 2, True)
    torch.testing.assert_close(layer.running_var[2], entries.square().mean())


@pytest.mark.parametrize("rep", TYPES, ids=str)
def test_normalisation_commutes_with_transposition_also_of_maps_that_are_not_their_own_image(rep):
    for training in (True, False):
        assert_equivariant(PairBatchNorm(rep).train(training), lengths=(5, 8))
    layer = PairBatchNorm(rep).double().train()
    assert asymmetry(layer(padded(rep), LENGTHS), rep) <= 1e-10


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("lengths", [LENGTHS, None])
def test_gradients_of_the_normalisation(diagonal, lengths):
    layer = PairBatchNorm(MIXED, diagonal=diagonal).double().train()
    x = padded(MIXED, own_image=False).requires_grad_()
    parameters = [p.detach().normal_().requires_grad_() for p in layer.parameters() if p.numel()]
    names = [name for name, p in layer.named_parameters() if p.numel()]

    def run(x: Tensor, *values: Tensor) -> Tensor:
        named = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, named, (x, lengths))

    assert torch.autograd.gradcheck(run, (x, *parameters), fast_mode=True)


@pytest.mark.parametrize("training", [True, False])
def test_padding_and_what_stands_in_it_changes_nothing(training):
    x = padded(MIXED)
    spoilt = x.masked_fill(~pair.pair_mask(LENGTHS, 9), float("nan"))
    layers = [PairBatchNorm(MIXED).double().train(training) for _ in range(3)]
    expected = layers[0](x, LENGTHS)
    torch.testing.assert_close(layers[1](spoilt, LENGTHS), expected)
    torch.testing.assert_close(layers[2](functional.pad(x, (0, 3, 0, 3)), LENGTHS)[..., :9, :9], expected)
    for other in layers[1:]:
        for name in ("running_mean", "running_var"):
            torch.testing.assert_close(getattr(layers[0], name), getattr(other, name))
    plain = BatchNorm(MIXED, momentum=1.0).double().train()
    plain(x)  # the stock statistics count zeros of the padding
    ours = PairBatchNorm(MIXED, momentum=1.0).double().train()
    ours(x, LENGTHS)
    assert (plain.running_var - ours.running_var).abs().max() > 0.05


def test_statistics_keep_their_precision_under_autocast():
    layer, x = PairBatchNorm(EVEN).train(), padded(EVEN).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x.bfloat16(), LENGTHS)
    exact = PairBatchNorm(EVEN).train()
    expected = exact(x.bfloat16().float(), LENGTHS)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y, expected.bfloat16())
    torch.testing.assert_close(layer.running_var, exact.running_var)


def test_one_pair_of_positions_has_no_statistics():
    with pytest.raises(ValueError, match="at least two pairs"):
        PairBatchNorm(EVEN).train()(torch.zeros(1, 3, 1, 1))
    assert PairBatchNorm(EVEN).eval()(torch.zeros(1, 3, 1, 1)).shape == (1, 3, 1, 1)


def network() -> PairSequential:
    torch.manual_seed(0)
    kernels = [PairConv2d(MIXED, rep, taps) for rep, taps in ((Rep(even=2), 5), (MIXED, 3))]
    hidden = PairBranches(*kernels).out_rep
    return PairSequential(
        OuterConv2d(4, MIXED, 3),
        PairBatchNorm(MIXED),
        Activation(MIXED, torch.sigmoid),  # does not keep zeros
        PairBranches(*kernels),
        PairResidual(PairSequential(PairConv2d(hidden, hidden, 3), PairBatchNorm(hidden), Activation(hidden))),
        PairAttention(hidden, heads=2, head_channels=3, triangle=True),
        PairConv2d(hidden, Rep(even=2), 3),
    ).double()


def test_a_network_gives_for_each_sequence_of_a_batch_what_it_gives_alone():
    model = network()
    x = torch.randn(3, 4, 9, dtype=torch.float64)
    model.train()(x, LENGTHS)
    model.eval()
    made = model(x, LENGTHS)
    assert torch.equal(made, zero_outside(made, LENGTHS))
    for row, length in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(made[row, :, :length, :length], model(x[row : row + 1, :, :length])[0])


def test_a_network_makes_maps_that_are_their_own_image_in_training():
    model = network().train()
    made = model(torch.randn(3, 4, 9, dtype=torch.float64), LENGTHS)
    assert asymmetry(made, Rep(even=2)) <= 1e-10


def test_chains_follow_the_lengths():
    model = PairSequential(
        OuterConv2d(2, EVEN, 3, padding="valid"), PairConv2d(EVEN, EVEN, 3, stride=2, padding=1), nn.Sigmoid()
    ).double()
    x, lengths = torch.randn(2, 2, 9, dtype=torch.float64), torch.tensor([9, 6])
    assert model.out_lengths(lengths).tolist() == [4, 2]
    made = model(x, lengths)
    assert torch.equal(made, zero_outside(made, torch.tensor([4, 2])))
    torch.testing.assert_close(made[1:, :, :2, :2], model(x[1:, :, :6]))


@pytest.mark.parametrize("rep", TYPES, ids=str)
@pytest.mark.parametrize("triangle", [False, True])
def test_attention_commutes_with_transposition(rep, triangle):
    torch.manual_seed(0)
    layer = PairAttention(rep, heads=2, head_channels=3, triangle=triangle)
    assert_equivariant(layer, lengths=(1, 5, 8))
    layer = layer.double()
    made = layer(padded(rep), LENGTHS)
    assert asymmetry(made, rep) <= 1e-10
    torch.testing.assert_close(made[1:2, :, :4, :4], layer(padded(rep)[1:2, :, :4, :4]))


def test_attention_of_maps_that_are_their_own_image_does_half_the_work():
    layer = PairAttention(MIXED, heads=2, triangle=True).double()
    half = copy.deepcopy(layer)
    half.own_image = True
    torch.testing.assert_close(half(padded(MIXED), LENGTHS), layer(padded(MIXED), LENGTHS), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("triangle", [False, True])
def test_attention_by_some_rows_at_a_time_is_the_same(triangle):
    torch.manual_seed(0)
    layer = PairAttention(EVEN, heads=2, triangle=triangle).double()
    chunked = copy.deepcopy(layer)
    chunked.rows_at_once = 4
    results = []
    for module in (layer, chunked):
        x = padded(EVEN).requires_grad_()
        y = module(x, LENGTHS)
        y.square().sum().backward()
        results.append([y, x.grad, *(p.grad for p in module.parameters())])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, atol=1e-11, rtol=1e-11)


def test_attention_reads_the_third_side_of_the_triangle_only_if_told():
    torch.manual_seed(0)
    for triangle in (False, True):
        layer = PairAttention(Rep(even=2), heads=1, triangle=triangle).double()
        x = torch.randn(1, 2, 6, 6, dtype=torch.float64)
        changed = x.clone()
        changed[..., 2, 3] += 1.0
        moved = (layer(changed) - layer(x)).abs().amax((0, 1)) > 1e-9
        # The entry (0, 1) shares neither row nor column with (2, 3), nor does the triangle of (0, 2) by 3.
        assert not moved[0, 1]
        assert bool(moved[0, 2]) is triangle
        assert moved[2, 0]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PairResidual(PairConv2d(EVEN, MIXED, 3)), "turns 3 even into"),
        (lambda: PairResidual(PairConv2d(EVEN, EVEN, 3, padding=0))(torch.zeros(1, 3, 5, 5)), "5 became 3"),
        (lambda: PairBranches(PairConv2d(EVEN, EVEN, 3), PairConv2d(MIXED, EVEN, 3)), "must take one type"),
        (lambda: PairSequential(OuterConv2d(2, EVEN), PairConv2d(MIXED, EVEN, 3)), "gives 3 even"),
        (lambda: PairSequential(PairConv2d(EVEN, EVEN, 3), OuterConv2d(3, EVEN)), "maps that are transposed"),
        (lambda: PairAttention(EVEN, heads=0), "must be positive"),
    ],
)
def test_errors_say_what_is_needed(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_every_public_name_has_a_docstring():
    for name in pair.__all__:
        assert getattr(pair, name).__doc__, name
