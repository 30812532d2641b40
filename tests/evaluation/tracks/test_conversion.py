"""Coverage scored as labels and labels scored as coverage, against scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from palindra.errors import InputError
from palindra.evaluation.tracks import Predictions, score_as_coverage, score_labels


def test_summed_coverage_ranks_the_labels(predictions, arrays):
    labels = np.random.default_rng(0).integers(0, 2, (23, 3)).astype(float)
    labels[4, 1] = np.nan
    found = score_labels(predictions, labels)
    totals = arrays[0].astype(float).sum(2)
    for c in range(3):
        known = ~np.isnan(labels[:, c])
        y, s = labels[known, c], totals[known, c]
        assert found.auroc[c] == pytest.approx(sk.roc_auc_score(y, s))
        assert found.average_precision[c] == pytest.approx(sk.average_precision_score(y, s))
        assert (found.positives[c], found.windows[c]) == (y.sum(), known.sum())
    assert found.mean_auroc == pytest.approx(found.auroc.mean())
    assert found.mean_average_precision == pytest.approx(found.average_precision.mean())


def test_a_score_that_knows_nothing_is_worth_the_fraction_of_positives():
    """The trapezoid rule of the released code gives it more than half of the whole area."""
    labels = np.arange(200) < 20
    precision, recall, _ = sk.precision_recall_curve(labels, np.ones(200))
    assert sk.auc(recall, precision) == pytest.approx(0.55)
    found = score_labels(Predictions.of(np.ones((200, 1, 1)), np.zeros((200, 1, 1))), labels[:, None])
    assert found.average_precision[0] == pytest.approx(0.1)
    assert found.auroc[0] == 0.5


def test_a_track_with_one_class_has_no_score():
    found = score_labels(
        Predictions.of(np.random.rand(4, 2, 3), np.zeros((4, 2, 3))), np.array([[1, 0]] * 2 + [[1, 1]] * 2)
    )
    assert np.isnan(found.auroc).tolist() == [True, False]
    assert np.isfinite(found.mean_auroc)


def test_logits_correlate_with_mean_coverage_over_windows(predictions, arrays):
    logits = np.random.default_rng(0).normal(size=(23, 3, 1))
    found = score_as_coverage(predictions.coarser(120).replaced(logits))
    for c in range(3):
        expected = stats.pearsonr(logits[:, c, 0], np.nanmean(arrays[1][:, c].astype(float), axis=1))[0]
        assert found[c] == pytest.approx(expected, rel=1e-10)


def test_probabilities_are_never_taken_for_logits(predictions):
    logits = np.random.default_rng(0).normal(size=(23, 3, 1)) * 5
    probabilities = 1 / (1 + np.exp(-logits))
    coverage = predictions.coarser(120)
    with pytest.raises(InputError, match="look like probabilities"):
        score_as_coverage(coverage.replaced(probabilities))
    with pytest.raises(InputError, match="are not probabilities"):
        score_as_coverage(coverage.replaced(logits), probabilities=True)
    np.testing.assert_allclose(
        score_as_coverage(coverage.replaced(probabilities), probabilities=True),
        score_as_coverage(coverage.replaced(logits)),
        rtol=1e-9,
    )
    certain = np.where(probabilities > 0.5, 1.0, 0.0)
    assert np.isfinite(score_as_coverage(coverage.replaced(certain), probabilities=True)).all()


def test_what_does_not_fit_is_refused(predictions):
    with pytest.raises(InputError, match="12 bins per window"):
        score_as_coverage(predictions)
    for labels in (np.zeros((23, 2)), np.full((23, 3), 2.0)):
        with pytest.raises(InputError, match="do not fit 23 windows of 3 tracks"):
            score_labels(predictions, labels)
