"""Specificity: nothing for a model that knows only the mean over targets, and the same as plain numpy otherwise."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.evaluation.row_blocks import row_blocks
from palindra.evaluation.specific_scores import (
    CENTRED,
    CONSTITUTIVE,
    DIFFERENTIAL,
    GAIN,
    SPECIFICITY_SCORES,
    label_others,
    label_specificity,
    track_specificity,
)
from palindra.evaluation.specificity import centred, comparable, log_ratios, mean_of_others, specificity
from palindra.evaluation.strata import STRATA, strata_of, stratified
from palindra.evaluation.tracks import Predictions, PredictionStore, whole_pearson
from palindra.evaluation.tracks import predictions as reading

NAMES = ("liver", "brain", "blood")


def coverage(rows: int = 31, bins: int = 7, missing: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truth of three cell types with a shared part, and a model of both parts."""
    random = np.random.default_rng(seed)
    shared, own = random.gamma(1.0, 4.0, (rows, 1, bins)), random.gamma(0.5, 2.0, (rows, 3, bins))
    truth = shared + own
    prediction = np.abs(shared + 0.5 * own + random.normal(size=truth.shape))
    truth[random.random(truth.shape) < missing] = np.nan
    return prediction, truth


@pytest.fixture
def view() -> Predictions:
    return Predictions.of(*coverage(), bin_size=10, tracks=NAMES)


def pearson(p, t) -> float:
    known = ~np.isnan(t) & ~np.isnan(p)
    return float(np.corrcoef(np.ravel(p)[np.ravel(known)], np.ravel(t)[np.ravel(known)])[0, 1])


def by_hand(p, t):
    known = ~np.isnan(t)
    p, t = np.where(known, p, np.nan), np.where(known.sum(1, keepdims=True) > 1, t, np.nan)
    with np.errstate(invalid="ignore"):
        count = known.sum(1, keepdims=True).clip(1)
        return p - np.nansum(p, 1, keepdims=True) / count, t - np.nansum(t, 1, keepdims=True) / count


def test_every_score_is_that_of_plain_numpy(monkeypatch, view):
    monkeypatch.setattr(reading, "_VALUES_AT_ONCE", 100)  # many chunks
    p, t = coverage()
    found = specificity(view)
    cp, ct = by_hand(p, t)
    np.testing.assert_allclose(found.per_target, [pearson(cp[:, c], ct[:, c]) for c in range(3)])
    np.testing.assert_allclose(found.per_sequence, [pearson(cp[n], ct[n]) for n in range(31)])
    with np.errstate(invalid="ignore"):
        lp, lt = np.log(p + 1), np.log(t + 1)
    expected = {
        (NAMES[a], NAMES[b]): pearson(lp[:, a] - lp[:, b], lt[:, a] - lt[:, b]) for a, b in combinations(range(3), 2)
    }
    assert found.fold_changes == pytest.approx(expected)
    np.testing.assert_allclose(
        found.fold_change()[0], np.mean([expected["liver", "brain"], expected["liver", "blood"]])
    )
    np.testing.assert_allclose(found.raw, [pearson(p[:, c], t[:, c]) for c in range(3)])
    np.testing.assert_allclose(found.own_mean, [pearson(p.mean(1), t[:, c]) for c in range(3)])
    others = [np.delete(t, c, axis=1) for c in range(3)]
    known = [(~np.isnan(o)).sum(1) for o in others]
    means = [np.where(n > 0, np.nansum(o, 1) / n.clip(1), np.nan) for o, n in zip(others, known, strict=True)]
    np.testing.assert_allclose(found.others, [pearson(means[c], t[:, c]) for c in range(3)])


def test_scores_of_a_store_are_those_of_memory(tmp_path, view):
    store = PredictionStore.create(tmp_path / "p", view.places, NAMES, bin_size=10, dtype="float32")
    p, t = (x.astype(np.float32) for x in coverage())
    store.write(np.arange(31), p, t)
    store.finish()
    stored, given = specificity(PredictionStore.open(tmp_path / "p")), specificity(Predictions.of(p, t, tracks=NAMES))
    np.testing.assert_array_equal(stored.per_target, given.per_target)
    assert stored.fold_changes == given.fold_changes


def test_the_mean_over_cell_types_correlates_and_knows_nothing(view):
    _, t = coverage(missing=0)
    mean = np.repeat(t.mean(1, keepdims=True), 3, axis=1)
    found = specificity(Predictions.of(mean, t, tracks=NAMES))
    assert found.raw.min() > 0.7  # a high score without any specificity
    assert np.isnan(found.per_target).all()  # and not a correlation made of rounding
    assert np.isnan(found.per_sequence).all()
    assert found.gain.tolist() == [0, 0, 0]
    many = np.repeat(t, 7, axis=1)[:, :7]  # a mean of seven equal numbers differs from them by rounding
    alike = Predictions.of(np.repeat(0.1 * t[:, :1], 7, axis=1), many + np.arange(7)[:, None] * t[:, 1:2])
    assert np.isnan(whole_pearson(centred(alike))).all()


def test_centring_takes_out_what_targets_share(view):
    p, t = coverage()
    shared = np.random.default_rng(5).normal(size=(31, 1, 7))
    moved = Predictions.of(p + shared, t - 3 * shared, tracks=NAMES)
    np.testing.assert_allclose(whole_pearson(centred(moved)), whole_pearson(centred(view)))
    for prediction, truth in [centred(view).read_all()]:
        assert np.nansum(truth, 1) == pytest.approx(0, abs=1e-9)
        assert prediction.shape == truth.shape
    for track in range(3):  # a view of some tracks is that part of the view of all
        part = centred(view).read(np.arange(31), slice(track, track + 1))
        np.testing.assert_array_equal(part[1], centred(view).read_all()[1][:, track : track + 1])


def test_the_mean_of_the_others_never_reads_the_target_itself():
    p, t = coverage()
    changed = t.copy()
    changed[:, 1] = 99
    first, second = (mean_of_others(Predictions.of(p, x)).read_all()[0] for x in (t, changed))
    known = ~np.isnan(t[:, 1])
    np.testing.assert_array_equal(first[:, 1][known], second[:, 1][known])


def test_strata_by_hand_and_as_a_partition():
    levels = [[0, 0, np.nan], [5, 5, 5], [9, 0, 0], [np.nan, np.nan, 3], [0, 7, 0], [4, 4.5, 4]]
    assert strata_of(levels).tolist() == [0, 1, 2, -1, 2, 1]
    logs = np.log(np.array(levels) + 1)
    assert strata_of(logs, logarithmic=True)[0] == 1  # of logarithms none is silent
    p, t = coverage()
    parts = stratified(Predictions.of(p, t))
    assert sum(map(len, parts.values())) == 31
    assert set(parts) <= set(STRATA)
    apart = {name: np.nanstd(np.log1p(np.nanmean(part.read_all()[1], 2)), 1) for name, part in parts.items()}
    assert apart["differential"].min() > apart["constitutive"].max()


def test_only_unstranded_targets_of_like_scale_are_compared():
    p, t = coverage()
    assert comparable(Predictions.of(p, t))
    assert not comparable(Predictions.of(p, t), [1, 0, 2])
    assert not comparable(Predictions.of(p, t * [[1], [1], [50]]))
    assert not comparable(Predictions.of(p[:, :1], t[:, :1]))
    assert track_specificity(Predictions.of(p, t), [1, 0, 2]) == {}


def test_columns_of_a_table():
    p, t = coverage()
    tracks = track_specificity(Predictions.of(p, t))
    assert list(tracks) == list(SPECIFICITY_SCORES)
    assert all(values.shape == (3,) for values in tracks.values())
    found = specificity(Predictions.of(p, t))
    np.testing.assert_array_equal(tracks[CENTRED], found.per_target)
    np.testing.assert_array_equal(tracks[GAIN], found.raw - found.own_mean)
    _, whole = coverage(missing=0)
    shared = np.repeat(whole.mean(1, keepdims=True), 3, axis=1)
    easy = track_specificity(Predictions.of(shared, whole))
    assert (easy[CONSTITUTIVE] > easy[DIFFERENTIAL]).all()  # the mean over targets does where they are alike
    labels = label_specificity(p[..., 0], t[..., 0])
    assert labels[CENTRED] == pytest.approx(
        np.mean([pearson(*(x[:, c] for x in by_hand(p[..., 0], t[..., 0]))) for c in range(3)])
    )
    constant = label_specificity(np.ones((31, 3)), np.log(t[..., 0]))  # negative labels are logarithms
    assert all(np.isnan(value) for value in constant.values())
    others = label_others(t[..., 0])
    assert others is not None
    assert np.isfinite(others).all()
    assert label_others(t[:, :1, 0]) is None


def test_fold_changes_need_two_targets_and_a_pseudocount(view):
    with pytest.raises(InputError, match="pseudocount above 0"):
        log_ratios(view, pseudocount=0)
    with pytest.raises(InputError, match="two or more targets"):
        log_ratios(Predictions.of(*(x[:, :1] for x in coverage())))
    with pytest.raises(InputError, match="share between 0 and 1"):
        strata_of([[1, 2]], share=1)


def test_rows_are_drawn_by_chromosome_or_in_stretches_of_one():
    names = np.array([f"chr{n % 7}" for n in range(100)])
    whole = row_blocks(names)
    assert whole.words == "whole chromosomes"
    assert whole.groups is not None
    assert len(np.unique(whole.groups)) == 7
    assert all(len(set(names[whole.groups == g])) == 1 for g in range(7))
    mixed = np.array(["chr8", "chr9"] * 300)
    stretches = row_blocks(mixed)
    assert stretches.words == "stretches of chromosomes"
    assert stretches.groups is not None
    for group in np.unique(stretches.groups):
        rows = np.flatnonzero(stretches.groups == group)
        assert len(set(mixed[rows])) == 1
        assert np.ptp(rows) == 2 * (len(rows) - 1)  # neighbours on that chromosome
    assert 40 <= stretches.groups.max() + 1 <= 60
    assert row_blocks(None).words == "sequences"
    assert row_blocks(["chr1"] * 3).groups is None
