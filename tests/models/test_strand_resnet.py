"""The residual network: declared outputs on both strands in both modes, sizes by hand, and the baseline."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized

from palindra.models.strand_resnet import StrandResNet, StrandResNetConfig
from palindra.nn import count_parameters
from palindra.symmetry import DNA_STRAND, Involution, Position, Rep, Target, equivariance_error

TYPES = [Rep(regular=3), Rep(even=3, odd=2), Rep(regular=2, even=1, odd=3), Rep(even=5)]
TARGETS = [(Target.invariant(2), 2), (Target.paired([1, 0]), 2), (Target.paired([1, 0, 2, 4, 3]), 5)]


def sequences(rows: int, length: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.eye(5, 4, dtype=torch.float64)[torch.randint(5, (rows, length), generator=generator)]
    return x.mT.contiguous()  # the fifth letter is N


def built(length: int, **options) -> StrandResNet:
    torch.manual_seed(0)
    return StrandResNet(StrandResNetConfig(length=length, **options))


@pytest.mark.parametrize("hidden", TYPES, ids=str)
@pytest.mark.parametrize(("target", "outputs"), TARGETS, ids=["invariant", "pair", "pairs and one"])
def test_outputs_move_as_the_target_declares(hidden, target, outputs):
    for length, pool in ((101, 2), (101, 4), (400, 3), (64, 1)):
        model = built(length, target=target, outputs=outputs, hidden=hidden, pool=pool).double()
        x = sequences(4, length)

        def seeded(x: Tensor, model: StrandResNet = model) -> Tensor:
            torch.manual_seed(1)  # the same dropout for a sequence and its reverse complement
            return model(x)

        for training in (True, False):
            model.train(training)
            assert equivariance_error(seeded, DNA_STRAND, target, x) <= 1e-10
        assert equivariance_error(model.float(), DNA_STRAND, target, x.float()) <= 1e-5


def test_embeddings_have_the_hidden_type():
    model, x = built(101, hidden=TYPES[2]).double().eval(), sequences(3, 101)
    vectors = Involution(TYPES[2], Position.IDENTITY)
    assert equivariance_error(model.embed, DNA_STRAND, vectors, x) <= 1e-10
    torch.testing.assert_close(model.head(model.embed(x)), model(x))


def test_the_default_network_has_the_parameters_counted_by_hand():
    stem = 64 * 4 * 15 // 2 + 2 * 32
    blocks = 3 * (64 * 64 * 5 // 2 + 2 * 32)
    features = 2 * 64 + 128 * 64 // 2 + 32  # batch norm of means and maxima, linear map and bias
    assert count_parameters(StrandResNet(StrandResNetConfig(length=101))) == stem + blocks + features + 32 + 1


@pytest.mark.parametrize(("target", "outputs"), TARGETS, ids=["invariant", "pair", "pairs and one"])
def test_the_baseline_ties_nothing_keeps_the_channels_and_knows_no_strand(target, outputs):
    options = {"target": target, "outputs": outputs, "hidden": Rep(regular=3)}
    symmetric, plain = built(101, **options), built(101, **options, involution=None).double().eval()
    assert not any(is_parametrized(part) for part in plain.modules())
    x = sequences(4, 101)
    assert symmetric.double().embed(x).shape == plain.embed(x).shape == (4, 6)
    assert equivariance_error(plain, DNA_STRAND, target, x) > 1e-2
    assert plain(x).std(1).min() > 1e-4  # no two outputs are made equal


def test_strand_specific_outputs_see_the_strand():
    model, x = built(101, target=Target.strand_specific(), outputs=3).double().eval(), sequences(4, 101)
    assert model(x).shape == (4, 3)
    assert (model(DNA_STRAND.act(x)) - model(x)).abs().min() > 1e-7
    assert not is_parametrized(model.head.map)
