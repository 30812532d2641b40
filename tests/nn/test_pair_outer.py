"""Laws of the layers that make maps from sequences: the dense convolution of all pairs is the independent truth."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import parametrize
from torch.utils._python_dispatch import TorchDispatchMode

from palindra.nn import Conv2d
from palindra.nn.pair import OuterConv2d, OuterSum, asymmetry, pair_mask, self_cartesian, zero_outside
from palindra.symmetry import Position, Rep, null_space_dimension

TYPES = [Rep(even=3), Rep(odd=2), Rep(regular=2), Rep(regular=1, even=2, odd=3)]
KERNELS = ["complete", "paper"]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def outer(features: int, rep: Rep, taps: int, **options) -> OuterConv2d:
    torch.manual_seed(3)
    return OuterConv2d(features, rep, taps, **options).double()


def pairs_of(x: Tensor) -> Tensor:
    """The self-Cartesian product in the order of the article, ``[x(s) ; x(t)]``."""
    length = x.shape[-1]
    rows = x[..., :, None].expand(*x.shape, length)
    return torch.cat([rows, rows.transpose(-1, -2)], dim=1)


def dense(layer: OuterConv2d, x: Tensor, weight: Tensor | None = None) -> Tensor:
    """The convolution of all pairs, one sequence at a time."""
    extent = layer.dilation * (layer.kernel_size - 1)
    padding = extent // 2 if layer.padding == "same" else 0
    weight = layer.full_weight() if weight is None else weight
    return functional.conv2d(pairs_of(x), weight, layer.bias, padding=padding, dilation=layer.dilation)


@pytest.mark.parametrize("rep", TYPES, ids=str)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("taps", "dilation"), [(1, 1), (3, 1), (5, 2), (7, 1)])
def test_equals_the_dense_convolution_with_borders_at_every_length(rep, kernel, taps, dilation):
    layer = outer(4, rep, taps, kernel=kernel, dilation=dilation)
    for length in (1, 2, 3, 5, 8, 13):
        x = draw(2, 4, length)
        made = layer(x)
        torch.testing.assert_close(made, dense(layer, x), atol=1e-12, rtol=1e-12)
        assert asymmetry(made, rep) <= 1e-10


@pytest.mark.parametrize(("taps", "dilation"), [(2, 1), (3, 1), (4, 2)])
def test_equals_the_dense_convolution_without_padding(taps, dilation):
    layer = outer(3, TYPES[3], taps, padding="valid", dilation=dilation)
    x = draw(2, 3, 11)
    torch.testing.assert_close(layer(x), dense(layer, x), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_each_sequence_of_a_padded_batch_gives_what_it_gives_alone(kernel, padding):
    layer = outer(3, TYPES[3], 5, kernel=kernel, padding=padding)
    x, lengths = draw(4, 3, 11), torch.tensor([11, 1, 6, 9])
    x[1, :, 5:] = float("nan")
    made = layer(x, lengths)
    for row, length in enumerate(lengths.tolist()):
        valid = int(layer.out_lengths(torch.tensor(length)))
        assert (made[row] != 0).any(0).sum() == valid**2
        if valid:
            alone = dense(layer, x[row : row + 1, :, :length])[0]
            torch.testing.assert_close(made[row, :, :valid, :valid], alone, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_equal_those_of_the_dense_convolution(kernel):
    layer = outer(3, TYPES[3], 5, kernel=kernel)
    lengths, weights = torch.tensor([9, 4]), draw(2, 7, 9, 9, seed=1)
    x = draw(2, 3, 9).requires_grad_()
    wanted = [x, *layer.parameters()]
    fast = torch.autograd.grad((layer(x, lengths) * weights).sum(), wanted)
    loss = sum(
        (dense(layer, x[row : row + 1, :, :length]) * weights[row, :, :length, :length]).sum()
        for row, length in enumerate(lengths.tolist())
    )
    for a, b in zip(fast, torch.autograd.grad(loss, wanted), strict=True):
        torch.testing.assert_close(a, b, atol=1e-11, rtol=1e-11)
    assert fast[0][1, :, 4:].abs().max() == 0


def test_gradient_of_the_papers_kernel_is_the_sum_over_the_entries_that_it_stands_for():
    """Theorem 2: four entries off the diagonal of the taps, two on it."""
    features, taps = 3, 5
    layer = outer(features, Rep(even=2), taps, kernel="paper")
    x, weights = draw(2, features, 9), draw(2, 2, 9, 9, seed=1)
    full = layer.full_weight().detach().requires_grad_()
    (dense(layer, x, full) * weights).sum().backward()
    (layer(x) * weights).sum().backward()
    by_hand = []
    for out in range(2):
        for k in range(features):
            for i in range(taps):
                for j in range(i, taps):
                    entries = {(i, j, k), (j, i, k), (i, j, k + features), (j, i, k + features)}
                    assert len(entries) == (2 if i == j else 4)
                    by_hand.append(sum(full.grad[out, c, a, b] for a, b, c in entries))
    got = layer.parametrizations.weight.original.grad
    torch.testing.assert_close(got, torch.stack(by_hand), atol=1e-11, rtol=1e-11)


def test_counts_of_both_kernels():
    for n, taps, filters in [(1, 3, 1), (2, 3, 5), (20, 7, 32)]:
        counts = [
            sum(p.numel() for p in OuterConv2d(n, Rep(even=filters), taps, kernel=k, bias=False).parameters())
            for k in KERNELS
        ]
        assert counts == [n * filters * taps**2, n * filters * taps * (taps + 1) // 2]


@pytest.mark.parametrize(("n", "taps", "dimension"), [(1, 3, 9), (2, 3, 18), (1, 5, 25)])
def test_complete_by_the_null_space_of_symmetric_outputs(n, taps, dimension):
    """Kernels whose output is symmetric for every sequence, counted by SVD without the constraint."""
    assert n * taps**2 == dimension
    assert null_space_dimension([Rep(even=1), Rep(regular=n)], [taps, taps], Position.TRANSPOSE) == dimension
    length, size = taps + 1, 2 * n * taps**2
    kernels = torch.eye(size, dtype=torch.float64).reshape(size, 2 * n, taps, taps)
    made = functional.conv2d(pairs_of(torch.eye(n * length, dtype=torch.float64).view(-1, n, length)), kernels,
                             padding=taps // 2)  # fmt: skip
    skew = (made - made.transpose(-1, -2)).movedim(1, 0).flatten(1)
    assert size - int(torch.linalg.matrix_rank(skew)) == dimension
    # Without padding the condition is weaker: 2 n C^2 - n C.
    inner = functional.conv2d(pairs_of(torch.eye(n * (taps + 4), dtype=torch.float64).view(-1, n, taps + 4)), kernels)
    skew = (inner - inner.transpose(-1, -2)).movedim(1, 0).flatten(1)
    assert size - int(torch.linalg.matrix_rank(skew)) == 2 * n * taps**2 - n * taps


@pytest.mark.parametrize("rep", TYPES, ids=str)
def test_complete_for_every_type_of_outputs(rep):
    layer = OuterConv2d(2, rep, 3, bias=False)
    expected = null_space_dimension([rep, Rep(regular=2)], [3, 3], Position.TRANSPOSE)
    assert sum(p.numel() for p in layer.parameters()) == expected


@pytest.mark.parametrize("rep", TYPES, ids=str)
def test_is_the_tied_convolution_of_the_regular_map_of_pairs(rep):
    """The same layer by the general rule for types: the pairs are a regular map."""
    made, given = outer(3, rep, 5), Conv2d(Rep(regular=3), rep, 5, padding=2).double()
    x = draw(2, 3, 8)
    kernel = made.full_weight()
    kernel = torch.cat([kernel[:, :3], kernel[:, 3:].flip(1)], dim=1)
    with torch.no_grad():
        for name, value in (("weight", kernel), ("bias", made.bias)):
            if parametrize.is_parametrized(given, name):
                setattr(given, name, value)
            else:
                getattr(given, name).copy_(value)
    torch.testing.assert_close(given.weight, kernel)  # already tied: nothing was lost
    torch.testing.assert_close(made(x), given(self_cartesian(x)), atol=1e-12, rtol=1e-12)


def test_a_kernel_without_the_constraint_gives_maps_that_are_not_symmetric():
    layer = outer(3, Rep(even=2), 3)
    x = draw(1, 3, 8)
    free = draw(2, 6, 3, 3, seed=1)
    assert asymmetry(dense(layer, x, free), Rep(even=2)) > 0.1
    assert asymmetry(dense(layer, x), Rep(even=2)) < 1e-10


def test_the_papers_kernel_is_a_part_of_the_complete_one():
    paper, complete = outer(3, Rep(even=2), 3, kernel="paper"), outer(3, Rep(even=2), 3)
    with torch.no_grad():
        complete.weight.copy_(paper.weight)
        complete.bias.copy_(paper.bias)
    x = draw(2, 3, 7)
    assert torch.equal(paper(x), complete(x))
    weight = paper.full_weight()
    assert torch.equal(weight, weight.transpose(-1, -2))
    assert torch.equal(weight[:, :3], weight[:, 3:])


def test_removing_the_ties_leaves_the_same_function():
    layer = outer(3, TYPES[3], 5, kernel="paper")
    stock, x = copy.deepcopy(layer), draw(2, 3, 7)
    for name in ("weight", "bias"):
        parametrize.remove_parametrizations(stock, name)
    assert type(stock) is OuterConv2d
    assert torch.equal(stock(x), layer(x))
    assert "Parametriz" not in repr(layer)


class _Largest(TorchDispatchMode):
    """The number of entries of the largest tensor of a forward and backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.entries = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, Tensor):
                self.entries = max(self.entries, tensor.numel())
        return made


@pytest.mark.parametrize("made", [OuterConv2d(20, Rep(even=3), 7), OuterSum(20, Rep(even=3), 7)], ids=repr)
def test_no_tensor_is_larger_than_the_map_that_is_made(made):
    x = torch.randn(2, 20, 40, requires_grad=True)
    with _Largest() as probe:
        (made(x, torch.tensor([40, 30])).square().sum()).backward()
    assert x.grad is not None
    assert probe.entries == 2 * 3 * 40 * 40  # 2n = 40 channels would be more than 13 times as many
    with _Largest() as probe:
        functional.conv2d(pairs_of(x), torch.randn(3, 40, 7, 7)).sum().backward()
    assert probe.entries >= 2 * 40 * 40 * 40


@pytest.mark.parametrize("rep", TYPES, ids=str)
def test_the_plain_sum_adds_what_the_positions_say(rep):
    torch.manual_seed(0)
    layer = OuterSum(3, rep, 3).double()
    x, lengths = draw(2, 3, 9), torch.tensor([9, 5])
    made = layer(x, lengths)
    assert asymmetry(made, rep) <= 1e-10
    assert torch.equal(made, zero_outside(made, lengths))
    short = layer(x[1:, :, :5])
    torch.testing.assert_close(made[1:, :, :5, :5], short)
    g = functional.conv1d(x[1:, :, :5], layer.weight, padding=1) + layer.bias[:, None]
    image = rep.act(functional.conv1d(x[1:, :, :5], layer.weight, padding=1))
    torch.testing.assert_close(short, g[..., :, None] + image[..., None, :])


def test_the_plain_sum_is_the_other_layer_in_the_interior_only():
    rep = Rep(even=2)
    full, plain = outer(3, rep, 5), OuterSum(3, rep, 5).double()
    with torch.no_grad():
        plain.weight.copy_(full.weight.sum(-1))
        plain.bias.copy_(full.bias)
    x = draw(1, 3, 12)
    torch.testing.assert_close(full(x)[..., 2:-2, 2:-2], plain(x)[..., 2:-2, 2:-2])
    assert (full(x) - plain(x)).abs().max() > 0.05


def test_the_plain_sum_does_not_change_with_shifts():
    layer = OuterSum(3, Rep(even=2, odd=1), 3).double()
    x = functional.pad(draw(1, 3, 6), (1, 4))
    moved = x.roll(2, -1)
    torch.testing.assert_close(layer(x)[..., :8, :8], layer(moved)[..., 2:10, 2:10])


def test_masks_of_the_pairs():
    assert pair_mask(torch.tensor([2, 3]), 3).sum((1, 2, 3)).tolist() == [4, 9]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: OuterConv2d(3, Rep(even=1), 4), "use 5 taps"),
        (lambda: OuterConv2d(3, Rep(even=1), 3, padding="full"), '"same" or "valid"'),
        (lambda: OuterConv2d(3, Rep(even=1), 3, kernel="tied"), '"complete" or "paper"'),
        (lambda: OuterConv2d(3, Rep(even=1), 3, padding="valid")(torch.zeros(1, 3, 2)), "3 positions are needed"),
        (lambda: OuterConv2d(3, Rep(even=1), 3)(torch.zeros(2, 3, 5), torch.tensor([5, 0])), "length 0"),
        (lambda: OuterConv2d(3, Rep(even=1), 3)(torch.zeros(2, 3, 5), torch.tensor([6, 2])), "length 6"),
        (lambda: OuterConv2d(3, Rep(even=1), 3)(torch.zeros(2, 3, 5), torch.tensor([5])), "one integer per sequence"),
        (lambda: OuterSum(3, Rep(even=1), 2), "use 3"),
    ],
)
def test_errors_say_what_is_needed(build, message):
    with pytest.raises(ValueError, match=message):
        build()
