"""The Transformer encoder: declared outputs on both strands in both modes, sizes by hand, and the baseline."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized

from palindra.models import MODELS
from palindra.models.embeddings import embeddings
from palindra.models.plain import from_plain, to_plain
from palindra.models.strand_transformer import StrandTransformer, StrandTransformerConfig
from palindra.nn import count_parameters
from palindra.symmetry import DNA_STRAND, Involution, Position, Rep, Target, equivariance_error

TYPES = [Rep(regular=4), Rep(even=3, odd=2), Rep(regular=2, even=1, odd=3), Rep(even=5)]
TARGETS = [(Target.invariant(2), 2), (Target.paired([1, 0]), 2), (Target.paired([1, 0, 2, 4, 3]), 5)]
ATTENTION = [
    {},
    {"window": 5},
    {"positions": "alibi", "window": 5},
    {"positions": "none"},
    {"cross_strand": True},
    {"cross_strand": True, "window": 4, "positions": "alibi"},
]


def sequences(rows: int, length: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.eye(5, 4, dtype=torch.float64)[torch.randint(5, (rows, length), generator=generator)]
    return x.mT.contiguous()  # the fifth letter is N


def built(length: int, **options) -> StrandTransformer:
    torch.manual_seed(0)
    return StrandTransformer(StrandTransformerConfig(**{"length": length, "heads": 2, **options}))


def assert_moves_as(target: Target, model: StrandTransformer, x: Tensor) -> None:
    model = model.double()

    def seeded(x: Tensor) -> Tensor:
        torch.manual_seed(1)  # the same dropout for a sequence and its reverse complement
        return model(x)

    for training in (True, False):
        model.train(training)
        assert equivariance_error(seeded, DNA_STRAND, target, x) <= 1e-10
    assert equivariance_error(model.float(), DNA_STRAND, target, x.float()) <= 1e-5


@pytest.mark.parametrize("hidden", TYPES, ids=str)
@pytest.mark.parametrize(("target", "outputs"), TARGETS, ids=["invariant", "pair", "pairs and one"])
def test_outputs_move_as_the_target_declares(hidden, target, outputs):
    for length, pool in ((101, 4), (40, 1)):
        model = built(length, target=target, outputs=outputs, hidden=hidden, pool=pool)
        assert_moves_as(target, model, sequences(3, length))


@pytest.mark.parametrize("options", ATTENTION, ids=str)
def test_so_they_do_with_every_attention(options):
    for length, pool in ((66, 2), (50, 3)):
        model = built(length, target=TARGETS[1][0], outputs=2, hidden=Rep(regular=8), pool=pool, **options)
        assert_moves_as(TARGETS[1][0], model, sequences(3, length))


def test_embeddings_have_the_hidden_type_and_one_vector_for_both_strands():
    model, x = built(60, hidden=TYPES[2]).double().eval(), sequences(3, 60)
    vectors = Involution(TYPES[2], Position.IDENTITY)
    assert equivariance_error(model.embed, DNA_STRAND, vectors, x) <= 1e-10
    torch.testing.assert_close(model.head(model.embed(x)), model(x))
    one, two = (embeddings(model, y, both_strands=False) for y in (x, DNA_STRAND.act(x)))
    torch.testing.assert_close(one, two, rtol=0, atol=1e-6)


def test_the_default_network_has_the_parameters_counted_by_hand():
    stem = 64 * 4 * 15 // 2 + 2 * 32
    attention = 32 + 32 + (4 * 64 * 64) // 2  # norm; queries, keys, values and outputs
    feed_forward = 32 + 32 + (64 * 256 + 128 * 64) // 2
    pooled = 2 * 64 + 128 * 64 // 2 + 32  # batch norm of means and maxima, linear map and bias
    model = StrandTransformer(StrandTransformerConfig(length=101))
    assert count_parameters(model) == stem + 2 * (attention + feed_forward) + 64 + pooled + 32 + 1


@pytest.mark.parametrize(("target", "outputs"), TARGETS, ids=["invariant", "pair", "pairs and one"])
def test_the_baseline_ties_nothing_keeps_the_channels_and_knows_no_strand(target, outputs):
    options = {"target": target, "outputs": outputs, "hidden": Rep(regular=3), "window": 6}
    symmetric, plain = built(61, **options), built(61, **options, involution=None).double().eval()
    assert not any(is_parametrized(part) for part in plain.modules())
    x = sequences(4, 61)
    assert symmetric.double().embed(x).shape == plain.embed(x).shape == (4, 6)
    assert equivariance_error(plain, DNA_STRAND, target, x) > 1e-2
    assert plain(x).std(1).min() > 1e-4  # no two outputs are made equal


def test_strand_specific_outputs_see_the_strand():
    model, x = built(60, target=Target.strand_specific(), outputs=3).double().eval(), sequences(4, 60)
    assert (model(DNA_STRAND.act(x)) - model(x)).abs().min() > 1e-7


def test_it_is_named_and_its_configuration_can_be_written():
    config = StrandTransformerConfig(length=60, hidden=Rep(8), window=7, positions="alibi", cross_strand=True)
    assert MODELS["strand_transformer"] == (StrandTransformer, StrandTransformerConfig)
    assert from_plain(StrandTransformerConfig, to_plain(config)) == config
    plain = to_plain(StrandTransformerConfig(length=60))
    assert from_plain(StrandTransformerConfig, plain).window is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cross_strand": True, "hidden": Rep(even=4, odd=4)}, "features of each strand"),
        ({"window": 0}, "a window of 0 sees no position"),
        ({"pool": 61}, "pooling by 61 positions does not fit sequences of 60"),
        ({"feed_forward": 0}, "give 1 or more"),
        ({"heads": 0}, "at least one head"),
    ],
)
def test_unfit_sizes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        built(60, **options)


def test_another_length_is_refused():
    with pytest.raises(ValueError, match="built for windows of 60 letters and got 64"):
        built(60)(torch.zeros(1, 4, 64))
