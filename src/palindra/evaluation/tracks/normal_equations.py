"""Linear regression of several targets from streamed chunks: sums that merge, then every ridge strength at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass
class NormalEquations:
    """Sums of products of features and targets, in float64; counts as features add up without any rounding.

    Missing targets (NaN) leave their rows out for that target only: one table of products is kept for all rows, and
    for each target those of the rows that it lacks, so that complete data cost one table.

    Examples:
        >>> equations = NormalEquations.nothing(features=1, targets=1)
        >>> equations.add(np.array([[0.], [1.], [2.]]), np.array([[1.], [3.], [5.]]))
        >>> weight, intercept = equations.solve([0.0])[0]
        >>> weight.round(6).tolist(), intercept.round(6).tolist()
        ([[2.0]], [1.0])
    """

    products: Array  # (features + 1, features + 1): the last feature is 1
    lacking: Array  # (targets, features + 1, features + 1)
    cross: Array  # (features + 1, targets)
    squares: Array  # (targets,) of the targets

    @classmethod
    def nothing(cls, features: int, targets: int) -> NormalEquations:
        """Sums over no rows."""
        size = features + 1
        return cls(
            np.zeros((size, size)), np.zeros((targets, size, size)), np.zeros((size, targets)), np.zeros(targets)
        )

    def add(self, features: Array, targets: Array) -> None:
        """Count some rows in.

        Args:
            features: ``(rows, features)``.
            targets: ``(rows, targets)``; NaN is missing.
        """
        x = np.hstack([np.asarray(features, dtype=float), np.ones((len(features), 1))])
        known = ~np.isnan(targets)
        y = np.where(known, targets, 0).astype(float)
        self.products += x.T @ x
        self.cross += x.T @ y
        self.squares += (y * y).sum(0)
        for target in np.flatnonzero(~known.all(0)):
            absent = x[~known[:, target]]
            self.lacking[target] += absent.T @ absent

    def merge(self, other: NormalEquations) -> NormalEquations:
        """Sums over the rows of both."""
        return NormalEquations(
            self.products + other.products,
            self.lacking + other.lacking,
            self.cross + other.cross,
            self.squares + other.squares,
        )

    def tied(self, partner: Sequence[int]) -> NormalEquations:
        """The equations under which each target and its partner share one line: both are fitted to the rows of both.

        Sums are averaged over the two, so that a target that is its own partner keeps its equations. With features that
        do not depend on the strand this is the equivariant fit of stranded pairs.
        """
        other = list(partner)
        return NormalEquations(
            self.products,
            (self.lacking + self.lacking[other]) / 2,
            (self.cross + self.cross[:, other]) / 2,
            (self.squares + self.squares[other]) / 2,
        )

    def solve(self, strengths: Sequence[float]) -> list[tuple[Array, Array]]:
        """Weights ``(features, targets)`` and intercepts ``(targets,)`` for each strength of the ridge.

        Features count in units of their standard deviation and the intercept is free, so a strength is the number of
        rows by which the data are outweighed: it means the same for rare and frequent words. Features that never vary
        get weight 0; so does everything for a target without data, with a NaN intercept.
        """
        targets = self.cross.shape[1]
        weights = np.zeros((len(strengths), len(self.cross) - 1, targets))
        intercepts = np.full((len(strengths), targets), np.nan)
        complete = self._paths(self.products, range(targets), strengths)
        for target in range(targets):
            lacks = self.lacking[target].any()
            path = self._paths(self.products - self.lacking[target], [target], strengths) if lacks else complete
            column = 0 if lacks else target
            for step, (weight, intercept) in enumerate(path):
                weights[step, :, target], intercepts[step, target] = weight[:, column], intercept[column]
        return list(zip(weights, intercepts, strict=True))

    def mean_squared_error(self, weight: Array, intercept: Array) -> Array:
        """Of lines ``(features, targets)`` and ``(targets,)`` on the rows counted here, without reading them again."""
        lines = np.vstack([weight, intercept])
        errors = []
        for target, line in enumerate(lines.T):
            table = self.products - self.lacking[target]
            total = line @ table @ line - 2 * line @ self.cross[:, target] + self.squares[target]
            errors.append(max(total, 0.0) / table[-1, -1] if table[-1, -1] > 0 else np.nan)
        return np.array(errors)

    def _paths(self, table: Array, targets: Sequence[int], strengths: Sequence[float]) -> list[tuple[Array, Array]]:
        rows = max(float(table[-1, -1]), 1.0)
        mean_x, mean_y = table[-1, :-1] / rows, self.cross[-1, list(targets)] / rows
        centred = table[:-1, :-1] - rows * np.outer(mean_x, mean_x)
        variance = np.diag(centred) / rows
        varies = variance > 1e-12 * np.maximum(np.diag(table)[:-1] / rows, 1e-300)
        unit = np.where(varies, 1 / np.sqrt(np.where(varies, variance, 1)), 0)
        values, vectors = np.linalg.eigh(centred * np.outer(unit, unit))
        cross = self.cross[:-1, list(targets)] - np.outer(mean_x, self.cross[-1, list(targets)])
        rotated = vectors.T @ (unit[:, None] * cross)
        smallest = 1e-10 * max(float(values.max(initial=0)), 1e-300)
        found = []
        for strength in strengths:
            bent = np.where(values > smallest, values + strength, np.inf)  # directions without data get nothing
            weight = unit[:, None] * (vectors @ (rotated / bent[:, None]))
            intercept = mean_y - mean_x @ weight if table[-1, -1] > 0 else np.full(len(list(targets)), np.nan)
            found.append((weight, intercept))
        return found
