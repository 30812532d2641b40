"""Columns of predictions with their uncertainty: intervals of values, sets of classes; from validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from palindra.cli.inputs import choose
from palindra.cli.labelled.uncertainty import Ensemble, KeptRows, Outputs, mean_logits
from palindra.data.task import Task
from palindra.evaluation.uncertainty import (
    Intervals,
    Prediction,
    aps_scores,
    around,
    calibrate,
    class_sets,
    combine,
    expected_calibration_error,
    fit_temperature,
    label_scores,
    label_variance,
    lac_scores,
    measured_coverage,
    quantile_scores,
    residual_scores,
    standardised_errors,
    two_classes,
    widened,
)

Array = NDArray[np.float64]

SETS = {"lac": lac_scores, "aps": aps_scores}
_NORMAL_RANGE = 2 * 1.6448536269514722  # standard deviations between the 5 % and the 95 % quantile


class Calibration(Protocol):
    """Turns outputs into columns of a table, after a look at validation rows."""

    def header(self) -> list[str]:
        """Names of the columns."""

    def columns(self, outputs: Outputs, sampled: Outputs | None = None) -> list[list[str]]:
        """Texts of the columns; ``sampled`` are passes with dropout."""

    def findings(self, kept: KeptRows) -> list[str]:
        """What intervals or sets are worth on test rows."""


def calibrated(ensemble: Ensemble, valid: KeptRows, *, coverage: float, sets: str, spread_known: bool) -> Calibration:
    """Fit everything that is fitted to validation rows.

    Args:
        ensemble: of the runs.
        valid: what they kept of these rows.
        coverage: of intervals and sets.
        sets: ``"lac"`` or ``"aps"``.
        spread_known: whether predictions will come from several networks or passes.

    Raises:
        InputError: with too few rows for the coverage.
    """
    choose("--sets", sets, SETS)
    names = ensemble.config["data"]["targets"]
    if ensemble.task is Task.REGRESSION:
        return Values(names, valid, coverage, spread_known, ensemble.orbits)
    return Classes(ensemble, valid, coverage, sets, spread_known)


def _thresholds(scores: Sequence[Array], orbits: Sequence[int], coverage: float) -> list[float]:
    """One for each column; columns that swap with the strand share theirs, so that both strands get the same answer."""
    found = {
        orbit: calibrate(np.concatenate([s for s, o in zip(scores, orbits, strict=True) if o == orbit]), coverage)
        for orbit in set(orbits)
    }
    return [float(found[orbit].thresholds(1)[0]) for orbit in orbits]


def _text(values: Array) -> list[str]:
    return [f"{value:.7g}" for value in values]


def _deviations(name: str, parts: Prediction, column: int, spread_known: bool) -> dict[str, list[str]]:
    """Standard deviations of one output; the epistemic one only where several predictions tell of it."""
    kinds = (["epistemic"] if spread_known else []) + ["aleatoric", "total"]
    return {f"{kind}_sd_{name}": _text(np.sqrt(getattr(parts, kind)[:, column])) for kind in kinds}


class Values:
    """A regression: intervals around means, or predicted quantiles moved outwards."""

    def __init__(
        self, names: Sequence[str], valid: KeptRows, coverage: float, spread_known: bool, orbits: Sequence[int]
    ) -> None:
        self.names, self.spread_known, self.coverage = list(names), spread_known, coverage
        gaps = valid.labels - combine(valid.outputs.value).mean
        between = combine(valid.outputs.value).epistemic.mean(axis=0)
        # Of models that predict no noise: what their errors hold beyond their disagreement, noise and misfit alike.
        own = np.maximum(np.nanmean(gaps**2, axis=0) - between, 0)
        self.noise = np.array([own[[o == orbit for o in orbits]].mean() for orbit in orbits])
        self.thresholds = _thresholds([self._scores(valid, c) for c in range(len(self.names))], orbits, coverage)

    def _parts(self, outputs: Outputs) -> Prediction:
        if outputs.variance is not None:
            return combine(outputs.value, outputs.variance)
        if outputs.lower is not None and outputs.upper is not None:
            return combine(outputs.value, ((outputs.upper - outputs.lower) / _NORMAL_RANGE) ** 2)
        return combine(outputs.value, np.broadcast_to(self.noise, outputs.value.shape))

    def _spread(self, outputs: Outputs, column: int) -> Array:
        """Units of distances: the predicted deviation where a model predicts it, else 1."""
        if outputs.variance is None:
            return np.ones(outputs.value.shape[1])
        return np.sqrt(self._parts(outputs).total[:, column])

    def _scores(self, rows: KeptRows, column: int) -> Array:
        outputs, labels = rows.outputs, rows.labels[:, column]
        if outputs.lower is not None and outputs.upper is not None:
            lower, upper = (q.mean(axis=0)[:, column] for q in (outputs.lower, outputs.upper))
            return quantile_scores(labels, lower, upper)
        return residual_scores(labels, outputs.value.mean(axis=0)[:, column], self._spread(outputs, column))

    def intervals(self, outputs: Outputs, column: int) -> Intervals:
        """Of one target."""
        threshold = self.thresholds[column]
        if outputs.lower is not None and outputs.upper is not None:
            lower, upper = (q.mean(axis=0)[:, column] for q in (outputs.lower, outputs.upper))
            return widened(lower, upper, threshold)
        return around(outputs.value.mean(axis=0)[:, column], threshold, self._spread(outputs, column))

    def _table(self, outputs: Outputs, sampled: Outputs | None) -> dict[str, list[str]]:
        parts = self._parts(outputs)
        if sampled is not None:
            epistemic = self._parts(sampled).epistemic
            parts = parts._replace(epistemic=epistemic, total=epistemic + parts.aleatoric)
        found = {}
        for column, name in enumerate(self.names):
            ends = self.intervals(outputs, column)
            found[f"prediction_{name}"] = _text(parts.mean[:, column])
            found[f"lower_{name}"], found[f"upper_{name}"] = _text(ends.lower), _text(ends.upper)
            found |= _deviations(name, parts, column, self.spread_known)
        return found

    def header(self) -> list[str]:
        none = np.zeros((1, 0, len(self.names)))
        return list(self._table(Outputs(none), None))

    def columns(self, outputs: Outputs, sampled: Outputs | None = None) -> list[list[str]]:
        return list(self._table(outputs, sampled).values())

    def findings(self, kept: KeptRows) -> list[str]:
        parts, lines = self._parts(kept.outputs), []
        for column, name in enumerate(self.names):
            labels = kept.labels[:, column]
            ends = self.intervals(kept.outputs, column)
            found = measured_coverage(ends.contain(labels), ~np.isnan(labels))
            z = standardised_errors(labels, parts.mean[:, column], np.maximum(parts.total[:, column], 1e-12))
            lines.append(
                f"{name}: {self.coverage:.0%} intervals hold {found} test labels, mean width {ends.width.mean():.3g}; "
                f"errors have {z.variance:.2f} [{z.low:.2f}, {z.high:.2f}] times the predicted variance"
            )
        return lines


class Classes:
    """Probabilities at the right temperature, and for each decision the set of classes that are not too strange."""

    def __init__(self, ensemble: Ensemble, valid: KeptRows, coverage: float, sets: str, spread_known: bool) -> None:
        data = ensemble.config["data"]
        self.task, self.link = ensemble.task, ensemble.predictors[0].link
        self.coverage, self.scores, self.spread_known = coverage, SETS[sets], spread_known
        several = self.task is Task.MULTICLASS
        self.outputs = list(data["classes"] if several else data["targets"])
        self.decisions = [""] if several else [f"_{name}" for name in self.outputs]
        self.classes = list(data["classes"]) or ["0", "1"]
        self.temperature = fit_temperature(self.task, mean_logits(valid.outputs), valid.labels)
        decided = self.decided(self.probabilities(valid.outputs))
        scores = [label_scores(self.scores(p), valid.labels[:, c]) for c, p in enumerate(decided)]
        self.thresholds = _thresholds(scores, [0] if several else ensemble.orbits, coverage)

    def probabilities(self, outputs: Outputs, temperature: float | None = None) -> Array:
        """Of mean logits, ``(rows, outputs)``."""
        return self._linked(mean_logits(outputs), temperature)

    def _linked(self, logits: Array, temperature: float | None = None) -> Array:
        return self.link(torch.from_numpy(logits / (temperature or self.temperature))).numpy()

    def decided(self, probabilities: Array) -> list[Array]:
        """Probabilities ``(rows, classes)`` of each decision: one of all classes, or a yes or no for each label."""
        if self.task is Task.MULTICLASS:
            return [probabilities]
        return [two_classes(column) for column in probabilities.T]

    def _parts(self, outputs: Outputs) -> Prediction:
        members = np.stack([self._linked(logits) for logits in outputs.value])
        return combine(members, label_variance(members))

    def sets(self, outputs: Outputs) -> list[NDArray[np.bool_]]:
        """For each decision which classes are in the set, ``(rows, classes)``."""
        decided = self.decided(self.probabilities(outputs))
        return [class_sets(self.scores(p), np.full(len(p), t)) for p, t in zip(decided, self.thresholds, strict=True)]

    def _table(self, outputs: Outputs, sampled: Outputs | None) -> dict[str, list[str]]:
        parts = self._parts(outputs if sampled is None else sampled)
        means = self.probabilities(outputs)
        found: dict[str, list[str]] = {}
        for column, name in enumerate(self.outputs):
            found[f"prediction_{name}"] = _text(means[:, column])
            found |= _deviations(name, parts, column, self.spread_known)
        for name, inside in zip(self.decisions, self.sets(outputs), strict=True):
            found[f"set{name}"] = [
                "{" + ",".join(c for c, there in zip(self.classes, row, strict=True) if there) + "}" for row in inside
            ]
        return found

    def header(self) -> list[str]:
        return list(self._table(Outputs(np.zeros((1, 0, len(self.outputs)))), None))

    def columns(self, outputs: Outputs, sampled: Outputs | None = None) -> list[list[str]]:
        return list(self._table(outputs, sampled).values())

    def findings(self, kept: KeptRows) -> list[str]:
        lines = []
        as_trained = self.decided(self.probabilities(kept.outputs, 1.0))
        decided = self.decided(self.probabilities(kept.outputs))
        for column, inside in enumerate(self.sets(kept.outputs)):
            labels = kept.labels[:, column]
            known = ~np.isnan(labels)
            right = inside[np.arange(len(labels)), np.where(known, labels, 0).astype(int)]
            before, after = (expected_calibration_error(p[column][known], labels[known]) for p in (as_trained, decided))
            name = self.decisions[column].removeprefix("_") or "classes"
            lines.append(
                f"{name}: {self.coverage:.0%} sets hold {measured_coverage(right, known)} test labels, mean size "
                f"{inside[known].sum(axis=1).mean():.2f}; calibration error {before:.3f}, {after:.3f} at temperature "
                f"{self.temperature:.2f}"
            )
        return lines
