"""The recurrent encoder: declared outputs on both strands in both modes, sizes by hand, and the baseline."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized

from palindra.models import MODELS
from palindra.models.embeddings import embeddings
from palindra.models.plain import from_plain, to_plain
from palindra.models.strand_recurrent import TWO_WAYS, StrandRecurrent, StrandRecurrentConfig
from palindra.nn import count_parameters
from palindra.symmetry import DNA_STRAND, Involution, Position, Rep, Target, equivariance_error

TYPES = [Rep(regular=4), Rep(even=6, odd=2), Rep(regular=2, even=1, odd=3)]
TARGETS = [(Target.invariant(2), 2), (Target.paired([1, 0, 2, 4, 3]), 5)]
LENGTH = 41


def sequences(rows: int, length: int = LENGTH) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.eye(5, 4, dtype=torch.float64)[torch.randint(5, (rows, length), generator=generator)]
    return x.mT.contiguous()  # the fifth letter is N


def built(length: int = LENGTH, **options) -> StrandRecurrent:
    torch.manual_seed(0)
    given = {"length": length, "heads": 2, "key_size": 4, "hidden": Rep(regular=4), **options}
    return StrandRecurrent(StrandRecurrentConfig(**given))


@pytest.mark.parametrize("mixer", TWO_WAYS)
@pytest.mark.parametrize("hidden", TYPES, ids=str)
@pytest.mark.parametrize(("target", "outputs"), TARGETS, ids=["invariant", "pairs and one"])
def test_outputs_move_as_the_target_declares(mixer, hidden, target, outputs):
    for length, pool in ((LENGTH, 1), (66, 4)):
        model = built(length, target=target, outputs=outputs, hidden=hidden, pool=pool, mixer=mixer).double()
        x = sequences(3, length)

        def seeded(x: Tensor, model: StrandRecurrent = model) -> Tensor:
            torch.manual_seed(1)  # the same dropout for a sequence and its reverse complement
            return model(x)

        for training in (True, False):
            model.train(training)
            assert equivariance_error(seeded, DNA_STRAND, target, x) <= 1e-10
        assert equivariance_error(model.float(), DNA_STRAND, target, x.float()) <= 1e-5


@pytest.mark.parametrize("mixer", TWO_WAYS)
def test_the_whole_sequence_is_remembered_and_strands_meet_in_every_layer(mixer):
    # Through one layer, without what pooling and feed-forward layers add.
    layer = built(mixer=mixer).double().encoder[0].branch[1]
    x = torch.randn(1, 8, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (given,) = torch.autograd.grad(layer(x)[0, :4, 20].square().sum(), x)
    assert (given[0, :, :21].abs() > 0).all()  # strand 1 reads all channels of both strands up to here
    assert given[0, :, 21:].abs().max() == 0


def test_embeddings_have_the_hidden_type_and_one_vector_for_both_strands():
    model, x = built(hidden=TYPES[2]).double().eval(), sequences(3)
    vectors = Involution(TYPES[2], Position.IDENTITY)
    assert equivariance_error(model.embed, DNA_STRAND, vectors, x) <= 1e-10
    torch.testing.assert_close(model.head(model.embed(x)), model(x))
    one, two = (embeddings(model, y, both_strands=False) for y in (x, DNA_STRAND.act(x)))
    torch.testing.assert_close(one, two, rtol=0, atol=1e-6)


def test_the_default_network_has_the_parameters_counted_by_hand():
    stem = 64 * 4 * 15 // 2 + 2 * 32
    memory = 4 * 32 * (64 + 32 + 1)  # four gates of 32 features that read 64 channels, the memory and a bias
    recurrent = 32 + 32 + memory + 64 * 64 // 2
    feed_forward = 32 + 32 + (64 * 256 + 128 * 64) // 2
    pooled = 2 * 64 + 128 * 64 // 2 + 32
    model = StrandRecurrent(StrandRecurrentConfig(length=101))
    assert count_parameters(model) == stem + recurrent + feed_forward + 64 + pooled + 32 + 1


@pytest.mark.parametrize("mixer", TWO_WAYS)
def test_the_baseline_ties_nothing_keeps_the_channels_and_knows_no_strand(mixer):
    target = TARGETS[1][0]
    options = {"target": target, "outputs": 5, "mixer": mixer, "hidden": Rep(even=2, odd=2, regular=2)}
    symmetric, plain = built(**options), built(**options, involution=None).double().eval()
    assert not any(is_parametrized(part) for part in plain.modules())
    x = sequences(4)
    assert symmetric.double().embed(x).shape == plain.embed(x).shape == (4, 8)
    assert equivariance_error(plain, DNA_STRAND, target, x) > 1e-2
    layer = plain.encoder[0].branch[1]
    y = torch.randn(1, 8, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (given,) = torch.autograd.grad(layer(y)[0, :, 6].square().sum(), y)
    assert (given.abs() > 0).all()  # one direction each


def test_strand_specific_outputs_see_the_strand():
    model, x = built(target=Target.strand_specific(), outputs=3).double().eval(), sequences(4)
    assert (model(DNA_STRAND.act(x)) - model(x)).abs().min() > 1e-8


def test_it_is_named_and_its_configuration_can_be_written():
    config = StrandRecurrentConfig(length=60, hidden=Rep(8), mixer="comba")
    assert MODELS["strand_recurrent"] == (StrandRecurrent, StrandRecurrentConfig)
    assert from_plain(StrandRecurrentConfig, to_plain(config)) == config
    with pytest.raises(ValueError, match="one of lstm, comba, mamba2 needed"):
        from_plain(StrandRecurrentConfig, {**to_plain(config), "mixer": "gru"})


def test_another_length_is_refused():
    with pytest.raises(ValueError, match="built for windows of 41 letters and got 44"):
        built()(torch.zeros(1, 4, 44))
