"""The recurrent layer: exact on both strands, and the stock bidirectional layer without symmetry."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from palindra.nn import count_parameters
from palindra.nn.recurrent import TwoWayLSTM
from palindra.symmetry import Position, Rep, assert_equivariant


@pytest.mark.parametrize("rep", [Rep(regular=2), Rep(even=3, odd=2), Rep(regular=1, even=2, odd=3)], ids=str)
def test_both_directions_move_with_the_strand(rep):
    layer = TwoWayLSTM(rep, 5)
    assert layer.out_rep == Rep(regular=5)
    assert_equivariant(layer)
    assert count_parameters(layer) == 4 * 5 * (rep.channels + 5 + 1)


def test_without_symmetry_it_is_the_stock_layer():
    layer = TwoWayLSTM(Rep(even=3), 5, position=Position.IDENTITY)
    stock = nn.LSTM(3, 5, batch_first=True, bidirectional=True)
    stock.load_state_dict(layer.layer.layer.state_dict())
    x = torch.randn(2, 3, 11)
    torch.testing.assert_close(layer(x), stock(x.mT)[0].mT)
    assert layer.out_rep == Rep(even=10)


def test_the_second_direction_reads_from_the_other_end():
    layer, x = TwoWayLSTM(Rep(regular=2), 3).double(), torch.randn(1, 4, 9, dtype=torch.float64)
    changed = x.clone()
    changed[..., 4] += 1
    moved = (layer(changed) - layer(x)).abs().amax(0) > 1e-12
    assert not moved[:3, :4].any()
    assert moved[:3, 4:].any(0).all()
    assert not moved[3:, 5:].any()
    assert moved[3:, :5].any(0).all()
