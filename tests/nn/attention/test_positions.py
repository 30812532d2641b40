"""Rotations and penalties: numbers known by hand, and what they may depend on."""

from __future__ import annotations

import cmath

import pytest
import torch

from palindra.nn.attention import alibi_bias, alibi_slopes, rotary


def test_rotary_multiplies_complex_numbers():
    x = torch.arange(1.0, 13.0, dtype=torch.float64).reshape(2, 6)
    y = rotary(x, torch.tensor([3, 10]), base=100.0)
    for row, position in enumerate((3, 10)):
        for plane in range(3):
            turned = complex(x[row, plane], x[row, plane + 3]) * cmath.exp(1j * position * 100 ** (-2 * plane / 6))
            assert abs(complex(y[row, plane], y[row, plane + 3]) - turned) < 1e-12


def test_products_depend_on_differences_only_also_far_out():
    q, k = torch.randn(2, 1, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    score = [float((rotary(q, at + 5) * rotary(k, at)).sum()) for at in torch.tensor([[0], [1], [100], [1_000_000]])]
    assert max(score) - min(score) < 1e-9
    assert abs(score[0] - float((rotary(q, torch.tensor([0])) * rotary(k, torch.tensor([5]))).sum())) > 1e-3  # signed


def test_float32_and_bfloat16_features_are_turned_by_exact_angles():
    x, far = torch.randn(4, 8, generator=torch.Generator().manual_seed(1)), torch.arange(1_000_000, 1_000_004)
    exact = rotary(x.double(), far)
    torch.testing.assert_close(rotary(x, far).double(), exact, rtol=0, atol=1e-6)
    half = rotary(x.bfloat16(), far)
    assert half.dtype is torch.bfloat16
    torch.testing.assert_close(half.double(), exact, rtol=0, atol=3e-2)


def test_heads_may_have_positions_of_their_own():
    x = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(2))
    places = torch.tensor([1, -1, 2])[:, None] * torch.arange(5)
    for head in range(3):
        torch.testing.assert_close(rotary(x, places)[:, head], rotary(x[:, head], places[head]))


def test_slopes_and_penalties_are_the_published_ones():
    assert alibi_slopes(8).tolist() == [2.0**-n for n in range(1, 9)]
    assert alibi_bias(torch.tensor([0.5, 2.0]), 3).tolist() == [[-1.0, -0.5, 0, -0.5, -1], [-4.0, -2, 0, -2, -4]]


def test_unfit_sizes_are_refused():
    with pytest.raises(ValueError, match="heads have 3 channels"):
        rotary(torch.zeros(2, 3), torch.arange(2))
    with pytest.raises(ValueError, match="at least one head"):
        alibi_slopes(0)
