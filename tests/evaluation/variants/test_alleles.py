"""Scores of variants: strands, shifts, spread, and the silent errors of other packages."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.evaluation.variants import LocalModel, Reading, allele_scores, score_alleles, symmetric_shifts
from palindra.evaluation.variants.reading import bin_weights, common_region
from palindra.symmetry import Position, Target

LETTERS = torch.eye(4)
PAIR = Target.paired([1, 0], Position.REVERSE)


def windows(count: int, length: int, seed: int = 0) -> Tensor:
    codes = torch.randint(0, 4, (count, length), generator=torch.Generator().manual_seed(seed))
    return LETTERS[codes].transpose(1, 2).contiguous()


def with_letter(ref: Tensor, position: int, letter: int) -> Tensor:
    alt = ref.clone()
    alt[:, :, position] = LETTERS[letter]
    return alt


@pytest.fixture
def tracks() -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(nn.Conv1d(4, 6, 5, padding=2), nn.ReLU(), nn.Conv1d(6, 2, 3, padding=1), nn.Softplus())


def turned(x: Tensor) -> Tensor:
    return x.flip(1, 2)


@pytest.mark.parametrize("shifts", [(0,), symmetric_shifts(7, 9, seed=3)])
def test_the_two_strands_of_a_variant_get_the_same_number_bit_for_bit(tracks, shifts):
    ref = windows(11, 78)
    alt = with_letter(ref, 40, 2)
    reading = Reading(PAIR, "coverage")
    given = score_alleles(tracks, ref, alt, reading=reading, shifts=shifts)
    other = score_alleles(tracks, turned(ref), turned(alt), reading=reading, shifts=shifts)
    for mine, its in ((given.standard, other.standard), (given.robust, other.robust), (given.spread, other.spread)):
        np.testing.assert_array_equal(mine, its[:, ::-1])  # the two tracks swap with the strand
    assert np.abs(given.standard).max() > 1e-3


def test_averaging_strands_without_swapping_stranded_tracks_would_be_wrong(tracks):
    """A model of one strand: what is on the plus track for a sequence is on the minus track for the other strand."""
    ref = windows(4, 60)
    alt = with_letter(ref, 30, 1)
    found = score_alleles(tracks, ref, alt, reading=Reading(PAIR, "coverage", pseudocount=0))
    with torch.no_grad():
        totals = {name: tracks(x).sum(-1).double() for name, x in (("r", ref), ("a", alt))}
        back = {name: tracks(turned(x)).sum(-1).double() for name, x in (("r", ref), ("a", alt))}
    right = torch.log2((totals["a"] + back["a"].flip(1)) / (totals["r"] + back["r"].flip(1)))
    wrong = torch.log2((totals["a"] + back["a"]) / (totals["r"] + back["r"]))
    np.testing.assert_allclose(found.standard, right.numpy(), atol=1e-5)
    assert (right - wrong).abs().max() > 1e-3


def test_an_equivariant_model_has_no_spread_between_strands(tracks):
    from palindra.nn import StrandMean

    ref = windows(3, 60)
    exact = StrandMean(tracks, PAIR)
    found = score_alleles(exact, ref, with_letter(ref, 30, 1), reading=Reading(PAIR, "coverage"))
    assert found.spread.max() < 1e-6


def test_robust_scores_by_their_definition(tracks):
    shifts, length, margin = (-3, 0, 4), 50, 4
    ref = windows(5, length + 2 * margin)
    alt = with_letter(ref, 29, 3)
    found = score_alleles(
        tracks, ref, alt, reading=Reading(PAIR, "coverage", pseudocount=0), shifts=shifts, both_strands=False
    )
    first, end = margin + max(shifts), margin + min(shifts) + length  # what all windows hold

    def total(x: Tensor, shift: int) -> Tensor:
        with torch.no_grad():
            y = tracks(x[..., margin + shift : margin + shift + length])
        return y[..., first - margin - shift : end - margin - shift].sum(-1).double()

    sums = [torch.stack([total(x, shift) for shift in shifts]) for x in (ref, alt)]
    np.testing.assert_allclose(found.robust, torch.log2(sums[1].mean(0) / sums[0].mean(0)).numpy(), atol=1e-5)
    single = torch.log2(sums[1] / sums[0])
    np.testing.assert_allclose(found.spread, single.std(0, correction=0).numpy(), atol=1e-5)
    np.testing.assert_allclose(found.standard, single[1].numpy(), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_every_variant_gets_its_row_in_order_whatever_the_batches(tracks, batch_size):
    ref = windows(10, 60)[[0, 0, 1, 2, 2, 3, 4, 5, 6, 6]]
    alt = ref.clone()
    for row in range(len(ref)):
        alt[row, :, 5 * row : 5 * row + 1 + row % 3] = LETTERS[row % 4][:, None]
    found = score_alleles(tracks, ref, alt, reading=Reading(PAIR, "value"), batch_size=batch_size)
    assert found.standard.shape == found.robust.shape == found.spread.shape == (10, 2)
    for row in range(len(ref)):
        alone = score_alleles(tracks, ref[row : row + 1], alt[row : row + 1], reading=Reading(PAIR, "value"))
        np.testing.assert_allclose(found.standard[row], alone.standard[0], atol=1e-4)


def test_a_model_that_returns_a_fraction_of_the_rows_is_refused():
    class Half(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sum(-1)[: (len(x) + 1) // 2]

    ref = windows(6, 30)
    with pytest.raises((InputError, ValueError), match="outputs for"):
        score_alleles(Half(), ref, with_letter(ref, 4, 0), reading=Reading(Target.invariant(4)))


def test_strand_specific_targets_are_scored_on_the_given_strand_only(tracks):
    ref = windows(2, 30)
    alt = with_letter(ref, 9, 0)
    reading = Reading(Target.strand_specific(), "coverage")
    with pytest.raises(InputError, match="strand-specific"):
        score_alleles(tracks, ref, alt, reading=reading)
    assert len(score_alleles(tracks, ref, alt, reading=reading, both_strands=False)) == 2


def test_shapes_and_shifts_that_do_not_fit_are_refused(tracks):
    ref = windows(2, 30)
    with pytest.raises(InputError, match="one shape"):
        score_alleles(tracks, ref, ref[:1], reading=Reading(PAIR))
    with pytest.raises(InputError, match="no letter in common"):
        score_alleles(tracks, ref, ref, reading=Reading(PAIR), shifts=(-12, 12))
    with pytest.raises(InputError, match="odd number"):
        symmetric_shifts(4, 10)


def test_one_local_model_serves_many_calls(tracks):
    local = LocalModel(tracks)
    ref = windows(2, 40)
    first = score_alleles(local, ref, with_letter(ref, 9, 0), reading=Reading(PAIR))
    assert local.refused is None
    np.testing.assert_array_equal(
        first.standard, score_alleles(local, ref, with_letter(ref, 9, 0), reading=Reading(PAIR)).standard
    )


def test_scores_known_by_hand():
    found = allele_scores(
        np.array([[1.0, 8.0], [2.0, 0.0]]), np.array([[4.0, 1.0], [2.0, 0.0]]), kind="coverage", pseudocount=0
    )
    assert found["difference"].tolist() == [[3.0, -7.0], [0.0, 0.0]]
    assert found["log_fold_change"][0].tolist() == [2.0, -3.0]
    assert np.isnan(found["log_fold_change"][1, 1])
    assert found["max_log_fold_change"].tolist() == [-3.0, 0.0]
    assert found["sum_difference"].tolist() == [-4.0, 0.0]
    assert "log_fold_change" not in allele_scores(np.ones((1, 1)), np.ones((1, 1)))


def test_bins_that_a_border_cuts_count_by_their_part():
    assert bin_weights(20, 2, (5, 12), 10).tolist() == [0.5, 0.2]
    assert common_region(100, (-10, 0, 20)) == (20, 90)
    with pytest.raises(InputError, match="bin_size"):
        bin_weights(20, 3, (0, 20))
