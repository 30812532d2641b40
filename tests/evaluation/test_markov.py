"""Markov models against counting by hand, brute force and the laws of both strands."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.evaluation.markov import STRENGTHS, ChainModel, fit_markov
from palindra.sequences import reverse_complement

LETTERS = "ACGT"


def codes(text: str) -> np.ndarray:
    return np.array(["ACGTN".index(letter) for letter in text], dtype=np.uint8)


def every(length: int) -> np.ndarray:
    return np.array(list(product(range(4), repeat=length)), dtype=np.uint8)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = np.random.default_rng(0)
    found = []
    for size in (400, 150):
        text = "A"
        while len(text) < size:
            text += rng.choice(list(LETTERS), p=[0.7, 0.1, 0.1, 0.1]) if text[-1] in "AC" else rng.choice(list("CG"))
        found.append(text[:70] + "N" + text[71:])
    return found


def by_hand(texts: list[str], left: int, right: int, strengths: tuple[float, ...]) -> dict[tuple[str, str], np.ndarray]:
    """The same model from words in dictionaries: probabilities of each pair of sides."""
    both = [*texts, *map(reverse_complement, texts)]
    before = {("", ""): np.full(4, 0.25)}
    steps = left + 1
    for n, strength in zip(range(steps), strengths, strict=True):
        a, b = n, n if right else 0
        found = {}
        for sides in product(map("".join, product(LETTERS, repeat=a)), map("".join, product(LETTERS, repeat=b))):
            counts = np.zeros(4)
            for text in both:
                for at in range(len(text) - a - b):
                    word = text[at : at + a + 1 + b]
                    if "N" not in word and (word[:a], word[a + 1 :]) == sides:
                        counts[LETTERS.index(word[a])] += 1
            shorter = before[sides if n == 0 else (sides[0][1:], sides[1][:-1])]
            found[sides] = (counts + strength * shorter) / (counts.sum() + strength)
        before = found
    return before


@pytest.mark.parametrize(("left", "right"), [(0, 0), (1, 0), (2, 0), (1, 1)])
def test_tables_are_those_of_words_counted_by_hand(texts, left, right):
    model = fit_markov(map(codes, texts), left=left, right=right)
    assert set(model.strengths) <= set(STRENGTHS)
    expected = by_hand(texts, left, right, model.strengths)
    windows = every(left + 1 + right)
    windows = windows[windows[:, left] == 0]
    found = model.probabilities(windows)
    for window, row in zip(windows, found, strict=True):
        sides = "".join(LETTERS[c] for c in window[:left]), "".join(LETTERS[c] for c in window[left + 1 :])
        assert np.allclose(row, expected[sides], atol=1e-12)


def test_both_strands_of_the_training_data_give_one_model(texts):
    for left, right in ((3, 0), (2, 2)):
        given = fit_markov(map(codes, texts), left=left, right=right)
        other = fit_markov([codes(reverse_complement(text)) for text in reversed(texts)], left=left, right=right)
        assert all(np.allclose(a, b, atol=1e-12) for a, b in zip(given.tables, other.tables, strict=True))
        assert all(np.allclose(table.sum(1), 1) for table in given.tables)
        assert all((table > 0).all() for table in given.tables)


def test_two_sided_models_say_the_same_of_both_strands(texts):
    models = [fit_markov(map(codes, texts), left=2, right=2)]
    windows = every(5)[::7]
    turned = (3 - windows)[:, ::-1]
    for model in models:
        assert np.allclose(model.probabilities(windows), model.probabilities(turned)[:, ::-1], atol=1e-12)


def test_the_chain_is_the_posterior_of_all_letters(texts):
    causal = fit_markov(map(codes, texts), left=2)
    text = codes("ACGATACGCAT")
    at = 5
    joint = np.zeros(4)
    for letter in range(4):
        changed = text.copy()
        changed[at] = letter
        joint[letter] = -causal.bits(changed[None], np.ones((1, len(text)), dtype=bool)).sum()
    expected = 2.0 ** (joint - joint.max())
    found = ChainModel(causal).probabilities(text[None, at - 2 : at + 3])
    assert np.allclose(found, expected / expected.sum(), atol=1e-10)
    scored = np.zeros((1, len(text)), dtype=bool)
    scored[0, at] = True
    assert np.allclose(ChainModel(causal).bits(text[None], scored)[0, at], -np.log2(found[0, text[at]]))


def test_unknown_letters_and_ends_shorten_the_context(texts):
    model = fit_markov(map(codes, texts), left=3)
    row = codes("NCAG")[None]
    everything = np.array([[False, True, True, True]])
    found = model.bits(row, everything)[0]
    for at, known in ((1, ""), (2, "C"), (3, "CA")):
        shorter = model.shortened(len(known))
        window = codes(known + "ACAG"[at])[None]
        assert np.isclose(found[at], -np.log2(shorter.probabilities(window)[0, row[0, at]]))
    assert found[0] == 0
    hidden = model.bits(codes("ACAG")[None], everything, context=np.array([[0, 5, 5, 5]], dtype=np.uint8))[0]
    assert np.isclose(hidden[3], -np.log2(model.tables[0][0, 2]))
    with pytest.raises(ValueError, match="no letter"):
        model.bits(row, np.ones((1, 4), dtype=bool))


def test_bits_approach_the_entropy_of_a_known_chain():
    rng = np.random.default_rng(1)
    table = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7], [0.25] * 4, [0.1, 0.4, 0.4, 0.1]])
    # Symmetric under the reverse complement only after both strands are mixed, so compare with brute force instead.
    steps = table.cumsum(1)
    draws = rng.random(60000)
    text = np.zeros(60000, dtype=np.uint8)
    for at in range(1, len(text)):
        text[at] = min(3, int((steps[text[at - 1]] < draws[at]).sum()))
    model = fit_markov([text[:50000]], left=4)
    both = np.zeros((4, 4))
    np.add.at(both, (text[:-1], text[1:]), 1)
    both = both + both[::-1, ::-1].T
    conditional = both / both.sum(1, keepdims=True)
    held_out = text[50000:]
    expected = -np.log2(conditional[held_out[:-1], held_out[1:]]).mean()
    scored = np.ones((1, len(held_out)), dtype=bool)
    scored[0, 0] = False
    bits = [model.shortened(k).bits(held_out[None], scored)[0, 1:].mean() for k in range(5)]
    assert abs(bits[1] - expected) < 0.01
    assert bits[0] > bits[1] + 0.05
    assert bits[4] < bits[1] + 0.01  # long contexts that add nothing cost little


def test_what_cannot_be_counted():
    with pytest.raises(InputError, match="nothing can be counted"):
        fit_markov([codes("NNN")], left=2)
    for left, right in ((9, 0), (2, 1), (-1, 0), (5, 5)):
        with pytest.raises(ValueError, match="up to 8"):
            fit_markov([codes("ACGT")], left=left, right=right)
