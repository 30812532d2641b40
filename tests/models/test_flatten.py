"""Positions folded into channels: a type, a round trip, and the kernel constraint of a full-length convolution."""

from __future__ import annotations

import pytest
import torch

from palindra.models.flatten import Flatten, Unflatten
from palindra.nn import Conv1d, Linear, Sequential, count_parameters
from palindra.symmetry import Involution, Position, Rep, assert_equivariant

TYPES = [Rep(regular=3), Rep(even=2), Rep(odd=5), Rep(regular=2, even=3, odd=1)]


@pytest.mark.parametrize("rep", TYPES, ids=str)
@pytest.mark.parametrize("length", [1, 2, 7, 10])
def test_flat_entries_have_the_type_that_is_told(rep, length):
    fold, unfold = Flatten(rep, length), Unflatten(rep, length)
    assert fold.out_rep == unfold.in_rep
    assert fold.out_rep.channels == rep.channels * length
    assert fold.out_rep.trace == (rep.trace if length % 2 else 0)  # of a tensor product
    assert_equivariant(fold, lengths=[length])
    assert_equivariant(unfold, lengths=[length])
    x = torch.randn(3, rep.channels, length)
    torch.testing.assert_close(unfold(fold(x)), x)
    assert sorted(fold(x).abs()[0].tolist()) == sorted(x.abs()[0].flatten().tolist())


def test_regular_channels_are_laid_out_already():
    x = torch.randn(2, 6, 5)
    assert not Flatten(Rep(regular=3), 5).moves
    torch.testing.assert_close(Flatten(Rep(regular=3), 5)(x), x.flatten(1))


def test_without_symmetry_it_is_the_stock_flattening():
    x, rep = torch.randn(2, 6, 5), Rep(even=6)
    torch.testing.assert_close(Flatten(rep, 5, position=Position.IDENTITY)(x), x.flatten(1))
    torch.testing.assert_close(Unflatten(rep, 5, position=Position.IDENTITY)(x.flatten(1)), x)


@pytest.mark.parametrize("rep", TYPES, ids=str)
@pytest.mark.parametrize("length", [6, 7])
def test_a_dense_layer_on_it_is_a_convolution_over_the_whole_length(rep, length):
    out = Rep(regular=2, even=3, odd=1)
    dense = Sequential(Flatten(rep, length), Linear(Flatten(rep, length).out_rep, out))
    assert count_parameters(dense) == count_parameters(Conv1d(rep, out, length))
    assert_equivariant(dense, lengths=[length])


def test_a_dense_layer_can_make_positions():
    rep, made = Rep(regular=2, even=3, odd=1), Unflatten(Rep(regular=1, odd=3), 9)
    dense = Sequential(Linear(rep, made.in_rep), made)
    x = torch.randn(4, rep.channels)
    other = dense(Involution(rep, Position.IDENTITY).act(x))
    torch.testing.assert_close(other, Involution(made.out_rep, Position.REVERSE).act(dense(x)))
