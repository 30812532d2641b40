"""The score of a suite against scikit-learn, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from palindra.errors import InputError
from palindra.probing.suites import SUITES, suite_score, variant_task


@pytest.mark.parametrize("seed", range(5))
def test_f1_as_scikit_learn_defines_it(seed):
    rng = np.random.default_rng(seed)
    labels, chances = rng.integers(0, 2, 37), rng.random((37, 1))
    expected = f1_score(labels, chances[:, 0] >= 0.5)
    assert suite_score("F1", "binary", chances, labels[:, None]) == pytest.approx(expected)
    classes, scores = rng.integers(0, 5, 41), rng.random((41, 5))
    expected = f1_score(classes, scores.argmax(1), average="macro", zero_division=0.0)
    assert suite_score("macro F1", "multiclass", scores, classes) == pytest.approx(expected)


def test_no_decision_is_no_success():
    assert suite_score("F1", "binary", np.zeros(4), np.array([1, 0, 1, 0])) == 0.0


def test_every_metric_of_every_task_can_be_scored():
    chances = {"binary": np.array([0.9, 0.2, 0.4]), "multiclass": np.eye(3)}
    for suite in SUITES.values():
        for task in suite.tasks:
            if task.kind in chances:
                assert np.isfinite(suite_score(task.metric, task.kind, chances[task.kind], np.array([1, 0, 1])))


def test_variants_are_needed():
    with pytest.raises(InputError, match="no element with measured variants is there"):
        variant_task(SUITES["CAGI5"], [])
