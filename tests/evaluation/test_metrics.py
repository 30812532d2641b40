from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from palindra.errors import InputError
from palindra.evaluation import HIGHER_IS_BETTER, PRIMARY, auroc, mcc, metric, per_target_scores, score

TASKS = ("binary", "multiclass", "multilabel", "regression")


def binary(rows=157, ties=True):
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, rows)
    p = 0.6 * random.random(rows) + 0.3 * labels
    return (p.round(1) if ties else p), labels


def multiclass(rows=211, classes=3):
    random = np.random.default_rng(4)
    labels = random.integers(0, classes, rows)
    scores = random.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[labels]
    p = np.exp(scores)
    return p / p.sum(1, keepdims=True), labels


def example(task):
    if task == "binary":
        return binary()
    if task == "multiclass":
        return multiclass()
    random = np.random.default_rng(5)
    labels = random.integers(0, 2, (120, 5)).astype(float)
    predictions = np.clip(0.4 * labels + 0.6 * random.random((120, 5)), 0, 1)
    labels[random.random((120, 5)) < 0.2] = np.nan
    return predictions, labels


@pytest.mark.parametrize("ties", [True, False])
def test_binary_scores_are_those_of_scikit_learn(ties):
    p, y = binary(ties=ties)
    decided = (p >= 0.5).astype(int)
    assert score("binary", p, y) == pytest.approx(
        {
            "AUROC": sk.roc_auc_score(y, p),
            "AUPRC": sk.average_precision_score(y, p),
            "MCC": sk.matthews_corrcoef(y, decided),
            "accuracy": sk.accuracy_score(y, decided),
            "Brier": sk.brier_score_loss(y, p),
            "ECE": score("binary", p, y)["ECE"],  # has its own tests
        }
    )


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_multiclass_scores_are_those_of_scikit_learn(classes):
    p, y = multiclass(classes=classes)
    hot = np.eye(classes)[y]
    found = score("multiclass", p, y)
    expected = {
        "AUROC": np.mean([sk.roc_auc_score(hot[:, c], p[:, c]) for c in range(classes)]),
        "AUPRC": sk.average_precision_score(hot, p, average="macro"),
        "MCC": sk.matthews_corrcoef(y, p.argmax(1)),
        "accuracy": sk.accuracy_score(y, p.argmax(1)),
        "Brier": np.mean(((p - hot) ** 2).sum(1)),
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_regression_scores_are_those_of_scipy_column_by_column():
    random = np.random.default_rng(6)
    y = random.normal(size=(90, 2))
    p = y + random.normal(size=(90, 2))
    y[:40, 1] = np.nan
    columns = [(p[:, 0], y[:, 0]), (p[40:, 1], y[40:, 1])]
    expected = {
        "Pearson": np.mean([stats.pearsonr(*c)[0] for c in columns]),
        "Spearman": np.mean([stats.spearmanr(*c)[0] for c in columns]),
        "R2": np.mean([sk.r2_score(b, a) for a, b in columns]),
        "MSE": np.mean([sk.mean_squared_error(b, a) for a, b in columns]),
    }
    assert score("regression", p, y) == pytest.approx(expected)


def test_multilabel_is_the_mean_of_binary_columns_without_missing_labels():
    p, y = example("multilabel")
    columns = [score("binary", p[~np.isnan(y[:, c]), c], y[~np.isnan(y[:, c]), c]) for c in range(5)]
    for key, value in score("multilabel", p, y).items():
        assert value == pytest.approx(np.mean([column[key] for column in columns]))
        assert per_target_scores("multilabel", p, y)[key] == pytest.approx([column[key] for column in columns])


def test_values_known_by_hand():
    assert auroc(np.array([0.5, 0.5, 0.5]), np.array([0, 1, 1])) == 0.5
    assert mcc(np.array([1, 1, 0, 0]), np.array([0, 0, 1, 1])) == -1
    assert mcc(np.zeros(4), np.array([0, 1, 1, 0])) == 0
    perfect = score("binary", [0.0, 1.0, 0.0, 1.0], [0, 1, 0, 1])
    assert perfect == {"AUROC": 1, "AUPRC": 1, "MCC": 1, "accuracy": 1, "Brier": 0, "ECE": 0}
    assert score("multiclass", np.eye(3)[[1, 2, 0]], [0, 1, 2])["Brier"] == 2


@pytest.mark.parametrize("task", TASKS)
def test_scores_do_not_depend_on_the_order_of_rows(task):
    p, y = example(task)
    order = np.random.default_rng(0).permutation(len(y))
    assert score(task, p[order], y[order]) == pytest.approx(score(task, p, y))


@pytest.mark.parametrize("task", TASKS)
def test_every_score_has_a_direction_and_a_function_of_its_own(task):
    p, y = example(task)
    scores = score(task, p, y)
    assert PRIMARY[task] in scores
    assert set(scores) <= set(HIGHER_IS_BETTER)
    for key, value in scores.items():
        assert metric(task, key)(p, y) == value


def test_a_column_with_one_class_is_nan_and_left_out_of_the_mean():
    p = np.array([[0.1, 0.2], [0.9, 0.7], [0.4, 0.6]])
    y = np.array([[0, 1], [1, 1], [0, 1]])
    assert np.isnan(per_target_scores("multilabel", p, y)["AUROC"][1])
    assert score("multilabel", p, y)["AUROC"] == 1


def test_one_class_against_the_rest_uses_the_winning_class():
    p, y = multiclass()
    found = per_target_scores("multiclass", p, y)
    for c in range(3):
        assert found["AUROC"][c] == pytest.approx(sk.roc_auc_score(y == c, p[:, c]))
        assert found["MCC"][c] == pytest.approx(sk.matthews_corrcoef(y == c, p.argmax(1) == c))


def test_constant_predictions_have_no_correlation_but_an_error():
    found = score("regression", [2.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    assert np.isnan(found["Pearson"])
    assert found["R2"] == 0
    assert found["MSE"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("task", "predictions", "labels", "says"),
    [
        ("binary", [0.1, 0.2], [1, 1], "all 2 labels are the same"),
        ("binary", [-3.0, 2.0], [0, 1], "apply a sigmoid"),
        ("binary", [0.1, np.nan], [0, 1], "row 2"),
        ("binary", [0.1, 0.2], [0, np.nan], "row 2"),
        ("binary", [0.1, 0.2, 0.3], [0, 1, 2], "label 2 is not a class"),
        ("binary", [[0.1, 0.9], [0.2, 0.8]], [0, 1], "do not fit"),
        ("binary", [0.1, 0.2], [0, 1, 1], "do not fit"),
        ("binary", [], [], "do not fit"),
        ("multiclass", [[0.1, 0.1, 0.1], [0.5, 0.4, 0.1]], [0, 1], "softmax"),
        ("multiclass", [[0.5, 0.5], [0.5, 0.5]], [0, 2], "label 2 is not a class"),
        ("regression", [1.0, 2.0], [3.0, 3.0], "the same"),
        ("ranking", [1.0, 2.0], [3.0, 4.0], "is not one of"),
    ],
)
def test_unfit_input_is_refused_with_a_reason(task, predictions, labels, says):
    with pytest.raises(InputError, match=says):
        score(task, predictions, labels)
