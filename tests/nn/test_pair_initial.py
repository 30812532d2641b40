"""Spread of initial kernels and of what they make, and the parameter counts of the published networks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from palindra.nn import Conv2d, count_parameters
from palindra.nn.pair import (
    OuterConv2d,
    OuterSum,
    PairBatchNorm,
    PairBranches,
    PairConv2d,
    PairSequential,
    fan_in_,
    half_glorot_,
    symmetrised,
)
from palindra.symmetry import Rep

SOURCE = torch.Generator().manual_seed(5)


def off_diagonal(x: torch.Tensor, margin: int) -> torch.Tensor:
    """Entries at least ``margin`` from the diagonal and the borders."""
    inner = x[..., margin:-margin, margin:-margin]
    return inner[..., torch.ones(inner.shape[-2:]).triu(2 * margin + 1).bool()]


@pytest.mark.parametrize(
    ("layer", "fan"),
    [
        (OuterConv2d(12, Rep(even=200), 5), 2 * 12 * 25),
        (OuterConv2d(12, Rep(even=200), 5, kernel="paper"), 2 * 12 * 25),
        (PairConv2d(Rep(even=16), Rep(even=200), 5), 16 * 25),
        (PairConv2d(Rep(regular=4, even=8), Rep(odd=40, regular=80), 3), 16 * 9),
        (Conv2d(Rep(even=32), Rep(even=200), 3), 32 * 9),
        (OuterSum(40, Rep(even=200), 5), 2 * 40 * 5),
    ],
    ids=repr,
)
def test_the_full_kernel_has_the_variance_of_its_fan_in(layer, fan):
    fan_in_(layer, gain=1.5, generator=SOURCE)
    weight = layer.weight.detach()
    halves = 2 if isinstance(layer, OuterConv2d | OuterSum) else 1
    assert float(weight.square().sum()) * halves / len(weight) == pytest.approx(1.5**2, rel=0.1)
    assert float(weight.var()) * fan == pytest.approx(1.5**2, rel=0.3)
    assert layer.bias.abs().max() == 0


def test_stock_initialisation_of_these_layers_is_the_one_of_torch_for_the_full_kernel():
    for layer, fan in [
        (OuterConv2d(10, Rep(even=150), 3), 2 * 10 * 9),
        (PairConv2d(Rep(even=20), Rep(even=150), 3), 20 * 9),
    ]:
        torch.manual_seed(0)
        stock = nn.Conv2d(fan // 9, 150, 3)
        spread = [float(kernel.detach().std()) for kernel in (layer.weight, stock.weight)]
        assert spread[0] == pytest.approx(spread[1], rel=0.05)


@torch.no_grad()
def test_unit_inputs_give_unit_outputs_off_the_diagonal_and_a_quarter_by_half_glorot():
    x = symmetrised(torch.randn(4, 24, 40, 40, generator=SOURCE), Rep(even=24)) * math.sqrt(2)
    layer = PairConv2d(Rep(even=24), Rep(even=24), 3)
    sequences = torch.randn(200, 24, 30, generator=SOURCE)
    maker = OuterConv2d(24, Rep(even=48), 3)
    for initialise, expected in ((fan_in_, 1.0), (half_glorot_, 0.25)):
        initialise(layer, generator=SOURCE)
        initialise(maker, generator=SOURCE)
        assert float(off_diagonal(layer(x), 2).square().mean()) == pytest.approx(expected, rel=0.15)
        # Windows of one sequence overlap inside a row: row sums of the kernel are what is seen.
        assert float(off_diagonal(maker(sequences), 2).square().mean()) == pytest.approx(expected, rel=0.15)


@torch.no_grad()
def test_deep_chains_keep_their_scale_only_with_the_fan_in():
    x = symmetrised(torch.randn(1, 16, 48, 48, generator=SOURCE), Rep(even=16))
    scale = {}
    for name, initialise in (("ours", lambda layer: fan_in_(layer, gain=math.sqrt(2), generator=SOURCE)),
                             ("paper", lambda layer: half_glorot_(layer, generator=SOURCE))):  # fmt: skip
        y = x
        for _ in range(8):
            layer = PairConv2d(Rep(even=16), Rep(even=16), 3)
            initialise(layer)
            y = layer(y).relu()
        scale[name] = float(y.detach().square().mean())
    assert 0.05 < scale["ours"] < 10
    assert scale["paper"] < 1e-6


def test_half_glorot_counts_the_taps_unlike_the_published_code():
    layer = PairConv2d(Rep(even=40), Rep(even=20), 13)
    half_glorot_(layer, generator=SOURCE)
    assert float(layer.weight.detach().std()) == pytest.approx(0.014 / 2, rel=0.02)
    half_glorot_(layer, taps=False, generator=SOURCE)
    assert float(layer.weight.detach().std()) == pytest.approx(0.0913, rel=0.02)


def test_initialising_something_else_is_refused():
    with pytest.raises(ValueError, match="no kernel over maps"):
        fan_in_(nn.Linear(2, 2))


# Parameter counts. A kernel that makes symmetric maps has n F C (C + 1) / 2 numbers in the doubly constrained form, a
# kernel that keeps them m F C (C + 1) / 2, biases F, a batch norm 2 F.

LSTM = 2 * 4 * (5 * 75 + 75 * 75 + 75)  # both directions, four gates, one bias
DENSE = 150 * 15 + 15


def half(taps: int) -> int:
    return taps * (taps + 1) // 2


def scnn_by_formula() -> dict[str, int]:
    return {
        "recurrent": LSTM + DENSE,
        "A": 20 * 40 * half(1) + 40,
        "A norm": 2 * 40,
        "B": 40 * (20 * half(13) + 20 * half(9) + 10 * half(5)) + 50,
        "B norm": 2 * 50,
        "C": 50 * 20 * (half(9) + half(5)) + 40,
        "C norm": 2 * 40,
        "D": 40 * 20 * half(5) + 20,
        "D norm": 2 * 20,
        "E": 5 * 20 * half(1) + 20,
        "E norm": 2 * 20,
        "F": 40 * 1 * half(3) + 1,
        "F norm": 2,
    }


def scnn_layers() -> dict[str, nn.Module]:
    def keep(given: int, made: int, taps: int) -> PairConv2d:
        return PairConv2d(Rep(even=given), Rep(even=made), taps)

    norms = {
        f"{step} norm": PairBatchNorm(Rep(even=n)) for step, n in zip("ABCDEF", (40, 50, 40, 20, 20, 1), strict=True)
    }
    return norms | {
        "A": OuterConv2d(20, Rep(even=40), 1, kernel="paper"),
        "B": PairBranches(keep(40, 20, 13), keep(40, 20, 9), keep(40, 10, 5)),
        "C": PairBranches(keep(50, 20, 9), keep(50, 20, 5)),
        "D": keep(40, 20, 5),
        "E": OuterConv2d(5, Rep(even=20), 1, kernel="paper"),
        "F": keep(40, 1, 3),
    }


def test_count_of_the_symmetric_network_of_table_two():
    """239,198 as printed: all layers, without the batch norms of the two 1 x 1 layers that make maps."""
    counts = scnn_by_formula()
    for step, layer in scnn_layers().items():
        assert count_parameters(layer) == counts[step], step
    assert sum(counts.values()) == 239_318
    assert sum(counts.values()) - counts["A norm"] - counts["E norm"] == 239_198


def test_count_of_the_plain_network_of_table_two():
    """387,426 by the description of the thesis; 372 more are printed.

    The description has no A, no 1 x 1 of E, and no batch norm behind D and F. The difference is that of a network
    matched to the symmetric one behind C: a 1 x 1 of E without bias (10 x 20 = 200) and its batch norm (40), nine
    taps of F for ten more channels (90), batch norms behind D and F (42). The article does not say which.
    """

    def full(given: int, *kernels: tuple[int, int]) -> int:
        return count_parameters(nn.ModuleList(nn.Conv2d(given, made, taps) for made, taps in kernels))

    described = {
        "recurrent": LSTM + DENSE,
        "B": full(40, (20, 13), (20, 9), (10, 5)),
        "C": full(50, (20, 9), (20, 5)),
        "D": full(40, (20, 5)),
        "norms of B and C": 2 * 50 + 2 * 40,
        "F": full(20 + 10, (1, 3)),
    }
    assert sum(described.values()) == 387_426
    matched = {"E": 10 * 20, "E norm": 2 * 20, "F reads 40": 9 * (40 - 30), "norms of D and F": 2 * 20 + 2}
    assert sum(described.values()) + sum(matched.values()) == 387_798


def test_counts_of_table_one():
    """MovieLens 1.983 M to 1.730 M, Gowalla 5.641 M to 5.383 M: saved in both 3 x 3 kernels and the first 1 x 1."""

    def convolutions(latent: int, symmetric: bool, bias: bool = True) -> int:
        first = OuterConv2d(latent, Rep(even=128), 1, kernel="paper", bias=bias)
        if not symmetric:
            first = nn.Conv2d(2 * latent, 128, 1, bias=bias)
        layers = [first]
        for given, made, taps in ((128, 128, 3), (128, 256, 1), (256, 256, 3)):
            keep = PairConv2d(Rep(even=given), Rep(even=made), taps, padding="valid", bias=bias)
            layers.append(keep if symmetric else nn.Conv2d(given, made, taps, bias=bias))
        return sum(map(count_parameters, layers))

    for latent, printed in ((50, 1.983 - 1.730), (100, 5.641 - 5.383)):
        saved = convolutions(latent, False) - convolutions(latent, True)
        assert saved == latent * 128 + (9 - 6) * (128**2 + 256**2)
        assert saved / 1e6 == pytest.approx(printed, abs=0.001)
    # MovieLens-1M with 6,040 users, 3,416 items and one padding item; embeddings, output layer and dense layer.
    rest = 6_040 * 50 + 3_417 * (50 + 200 + 1) + 256 * 150 + 150 + 2 * (128 + 128 + 256 + 256)
    assert rest + convolutions(50, False) == 1_983_369
    # 1.731 M with biases; the printed 1.730 M is met without those of the symmetric convolutions.
    assert rest + convolutions(50, True) == 1_731_209
    assert round((rest + convolutions(50, True, bias=False)) / 1e6, 3) == 1.730


def test_the_symmetric_network_runs_on_a_padded_batch():
    layers = scnn_layers()
    steps = [part for step in "ABCD" for part in (layers[step], layers[f"{step} norm"], nn.ReLU())]
    front = PairSequential(*steps)
    side = PairSequential(layers["E"], layers["E norm"], nn.ReLU())
    lengths = torch.tensor([12, 8])
    joined = torch.cat([front(torch.randn(2, 20, 12), lengths), side(torch.randn(2, 5, 12), lengths)], dim=1)
    assert PairSequential(layers["F"], layers["F norm"], nn.Sigmoid())(joined, lengths).shape == (2, 1, 12, 12)
