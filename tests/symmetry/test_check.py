"""The checks find what they are made to find: every one fails for a map that breaks its law."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from palindra.nn import BatchNorm, Conv1d, Dropout, Linear, VectorHead
from palindra.symmetry import Position, Rep, Target, assert_complete, assert_equivariant, equivariance_error

DNA, MIXED = Rep(regular=2), Rep(regular=1, even=2, odd=3)


class Declared(nn.Module):
    """Any function with the types that it claims."""

    def __init__(self, function: Callable[[Tensor], Tensor], in_rep: Rep, out_rep: Rep, **positions: Position) -> None:
        super().__init__()
        self.function, self.in_rep, self.out_rep = function, in_rep, out_rep
        for name, position in positions.items():
            setattr(self, name, position)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def misfit(x: Tensor) -> Tensor:
    return nn.Conv1d.forward(STRIDED.to(x.dtype), x)  # around our own check of the length


STRIDED = Conv1d(DNA, DNA, 3, stride=2)
BROKEN = {
    "plain convolution": Declared(nn.Conv1d(4, 4, 3), DNA, DNA),
    "max pooling of odd channels": Declared(nn.MaxPool1d(3, 1), Rep(odd=3), Rep(odd=3)),
    "layer norm of even and odd channels": Declared(
        lambda x: functional.layer_norm(x.mT, x.shape[1:2]).mT, Rep(even=2, odd=2), Rep(even=2, odd=2)
    ),
    "stride with a remainder": Declared(misfit, DNA, DNA),
    "relu of odd channels": Declared(torch.relu, Rep(odd=2), Rep(odd=2)),
    "padding of one end": Declared(lambda x: functional.pad(x, (1, 0)), DNA, DNA),
    "shift of odd channels": Declared(lambda x: x + 1, Rep(odd=1), Rep(odd=1)),
    "one slope per channel of a pair": Declared(nn.PReLU(4), DNA, DNA),
    "plain map of vectors": Declared(nn.Linear(4, 4), DNA, DNA, position=Position.IDENTITY),
    "plain convolution of maps": Declared(nn.Conv2d(4, 4, 3), DNA, DNA, position=Position.TRANSPOSE),
    "global pool with positions forgotten": Declared(lambda x: x.mean(-1), Rep(odd=2), Rep(even=2)),
    "another length on the other strand": Declared(lambda x: x[..., : 3 + (x[0, 0, 0] > x[0, 3, -1])], DNA, DNA),
}
with torch.no_grad():
    BROKEN["one slope per channel of a pair"].function.weight.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]))


@pytest.mark.parametrize("layer", BROKEN.values(), ids=BROKEN)
def test_maps_that_do_not_commute_are_found(layer):
    with pytest.raises(AssertionError, match="does not commute with the involution at length 2"):
        assert_equivariant(layer)


def test_stock_dropout_is_found_in_training_mode():
    broken = Declared(nn.Dropout(0.5), DNA, DNA)
    with pytest.raises(AssertionError):
        assert_equivariant(broken)
    assert_equivariant(broken.eval())


def test_stock_batch_norm_is_found_by_its_running_statistics():
    layer = nn.BatchNorm1d(4)
    layer(torch.randn(8, 4, 5) + torch.arange(4.0).view(4, 1))
    with pytest.raises(AssertionError):
        assert_equivariant(Declared(layer, DNA, DNA).eval())


def test_the_message_names_layer_types_length_and_error():
    words = r"Declared.*\(2 regular -> 2 regular\).* length 24: relative error \d.*, allowed 1e-10 in torch.float64"
    with pytest.raises(AssertionError, match="(?s)" + words):
        assert_equivariant(BROKEN["plain convolution"])


def test_the_layer_and_the_random_state_are_left_alone():
    layer = nn.Sequential(BatchNorm(MIXED), Dropout(MIXED))
    layer.in_rep = layer.out_rep = MIXED
    before, state = {name: value.clone() for name, value in layer.state_dict().items()}, torch.get_rng_state()
    assert_equivariant(layer)
    assert_equivariant(layer, dtype=torch.float32)
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in layer.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name])


def test_declared_targets_are_checked_in_the_users_order():
    assert_equivariant(VectorHead(DNA, Target.paired([1, 0, 3, 2]), 4))
    with pytest.raises(ValueError, match="strand-specific"):
        assert_equivariant(VectorHead(DNA, Target.strand_specific(), 4))


def test_errors_are_relative_and_shapes_that_differ_are_infinitely_wrong():
    x = torch.tensor([[3.0]])
    even, odd = Target(Rep(even=1)), Target(Rep(odd=1))
    assert equivariance_error(lambda x: x, odd, odd, x) == 0
    assert equivariance_error(lambda x: 5 * x, odd, even, x) == 2  # -5x against 5x
    assert equivariance_error(lambda x: x[: int(x[0, 0] > 0)], odd, odd, x) == float("inf")


def test_incomplete_and_redundant_weights_are_found():
    stock = nn.Conv1d(4, 4, 3)
    stock.in_rep = stock.out_rep = DNA
    with pytest.raises(AssertionError, match=r"weight .* has 48 parameters that reach 48 dimensions; .* has 24"):
        assert_complete(stock)
    siamese = nn.Conv1d(4, 4, 3, groups=2)  # fewer numbers than there are equivariant maps
    siamese.in_rep = siamese.out_rep = DNA
    with pytest.raises(AssertionError):
        assert_complete(siamese)
    shifted = Linear(Rep(regular=1), Rep(odd=2), bias=False)
    shifted.bias = nn.Parameter(torch.zeros(2))
    with pytest.raises(AssertionError, match=r"bias .* has 2 parameters .* has 0"):
        assert_complete(shifted)


def test_layers_without_a_weight_of_their_own_are_not_passed_by():
    with pytest.raises(ValueError, match="has no weight of its own"):
        assert_complete(VectorHead(DNA, Target.invariant(1), 1))
