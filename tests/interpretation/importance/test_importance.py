import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from palindra.errors import InputError
from palindra.interpretation.importance import (
    Insert,
    cooperativity,
    copy_importance,
    distance_importance,
    drawn,
    embed,
    flank_importance,
    global_importance,
    middle,
    orientation_importance,
    own,
    pattern_importance,
    position_importance,
    shuffled,
    strand_importance,
)
from palindra.interpretation.importance.effects import Effects
from palindra.interpretation.importance.estimates import estimates
from palindra.interpretation.planted import (
    Grammar,
    Oracle,
    PlantedMotif,
    Rule,
    instance_letters,
    seeded_grammar,
)
from palindra.nn import StrandMean
from palindra.sequences import count_kmers, decode_codes, encode, one_hot, reverse_complement
from palindra.symmetry import Target

LENGTH = 90


def letters(rows: int, length: int = LENGTH, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(4, size=(rows, length), dtype=np.uint8)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv1d(4, 6, 7), nn.ReLU(), nn.Dropout(0.5), nn.Conv1d(6, 3, 5), nn.Flatten(), nn.LazyLinear(2)
    )


def invariant(length: int = LENGTH) -> nn.Module:
    plain = network().double()
    plain(torch.zeros(1, 4, length, dtype=torch.float64))
    return StrandMean(plain, Target.invariant(2))


# ---- backgrounds ---------------------------------------------------------------------------------------------------


def test_shuffles_keep_dinucleotides_and_share_their_source():
    codes = letters(5)
    found = shuffled(codes, seed=3, copies=4)
    assert found.sources == 5
    given = count_kmers(codes, 2, canonical=False)
    assert (count_kmers(found.codes, 2, canonical=False) == given[found.source]).all()
    assert (shuffled(codes, seed=3, copies=2).codes == found.codes.reshape(5, 4, -1)[:, :2].reshape(10, -1)).all()


def test_drawn_sequences_follow_the_kmers_and_depend_on_their_row_alone():
    codes = encode(["ACGGTACGATTACA" * 40])
    for k in (1, 2, 3):
        found = drawn(codes, 300, seed=1, k=k, length=200)
        wanted = (count_kmers(codes, k, canonical=False).sum(0) + 1.0) / (count_kmers(codes, k).sum() + 4**k)
        seen = count_kmers(found.codes, k, canonical=False).sum(0) / (300 * (200 - k + 1))
        assert np.abs(seen - wanted).max() < 0.01
    assert (drawn(codes, 300, seed=1, length=50).codes[:7] == drawn(codes, 7, seed=1, length=50).codes).all()
    assert (drawn(codes, 7, seed=2, length=50).codes != drawn(codes, 7, seed=1, length=50).codes).any()


def test_intervals_are_over_sources_and_not_over_shuffles_or_strands():
    codes = letters(6)
    few = pattern_importance(network(), shuffled(codes, seed=0, copies=3).both_strands(), ["GATAAG"])
    assert few.values.shape == (1, 6, 2)
    every = pattern_importance(network(), own(shuffled(codes, seed=0, copies=3).both_strands().codes), ["GATAAG"])
    rows = every.values[0].reshape(2, 6, 3, 2)
    np.testing.assert_allclose(few.values[0], rows.mean((0, 2)), atol=1e-6)


# ---- the definition, written down again ----------------------------------------------------------------------------


def test_importance_is_the_mean_change_of_plain_strings():
    model, codes = network().eval(), letters(4)

    def f(text: str) -> np.ndarray:
        with torch.no_grad():
            return model(one_hot([text], dtype=torch.float32))[0].double().numpy()

    inserts = [Insert("TGANTCA", 20), Insert("CC", 70)]
    changes = []
    for text in decode_codes(codes):
        edited = text[:20] + "TGA" + text[23] + "TCA" + text[27:70] + "CC" + text[72:]
        assert decode_codes(embed(encode([text]), inserts)) == [edited]
        changes.append(f(edited) - f(text))
    found = global_importance(model, own(codes), [inserts])
    np.testing.assert_allclose(found.values[0], changes, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 1000])
def test_batches_change_nothing_and_are_never_larger(batch_size):
    sizes = []

    def model(x):
        sizes.append(len(x))
        return (x * torch.arange(LENGTH)).sum((1, 2)) + x[:, 0].sum(1)

    constructs = [[Insert("GATA", start)] for start in (0, 5, 9)]
    found = global_importance(model, own(letters(5)), constructs, batch_size=batch_size)
    whole = global_importance(model, own(letters(5)), constructs)
    assert (found.values == whole.values).all()
    assert max(sizes[: -(-20 // batch_size)]) <= batch_size
    assert sizes[: -(-20 // batch_size) - 1] == [batch_size] * (-(-20 // batch_size) - 1)


def test_modules_run_in_eval_mode_and_get_their_mode_back():
    model = network().train()
    model[2].eval()
    one, two = (pattern_importance(model, own(letters(3)), ["GATAAG"]).values for _ in range(2))
    assert (one == two).all()
    assert model.training
    assert not model[2].training


def test_estimates_are_those_of_scipy():
    values = np.random.default_rng(0).normal(0.3, 1, size=(5, 20))
    found = estimates(list("abcde"), values)
    p = stats.ttest_1samp(values, 0, axis=1).pvalue
    np.testing.assert_allclose([one.p for one in found], p)
    np.testing.assert_allclose([one.q for one in found], stats.false_discovery_control(p))
    interval = stats.ttest_1samp(values, 0, axis=1).confidence_interval()
    np.testing.assert_allclose([(one.low, one.high) for one in found], np.stack(interval, 1))
    steady = estimates(["0", "2"], np.array([[0.0] * 3, [2.0] * 3]))
    assert [(one.mean, one.low, one.high, one.p) for one in steady] == [(0, 0, 0, 1), (2, 2, 2, 0)]
    assert np.isnan(estimates(["one"], np.ones((1, 1)))[0].low)


# ---- strands -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["GATAAG", "GATAA", "TGANTCA", "ACGT"])
def test_both_strands_of_a_pattern_give_the_same_number_in_an_invariant_model(pattern):
    codes = letters(4)
    backgrounds = own(codes).both_strands()
    model, turned = invariant(), reverse_complement(pattern)
    given, other = (pattern_importance(model, backgrounds, [one]).values for one in (pattern, turned))
    np.testing.assert_allclose(given, other, atol=1e-12)
    one = network().double()
    one(torch.zeros(1, 4, LENGTH, dtype=torch.float64))
    if pattern != turned:
        plain = [pattern_importance(one, backgrounds, [p]).values for p in (pattern, turned)]
        assert np.abs(plain[0] - plain[1]).max() > 1e-3
    assert np.abs(strand_importance(model, backgrounds, pattern).difference.values).max() < 1e-12


def test_every_construct_equals_its_mirror_image_in_an_invariant_model():
    backgrounds, model = own(letters(3)).both_strands(), invariant()
    construct = [Insert("GATAAG", 11), Insert("TTGACGT", 40)]
    mirrored = [insert.mirrored(LENGTH) for insert in construct]
    found = global_importance(model, backgrounds, [construct, mirrored]).values
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)
    text = embed(letters(1), construct)
    assert (reverse_complement(text) == embed(reverse_complement(letters(1)), mirrored)).all()
    eight = orientation_importance(model, backgrounds, "GATAAG", "TTGACGT", gap=5).together
    values = dict(zip(eight.names, eight.values, strict=True))
    assert list(values)[:4] == ["1> 2>", "1> <2", "<1 2>", "<1 <2"]
    for one, other in (("1> 2>", "<2 <1"), ("1> <2", "2> <1"), ("<1 2>", "<2 1>"), ("<1 <2", "2> 1>")):
        np.testing.assert_allclose(values[one], values[other], atol=1e-12)
    assert np.abs(values["1> 2>"] - values["1> <2"]).max() > 1e-3


# ---- what was planted is found -------------------------------------------------------------------------------------


@pytest.mark.parametrize("multiplicative", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_distance_is_recovered_as_planted(seed, multiplicative):
    grammar = seeded_grammar(seed, "distance", multiplicative=multiplicative)
    first, second = (motif.letters for motif in grammar.motifs)
    backgrounds = shuffled(clean(grammar, 6), seed=0).both_strands()
    oracle = Oracle(grammar, logarithm=True).double()
    found = distance_importance(oracle, backgrounds, first, second, largest=20)
    weights = np.zeros(21)
    weights[: len(grammar.rules[0].weights)] = grammar.rules[0].weights
    assert set(found.gaps[found.after]) == set(range(21)) == set(found.gaps[~found.after])
    np.testing.assert_allclose(usual(found.found.excess), weights[found.gaps], atol=1e-9)
    assert np.abs(found.found.excess.mean[:, 0] - weights[found.gaps]).max() < 0.1
    best = found.found.together.best()
    assert found.gaps[best] == 8
    estimate = found.found.excess.estimates()[best]
    assert estimate.q < 1e-6
    if multiplicative:  # on the output itself: factors, with an excess at every distance
        scaled = distance_importance(Oracle(grammar).double(), backgrounds, first, second, largest=20).found
        a, b = (motif.effect for motif in grammar.motifs)
        wanted = np.exp(a + b + weights[found.gaps]) - np.exp(a) - np.exp(b) + 1
        np.testing.assert_allclose(usual(scaled.excess), wanted, rtol=1e-9)


@pytest.mark.parametrize("multiplicative", [False, True])
def test_orientation_and_side_are_recovered_as_planted(multiplicative):
    grammar = seeded_grammar(3, "orientation", multiplicative=multiplicative)
    first, second = (motif.letters for motif in grammar.motifs)
    backgrounds = own(clean(grammar, 5))
    oracle = Oracle(grammar, logarithm=True).double()
    excess = orientation_importance(oracle, backgrounds, first, second, gap=10).excess
    wanted = grammar.rules[0].weights[0]
    right = {"1> <2", "2> <1"}  # the second behind the first in the direction of the first, against it
    for name, value in zip(excess.names, usual(excess), strict=True):
        assert value == pytest.approx(wanted if name in right else 0, abs=1e-9)


@pytest.mark.parametrize("multiplicative", [False, True])
def test_cooperativity_is_recovered_and_absent_where_it_was_not_planted(multiplicative):
    grammar = seeded_grammar(5, "cooperativity", multiplicative=multiplicative)
    lonely = Grammar(grammar.motifs, multiplicative=multiplicative)
    (first, a), (second, b) = ((motif.letters, motif.effect) for motif in grammar.motifs)
    pair = [[Insert(first, 20), Insert(second, 40)]]
    backgrounds = own(clean(grammar, 4))
    c = grammar.rules[0].weights[0]
    with_rule, without = (
        cooperativity(Oracle(one, logarithm=True).double(), backgrounds, pair) for one in (grammar, lonely)
    )
    assert with_rule.excess.mean.item() == pytest.approx(c, abs=1e-9)
    assert without.excess.mean.item() == pytest.approx(0, abs=1e-9)
    assert with_rule.alone.mean.item() == pytest.approx(a + b, abs=1e-9)
    scaled = cooperativity(Oracle(lonely).double(), backgrounds, pair).excess.mean.item()
    assert scaled == pytest.approx((np.exp(a) - 1) * (np.exp(b) - 1) if multiplicative else 0, abs=1e-6)


def test_copies_positions_and_flanks_of_a_planted_motif():
    grammar = Grammar(
        (PlantedMotif("GATAAG", 1.5),), (Rule(0, 0, (0.0,) * 4 + (0.5,), side="behind", direction="same"),)
    )
    backgrounds, oracle = own(clean(grammar, 4)), Oracle(grammar).double()
    copies = copy_importance(oracle, backgrounds, "GATAAG", copies=4, gap=4)
    np.testing.assert_allclose(copies.together.mean[:, 0], [1.5, 3.5, 5.5, 7.5])
    np.testing.assert_allclose(copies.excess.mean[:, 0], [0, 0.5, 1, 1.5], atol=1e-9)
    found = position_importance(oracle, backgrounds, "CTTATC", step=7)
    assert found.starts.tolist() == list(range(0, LENGTH - 5, 7))
    np.testing.assert_allclose(usual(found.effects), 1.5)
    flanks = flank_importance(oracle, backgrounds, ".ATAA.")
    assert flanks.strongest == "GATAAG"
    assert len(flanks.variants.names) == 16
    assert sorted(usual(flanks.variants))[-2:] == [0, 1.5]
    assert flanks.core.values.shape == (1, 4, 1)


def usual(effects: Effects) -> np.ndarray:
    """The median over backgrounds: in a few of them the letters around a pattern make another instance by chance."""
    return np.median(effects.values[..., 0], axis=1)


def clean(grammar: Grammar, rows: int) -> np.ndarray:
    """Backgrounds without an instance."""
    codes = np.random.default_rng(1).integers(4, size=(40 * rows, LENGTH), dtype=np.uint8)
    return codes[~instance_letters(grammar, codes).any(1)][:rows]


# ---- bad questions -------------------------------------------------------------------------------------------------


def test_bad_input_is_refused():
    backgrounds, model = own(letters(2, 20)), network()
    with pytest.raises(InputError, match=r"needs 21 letters and the sequences have 20"):
        pattern_importance(model, backgrounds, ["A" * 21])
    with pytest.raises(InputError, match="backgrounds have 20 letters and the model takes 30"):
        own(letters(2, 20), 30)
    with pytest.raises(InputError, match="overlap: the second can begin at 7"):
        cooperativity(model, backgrounds, [[Insert("ACGTA", 2), Insert("TTT", 6)]])
    with pytest.raises(InputError, match="at position 16"):
        global_importance(model, backgrounds, [[Insert("ACGTA", 16)]])
    with pytest.raises(InputError, match="before the first"):
        Insert("ACG", -1)
    with pytest.raises(InputError, match="written with A, C, G, T"):
        Insert("ACR", 0)
    with pytest.raises(InputError, match="8 free letters"):
        flank_importance(model, backgrounds, "." * 8)
    with pytest.raises(InputError, match="0 free letters"):
        flank_importance(model, backgrounds, "ACG")
    with pytest.raises(InputError, match="needs 23 letters"):
        distance_importance(model, backgrounds, "A" * 20, "CCC")
    with pytest.raises(InputError, match="fits on neither side"):
        distance_importance(model, backgrounds, "A" * 8, "C" * 11, start=6)
    with pytest.raises(InputError, match="would let the patterns overlap"):
        orientation_importance(model, backgrounds, "AAC", "CCT", gap=-1)
    with pytest.raises(InputError, match="4 copies of ACGTAC with gaps of 2 needs 30"):
        copy_importance(model, backgrounds, "ACGTAC", gap=2)
    with pytest.raises(InputError, match="reduce a track"):
        pattern_importance(lambda x: x, backgrounds, ["ACG"])
    with pytest.raises(InputError, match=r"gave \(1,\) for 4 sequences"):
        pattern_importance(lambda x: x.sum((1, 2))[:1], backgrounds, ["ACG"])
    with pytest.raises(InputError, match="no background"):
        own(letters(0))
    with pytest.raises(InputError, match="same backgrounds"):
        Effects(("a",), np.zeros((1, 3, 1))).minus(Effects(("a",), np.zeros((1, 4, 1))), ["a"])


def test_two_patterns_never_overlap_at_any_distance():
    seen = []
    distance_importance(lambda x: seen.append(x) or x[:, 0].sum(1), own(letters(1, 24)), "GGG", "CCCC", batch_size=99)
    texts = decode_codes(np.concatenate([x.argmax(1).numpy().astype(np.uint8) for x in seen]))[1:16]
    assert all("GGG" in text and "CCCC" in text for text in texts)
    found = distance_importance(lambda x: x[:, 0].sum(1), own(letters(1, 24)), "GGG", "CCCC")
    start = middle("GGG", 24)
    assert found.gaps.tolist() == [*range(start - 4, -1, -1), *range(24 - start - 3 - 4 + 1)]
    assert found.found.together.names[0] == f"-{start - 4}"
