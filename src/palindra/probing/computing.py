"""What a probing run does for one source on one task: plan its cells, compute what is missing, score."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from palindra.errors import InputError
from palindra.probing.cells import FULL, SHUFFLED, Cell, CellStore, Predictions, without_nan
from palindra.probing.controls import REFERENCE, fit_reference, reference_predictions
from palindra.probing.features import Embeddings, TaskFeatures, longest
from palindra.probing.psi import deviations
from palindra.probing.readouts import CNNS, CnnConfig, MlpConfig, Training, fit_readout
from palindra.probing.readouts.examples import Array
from palindra.probing.source import Source
from palindra.probing.tasks import Leaks, ProbeTask, downsampled, shuffled_labels
from palindra.probing.trained_variants import VariantWindows


@dataclass(frozen=True)
class Heads:
    """What differs from the readouts of the thesis, the same for every source.

    Args:
        cnn: sizes; by default those made for the task.
        mlp: sizes.
        trainings: by the name of a readout, how it is trained.
    """

    cnn: CnnConfig | None = None
    mlp: MlpConfig | None = None
    trainings: Mapping[str, Training] = field(default_factory=dict)

    def of(self, readout: str, task: ProbeTask) -> tuple[CnnConfig | MlpConfig | None, Training | None]:
        """Sizes and training of one readout on a task."""
        sizes: dict[str, CnnConfig | MlpConfig] = {"cnn": self.cnn or CNNS[task.cnn], "mlp": self.mlp or MlpConfig()}
        return sizes.get(readout), self.trainings.get(readout)


def base_name(source: Source) -> str:
    """The name of a source without what is done with its strands."""
    return base_name(source.source) if hasattr(source, "strands") and hasattr(source, "source") else source.name


def strands_of(source: Source) -> str:
    """What is done with the strands of a source."""
    return str(getattr(source, "strands", "as is"))


@dataclass(frozen=True)
class Plan:
    readouts: Sequence[str]
    summaries: Sequence[str]
    seeds: Sequence[int]
    fractions: Sequence[float]
    shuffled: bool

    def cells(self, blank: Cell) -> Iterator[Cell]:
        """Every cell of one source on one task, without scores."""
        for readout in self.readouts:
            for summary in (FULL,) if readout == "cnn" else self.summaries:
                one = replace(blank, readout=readout, summary=summary)
                for fraction in self.fractions:
                    for seed in self._seeds(readout, fraction):
                        yield replace(one, fraction=fraction, seed=seed)
                if self.shuffled:
                    yield replace(one, control=SHUFFLED, seed=self.seeds[0])

    def _seeds(self, readout: str, fraction: float) -> Sequence[int]:
        return self.seeds[:1] if readout == "linear" and fraction == 1 else self.seeds


@dataclass(frozen=True)
class Run:
    """What is done alike for every source and task.

    Args:
        store: of the cells.
        heads: what differs from the readouts of the thesis.
        device: of the readouts.
        say: is told of every cell that is computed.
        plan: which cells there are.
        only: names of the cells to go through; None for all.
        failed: names of cells that are taken as they are if they failed, and not tried again.
        variants: that the readouts of main cells also score.
    """

    store: CellStore
    heads: Heads
    device: str
    say: Callable[[str], None]
    plan: Plan
    only: Collection[str] | None = None
    failed: Collection[str] = ()
    variants: Sequence[VariantWindows] = ()

    def planned(
        self, source: Source, layer: int | None, task: ProbeTask, leaked: Leaks
    ) -> Iterator[tuple[Cell, dict[str, Any]]]:
        """The cells of one source, without scores, each with the identity of what it is computed from."""
        blank = replace(
            _blank(task, leaked),
            source=base_name(source),
            layer=layer,
            strands=strands_of(source),
            parameters=source.parameters,
        )
        fingerprints = {"source": source.fingerprint, "task": task.fingerprint}
        for cell in self.plan.cells(blank):
            if self.only is not None and cell.name not in self.only:
                continue
            sizes, training = self.heads.of(cell.readout, task)
            yield (
                cell,
                fingerprints
                | {
                    "head": None if sizes is None else asdict(sizes),
                    "training": None if training is None else asdict(training),
                }
                | ({"variants": [one.key for one in self._served(cell)]} if self._served(cell) else {}),
            )

    def _served(self, cell: Cell) -> Sequence[VariantWindows]:
        """What the readout of a cell scores as well: that of all training rows with their own labels."""
        return self.variants if cell.layer is None and cell.fraction == 1.0 and not cell.control else ()

    def planned_references(self, task: ProbeTask, leaked: Leaks) -> Iterator[tuple[Cell, dict[str, Any]]]:
        """The cells of the reference, as those of a source."""
        blank = replace(_blank(task, leaked), source=REFERENCE, readout="linear", summary="mean", strands="averaged")
        for fraction in self.plan.fractions if len(task.inputs) == 1 else ():
            for seed in self.plan.seeds if fraction < 1 else self.plan.seeds[:1]:
                cell = replace(blank, fraction=fraction, seed=seed)
                if self.only is None or cell.name in self.only:
                    yield cell, {"task": task.fingerprint}

    def cells(
        self,
        source: Source,
        layer: int | None,
        task: ProbeTask,
        leaked: Leaks,
        cache: Embeddings,
        notes: list[str],
    ) -> Iterator[Cell]:
        features = TaskFeatures(source, task, cache)
        for cell, identity in self.planned(source, layer, task, leaked):
            sizes, training = self.heads.of(cell.readout, task)

            def compute(cell: Cell = cell, sizes: Any = sizes, training: Training | None = training) -> _Outcome | None:
                if cell.summary == FULL and not features.has_tokens:
                    notes.append(f"{source.name}: gives one vector a sequence, which the CNN cannot read.")
                    return None
                return self._fit(cell, features, sizes, training)

            done = self._done(cell, identity, task, leaked, compute)
            if done is not None:
                yield done

    def references(self, task: ProbeTask, leaked: Leaks) -> Iterator[Cell]:
        for cell, identity in self.planned_references(task, leaked):

            def compute(cell: Cell = cell) -> _Outcome:
                train = downsampled(task, cell.fraction, seed=cell.seed)
                baseline = fit_reference(task, train, task.split("valid"))
                start = time.perf_counter()
                predictions = reference_predictions(baseline, task, task.scored)
                seconds = 1000 * (time.perf_counter() - start) / max(len(task.scored), 1)
                settings = {"features": baseline.features, "strength": baseline.strength}
                return _Outcome(predictions, baseline.parameters, settings, (), seconds)

            done = self._done(cell, identity, task, leaked, compute)
            if done is not None:
                yield done

    def _done(
        self,
        cell: Cell,
        identity: Mapping[str, Any],
        task: ProbeTask,
        leaked: Leaks,
        compute: Callable[[], _Outcome | None],
    ) -> Cell | None:
        stored = self.store.read(cell.name, identity, failed=cell.name in self.failed)
        if stored is not None:
            return stored
        self.say(f"{task.name}: {cell.source}, {cell.readout} on {cell.summary}, seed {cell.seed}")
        try:
            outcome = compute()
            if outcome is None:
                return None
            cell, predictions = _scored(cell, outcome, task, leaked)
        except Exception as error:  # other people's models fail in their own ways, and the other cells must go on
            kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
            cell, predictions = replace(cell, failed=True, warnings=(*cell.warnings, f"failed: {kind}{error}")), None
        self.store.write(cell, identity, predictions)
        return cell

    def _fit(self, cell: Cell, features: TaskFeatures, sizes: Any, training: Training | None) -> _Outcome:
        task = features.task
        train = downsampled(task, cell.fraction, seed=cell.seed)
        labels = shuffled_labels(task, seed=cell.seed) if cell.control == SHUFFLED else task.labels
        valid, test = task.split("valid"), task.scored
        others, warnings = self._others(cell, features)
        tokens = None
        if cell.summary == FULL:
            tokens = max([features.tokens, *(longest(part) for _, part in others)])
        readout = fit_readout(
            cell.readout,
            task,
            (features.of(cell.summary, train), labels[train]),
            (features.of(cell.summary, valid), labels[valid]),
            seed=cell.seed,
            config=sizes,
            training=training,
            tokens=tokens,
            align=task.align,
            device=self.device,
        )
        given = features.of(cell.summary, test)
        start = time.perf_counter()
        predictions = readout.predict(given)
        reading = (time.perf_counter() - start) / max(len(test), 1)
        seconds = 1000 * (features.seconds + reading)
        effects = {one.key: one.differences(readout.predict(part)) for one, part in others}
        warnings = (*readout.warnings, *warnings)
        return _Outcome(predictions, readout.parameters, readout.settings, warnings, seconds, effects)

    def _others(self, cell: Cell, features: TaskFeatures) -> tuple[list[tuple[VariantWindows, Any]], tuple[str, ...]]:
        """Features of variants that the readout scores, and why there are none."""
        found, warnings = [], []
        for one in self._served(cell):
            try:
                found.append((one, features.of_others(one.texts, cell.summary, key=one.key)))
            except InputError as error:
                warnings.append(f"{one.variants.name} cannot be scored: {error}")
        return found, tuple(warnings)


@dataclass(frozen=True)
class _Outcome:
    predictions: Array
    parameters: int
    settings: Mapping[str, Any]
    warnings: tuple[str, ...]
    seconds_per_1000: float
    effects: Mapping[str, Array] = field(default_factory=dict)  # of variants, by the key of their windows


def _scored(cell: Cell, outcome: _Outcome, task: ProbeTask, leaked: Leaks) -> tuple[Cell, Predictions]:
    rows = task.scored
    also = np.isin(rows, leaked.test_rows)
    without: dict[str, float] = {}
    notes = [*cell.warnings, *outcome.warnings]
    if also.any():
        try:
            without = task.score(outcome.predictions[~also], rows[~also])
        except InputError as error:
            notes.append(f"without leaked rows there is no score: {error}")
    labels = deviations(task.labels[rows]) if task.kind == "psi" else task.labels[rows]
    kept = Predictions(predictions=outcome.predictions, labels=labels, rows=rows, leaked=also)
    if task.groups is not None:
        kept["groups"] = task.groups[rows]
    kept.update(outcome.effects)
    cell = replace(
        cell,
        metrics=task.score(outcome.predictions, rows),
        metrics_without_leaks=without,
        readout_parameters=outcome.parameters,
        seconds_per_1000=outcome.seconds_per_1000,
        settings=without_nan(outcome.settings),  # as it will be read again
        test_rows=len(rows),
        leaked_rows=int(also.sum()),
        warnings=tuple(notes),
    )
    return cell, kept


def _blank(task: ProbeTask, leaked: Leaks) -> Cell:
    return Cell(
        source="",
        task=task.name,
        readout="",
        seed=0,
        fraction=1.0,
        metrics={},
        metric=task.primary,
        task_kind=task.kind,
        symmetric=task.symmetric,
        warnings=() if leaked.warning is None else (leaked.warning,),
    )
