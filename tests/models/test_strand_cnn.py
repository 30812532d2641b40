"""The published network: declared outputs on both strands, sizes by hand, and the baseline from the same lines."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from palindra.models.strand_cnn import StrandCNN, StrandCNNConfig
from palindra.nn import Conv1d, count_parameters
from palindra.symmetry import DNA_STRAND, Rep, Target, equivariance_error

TYPES = [Rep(regular=3), Rep(even=3, odd=2), Rep(regular=2, even=1, odd=3), Rep(odd=5), Rep(even=5)]
TARGETS = [
    (Target.invariant(2), 2),
    (Target.paired([1, 0]), 2),
    (Target.paired([1, 0, 2, 4, 3]), 5),
    (Target(Rep(odd=1)), 1),
]


def sequences(rows: int, length: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.eye(5, 4, dtype=dtype)[torch.randint(5, (rows, length), generator=generator)]  # the fifth letter is N
    return x.mT.contiguous()


def built(length: int, **options) -> StrandCNN:
    torch.manual_seed(0)
    return StrandCNN(StrandCNNConfig(length=length, **{"kernel_sizes": (7, 4, 3), **options}))


@pytest.mark.parametrize("hidden", TYPES, ids=str)
@pytest.mark.parametrize(("target", "outputs"), TARGETS, ids=["invariant", "pair", "pairs and one", "odd"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_outputs_move_as_the_target_declares(hidden, target, outputs, k):
    for length in (101, 400):
        model = built(length, target=target, outputs=outputs, hidden=hidden, k=k).double()
        x = sequences(4, length)
        for training in (True, False):  # the first pass also moves the running statistics away from 0 and 1
            assert equivariance_error(model.train(training), DNA_STRAND, target, x) <= 1e-10
        assert equivariance_error(model.float(), DNA_STRAND, target, x.float()) <= 1e-5


def test_the_published_network_has_the_parameters_counted_by_hand():
    model = StrandCNN(StrandCNNConfig(length=1000))
    first = 32 * 4 * 15 // 2 + 16 + 2 * 16  # kernel, bias, batch norm: one number per pair
    other = 32 * 32 * 14 // 2 + 16 + 2 * 16
    windows = (1000 - 14 - 13 - 13 - 40) // 20 + 1
    assert windows == 47
    assert count_parameters(model) == first + 2 * other + 16 * windows + 1 == 16_193


def test_the_baseline_has_the_parameters_of_stock_layers():
    model = StrandCNN(StrandCNNConfig(length=1000, involution=None))
    first, other = 32 * 4 * 15 + 32 + 64, 32 * 32 * 14 + 32 + 64
    assert count_parameters(model) == first + 2 * other + 32 * 47 + 1 == 32_385


@pytest.mark.parametrize(("target", "outputs"), TARGETS, ids=["invariant", "pair", "pairs and one", "odd"])
def test_the_baseline_ties_nothing_keeps_the_channels_and_knows_no_strand(target, outputs):
    options = {"target": target, "outputs": outputs, "hidden": Rep(regular=2, even=1, odd=3), "k": 2}
    symmetric, plain = built(101, **options), built(101, **options, involution=None).double().eval()
    assert not any(is_parametrized(part) for part in plain.modules())
    assert [(c.in_channels, c.out_channels) for c in convolutions(symmetric)[:3]] == [
        (c.in_channels, c.out_channels) for c in convolutions(plain)[:3]
    ]
    x = sequences(4, 101)
    assert plain(x).shape == (4, outputs)
    assert equivariance_error(plain, DNA_STRAND, target, x) > 1e-2
    if outputs > 1:
        assert plain(x).std(1).min() > 1e-4  # no two outputs are made equal


def convolutions(model: nn.Module) -> list[Conv1d]:
    return [part for part in model.modules() if isinstance(part, Conv1d)]


def test_strand_specific_outputs_see_the_strand():
    model = built(101, target=Target.strand_specific(), outputs=3, hidden=TYPES[2]).double().eval()
    x = sequences(4, 101)
    assert model(x).shape == (4, 3)
    assert (model(DNA_STRAND.act(x)) - model(x)).abs().min() > 1e-6
    assert not is_parametrized(model.head.map)
    assert is_parametrized(model.trunk[1])


def test_windows_are_cut_to_short_sequences():
    assert built(24, pool_size=40).double()(sequences(3, 24)).shape == (3, 1)


def test_sequences_without_a_position_left_name_a_length_that_works():
    with pytest.raises(
        ValueError, match=r"sequences of 12 leave no position .* on 2-mers: use sequences of at least 13"
    ):
        built(12, k=2)
    assert built(13, k=2).double()(sequences(3, 13)).shape == (3, 1)
