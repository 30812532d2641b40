"""Ruggedness: of models whose surroundings are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from palindra.evaluation.shift import Surroundings, ruggedness
from palindra.evaluation.shift.ruggedness import changes, columns, first_strand, percentiles
from palindra.models import StrandResNet, StrandResNetConfig
from palindra.sequences import encode, reverse_complement

CODES = np.random.default_rng(0).integers(0, 4, (3, 23)).astype(np.uint8)
WEIGHTS = torch.from_numpy(np.random.default_rng(1).normal(size=(4, 23)).astype(np.float32))


def additive(x):
    return (x * WEIGHTS).sum((1, 2))


def pairs(x):
    return (x[:, 0, :-1] * x[:, 1, 1:]).sum(1)


def noise(x):
    words = (x.argmax(1) * torch.arange(3, 26)).sum(1) ** 2 % 101
    return words.float()


def test_effects_that_add_up_leave_no_roughness():
    for found in ruggedness(additive, CODES):
        assert found.roughness == found.roughness_to_slope == found.epistatic_share == 0
        assert found.slope > 0


def test_pairs_are_epistatic_and_noise_is_more_so():
    smooth, rough = ruggedness(pairs, CODES), ruggedness(noise, CODES)
    for one, two in zip(smooth, rough, strict=True):
        assert 0 < one.epistatic_share < two.epistatic_share <= 1
        assert one.roughness_to_slope < two.roughness_to_slope
        assert one.correlation_length > two.correlation_length


def test_turning_points_of_noise_are_two_thirds():
    found = ruggedness(noise, CODES, around=Surroundings(walks=40, steps=60))
    assert np.mean([item.turning_points for item in found]) == pytest.approx(2 / 3, abs=0.05)


def test_single_changes_by_hand():
    found = changes(lambda x: x[:, 1].sum(1) * 2, encode(["ACN"])[0])
    assert found[0].tolist()[1:] == [2, 0, 0]
    assert np.isnan(found[0, 0])
    assert found[1].tolist()[0] == -2
    assert np.isnan(found[2]).all()


def test_a_top_is_an_optimum_and_has_nothing_that_improves():
    top = ruggedness(lambda x: x[:, :2].sum((1, 2)), encode(["AACCAACC"]))[0]
    assert (top.improving, top.is_optimum) == (0.0, True)
    slope = ruggedness(lambda x: x[:, 1].sum(1), encode(["AACCAACC"]), threshold=0.5)[0]
    assert not slope.is_optimum
    assert slope.improving == pytest.approx(4 / 24)
    assert slope.steep == pytest.approx(16 / 24)  # every change to or from C


def test_both_strands_have_the_same_surroundings_for_any_model():
    model = StrandResNet(StrandResNetConfig(length=23, involution=None)).eval()
    one, two = (ruggedness(lambda x: model(x)[:, 0], x, threshold=0.01) for x in (CODES, reverse_complement(CODES)))
    assert one == two
    assert all(np.array_equal(first_strand(row), first_strand(reverse_complement(row))) for row in CODES)


def test_what_never_changes_is_flat():
    found = ruggedness(lambda x: torch.ones(len(x)), CODES[:1])[0]
    assert (found.slope, found.roughness, found.epistatic_share, found.turning_points) == (0, 0, 0, 0)
    assert found.correlation_length == np.inf


def test_a_sequence_without_letters_has_no_surroundings():
    assert np.isnan(ruggedness(additive, np.full((1, 23), 4, np.uint8))[0].slope)


def test_percentiles_among_training_sequences():
    training = ruggedness(pairs, np.random.default_rng(3).integers(0, 4, (20, 23)).astype(np.uint8))
    ranks = percentiles(ruggedness(noise, CODES), training)
    assert ranks["epistatic_share"].mean() > 80
    assert np.isnan(ranks["steep"]).all()
    assert columns(training)["slope"].shape == (20,)


def test_a_model_of_tracks_is_refused():
    with pytest.raises(ValueError, match="one value per sequence"):
        ruggedness(lambda x: x[:, 0], CODES)
