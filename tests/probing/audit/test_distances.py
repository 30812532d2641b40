from __future__ import annotations

import numpy as np
import pytest
import torch

from palindra.errors import InputError
from palindra.probing.audit.distances import apart, exchanged, left_after_map


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_reading_is_not_apart_from_itself():
    x = drawn(7, 5, 3)
    found = apart(x, x)
    assert (found.relative, found.low, found.high, found.distance) == (0, 0, 0, 0)
    assert found.cosine == pytest.approx(1)
    assert found.sequences == 7


def test_distances_are_those_of_all_pairs():
    x, y = drawn(11, 3), drawn(11, 3, seed=1)
    pairs = [float((x[i] - x[j]).square().sum()) for i in range(11) for j in range(11) if i != j]
    moved = float((x - y).square().sum(1).mean())
    found = apart(x, y)
    assert found.spread == pytest.approx(np.sqrt(np.mean(pairs)), rel=1e-6)
    assert found.distance == pytest.approx(np.sqrt(moved), rel=1e-6)
    assert found.relative == pytest.approx(np.sqrt(moved / np.mean(pairs)), rel=1e-6)
    assert found.low < found.relative < found.high


def test_another_sequence_is_about_one_away():
    x = drawn(400, 6)
    assert apart(x, x.roll(1, 0)).relative == pytest.approx(1, abs=0.05)


def test_scale_and_place_do_not_matter():
    x, y = drawn(9, 4, 2), drawn(9, 4, 2, seed=1)
    by_place = 100 * drawn(1, 4, 2, seed=2)  # what a place alone does is no spread
    assert apart(5 * x + by_place, 5 * y + by_place).relative == pytest.approx(apart(x, y).relative, rel=1e-4)


def test_unknown_places_are_left_out():
    x, y = drawn(6, 4, 2), drawn(6, 4, 2, seed=1)
    hidden = x.clone()
    hidden[:, 2:] = torch.nan
    assert apart(hidden, y).relative == pytest.approx(apart(x[:, :2], y[:, :2]).relative)


def test_one_sequence_has_no_spread():
    with pytest.raises(InputError, match="needs two or more"):
        apart(drawn(1, 3), drawn(1, 3))
    same = apart(torch.ones(3, 2), torch.zeros(3, 2))
    assert same.relative == np.inf
    assert np.isnan(same.low)


def test_exchanged_columns_are_recognised_and_nothing_else():
    x = drawn(20, 7)
    assert exchanged(x, x[:, torch.randperm(7, generator=torch.Generator().manual_seed(3))])
    assert not exchanged(x, x.flip(0))
    assert not exchanged(x, -x)


def test_a_linear_map_leaves_nothing_of_a_mixture_and_all_of_noise():
    x = drawn(10, 40, 5)
    mixed = x @ drawn(5, 5, seed=1) + drawn(5, seed=2)
    assert left_after_map(x, mixed) < 1e-3
    assert left_after_map(x, drawn(10, 40, 5, seed=3)) == pytest.approx(2**-0.5, abs=0.05)
    assert left_after_map(x[:, :2], mixed[:, :2]) is None  # ten places for five features
