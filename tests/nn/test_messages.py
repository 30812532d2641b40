"""What is refused, what the message says, and that the advice in it works."""

from __future__ import annotations

import re
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional

from palindra.nn import (
    Activation,
    AttentionPool1d,
    AvgPool1d,
    BatchNorm,
    Conv1d,
    Conv2d,
    Dropout,
    Embedding,
    FlattenHead,
    GlobalAvgPool,
    GlobalMaxPool,
    InvariantPositions,
    LayerNorm,
    Linear,
    MagnitudePool1d,
    MaxPool1d,
    Residual,
    Sequential,
    StrandMean,
    TrackHead,
    VectorHead,
)
from palindra.symmetry import Position, Rep, Target

DNA, REGULAR, EVEN, ODD = Rep(regular=2), Rep(regular=3), Rep(even=5), Rep(odd=3)


def test_same_padding_of_an_even_extent():
    with pytest.raises(ValueError, match=r'padding="same" with an even extent of 16 .* odd kernel \(7\)') as caught:
        Conv1d(DNA, REGULAR, 6, dilation=3, padding="same")
    kernel = int(re.search(r"odd kernel \((\d+)\)", str(caught.value))[1])
    assert Conv1d(DNA, REGULAR, kernel, dilation=3, padding="same")(torch.randn(1, 4, 9)).shape[-1] == 9
    with pytest.raises(ValueError, match='padding="same" needs stride 1, got 2'):
        Conv1d(DNA, REGULAR, 5, stride=2, padding="same")


@pytest.mark.parametrize(
    "build",
    [
        lambda size, stride, padding: Conv1d(DNA, REGULAR, size, stride=stride, padding=padding),
        lambda size, stride, padding: AvgPool1d(DNA, size, stride=stride, padding=padding),
        lambda size, stride, padding: MaxPool1d(DNA, size, stride=stride, padding=padding),
        lambda size, stride, padding: MagnitudePool1d(DNA, size, stride=stride, padding=padding),
    ],
    ids=["convolution", "average", "maximum", "magnitude"],
)
def test_windows_that_do_not_fit_name_lengths_that_do(build):
    refused = 0
    for size, stride, padding, length in product((2, 5, 7), (2, 3), (0, 1), range(3, 13)):
        layer = build(size, stride, padding)
        try:
            layer(torch.randn(1, 4, length))
        except ValueError as error:
            advice = re.fullmatch(r".* does not fit length (\d+): .* to length ([\d or]+)\.", str(error))
            assert int(advice[1]) == length
            for fitting in map(int, advice[2].split(" or ")):
                assert layer(torch.randn(1, 4, fitting)).shape[-1] >= 1
            refused += 1
        except RuntimeError:  # of torch: shorter than one window
            assert length + 2 * padding < size
        else:
            assert (length + 2 * padding - size) % stride == 0
    assert refused > 20


def test_attention_pool_asks_for_whole_windows():
    with pytest.raises(ValueError, match=r"attention pooling .* 4 positions does not fit length 10: .* 8 or 12"):
        AttentionPool1d(DNA, 4)(torch.randn(1, 4, 10))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: MaxPool1d(Rep(regular=1, odd=3), 2), "3 odd channels of (1 regular + 3 odd). Use AvgPool1d"),
        (lambda: GlobalMaxPool(ODD), "3 odd channels of (3 odd). Use GlobalAvgPool"),
        (lambda: LayerNorm(ODD), "Use RMSNorm"),
        (lambda: Activation(ODD, odd=torch.relu), "relu is not an odd function"),
        (lambda: Activation(ODD, odd=functional.gelu), "Use torch.tanh"),
        (lambda: Dropout(DNA, 1.0), "lies in [0, 1), got 1.0"),
        (lambda: Conv1d(Rep(regular=1, even=2), Rep(regular=2), 3, groups=2), "2 groups are not moved onto groups"),
        (lambda: Conv1d(Rep(regular=2, even=2), Rep(regular=3), 3, groups=2), "Use groups=1, one group per channel"),
        (lambda: Embedding([1, 2, 0], REGULAR), "token 0 has complement 1, which is not undone"),
        (lambda: Embedding([3, 2, 1, 0, 9], REGULAR), "token 4 has complement 9"),
        (lambda: Residual(Conv1d(DNA, REGULAR, 3)), "turns 2 regular into 3 regular"),
        (lambda: StrandMean(nn.Identity(), Target.strand_specific()), "has no average over strands"),
        (lambda: VectorHead(DNA, Target.paired([1, 0]), 3), "declares 2 outputs (1 regular), but 3 are asked"),
        (lambda: VectorHead(DNA, Target.invariant(2, Position.REVERSE), 2), "declares Position.REVERSE"),
        (
            lambda: FlattenHead(DNA, 9, Target.invariant(2, Position.REVERSE), 2, position=Position.REVERSE),
            "IDENTITY belongs to one value per sequence",
        ),
        (lambda: TrackHead(DNA, Target.invariant(2), 2), "declares Position.IDENTITY"),
    ],
)
def test_refused_when_built(build, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        build()


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (
            [Conv1d(DNA, REGULAR, 3), Conv1d(EVEN, EVEN, 3)],
            "layer 0 (Conv1d) gives 3 regular, but layer 1 (Conv1d) takes 5 even.",
        ),
        ([Conv1d(DNA, ODD, 3), nn.ReLU()], "layer 1 (ReLU) is not an odd function, but (3 odd) has 3 odd channels."),
        ([nn.ReLU(), BatchNorm(ODD)], "layer 0 (ReLU) is not an odd function"),
        ([Conv1d(DNA, EVEN, 3), nn.Hardtanh(0, 1), nn.BatchNorm1d(5)], "layer 2 (BatchNorm1d) declares no types"),
        ([Conv1d(DNA, EVEN, 3), nn.MaxPool1d(2)], "Use the layer of the same name in palindra.nn"),
        ([nn.ReLU()], "at least one layer with types"),
        (
            [Conv1d(DNA, EVEN, 3), Conv1d(EVEN, EVEN, 3, position=Position.IDENTITY)],
            "layer 0 (Conv1d) gives sequences whose positions are reversed, but layer 1 (Conv1d) takes vectors",
        ),
        ([Conv1d(DNA, EVEN, 3), BatchNorm(EVEN), Linear(EVEN, EVEN)], "layer 1 (BatchNorm) gives sequences"),
        ([GlobalAvgPool(DNA), Conv1d(DNA, DNA, 3)], "layer 0 (GlobalAvgPool) gives vectors"),
        ([Conv2d(DNA, EVEN, 3), Conv1d(EVEN, EVEN, 3)], "gives maps that are transposed"),
    ],
)
def test_chains_that_would_break_the_symmetry(layers, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        Sequential(*layers)


def test_chains_that_keep_it():
    Sequential(Conv1d(DNA, ODD, 3), nn.Tanh(), nn.Softsign(), nn.Hardtanh(), nn.Identity())
    head = Sequential(BatchNorm(EVEN), Activation(EVEN))  # takes any positions
    assert head.position is None
    chain = Sequential(Conv1d(DNA, EVEN, 3), GlobalAvgPool(EVEN), head, Residual(head), Linear(EVEN, ODD))
    assert (chain.position, chain.out_position) == (Position.REVERSE, Position.IDENTITY)
    assert Sequential(GlobalAvgPool(DNA), Linear(DNA, ODD)).position is None
    Sequential(InvariantPositions(DNA), Conv1d(Rep(even=2), EVEN, 3, position=Position.IDENTITY))
    tokens = Sequential(Embedding([3, 2, 1, 0], DNA), Conv1d(DNA, EVEN, 3))
    assert tokens(torch.zeros(2, 9, dtype=torch.long)).shape == (2, 5, 7)


def test_residuals_that_cannot_be_cropped_equally():
    with pytest.raises(ValueError, match=r"turned length 9 into 6: only an even number .* Use odd kernels, or padding"):
        Residual(Conv1d(DNA, DNA, 4))(torch.randn(1, 4, 9))
    with pytest.raises(ValueError, match="turned length 9 into 11"):
        Residual(Conv1d(DNA, DNA, 3, padding=2))(torch.randn(1, 4, 9))


def test_heads_for_one_length_name_it():
    head = FlattenHead(DNA, 9, Target.invariant(1), 1, position=Position.REVERSE)
    with pytest.raises(ValueError, match="built for 9 positions and got 8"):
        head(torch.randn(1, 4, 8))


def test_numbers_of_channels_that_do_not_match_are_refused():
    with pytest.raises(
        ValueError, match=r"shape \(1, 5, 3\) has 5 channels along dimension 1, but its type \(2 regular\)"
    ):
        InvariantPositions(DNA)(torch.randn(1, 5, 3))
