"""Trivial baselines: what base composition or short words alone reach, so that a model's score means something.

All read a sequence as counts that both strands share, so a sequence and its reverse complement get exactly the same
prediction. Everything is chosen on the validation split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError
from palindra.evaluation.kmers import kmer_table

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Array = NDArray[Any]

STRENGTHS = tuple(10 ** (power / 2) for power in range(-3, 7))
"""Inverse penalties to try, weakest weights first, for features of about unit length: 0.03 to 1,000."""


class Linear(NamedTuple):
    """Weights ``(features, outputs)`` and intercepts ``(outputs,)``."""

    weight: Array
    intercept: Array

    def __call__(self, features: csr_matrix) -> Array:
        """Scores before the link; sparse rows are added up in a fixed order, so equal rows give equal bits."""
        return features @ self.weight + self.intercept


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline. ``predict`` gives probabilities (values for regression), ``(rows, columns)``."""

    name: str
    task: str
    features: str  # which of the candidates won on the validation split
    strength: float  # inverse penalty that won
    validation_loss: float  # log loss, or mean squared error
    parameters: int
    linear: Linear = field(repr=False)
    scale: float  # by which logarithms of counts are multiplied, 1 for other features
    _table: Callable[[Sequence[str]], csr_matrix] = field(repr=False)

    def predict(self, sequences: Sequence[str]) -> Array:
        """Predictions for sequences; bit for bit the same for their reverse complements."""
        return _link(self.task, self.linear(self._table(sequences)))


def fit_baseline(
    name: str,
    task: str,
    train: tuple[Sequence[str], ArrayLike],
    valid: tuple[Sequence[str], ArrayLike],
    *,
    k: int = 6,
    strengths: Sequence[float] = STRENGTHS,
) -> Baseline:
    """Fit a linear model on strand-collapsed counts; features and penalty are those of least validation loss.

    - ``"mean"``: nothing; the training frequency or mean for every sequence.
    - ``"gc"``: GC content.
    - ``"composition"``: GC content and the 10 dinucleotide frequencies, standardised.
    - ``"kmer"``: the 2,080 6-mers, as counts scaled to unit length or as ``log(1 + count)``.

    Logistic regression with an L2 penalty for binary, multinomial for multiclass, one per column for multilabel, ridge
    regression otherwise. Missing labels (NaN) are left out column by column.

    Args:
        name: "mean", "gc", "composition" or "kmer".
        task: "binary", "multiclass", "multilabel" or "regression".
        train: sequences, and labels ``(rows,)`` or ``(rows, columns)``.
        valid: the same for the split that chooses.
        k: length of the words of "kmer".
        strengths: inverse penalties, from strong to weak penalty; tried until two in a row are no better.

    Raises:
        InputError: for an unknown name or task, labels that do not fit the sequences, or sequences without k-mers.

    Examples:
        >>> rich, poor = ["GCGCGA", "CGGCAC", "GGCGCT"], ["ATTAAC", "TATATG", "AATTTC"]
        >>> split = rich + poor, [1, 1, 1, 0, 0, 0]
        >>> baseline = fit_baseline("composition", "binary", train=split, valid=split)
        >>> p = baseline.predict(["GGCCGC", "GCGGCC", "TTTAAA"])
        >>> bool(p[0, 0] == p[1, 0] > .5 > p[2, 0])
        True
    """
    if name not in _CANDIDATES or task not in _FITS:
        raise InputError(
            f"no baseline {name!r} for task {str(task)!r}: choose from {', '.join(_CANDIDATES)} and {', '.join(_FITS)}."
        )
    labels, valid_labels = _labels(task, *train, "training"), _labels(task, *valid, "validation")
    classes = int(max(labels.max(), valid_labels.max())) + 1 if task == "multiclass" else 0
    best: Baseline | None = None
    for features, table, scaled, scale in _CANDIDATES[name](train[0], k):
        valid_scaled, worse, least = scaled(valid[0]), 0, np.inf
        for strength, linear in _FITS[task](table, labels, strengths, classes):
            loss = _loss(task, linear(valid_scaled), valid_labels)
            if best is None or loss < best.validation_loss:
                best = Baseline(name, task, features, strength, loss, linear.weight.size, linear, scale, scaled)
            least, worse = (loss, 0) if loss < least else (least, worse + 1)
            if worse == 2:
                break
    if best is None:
        raise ValueError("no strengths to try.")
    return best


# ---- features ------------------------------------------------------------------------------------------------------

Candidate = tuple[str, "csr_matrix", Callable[[Sequence[str]], "csr_matrix"], float]


def _nothing(train: Sequence[str], k: int) -> Iterator[Candidate]:
    return _standardised("none", lambda sequences: np.zeros((len(sequences), 1)), train)


def _gc(train: Sequence[str], k: int) -> Iterator[Candidate]:
    return _standardised("GC content", _gc_content, train)


def _composition(train: Sequence[str], k: int) -> Iterator[Candidate]:
    def frequencies(sequences: Sequence[str]) -> Array:
        pairs = kmer_table(sequences, 2).toarray()
        return np.hstack([_gc_content(sequences), pairs / np.maximum(pairs.sum(1, keepdims=True), 1)])

    return _standardised("GC and dinucleotide frequencies", frequencies, train)


def _gc_content(sequences: Sequence[str]) -> Array:
    letters = kmer_table(sequences, 1).toarray()
    return letters[:, 1:] / np.maximum(letters.sum(1, keepdims=True), 1)  # columns of k=1: A or T, C or G


def _standardised(
    name: str, frequencies: Callable[[Sequence[str]], Array], train: Sequence[str]
) -> Iterator[Candidate]:
    """Standardised by the training split; the shift is left to the intercept."""
    from scipy.sparse import csr_matrix

    raw = frequencies(train)
    mean, spread = raw.mean(0), np.maximum(raw.std(0), 1e-6)

    def scaled(sequences: Sequence[str]) -> csr_matrix:
        return csr_matrix((frequencies(sequences) - mean) / spread)

    yield name, scaled(train), scaled, 1.0


def _kmers(train: Sequence[str], k: int) -> Iterator[Candidate]:
    counted = kmer_table(train, k)
    yield f"{k}-mer counts of unit length", _unit_length(counted), lambda s: _unit_length(kmer_table(s, k)), 1.0

    scale = 1 / max(np.sqrt((_log_counts(counted).data ** 2).sum() / counted.shape[0]), 1e-12)
    yield f"log {k}-mer counts", _log_counts(counted) * scale, lambda s: _log_counts(kmer_table(s, k)) * scale, scale


def _unit_length(counted: csr_matrix) -> csr_matrix:
    table = counted.copy()
    squares = np.asarray(counted.multiply(counted).sum(1)).ravel()
    table.data = table.data / np.repeat(np.sqrt(np.maximum(squares, 1)), np.diff(table.indptr))
    return table


def _log_counts(counted: csr_matrix) -> csr_matrix:
    table = counted.copy()
    logarithm = np.log1p(np.arange(int(counted.data.max(initial=0)) + 1))  # looked up: equal counts give equal bits
    table.data = logarithm[table.data.astype(np.int64)]
    return table


_CANDIDATES: dict[str, Callable[[Sequence[str], int], Iterator[Candidate]]] = {
    "mean": _nothing,
    "gc": _gc,
    "composition": _composition,
    "kmer": _kmers,
}

# ---- fits: for each strength the weights, starting from those of the last ------------------------------------------


def _logistic(table: csr_matrix, classes: Array, strengths: Sequence[float]) -> Iterator[tuple[float, Linear]]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(warm_start=True, max_iter=2000)
    for strength in strengths:
        model.C = strength
        model.fit(table, classes)
        yield strength, Linear(model.coef_.T.copy(), model.intercept_.copy())


def _fit_columns(
    table: csr_matrix, labels: Array, strengths: Sequence[float], classes: int
) -> Iterator[tuple[float, Linear]]:
    known = [~np.isnan(column) for column in labels.T]
    paths = [_one_column(table[rows], labels[rows, c], strengths) for c, rows in enumerate(known)]
    for steps in zip(*paths, strict=True):
        weights = np.hstack([linear.weight for _, linear in steps])
        yield steps[0][0], Linear(weights, np.concatenate([linear.intercept for _, linear in steps]))


def _one_column(table: csr_matrix, labels: Array, strengths: Sequence[float]) -> Iterator[tuple[float, Linear]]:
    if len(np.unique(labels)) == 2:
        yield from _logistic(table, labels, strengths)
        return
    odds = (labels.sum() + 0.5) / (len(labels) - labels.sum() + 0.5)  # one class only: its (smoothed) frequency
    for strength in strengths:
        yield strength, Linear(np.zeros((table.shape[1], 1)), np.log([odds]))


def _fit_multiclass(
    table: csr_matrix, labels: Array, strengths: Sequence[float], classes: int
) -> Iterator[tuple[float, Linear]]:
    present = np.unique(labels).astype(int)
    for strength, linear in _logistic(table, labels[:, 0], strengths):
        weight, intercept = np.zeros((table.shape[1], classes)), np.full(classes, -np.inf)  # never seen: probability 0
        two = len(present) == 2  # then there is one column of log odds
        weight[:, present[1:] if two else present] = linear.weight
        intercept[present[0]] = 0
        intercept[present[1:] if two else present] = linear.intercept
        yield strength, Linear(weight, intercept)


def _fit_ridge(
    table: csr_matrix, labels: Array, strengths: Sequence[float], classes: int
) -> Iterator[tuple[float, Linear]]:
    from sklearn.linear_model import Ridge

    known = ~np.isnan(labels)
    groups = (
        [(known[:, 0], slice(None))] if known.all() else [(rows, slice(c, c + 1)) for c, rows in enumerate(known.T)]
    )
    for strength in strengths:
        fits = [
            Ridge(alpha=1 / strength, solver="sparse_cg", tol=1e-5).fit(table[rows], labels[rows, columns])
            for rows, columns in groups
        ]
        weights = np.hstack([np.atleast_2d(fit.coef_).T for fit in fits])
        yield strength, Linear(weights, np.concatenate([np.atleast_1d(fit.intercept_) for fit in fits]))


_FITS: dict[str, Callable[[csr_matrix, Array, Sequence[float], int], Iterator[tuple[float, Linear]]]] = {
    "binary": _fit_columns,
    "multiclass": _fit_multiclass,
    "multilabel": _fit_columns,
    "regression": _fit_ridge,
}

# ---- outputs -------------------------------------------------------------------------------------------------------


def _link(task: str, scores: Array) -> Array:
    from scipy.special import expit, softmax

    if task == "regression":
        return scores
    return softmax(scores, axis=1) if task == "multiclass" else expit(scores)


def _loss(task: str, scores: Array, labels: Array) -> float:
    """Mean over rows and columns whose label is known: squared error, or log loss."""
    if task == "multiclass":
        chosen = np.take_along_axis(_link(task, scores), labels.astype(int), axis=1)
        return float(-np.log(np.maximum(chosen, 1e-9)).mean())
    if task == "regression":
        return float(np.nanmean((scores - labels) ** 2))
    return float(np.nanmean(np.logaddexp(0, scores) - labels * scores))


def _labels(task: str, sequences: Sequence[str], labels: ArrayLike, split: str) -> Array:
    array = np.asarray(labels, dtype=float)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) != len(sequences) or np.isnan(array).all(0).any():
        raise InputError(
            f"the {split} split has {len(sequences)} sequences and labels of shape {np.shape(labels)}: one row of "
            "labels per sequence is needed, and every column needs at least one value."
        )
    if task in ("binary", "multiclass") and (array.shape[1] != 1 or np.isnan(array).any()):
        raise InputError(f"a {task} baseline needs one column of labels without gaps; got {array.shape[1]} columns.")
    if task in ("binary", "multiclass") and split == "training" and len(np.unique(array)) < 2:
        raise InputError(f"all {split} labels are {array[0, 0]:g}: a baseline needs at least two classes.")
    return array
