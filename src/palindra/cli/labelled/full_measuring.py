"""Everything that is asked of a labelled model before it is trusted: parts, coverage, shifts, strangeness, effects."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from palindra.cli.labelled.uncertain_labels import Classes, Values, calibrated
from palindra.cli.labelled.uncertainty import Ensemble, Outputs
from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.evaluation import HIGHER_IS_BETTER, PRIMARY, bootstrap_interval, fit_baseline, metric
from palindra.evaluation.consistency import Reading, group_consistency
from palindra.evaluation.robustness import mean_apart, random_shifts
from palindra.evaluation.row_blocks import row_blocks
from palindra.evaluation.shift import ShiftScorer
from palindra.evaluation.trust import STRANGE, Effects, Measurements, Part
from palindra.evaluation.uncertainty import Coverage, expected_calibration_error, measured_coverage
from palindra.models import Predictor, predict_batches
from palindra.models.saving import Run
from palindra.sequences import encode, one_hot

Array = NDArray[Any]
SHIFTED, SHIFTS, SHARE = 500, 20, 20  # rows that are shifted, how often, by up to a share of their length
FEWEST = 50  # rows of a part
RESAMPLES = 300
BASELINES = {"gc": "GC content", "composition": "GC and dinucleotides", "kmer": "the 6-mer regression"}


class Full(NamedTuple):
    """What the page of a full evaluation shows beside the scores."""

    measured: Measurements
    strangeness: Array | None  # percentile of each row
    errors: Array  # of each row, in units of the labels or of probability


class Inside(NamedTuple):
    """For each row and decision whether its label lies inside the interval or set, and whether it is known."""

    inside: NDArray[np.bool_]
    known: NDArray[np.bool_]

    def coverage(self, rows: Array | slice = slice(None)) -> Coverage:
        """Measured on some rows."""
        return measured_coverage(self.inside[rows], self.known[rows])


def measure_all(
    run: Run,
    folder: Path,
    rows: LabelledSequences,
    reference: LabelledSequences | None,
    *,
    coverage: float = 0.9,
    level: str = "",
    effects: Path | None = None,
) -> Full:
    """Measure a model on labelled sequences that it was not trained on.

    Args:
        run: the model.
        folder: its run folder, whose validation predictions calibrate intervals and sets.
        rows: what it is evaluated on.
        reference: rows it was trained on, with the validation rows, for strangeness and trivial predictors.
        coverage: of intervals and sets.
        level: of the shift between training and these rows, as declared.
        effects: table of measured effects of variants, see :func:`read_effects`.
    """
    x = one_hot(rows.sequences, rows.alphabet)
    given = predict_batches(run.predictor, x).numpy()
    name = PRIMARY[str(rows.task)]
    ensemble = Ensemble([folder])
    valid = ensemble.kept("valid")
    outputs = ensemble.read(x)
    inside, calibration = None, None
    if valid is not None:
        fitted = calibrated(ensemble, valid, coverage=coverage, sets="lac", spread_known=ensemble.networks > 1)
        inside = _inside(fitted, outputs, rows.labels)
        calibration = _calibration(fitted, outputs, rows.labels)
    errors = _errors(rows, given)
    stranded = bool(rows.alphabet.rep.regular)
    percentiles = _strangeness(run, rows, reference) if reference is not None and stranded else None
    trivial, trivial_name = _trivial(rows, reference, name)
    groups = row_blocks(rows.chromosomes).groups
    value = _scored(name, rows, given, np.arange(len(rows)), groups)
    shifts, reach = _shifts(run, rows, x)
    strange = math.nan if percentiles is None else float((percentiles > STRANGE).mean())
    measured = Measurements(
        metric=name,
        score=value,
        higher_is_better=HIGHER_IS_BETTER[name],
        trivial=trivial,
        trivial_name=trivial_name,
        strands=_strands(run, rows, x, given),
        shifts=shifts,
        reach=reach,
        wanted=coverage,
        coverage=None if inside is None else inside.coverage(),
        calibration=calibration,
        parts=list(_parts(name, rows, given, percentiles, inside, groups)),
        errors_and_strangeness=_correlation(errors, percentiles),
        strange=strange,
        level=level,
        effects=None if effects is None else _effects(run, rows, effects),
    )
    return Full(measured, percentiles, errors)


def read_effects(path: Path, rows: LabelledSequences) -> tuple[list[str], list[str], Array]:
    """Measured effects of variants: a table with columns ``sequence``, ``alternate`` and ``effect``.

    Raises:
        InputError: for a missing column, another length, or an effect that is no number, with its line.
    """
    with path.open(encoding="utf-8", newline="") as lines:
        table = csv.DictReader(lines, delimiter="," if path.suffix == ".csv" else "\t")
        wanted = ("sequence", "alternate", "effect")
        if missing := [name for name in wanted if name not in (table.fieldnames or [])]:
            raise InputError(
                f"{path}: column {missing[0]!r} is missing; needed are sequence, alternate and effect (e.g. the log2 "
                "fold change of alternate over sequence)."
            )
        found = [(number, row) for number, row in enumerate(table, start=2)]
    pairs: tuple[list[str], list[str], list[float]] = ([], [], [])
    for number, row in found:
        for column, texts in (("sequence", pairs[0]), ("alternate", pairs[1])):
            text = (row[column] or "").strip()
            if len(text) != rows.length:
                raise InputError(
                    f"{path} line {number}: {column} has {len(text)} letters, the model reads {rows.length}."
                )
            texts.append(text)
        try:
            pairs[2].append(float(row["effect"]))
        except (TypeError, ValueError):
            raise InputError(f"{path} line {number}: effect {row['effect']!r} is not a number.") from None
    if len(pairs[2]) < 10:
        raise InputError(f"{path}: {len(pairs[2])} effects; at least 10 are needed for a correlation.")
    return pairs[0], pairs[1], np.array(pairs[2])


def _effects(run: Run, rows: LabelledSequences, path: Path) -> Effects:
    """Difference of the outputs before the link (log-odds of probabilities), mean over outputs, with measured ones."""
    ref, alt, effect = read_effects(path, rows)
    before, after = (_logits(run.predictor, one_hot(texts, rows.alphabet)).mean(axis=1) for texts in (ref, alt))
    predicted = after - before

    def pearson(chosen: Array) -> float:
        if np.ptp(predicted[chosen]) == 0 or np.ptp(effect[chosen]) == 0:
            return math.nan
        return float(np.corrcoef(predicted[chosen], effect[chosen])[0, 1])

    try:
        value, low, high = bootstrap_interval(pearson, len(effect), seed=0, resamples=RESAMPLES)
    except InputError:
        value, low, high = pearson(np.arange(len(effect))), math.nan, math.nan
    return Effects(len(effect), value, low, high)


@torch.no_grad()
def _logits(predictor: Predictor, x: Tensor) -> Array:
    """Outputs before the link, which for probabilities are log-odds."""
    return torch.cat([predictor.eval().logits(part.float()) for part in torch.split(x, 512)]).numpy()


def _strands(run: Run, rows: LabelledSequences, x: Any, given: Array) -> float:
    if run.predictor.target.rep is None or not rows.alphabet.rep.regular:
        return math.nan
    other = run.predictor.target.act(predict_batches(run.predictor, x.flip(1, 2))).numpy()
    size = float(np.abs(given).mean())
    return mean_apart(given, other) / size if size > 0 else 0.0


def _shifts(run: Run, rows: LabelledSequences, x: Any) -> tuple[float, int]:
    """Deviation over shifts inside the window (N moves in), relative to the mean size of the answers."""
    reach = max(1, rows.length // SHARE)
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(SHIFTED, len(rows))).astype(int))
    moved = random_shifts(chosen, number=SHIFTS, reach=reach, seed=0)

    def predict(part: Any) -> Any:
        return predict_batches(run.predictor, part)

    found = group_consistency(predict, x[chosen].float(), moved, Reading(run.predictor.target), reach=reach)
    size = float(found.size.mean())
    return (float(found.std.mean()) / size if size > 0 else 0.0), reach


def _inside(fitted: Any, outputs: Outputs, labels: Array) -> Inside:
    known = ~np.isnan(labels)
    if isinstance(fitted, Values):
        held = [fitted.intervals(outputs, c).contain(labels[:, c]) for c in range(labels.shape[1])]
    else:
        assert isinstance(fitted, Classes)
        filled = np.where(known, labels, 0).astype(int)
        held = [some[np.arange(len(labels)), filled[:, c]] for c, some in enumerate(fitted.sets(outputs))]
    return Inside(np.stack(held, axis=1), known)


def _calibration(fitted: Any, outputs: Outputs, labels: Array) -> tuple[float, float] | None:
    if not isinstance(fitted, Classes):
        return None
    found = []
    for temperature in (1.0, None):
        decided = fitted.decided(fitted.probabilities(outputs, temperature))
        each = []
        for column, probabilities in enumerate(decided):
            known = ~np.isnan(labels[:, column])
            each.append(expected_calibration_error(probabilities[known], labels[known, column]))
        found.append(float(np.mean(each)))
    return found[0], found[1]


def _errors(rows: LabelledSequences, given: Array) -> Array:
    """How wrong each prediction is: |difference|, or one minus the probability of the right class."""
    if str(rows.task) == "multiclass":
        return 1 - given[np.arange(len(rows)), rows.labels[:, 0].astype(int)]
    with np.errstate(invalid="ignore"):
        gaps = np.abs(given - rows.labels)
    known = ~np.isnan(gaps)
    return np.where(known.any(axis=1), np.where(known, gaps, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1), np.nan)


def _strangeness(run: Run, rows: LabelledSequences, reference: LabelledSequences) -> Array | None:
    """Percentile of every row among held-out training rows: validation rows where there are some."""
    chosen = reference.splits != "test"
    known = [text for text, kept in zip(reference.sequences, chosen, strict=True) if kept]
    codes, new = encode(known, rows.alphabet), encode(rows.sequences, rows.alphabet)
    away = reference.splits[chosen] == "valid"
    try:
        scorer = ShiftScorer(canonical=rows.alphabet.name != "RNA")
        scorer.fit(codes, held_out=away if away.sum() >= FEWEST else None)
    except ValueError:
        return None
    return np.asarray(scorer.percentile("combined", scorer.score(new)["combined"]))


def _trivial(rows: LabelledSequences, reference: LabelledSequences | None, name: str) -> tuple[float, str]:
    """The best trivial predictor by its validation score, scored on these rows."""
    if reference is None or not (reference.splits == "valid").any() or not (reference.splits == "train").any():
        return math.nan, ""
    train, valid = reference.rows("train"), reference.rows("valid")
    compute, sign = metric(rows.task, name), 1 if HIGHER_IS_BETTER[name] else -1
    best = (-math.inf, math.nan, "")
    for kind, words in BASELINES.items():
        fitted = fit_baseline(kind, str(rows.task), (train.sequences, train.labels), (valid.sequences, valid.labels))
        held = sign * compute(fitted.predict(valid.sequences), valid.labels)
        if held > best[0]:
            best = (held, compute(fitted.predict(rows.sequences), rows.labels), words)
    return best[1], best[2]


def _scored(name: str, rows: LabelledSequences, given: Array, chosen: Array, groups: Array | None) -> Any:
    compute = metric(rows.task, name)
    some, labels = given[chosen], rows.labels[chosen]
    try:
        return bootstrap_interval(
            lambda drawn: compute(some[drawn], labels[drawn]),
            len(chosen),
            seed=0,
            resamples=RESAMPLES,
            groups=None if groups is None else groups[chosen],
        )
    except InputError:  # too few rows of a class to resample
        try:
            return compute(some, labels), math.nan, math.nan
        except ValueError:
            return math.nan, math.nan, math.nan


def _parts(
    name: str, rows: LabelledSequences, given: Array, strange: Array | None, inside: Inside | None, groups: Array | None
) -> Iterator[Part]:
    for kind, label, chosen in _strata(rows, strange):
        if len(chosen) >= FEWEST:
            value, low, high = _scored(name, rows, given, chosen, groups)
            yield Part(kind, label, len(chosen), value, low, high, None if inside is None else inside.coverage(chosen))


def _strata(rows: LabelledSequences, strange: Array | None) -> Iterator[tuple[str, str, Array]]:
    gc = np.array([(text.upper().count("G") + text.upper().count("C")) / max(len(text), 1) for text in rows.sequences])
    if rows.alphabet.rep.regular:
        low, high = np.quantile(gc, [1 / 3, 2 / 3])
        yield "GC content", f"up to {low:.0%}", np.flatnonzero(gc <= low)
        yield "GC content", f"{low:.0%} to {high:.0%}", np.flatnonzero((gc > low) & (gc <= high))
        yield "GC content", f"above {high:.0%}", np.flatnonzero(gc > high)
    if strange is not None:
        for words, first, last in (("below the median", -1, 50), ("50 % to 90 %", 50, 90), ("above 90 %", 90, 101)):
            yield "strangeness", words, np.flatnonzero((strange > first) & (strange <= last))
    if rows.chromosomes is not None:
        names = np.asarray(rows.chromosomes)
        for name in np.unique(names)[:30]:
            yield "chromosome", str(name), np.flatnonzero(names == name)


def _correlation(errors: Array, strange: Array | None) -> tuple[float, float]:
    from scipy.stats import spearmanr

    if strange is None:
        return math.nan, math.nan
    known = ~(np.isnan(errors) | np.isnan(strange))
    if known.sum() < FEWEST or np.ptp(strange[known]) == 0 or np.ptp(errors[known]) == 0:
        return math.nan, math.nan
    found = spearmanr(errors[known], strange[known])
    return float(found.statistic), float(found.pvalue)
