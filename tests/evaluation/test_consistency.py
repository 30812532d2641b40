"""One operator: exactly 0 for what commutes with the group, and every published score by an independent road."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from palindra import nn
from palindra.errors import InputError
from palindra.evaluation.consistency import Reading, Transform, apart, group_consistency, spread
from palindra.evaluation.robustness import (
    random_shifts,
    realignment_score,
    strand_score,
    variation_score,
)
from palindra.sequences import reverse_complement
from palindra.symmetry import Position, Rep, Target

STRANDS = [Transform(), Transform(reverse=True)]
TRACK_PAIR = Target.paired([1, 0, 2], Position.REVERSE)
N = 5


def letters(length: int, rows: int = N, seed: int = 0) -> Tensor:
    codes = np.random.default_rng(seed).integers(0, 5, (rows, length))  # 4 is N
    return torch.from_numpy(np.eye(5, 4)[codes]).float().mT


def equivariant(out: Rep) -> torch.nn.Module:
    torch.manual_seed(0)
    hidden = Rep(regular=3, even=1)
    return nn.Sequential(
        nn.Conv1d(Rep(regular=2), hidden, 7, padding="same"), torch.nn.ReLU(), nn.Conv1d(hidden, out, 3, padding="same")
    )


def pair_map(x: Tensor) -> Tensor:
    """Outer product of a palindromic and of a stranded feature: RC turns both axes round and swaps the channels."""
    c, g = x[:, 1], x[:, 2]
    return torch.stack(
        [c[:, :, None] * c[:, None], g[:, :, None] * g[:, None], (c + g)[:, :, None] * (c + g)[:, None]], 1
    )


# ---- an exactly equivariant model scores 0 -------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_equivariant_track_model_scores_zero_and_a_wrong_action_does_not(dtype, shift):
    model = equivariant(Rep(regular=1, even=1)).to(dtype)  # channels (+, -, even): the layout [regular | even]
    x = letters(24)
    group = [Transform(shift), Transform(shift, reverse=True)]
    exact = group_consistency(model, x, group, Reading(TRACK_PAIR, axes=1))
    assert exact.relative.shape == (N, 3)
    assert exact.relative.max() < 1e-6
    unswapped = Target.invariant(3, Position.REVERSE)  # what several public packages do with stranded tracks
    wrong = group_consistency(model, x, group, Reading(unswapped, axes=1)).relative
    assert wrong[:, :2].min() > 0.05
    assert wrong[:, 2].max() < 1e-6


def test_an_equivariant_map_over_pairs_scores_zero():
    reading = Reading(Target.paired([1, 0, 2], Position.REVERSE), axes=2)
    assert group_consistency(pair_map, letters(9), STRANDS, reading).std.max() == 0
    tracks_only = Reading(Target.invariant(3, Position.REVERSE), axes=2)  # channels that are not swapped
    assert group_consistency(pair_map, letters(9), STRANDS, tracks_only).std[:, :2].max() > 0
    group = [Transform(s, r) for s in (-2, 1) for r in (False, True)]
    found = group_consistency(pair_map, letters(13), group, reading, length=9)
    assert found.std.max() == 0
    assert found.mean.shape == (N, 3, 5, 5)


def test_a_scalar_of_both_strands_scores_zero_and_one_of_a_single_strand_does_not():
    x = letters(30)
    reading = Reading(Target.invariant(1))
    assert strand_score(lambda x: x[:, 1:3].sum((1, 2))[:, None], x, reading).max() == 0
    assert strand_score(lambda x: x[:, 1].sum(1)[:, None], x, reading).max() > 0.5


def test_what_moves_with_the_sequence_scores_zero_under_shifts():
    x = letters(36)
    local = Reading(Target.invariant(1, Position.REVERSE), axes=1)

    def content(x: Tensor) -> Tensor:
        return x[:, 1:3].sum(1, keepdim=True)

    assert np.nanmax(variation_score(content, x, local, length=24)) == 0
    assert np.nanmax(variation_score(content, x, local, length=24, both_strands=True)) == 0
    assert realignment_score(lambda x: 3 * x, x, shifts=random_shifts(range(N), reach=4), length=24).max() == 0


# ---- independent implementations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bin_size", [1, 4])
def test_variation_score_is_that_of_gopher(bin_size):
    """Sub-windows at random offsets, repeated to base resolution, cropped to the common middle; with plain numpy."""
    window, length, count = 48, 32, 20
    x = letters(window)
    weight = torch.rand(length // bin_size, generator=torch.Generator().manual_seed(1)) + 0.5

    def model(x: Tensor) -> Tensor:
        coverage = torch.stack([x[:, 0] + 0.3, x[:, 1] + x[:, 3]], 1).unflatten(2, (-1, bin_size)).mean(3)
        return coverage * weight  # depends on the place in the window

    reading = Reading(Target.invariant(2, Position.REVERSE), axes=1, bin_size=bin_size)
    found = variation_score(model, x, reading, length=length, shifts=count, seed=3, batch_size=2)

    reach = (window - length) // 2
    offsets = np.stack([reach - change.shift for change in random_shifts(range(N), number=count, reach=reach, seed=3)])
    assert offsets.min() == 0
    assert offsets.max() == 2 * reach - 1
    for row in range(N):
        rolls = []
        for offset in offsets[:, row]:
            prediction = model(x[row : row + 1, :, offset : offset + length])[0].double().numpy()
            at_base = np.repeat(prediction, bin_size, axis=1)
            rolls.append(at_base[:, 2 * reach - offset : length - offset])  # positions that every window holds
        rolls = np.stack(rolls)
        np.testing.assert_allclose(found[row], rolls.std(0).mean(-1) / rolls.mean((0, 2)), rtol=1e-6)


def test_images_of_both_strands_are_those_of_written_letters():
    text = ["ACGTTGCAAC", "GGGTCATCNA"]
    from palindra.sequences import one_hot

    weight = torch.arange(40.0).reshape(4, 10)

    def model(x: Tensor) -> Tensor:
        return (x * weight).sum(1, keepdim=True)

    given = model(one_hot(text).float())[:, 0].numpy()
    other = model(one_hot([reverse_complement(s) for s in text]).float())[:, 0].numpy()[:, ::-1]
    reading = Reading(Target.invariant(1, Position.REVERSE), axes=1)
    found = group_consistency(model, one_hot(text).float(), STRANDS, reading)
    np.testing.assert_allclose(found.mean[:, 0], (given + other) / 2)
    np.testing.assert_allclose(found.std[:, 0], np.stack([given, other]).std(0), atol=1e-12)
    np.testing.assert_allclose(
        strand_score(model, one_hot(text).float(), reading)[:, 0],
        np.abs(given - other).mean(1) / ((np.abs(given) + np.abs(other)) / 2).mean(1),
    )


def test_realignment_of_gradients():
    x = letters(40, rows=3)
    place = torch.linspace(0.5, 1.5, 24)

    def gradient_times_input(x: Tensor) -> Tensor:
        x = x.clone().requires_grad_()
        (place * x[:, 0] ** 2 - 0.3 * x[:, 2]).sum().backward()
        assert x.grad is not None
        return x.grad * x

    shifts = [Transform(s) for s in (-3, 0, 4)]
    found = realignment_score(gradient_times_input, x, shifts=shifts, length=24)
    maps = []
    for s in (-3, 0, 4):
        begin = 8 - s
        one = gradient_times_input(x[..., begin : begin + 24]).detach().numpy()
        maps.append(one[..., 4 + s : 20 + s])
    maps = np.stack(maps)
    np.testing.assert_allclose(found, maps.std(0).mean((1, 2)) / np.abs(maps).mean((0, 2, 3)), rtol=1e-6)


def test_bins_are_written_out_only_as_finely_as_shifts_need():
    reading = Reading(Target.invariant(1, Position.REVERSE), axes=1, bin_size=4)
    values = torch.rand(1, 1, 8)
    exact = [reading.undo(values, Transform(s), reach=8, step=4) for s in (-4, 0, 8)]
    full = [reading.undo(values, Transform(s), reach=8) for s in (-4, 0, 8)]
    assert exact[0].shape[-1] * 4 == full[0].shape[-1]
    np.testing.assert_allclose(spread(exact).relative, spread(full).relative)


# ---- hand answers --------------------------------------------------------------------------------------------------


def test_two_images_are_apart_by_twice_their_deviation():
    assert apart([[1.0, 4.0]], [[3.0, 1.0]]).tolist() == [[2.0, 3.0]]
    found = spread([np.array([[[1.0, -4.0]]]), np.array([[[3.0, -4.0]]])])
    assert found.mean.tolist() == [[[2.0, -4.0]]]
    assert found.relative.item() == pytest.approx(0.5 / 3)
    assert found.pooled.item() == pytest.approx(0.5 / 3)
    assert np.isnan(spread([np.zeros((1, 1, 2))] * 2).relative).all()


def test_shifts_bring_in_the_window_and_then_n():
    x = torch.eye(4)[None, :, [0, 1, 2, 3, 0]]
    assert Transform(1).act(x, 3)[0].argmax(0).tolist() == [0, 1, 2]
    assert Transform(-1).act(x, 3)[0].argmax(0).tolist() == [2, 3, 0]
    assert Transform(-2).act(x, 3).sum(1).tolist() == [[1, 1, 0]]
    own = Transform(np.array([1, -1])).act(x.repeat(2, 1, 1), 3)
    assert own.argmax(1).tolist() == [[0, 1, 2], [2, 3, 0]]


def test_bad_questions_are_refused():
    x = letters(12)
    track = Reading(Target.invariant(1, Position.REVERSE), axes=1)
    model = lambda x: x[:, :1]  # noqa: E731
    with pytest.raises(InputError, match="at least two images"):
        group_consistency(model, x, [Transform()], track)
    with pytest.raises(InputError, match="strand-specific"):
        group_consistency(model, x, STRANDS, Reading(Target.strand_specific(), axes=1))
    with pytest.raises(InputError, match="goes beyond the reach of 2"):
        group_consistency(model, x, [Transform(), Transform(3)], track, reach=2)
    with pytest.raises(InputError, match="leave no position"):
        group_consistency(model, x, [Transform(), Transform(6)], track)
    with pytest.raises(InputError, match="0 were declared"):
        group_consistency(model, x, STRANDS, Reading(Target.invariant(1)))
    with pytest.raises(InputError, match="no room to shift"):
        variation_score(model, x, track, length=12)
    with pytest.raises(InputError, match="at least two"):
        random_shifts(range(3), number=1, reach=4)
