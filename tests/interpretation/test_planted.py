import math

import numpy as np
import pytest
import torch

from palindra.errors import InputError
from palindra.interpretation.planted import Grammar, Oracle, PlantedMotif, Rule, planted_sequences, seeded_grammar
from palindra.sequences import decode_codes, encode, one_hot, reverse_complement
from palindra.symmetry import DNA_STRAND

KINDS = ("distance", "orientation", "cooperativity")
PALINDROME = PlantedMotif("ACGT", 0.7)


def grammars() -> list[Grammar]:
    seeded = [seeded_grammar(2, kind, multiplicative=m, width=4) for kind in KINDS for m in (False, True)]
    motifs = (PlantedMotif("GAT", 1.0), PALINDROME, PlantedMotif("CCTTA", -0.5))
    rules = (
        Rule(0, 2, (0.1, 0.2, 0.3), side="behind", direction="same"),
        Rule(2, 0, (0.4, 0.0, 0.5, 0.6), side="before", direction="either"),
        Rule(0, 0, (0.3, 0.2), side="behind", direction="opposite"),
        Rule(0, 1, (0.25, 0.5), direction="either"),
    )
    return [*seeded, Grammar(motifs, rules, base=-0.3), Grammar(motifs, rules, base=-0.3, multiplicative=True)]


def by_hand(grammar: Grammar, text: str) -> float:
    """Every instance and every ordered pair, from strings."""
    sites = []  # motif, first, behind, strand, share
    for number, motif in enumerate(grammar.motifs):
        turned, width = reverse_complement(motif.letters), len(motif.letters)
        for start in range(len(text) - width + 1):
            word = text[start : start + width]
            strands = [strand for strand, one in ((1, motif.letters), (-1, turned)) if word == one]
            sites += [(number, start, start + width, strand, 1 / len(strands)) for strand in strands]
    pairs = []
    for rule in grammar.rules:
        for m1, s1, e1, d1, share1 in sites:
            for m2, s2, e2, d2, share2 in sites:
                if (m1, m2) != (rule.first, rule.second):
                    continue
                right, left = s2 - e1, s1 - e2
                gap = right if right >= 0 else left
                side = "behind" if (right >= 0) == (d1 == 1) else "before"
                direction = "same" if d1 == d2 else "opposite"
                fits = rule.side in ("either", side) and rule.direction in ("either", direction)
                if 0 <= gap < len(rule.weights) and fits:
                    pairs.append(share1 * share2 * rule.weights[gap])
    counts = [sum(share for number, *_, share in sites if number == motif) for motif in range(len(grammar.motifs))]
    return grammar.output(counts, pairs)


@pytest.mark.parametrize("grammar", grammars(), ids=range(8))
def test_the_oracle_is_the_grammar_written_down_by_hand(grammar):
    codes = planted_sequences(grammar, 30, 110, seed=4).codes if grammar.motifs[0].letters != "GAT" else None
    if codes is None:
        codes = np.random.default_rng(0).integers(4, size=(300, 60), dtype=np.uint8)
    found = Oracle(grammar).double()(one_hot(codes, dtype=torch.float64))[:, 0].tolist()
    wanted = [by_hand(grammar, text) for text in decode_codes(codes)]
    assert len(set(np.round(wanted, 6))) > 5
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("grammar", grammars(), ids=range(8))
def test_both_strands_have_the_same_output(grammar):
    x = one_hot(np.random.default_rng(1).integers(4, size=(50, 71), dtype=np.uint8), dtype=torch.float64)
    oracle = Oracle(grammar).double()
    np.testing.assert_allclose(oracle(x), oracle(DNA_STRAND.act(x)), rtol=1e-12)


def test_a_multiplicative_grammar_has_factors_where_an_additive_one_has_terms():
    a, b, c = (seeded_grammar(0, "cooperativity", multiplicative=True),) * 3
    texts = ["C" * 80, "C" * 20 + a.motifs[0].letters + "C" * 52, "C" * 50 + b.motifs[1].letters + "C" * 22]
    texts.append("C" * 20 + a.motifs[0].letters + "C" * 22 + b.motifs[1].letters + "C" * 22)
    none, one, two, both = Oracle(c).double()(one_hot(texts, dtype=torch.float64))[:, 0].tolist()
    assert both / none == pytest.approx(one / none * two / none * math.exp(c.rules[0].weights[22]))
    logarithms = Oracle(c, logarithm=True).double()(one_hot(texts, dtype=torch.float64))[:, 0]
    np.testing.assert_allclose(logarithms.exp(), [none, one, two, both])


@pytest.mark.parametrize("kind", KINDS)
def test_planted_sequences_are_a_function_of_seed_and_row(kind):
    grammar = seeded_grammar(1, kind)
    few, many = planted_sequences(grammar, 10, 200, seed=3), planted_sequences(grammar, 40, 200, seed=3)
    assert (few.codes == many.codes[:10]).all()
    assert (few.codes != planted_sequences(grammar, 10, 200, seed=4).codes).any()
    words = [motif.letters for motif in grammar.motifs]
    words += [reverse_complement(word) for word in words]
    for text, truth in zip(decode_codes(many.codes), many.truth, strict=True):
        known = {
            start + k
            for word in words
            for start in range(200)
            if text.startswith(word, start)
            for k in range(len(word))
        }
        assert set(np.flatnonzero(truth)) == known
    assert 0 < many.truth.mean() < 0.5
    assert np.ptp(many.values) > 1
    np.testing.assert_allclose(many.values, [by_hand(grammar, text) for text in decode_codes(many.codes)], rtol=1e-5)


def test_rules_are_planted_as_they_say():
    grammar = seeded_grammar(1, "orientation")
    data = planted_sequences(grammar, 60, 200, seed=0, instances=0)
    without = Oracle(Grammar(grammar.motifs)).double()(one_hot(data.codes, dtype=torch.float64))[:, 0].numpy()
    added = data.values - without
    weight = grammar.rules[0].weights[0]
    assert set(np.round(added / weight, 4)) == {0.0, 1.0}
    assert 15 < (added > 0).sum() < 45


def test_gradients_reach_the_letters_of_an_instance_only():
    x = one_hot(encode(["CCCCGATAAGCCCC"]), dtype=torch.float64).requires_grad_()
    Oracle(Grammar((PlantedMotif("GATAAG", 1.5),))).double()(x).sum().backward()
    assert ((x.grad * x).sum(1)[0].detach().numpy() > 0).nonzero()[0].tolist() == [4, 5, 6, 7, 8, 9]


def test_bad_grammars_are_refused():
    with pytest.raises(InputError, match="must differ"):
        Grammar((PlantedMotif("GATAAG", 1), PlantedMotif("CTTATC", 1)))
    with pytest.raises(InputError, match="capital A, C, G, T"):
        Grammar((PlantedMotif("GATNAG", 1),))
    with pytest.raises(InputError, match="not among 1"):
        Grammar((PlantedMotif("GATAAG", 1),), (Rule(0, 1, (1.0,)),))
    with pytest.raises(InputError, match="at least"):
        planted_sequences(seeded_grammar(0, "distance"), 3, 60, seed=0)
    with pytest.raises(InputError, match="give one for each"):
        planted_sequences(seeded_grammar(0, "distance"), 3, 200, 0, backgrounds=np.zeros((2, 200), dtype=np.uint8))
