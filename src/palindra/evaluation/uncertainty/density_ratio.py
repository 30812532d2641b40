"""How much commoner a sequence is among new rows than among held-out ones, from a classifier that tells them apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palindra.errors import InputError

Array = NDArray[Any]


class DensityRatio(NamedTuple):
    """Ratios of densities new / held-out, and how well the two are told apart."""

    held_out: Array  # (held-out rows,)
    new: Array  # (new rows,)
    auroc: float  # of the classifier on rows that it was not fitted to; 0.5 where there is no shift

    @property
    def effective_rows(self) -> float:
        """Held-out rows that equal weights would need for the same precision, ``(sum w)^2 / sum w^2`` (Kish, 1965)."""
        return float(self.held_out.sum() ** 2 / (self.held_out**2).sum())


def density_ratio(
    held_out: ArrayLike, new: ArrayLike, *, strength: float = 0.1, folds: int = 5, seed: int = 0, most: float = 50.0
) -> DensityRatio:
    """Weights for conformal prediction under covariate shift, by logistic regression (Bickel et al., 2007).

    Each row is weighted by a classifier that was not fitted to it: otherwise rows of few features pull the ratio at
    themselves down, and coverage with it. Features that are the same for both strands (canonical k-mers, embeddings
    of an invariant model) give weights that are.

    Args:
        held_out: features ``(rows, features)``.
        new: features of the rows to predict.
        strength: inverse penalty of the regression on standardised features.
        folds: of the cross-fitting.
        seed: of the folds.
        most: largest ratio, and smallest 1 / most: beyond, one row would decide alone.

    Raises:
        InputError: with fewer rows than folds on either side.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    old, fresh = np.asarray(held_out, dtype=np.float64), np.asarray(new, dtype=np.float64)
    if min(len(old), len(fresh)) < folds:
        raise InputError(f"{len(old)} held-out and {len(fresh)} new rows: at least {folds} of each are needed.")
    x, is_new = np.concatenate([old, fresh]), np.repeat([0, 1], [len(old), len(fresh)])
    log_odds = np.empty(len(x))
    for fitted, left_out in StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, is_new):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
        log_odds[left_out] = model.fit(x[fitted], is_new[fitted]).decision_function(x[left_out])
    log_ratio = log_odds - np.log(len(fresh) / len(old))
    ratio = np.exp(np.clip(log_ratio, -np.log(most), np.log(most)))
    return DensityRatio(ratio[: len(old)], ratio[len(old) :], float(roc_auc_score(is_new, log_odds)))
