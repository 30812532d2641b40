"""Tied linear maps: nothing missing, nothing in excess, stock spread, and the same maps in other bases."""

from __future__ import annotations

import copy
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import remove_parametrizations

from palindra.nn import BothStrands, Conv1d, Conv2d, ConvTranspose1d, Embedding, Linear
from palindra.symmetry import Position, Rep, assert_complete

TYPES = [
    Rep(regular=1),
    Rep(even=2),
    Rep(odd=3),
    Rep(even=1, odd=2),
    Rep(regular=2, odd=1),
    Rep(regular=1, even=2, odd=1),
]


def independent(layer: nn.Module, name: str) -> int:
    return sum(p.numel() for full, p in layer.named_parameters() if name in full)


@pytest.mark.parametrize("taps", range(1, 6))
def test_convolutions_of_sequences_have_the_dimension_of_the_formula(taps):
    for given, made in product(TYPES, TYPES):
        expected = (made.channels * given.channels * taps + (taps % 2) * made.trace * given.trace) // 2
        for layer in (Conv1d(given, made, taps), ConvTranspose1d(given, made, taps)):
            assert independent(layer, "weight") == expected
            assert independent(layer, "bias") == (made.channels + made.trace) // 2
            assert_complete(layer)


@pytest.mark.parametrize("taps", range(1, 4))
def test_convolutions_of_maps_have_the_dimension_of_the_formula(taps):
    for given, made in product(TYPES[:4], TYPES[2:]):
        layer = Conv2d(given, made, taps)  # transposition leaves the diagonal of the kernel in place
        expected = (made.channels * given.channels * taps**2 + taps * made.trace * given.trace) // 2
        assert independent(layer, "weight") == expected
        assert_complete(layer)


def test_linear_maps_have_the_dimension_of_the_formula():
    for given, made in product(TYPES, TYPES):
        layer = Linear(given, made)
        assert independent(layer, "weight") == (made.channels * given.channels + made.trace * given.trace) // 2
        assert_complete(layer)


def reynolds(weight: Tensor, made: Rep, given: Rep, position: Position) -> Tensor:
    """(W + rho_out reflect(W) rho_in) / 2 by matrices."""
    out, into = (rep.act(torch.eye(rep.channels, dtype=weight.dtype), dim=0) for rep in (made, given))
    return (weight + torch.einsum("po,oi...,iq->pq...", out, position.act(weight), into)) / 2


@pytest.mark.parametrize("position", [Position.REVERSE, Position.TRANSPOSE], ids=lambda p: p.name)
def test_kernels_are_their_own_reynolds_projection_and_any_kernel_is_projected_so(position):
    build = {Position.REVERSE: Conv1d, Position.TRANSPOSE: Conv2d}[position]
    for given, made, taps in product(TYPES, TYPES, (2, 3)):
        layer = build(given, made, taps).double()
        own = layer.weight.detach()
        torch.testing.assert_close(reynolds(own, made, given, position), own, rtol=0, atol=0)
        other = torch.randn_like(own)
        layer.weight = other
        torch.testing.assert_close(layer.weight.detach(), reynolds(other, made, given, position), rtol=0, atol=1e-14)


def test_groups_tie_as_the_dense_layer_with_zeros_between_groups():
    given, made = Rep(regular=6), Rep(regular=3)
    grouped, dense = Conv1d(given, made, 4, groups=3).double(), Conv1d(given, made, 4).double()
    full = torch.zeros(6, 12, 4, dtype=torch.float64)
    for group in range(3):
        full[2 * group : 2 * group + 2, 4 * group : 4 * group + 4] = grouped.weight.detach()[2 * group : 2 * group + 2]
    dense.weight, dense.bias = full, grouped.bias.detach()
    x = torch.randn(2, 12, 9, dtype=torch.float64)
    torch.testing.assert_close(dense(x), grouped(x))
    assert independent(grouped, "weight") == grouped.weight.numel() // 2


WIDE = [Rep(regular=32), Rep(even=64), Rep(odd=64), Rep(regular=16, even=20, odd=12)]


def spread(y: Tensor) -> float:
    """Mean variance of the channels that the symmetry does not make zero."""
    channels = y.movedim(1, 0).flatten(1)
    return float(channels[(channels != 0).any(1)].var(1).mean())


@pytest.mark.parametrize(
    ("build", "stock", "axes"),
    [
        (Linear, nn.Linear, 0),
        (lambda a, b, **options: Conv1d(a, b, 3, **options), lambda a, b, **o: nn.Conv1d(a, b, 3, **o), 1),
        (lambda a, b, **options: Conv1d(a, b, 4, **options), lambda a, b, **o: nn.Conv1d(a, b, 4, **o), 1),
        (
            lambda a, b, **options: ConvTranspose1d(a, b, 3, stride=2, **options),
            lambda a, b, **o: nn.ConvTranspose1d(a, b, 3, stride=2, **o),
            1,
        ),
        (lambda a, b, **options: Conv2d(a, b, 3, **options), lambda a, b, **o: nn.Conv2d(a, b, 3, **o), 2),
    ],
    ids=["linear", "3 taps", "4 taps", "transposed", "maps"],
)
def test_outputs_on_white_inputs_start_with_the_variance_of_stock_layers(build, stock, axes):
    torch.manual_seed(0)
    x = torch.randn(64 if axes else 4096, 64, *[8] * axes)
    with torch.no_grad():
        expected = spread(torch.cat([stock(64, 64, bias=False)(x) for _ in range(4)], dim=1))
        for given, made in product(WIDE, WIDE):
            y = torch.cat([build(given, made, bias=False)(x) for _ in range(4)], dim=1)
            if axes == 0 and {given, made} == {WIDE[1], WIDE[2]}:
                assert (y == 0).all()  # no linear map from even to odd vectors
                continue
            found = spread(y)
            assert found / expected == pytest.approx(1, abs=0.05), (given, made)


def test_biases_start_in_the_range_of_stock_layers():
    torch.manual_seed(0)
    bias = Conv1d(Rep(regular=2), Rep(regular=500, even=1000), 4).bias.detach()
    assert 0.245 < bias.abs().max() <= 0.25  # 1 / sqrt(4 channels * 4 taps)
    assert bias.std() == pytest.approx(0.25 / 3**0.5, rel=0.05)


def test_embeddings_start_with_unit_variance():
    torch.manual_seed(0)
    table = Embedding([3, 2, 1, 0, 4], Rep(regular=300, even=300, odd=300)).weight.detach()
    assert table.std() == pytest.approx(1.0, rel=0.05)
    assert torch.equal(table[4, -300:], torch.zeros(300))


def change_of_basis(pairs: int) -> Tensor:
    """From a regular type to as many even and odd channels: sums and differences of the members of pairs."""
    eye = torch.eye(2 * pairs, dtype=torch.float64)
    return torch.cat([eye[:pairs] + eye.flip(0)[:pairs], eye[:pairs] - eye.flip(0)[:pairs]]) / 2**0.5


@pytest.mark.parametrize("taps", [1, 2, 3, 6])
def test_regular_and_irreducible_layers_are_one_map_in_two_bases(taps):
    given, made = change_of_basis(2), change_of_basis(5)
    regular = Conv1d(Rep(regular=2), Rep(regular=5), taps, padding=1).double()
    irreducible = Conv1d(Rep(even=2, odd=2), Rep(even=5, odd=5), taps, padding=1).double()
    assert independent(regular, "weight") == independent(irreducible, "weight")
    turned = torch.einsum("po,oik,qi->pqk", made, regular.weight.detach(), given)
    irreducible.weight, irreducible.bias = turned, made @ regular.bias.detach()
    torch.testing.assert_close(irreducible.weight.detach(), turned, rtol=0, atol=1e-14)  # it was in the space
    x = torch.randn(3, 4, 11, dtype=torch.float64)
    there = torch.einsum("pc,bcl->bpl", made, regular(x))
    torch.testing.assert_close(irreducible(torch.einsum("pc,bcl->bpl", given, x)), there, rtol=0, atol=1e-13)


def test_both_strands_of_a_siamese_convolution_is_a_tied_one_without_cross_blocks():
    class FirstHalf(nn.Conv1d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x[:, :3])

    siamese = FirstHalf(3, 5, 4).double()
    both = BothStrands(siamese, Rep(regular=3), 5)
    tied = Conv1d(Rep(regular=3), Rep(regular=5), 4).double()
    full = torch.zeros(10, 6, 4, dtype=torch.float64)
    full[:5, :3], full[5:, 3:] = siamese.weight.detach(), siamese.weight.detach().flip(0, 1, 2)
    tied.weight, tied.bias = full, torch.cat([siamese.bias.detach(), siamese.bias.detach().flip(0)])
    torch.testing.assert_close(tied.weight.detach(), full, rtol=0, atol=0)
    x = torch.randn(2, 6, 13, dtype=torch.float64)
    torch.testing.assert_close(both(x), tied(x), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("layer", "stock", "shape"),
    [
        (Conv1d(Rep(regular=2), Rep(odd=3), 3, padding=1), nn.Conv1d(4, 3, 3, padding=1), (2, 4, 9)),
        (Linear(Rep(regular=2), Rep(odd=3)), nn.Linear(4, 3), (2, 4)),
        (Conv2d(Rep(regular=2), Rep(odd=3), 2), nn.Conv2d(4, 3, 2), (2, 4, 5, 5)),
        (ConvTranspose1d(Rep(regular=2), Rep(odd=3), 2), nn.ConvTranspose1d(4, 3, 2), (2, 4, 9)),
    ],
    ids=["sequences", "vectors", "maps", "transposed"],
)
def test_untied_weights_load_into_the_stock_layer(layer, stock, shape):
    expected = layer(x := torch.randn(shape))
    exported = copy.deepcopy(layer)
    for name in ("weight", "bias"):
        remove_parametrizations(exported, name)
    stock.load_state_dict(exported.state_dict())
    assert torch.equal(stock(x), expected)
    assert torch.equal(layer(x), expected)  # untying the copy left the original as it was


def test_without_involution_a_layer_is_the_stock_one():
    options = {"padding": "same", "position": Position.IDENTITY}
    layer = Conv1d(Rep(even=3), Rep(even=5), 5, **options)
    assert independent(layer, "") == sum(p.numel() for p in nn.Conv1d(3, 5, 5).parameters())
    assert type(layer) is Conv1d
    torch.manual_seed(3)
    again = Conv1d(Rep(even=3), Rep(even=5), 5, **options)
    torch.manual_seed(3)
    stock = nn.Conv1d(3, 5, 5, padding="same")
    x = torch.randn(2, 3, 8)
    assert torch.equal(again(x), stock(x))
