from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn import metrics as sk
from torchmetrics.functional.classification import binary_calibration_error

from palindra.errors import InputError
from palindra.evaluation import calibration_error, precision_recall_curve, reliability, roc_curve


def examples(rows, positives, separation, seed=0):
    random = np.random.default_rng(seed)
    labels = (random.random(rows) < positives).astype(int)
    labels[:2] = 0, 1
    return 1 / (1 + np.exp(-(random.normal(size=rows) + separation * labels))), labels


@pytest.mark.parametrize("rows", [3, 199, 5000, 60_000])
@pytest.mark.parametrize(("positives", "separation"), [(0.5, 0.0), (0.5, 3.0), (0.02, 1.0)])
def test_thinning_keeps_the_ends_and_the_area(rows, positives, separation):
    p, y = examples(rows, positives, separation)
    fpr, tpr, _ = sk.roc_curve(y, p)
    precision, recall, _ = sk.precision_recall_curve(y, p)
    for thin, x, height in (
        (roc_curve(p, y), fpr, tpr),
        (precision_recall_curve(p, y), recall[::-1], precision[::-1]),
    ):
        assert len(thin.x) <= 200
        assert thin.area == pytest.approx(np.trapezoid(height, x), abs=1e-3)
        assert (thin.x[0], thin.y[0], thin.x[-1], thin.y[-1]) == (x[0], height[0], x[-1], height[-1])
        assert (np.diff(thin.x) >= 0).all()


def test_area_under_the_roc_curve_is_auroc():
    p, y = examples(150, 0.4, 1.0)
    assert roc_curve(p, y).area == pytest.approx(sk.roc_auc_score(y, p))


@pytest.mark.parametrize("labels", [[1, 1], [0, 2], [0, 1, 1]])
def test_a_curve_needs_both_labels(labels):
    with pytest.raises(InputError, match="both labels"):
        roc_curve([0.2, 0.3], labels)


def test_equal_width_calibration_error_is_that_of_torchmetrics():
    p, y = examples(700, 0.3, 1.0)
    theirs = binary_calibration_error(torch.tensor(p), torch.tensor(y), n_bins=15, norm="l1").item()
    assert calibration_error(p, y, 15, equal_mass=False) == pytest.approx(theirs, abs=1e-6)


def test_calibration_error_by_hand():
    # two bins of two rows: |.15 - 0| and |.75 - .5|, each with half of the rows
    assert calibration_error([0.1, 0.2, 0.7, 0.8], [0, 0, 1, 0], 2) == pytest.approx((0.15 + 0.25) / 2)
    assert calibration_error([0.0, 1.0], [0, 1]) == 0


def test_a_calibrated_model_has_a_small_error_and_covering_intervals():
    random = np.random.default_rng(1)
    p = random.random(200_000)
    y = random.random(200_000) < p
    assert calibration_error(p, y) < 0.01
    r = reliability(p, y, 10)
    assert r.rows.tolist() == [20_000] * 10
    assert ((r.low <= r.predicted) & (r.predicted <= r.high)).mean() >= 0.8


def test_interval_is_wilsons():
    r = reliability([0.3] * 7 + [0.9] * 5, [1, 0, 0, 0, 1, 0, 0] + [1] * 5, 2)
    for index, (successes, rows) in enumerate([(2, 7), (5, 5)]):
        wilson = binomtest(successes, rows).proportion_ci(method="wilson")
        assert (r.low[index], r.high[index]) == pytest.approx((wilson.low, wilson.high))


def test_ties_stay_together_whatever_the_order_of_rows():
    p = np.repeat([0.1, 0.2, 0.9], [10, 3, 4])
    y = np.arange(17) % 2
    order = np.random.default_rng(0).permutation(17)
    for one, other in zip(reliability(p, y, 4), reliability(p[order], y[order], 4), strict=True):
        assert one == pytest.approx(other)


def test_logits_are_refused():
    with pytest.raises(InputError, match="sigmoid"):
        reliability([-1.0, 3.0], [0, 1])
