"""Which language models are equivariant, and that what each position knows is what its switches say."""

import pytest
import torch

from palindra.errors import InputError
from palindra.models.strand_lm import (
    LMOutput,
    StrandAverage,
    StrandLM,
    StrandLMConfig,
    Teacher,
    fuse,
    layer,
    rc_discrepancy,
)
from palindra.sequences.vocabulary import VOCABULARY

SIZES = {"width": 8, "depth": 2, "heads": 2, "key_size": 4, "window": 5, "feed_forward": 2}
EQUIVARIANT = [
    {},
    {"bridge": False},
    {"bridge_every": 1},
    {"window": None},
    {"attention": False, "recurrence": "mamba2", "residual": True},
    {"block": 6},
    {"block": 6, "bridge_every": 1},
    {"block": 6, "carry_state": True},
    {"mixer": "siamese"},
    {"mixer": "siamese", "block": 5, "carry_state": True},
    {"mixer": "siamese", "recurrence": "mamba2", "attention": False, "feed_forward": 0, "residual": True},
]
BROKEN = [
    {"mixer": "untied"},
    {"mixer": "untied", "published": True},
    {"mixer": "untied", "block": 5, "alternating": True},
    {"mixer": "bidirectional"},
    {"mixer": "single"},
]


def model(**changes):
    torch.manual_seed(0)
    return StrandLM(StrandLMConfig(**SIZES | changes)).eval()


def windows(length, batch=3, seed=1):
    """Letters, N and mask symbols."""
    return torch.randint(0, 6, (batch, length), generator=torch.Generator().manual_seed(seed))


def padded(length):
    tokens = windows(length)
    tokens[0, -4:] = tokens[1, :3] = tokens[1, -2:] = VOCABULARY.padding
    return tokens


def parameters(network):
    return sum(p.numel() for p in network.parameters())


# ---------------------------------------------------------------------------------------------------------- symmetry


@pytest.mark.parametrize("changes", EQUIVARIANT, ids=str)
@pytest.mark.parametrize("length", [17, 24])
def test_equivariant_models_answer_alike_on_both_strands(changes, length):
    network = model(**changes)
    assert network.config.equivariant
    for tokens in (windows(length), padded(length)):
        for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-10)):
            found = rc_discrepancy(network.to(dtype), tokens)
            assert max(found.logits, found.hidden) < tolerance


@pytest.mark.parametrize("changes", BROKEN, ids=str)
def test_other_models_do_not_and_their_average_does(changes):
    network = model(**changes).double()
    tokens = padded(21)
    assert not network.config.equivariant
    assert rc_discrepancy(network, tokens).logits > 0.05
    averaged = rc_discrepancy(StrandAverage(network), tokens)
    assert max(averaged.logits, averaged.hidden) < 1e-10


def test_features_of_strands_are_exchanged():
    network, tokens = model().double(), padded(17)
    straight, other = network(tokens), network(VOCABULARY.reverse_complement(tokens))
    torch.testing.assert_close(other.strands, straight.strands.flip(1, 2))
    torch.testing.assert_close(other.gate, -straight.gate.flip(1))
    mask = tokens != VOCABULARY.padding
    torch.testing.assert_close(network(tokens, mask), straight)


def test_gradients_are_those_of_the_other_strand():
    network, tokens = model(bridge_every=1).double(), windows(13)
    weights = torch.randn(3, 13, 4, dtype=torch.float64)
    gradients = []
    for read, weight in ((tokens, weights), (VOCABULARY.reverse_complement(tokens), weights.flip(1, 2))):
        loss = (network(read).logits * weight).sum()
        gradients.append(torch.autograd.grad(loss, list(network.parameters())))
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-8, atol=1e-10)


def test_untied_branches_are_equivariant_on_an_even_number_of_blocks():
    network = model(mixer="untied", block=6, alternating=True, exact_blocks=True).double()
    for length in (12, 20, 24):  # two and four blocks
        found = rc_discrepancy(network, windows(length))
        assert max(found.logits, found.hidden) < 1e-10
    with pytest.raises(InputError, match=r"have 3 blocks .* even number"):
        network(windows(18))


# ------------------------------------------------------------------------------------------- parameters of the article


@pytest.mark.parametrize(
    ("config", "expected"), [(StrandLMConfig.crossdna(), 8_129_413), (StrandLMConfig.crossdna_small(), 408_845)]
)
def test_parameters_of_the_published_models(config, expected):
    assert parameters(StrandLM(config)) == expected


def test_parameters_of_the_slow_copy_and_of_the_tied_model():
    published = StrandLM(StrandLMConfig.crossdna())
    assert round((parameters(published) + parameters(Teacher(published))) / 1e6, 2) == 16.08
    assert parameters(StrandLM(StrandLMConfig())) == pytest.approx(8_129_413 / 2, rel=0.01)


# ------------------------------------------------------------------------------------------------- what is known where


def reach(network, tokens, position):
    """Where the features of both strands change when the letter at a position does, as two sets."""
    other = tokens.clone()
    other[:, position] = (tokens[:, position] + 1) % 4
    change = (network(tokens).strands - network(other).strands).abs().sum((0, 3)) > 1e-12
    return [set(strand.nonzero()[:, 0].tolist()) for strand in change]


ALIGNED = [
    {"mixer": "untied", "alternating": True, "bridge": False},
    {"mixer": "untied", "alternating": False, "bridge": False},
    {"mixer": "tied", "bridge": False},
]


@pytest.mark.parametrize("changes", ALIGNED, ids=str)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_both_strands_of_a_position_are_the_same_base_pair_in_every_block(changes, count):
    # Published code pairs block t of one strand with block K-1-t of the other.
    network = model(block=6, stem_kernel=1, **changes).double()
    tokens = windows(6 * count, batch=1) % 4
    for position in (0, 4, 7, 6 * count - 1):
        start = position // 6 * 6
        forward, backward = reach(network, tokens, position)
        assert forward == set(range(position, start + 6))
        assert backward == set(range(start, position + 1))


def test_state_is_carried_to_the_ends_of_both_strands():
    network = model(block=6, stem_kernel=1, bridge=False, carry_state=True).double()
    forward, backward = reach(network, windows(18, batch=1) % 4, 8)
    assert forward == set(range(8, 18))
    assert backward == set(range(9))


def test_bridges_let_a_strand_know_what_follows():
    tokens = windows(18, batch=1) % 4
    told, _ = reach(model(stem_kernel=1).double(), tokens, 9)
    siamese, _ = reach(model(stem_kernel=1, mixer="siamese").double(), tokens, 9)
    assert told == set(range(18))
    assert siamese == set(range(9, 18))


def test_a_single_strand_knows_what_precedes_it():
    network = model(stem_kernel=1, mixer="single").double()
    tokens = windows(12, batch=1) % 4
    assert network(tokens).strands.shape == (1, 1, 12, 8)
    (forward,) = reach(network, tokens, 5)
    assert forward == set(range(5, 12))


def test_alternation_of_one_block_is_told():
    network = model(mixer="untied", block=8, alternating=True)
    with pytest.warns(UserWarning, match="nothing to alternate: windows of 8 are one block"):
        network(windows(8))
    network(windows(16))


def test_alternating_branches_swap_strands_in_odd_blocks():
    network = model(mixer="untied", block=5, alternating=True, bridge=False).double()
    network.stems[1] = network.stems[0]
    plain = model(mixer="untied", block=5, bridge=False).double()
    plain.load_state_dict(network.state_dict())
    alternating, fixed = network(windows(10)).strands, plain(windows(10)).strands
    torch.testing.assert_close(alternating[:, :, :5], fixed[:, :, :5])
    plain.encoder.stages[0].branches[0], plain.encoder.stages[0].branches[1] = plain.encoder.stages[0].branches[::-1]
    torch.testing.assert_close(alternating[:, :, 5:], plain(windows(10)).strands[:, :, 5:])


# Blocks are placed in the whole window, so more padding gives other blocks.
@pytest.mark.parametrize("changes", [c for c in (*EQUIVARIANT, *BROKEN) if "block" not in c], ids=str)
def test_padding_changes_no_letter(changes):
    network, tokens = model(**changes).double(), windows(14)
    for before, after in ((0, 5), (3, 0), (2, 6)):
        wide = torch.nn.functional.pad(tokens, (before, after), value=VOCABULARY.padding)
        for whole, alone in zip(network(wide), network(tokens), strict=True):
            axis = 2 if whole.ndim == 4 else 1
            torch.testing.assert_close(whole.narrow(axis, before, 14), alone, rtol=1e-8, atol=1e-10)
            assert not whole.narrow(axis, 0, before).any() and not whole.narrow(axis, before + 14, after).any()  # noqa: PT018


def test_a_masked_letter_is_padding():
    network, tokens = model(), windows(9)
    mask = torch.ones(3, 9, dtype=torch.bool)
    mask[:, 7:] = False
    torch.testing.assert_close(network(tokens, mask).logits[:, :7], network(tokens[:, :7]).logits)
    assert torch.equal(network(tokens, torch.ones_like(mask)).logits, network(tokens).logits)


def test_the_mask_symbol_is_not_n_except_where_it_was_published():
    tokens = windows(9) % 4
    n, masked = tokens.clone(), tokens.clone()
    n[:, 4], masked[:, 4] = VOCABULARY.unknown, VOCABULARY.mask
    ours, theirs = model(), model(mixer="untied", published=True)
    assert not torch.allclose(ours(n).logits, ours(masked).logits, atol=1e-4)
    assert torch.equal(theirs(n).logits, theirs(masked).logits)


# ------------------------------------------------------------------------------------------------------- head, running


def test_exchanging_strands_leaves_the_fused_feature():
    a, b = torch.randn(2, 3, 5, 8, dtype=torch.float64)
    gate = model().double().head.gate
    g, swapped = (torch.sigmoid(gate(x - y)) for x, y in ((a, b), (b, a)))
    torch.testing.assert_close(swapped, 1 - g)
    torch.testing.assert_close(fuse(a, b, gate(a - b)), fuse(b, a, gate(b - a)))
    assert not torch.allclose(fuse(a, b, gate(a - b)), fuse(b, a, gate(a - b)))


@pytest.mark.parametrize("mixer", ["tied", "untied"])
def test_a_fixed_gate_weighs_both_alike(mixer):
    network, tokens = model(mixer=mixer).double(), windows(9)
    fixed = network(tokens, fixed_gate=True)
    with torch.no_grad():
        network.head.gate.weight.zero_()
        if mixer == "untied":
            network.head.gate.bias.zero_()
    torch.testing.assert_close(fixed.logits, network(tokens).logits)


@pytest.mark.parametrize("changes", [*EQUIVARIANT, *BROKEN], ids=str)
def test_small_parts_without_gradients_give_the_same(changes, monkeypatch):
    network, tokens = model(**changes).double(), padded(25)
    whole = network(tokens)
    for module in ("layer", "bridge", "heads", "model"):
        monkeypatch.setattr(f"palindra.models.strand_lm.{module}.SEGMENT", 7)
    with torch.inference_mode():
        parts = network(tokens)
    for found, expected in zip(parts, whole, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)
    assert layer.SEGMENT == 7


@pytest.mark.parametrize("changes", [*EQUIVARIANT, *BROKEN], ids=str)
def test_bfloat16_is_near_and_trains(changes):
    network, tokens = model(**changes), padded(19)
    exact = network(tokens)
    with torch.autocast("cpu", torch.bfloat16):
        near = network(tokens)
        near.logits.float().square().mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
    assert (near.logits - exact.logits).abs().mean() < 0.1 * exact.logits.abs().mean()


def test_checkpointing_changes_no_gradient():
    network, tokens = model(bridge_every=1), padded(11)
    gradients = []
    for on in (False, True):
        network.checkpointing = on
        assert network.checkpointing is on
        gradients.append(torch.autograd.grad(network(tokens).logits.sin().sum(), list(network.parameters())))
    for kept, recomputed in zip(*gradients, strict=True):
        assert torch.equal(kept, recomputed)


@pytest.mark.parametrize("mixer", ["tied", "untied", "siamese", "bidirectional", "single"])
def test_every_parameter_is_used(mixer):
    network = model(mixer=mixer)
    found = network(windows(12))
    assert isinstance(found, LMOutput)
    assert (found.logits.shape, found.hidden.shape) == ((3, 12, 4), (3, 12, network.hidden_width))
    (found.logits.square().sum() + (found.hidden * torch.randn(3, 12, 8)).sum()).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(
    ("tokens", "mask", "message"),
    [
        (torch.tensor([[0, 7]]), None, "token 7 is not in the vocabulary"),
        (torch.tensor([[0, 6, 1]]), None, "row 0 has padding between letters"),
        (torch.tensor([[0, 1, 1]]), torch.tensor([[True, False, True]]), "padding between letters"),
        (torch.tensor([0, 1]), None, "integers of shape"),
        (torch.zeros(1, 0, dtype=torch.long), None, "at least one position"),
        (torch.zeros(1, 3), None, "torch.float32"),
        (torch.tensor([[0, 1]]), torch.tensor([[1, 1]]), "True or False"),
        (torch.tensor([[0, 1]]), torch.tensor([[True]]), "of shape"),
    ],
)
def test_bad_input_is_refused(tokens, mask, message):
    with pytest.raises(InputError, match=message):
        model()(tokens, mask)


def test_a_row_of_padding_alone_gives_zeros_and_finite_gradients():
    network, tokens = model(), windows(6)
    tokens[1] = VOCABULARY.padding
    found = network(tokens)
    assert not found.logits[1].any()
    found.logits.sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())
