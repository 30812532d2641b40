from __future__ import annotations

import math

import pytest
import torch

from palindra.probing.audit import compare_language


def complemented(log_p):
    return log_p.flip(1, 2)


def drawn(rows, length, seed=0):
    return torch.randn(rows, length, 4, generator=torch.Generator().manual_seed(seed)).log_softmax(-1)


def test_strands_that_agree(random_sequences):
    given = drawn(5, 9)
    found = compare_language(given, complemented(given), random_sequences(5, 9))
    assert (found.unlike, found.changed, found.gain) == pytest.approx((0, 0, 0), abs=1e-6)
    assert found.positions == 45


def test_two_strands_that_are_sure_of_different_letters():
    sure = torch.full((2, 1, 4), -100.0)
    sure[..., 0] = 0.0
    other = sure.clone()  # on the other strand A as well, which is T on the given one
    found = compare_language(sure, other, ["A", "A"])
    assert (found.unlike, found.changed, found.given) == pytest.approx((1, 1, 0), abs=1e-6)
    assert found.both == pytest.approx(math.log(2))  # half on A, half on T
    assert found.gain == pytest.approx(-math.log(2))


def test_averaging_strands_by_hand(random_sequences):
    sequences = random_sequences(6, 7)
    given, other = drawn(6, 7), drawn(6, 7, seed=1)
    turned = other.flip(1, 2)
    mean = ((given + turned) / 2).log_softmax(-1)
    at = [("ACGT".index(letter), row, place) for row, text in enumerate(sequences) for place, letter in enumerate(text)]
    loss = [[float(-table[row, place, letter]) for letter, row, place in at] for table in (given, mean)]
    found = compare_language(given, other, sequences)
    assert found.given == pytest.approx(sum(loss[0]) / 42, rel=1e-5)
    assert found.both == pytest.approx(sum(loss[1]) / 42, rel=1e-5)
    assert found.gain_low < found.gain < found.gain_high
    assert found.unlike == pytest.approx(float((given.exp() - turned.exp()).abs().sum(-1).mean() / 2), rel=1e-5)


def test_unknown_positions_and_letters_are_left_out():
    given, other = drawn(2, 5), drawn(2, 5, seed=1)
    given[:, 0] = torch.nan  # the first letter of a causal model
    other[:, 0] = torch.nan
    found = compare_language(given, other, ["ACGTA", "ANGTA"])
    assert found.positions == 2 * 3 - 1
    assert compare_language(torch.full((2, 5, 4), torch.nan), other, ["ACGTA", "ANGTA"]) is None
