"""Cells, verdicts and claims as the plain values of a page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from palindra.probing.verdicts import Claim, Entry, Kind, MapAgreement, TrainedScore, Verdict, ZeroShot, mean_ranks
from palindra.probing.verdicts.table import REFERENCE
from palindra.report import numbers
from palindra.report.probe_curves import CurveLine, CurvePanel
from palindra.report.probe_page import ProbeCell, ProbeClaim, ProbeRow, ProbeTable, ProbeWarning

ORDER = ("cnn", "mlp", "linear")
STAGES = {"pretrained": "frozen", "downstream": "downstream"}


def tables(verdicts: Sequence[Verdict]) -> list[ProbeTable]:
    """One table for each reading, the CNN's first; sources and tasks in the order in which they were given."""
    ranks = mean_ranks(verdict.entry for verdict in verdicts)
    readings = sorted(
        dict.fromkeys(verdict.entry.reading for verdict in verdicts),
        key=lambda reading: (ORDER.index(reading.split()[0]), reading),
    )
    return [_table(reading, [v for v in verdicts if v.entry.reading == reading], ranks) for reading in readings]


def _table(reading: str, own: Sequence[Verdict], ranks: dict[tuple[str, str], float]) -> ProbeTable:
    tasks = {v.entry.task: (v.entry.metric, v.entry.higher_is_better) for v in own}
    by_place = {(v.entry.label, v.entry.task): v for v in own}
    rows = []
    for label in dict.fromkeys(v.entry.label for v in own):
        found = [by_place.get((label, task)) for task in tasks]
        one = next(v.entry for v in found if v is not None)
        rows.append(
            ProbeRow(
                name=label,
                kind=str(one.kind),
                cells=[None if v is None else _cell(v) for v in found],
                rank=ranks.get((label, reading), math.nan),
                parameters=one.parameters,
                seconds_per_1000=_mean(v.entry.seconds_per_1000 for v in found if v is not None),
            )
        )
    return ProbeTable(reading, [(task, *words) for task, words in tasks.items()], rows)


def _cell(verdict: Verdict) -> ProbeCell:
    entry, d = verdict.entry, verdict.difference
    shown = (math.nan,) * 3 if verdict.word == REFERENCE else (d.mean, d.low, d.high)
    return ProbeCell(
        entry.mean,
        *entry.interval,
        len(entry.known),
        verdict.word,
        *shown,
        warnings=len(set(entry.warnings)),
        covers=entry.covers,
    )


def warnings(entries: Iterable[Entry]) -> list[ProbeWarning]:
    """Every warning once, with the cells that it concerns: the task alone, where it holds for all sources."""
    entries = list(entries)
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        for message in dict.fromkeys(entry.warnings):
            found.setdefault(message, []).append(entry)
    shown = []
    for message, own in found.items():
        cells: list[str] = []
        for task in dict.fromkeys(entry.task for entry in own):
            concerned = [entry for entry in own if entry.task == task]
            everyone = {entry.label for entry in entries if entry.task == task}
            labels = list(dict.fromkeys(entry.label for entry in concerned))
            if set(labels) == everyone:
                cells.append(f"all sources on {task}")
                continue
            for label in labels:
                readings = dict.fromkeys(entry.reading for entry in concerned if entry.label == label)
                cells.append(f"{label} on {task} ({', '.join(readings)})")
        shown.append(ProbeWarning(message, cells))
    return shown


def layer_curves(entries: Sequence[Entry]) -> list[CurvePanel]:
    """Scores over layers, one panel for each task and reading; the dashed line is one-hot by the best reader it has."""
    own = [entry for entry in entries if entry.layer is not None and entry.fraction == 1.0 and not entry.control]
    panels = []
    for task, reading in dict.fromkeys((entry.task, entry.reading) for entry in own):
        drawn = [entry for entry in own if (entry.task, entry.reading) == (task, reading)]
        models: dict[str, list[tuple[float, Entry]]] = {}
        for entry in drawn:
            models.setdefault(replace(entry, layer=None).label, []).append((float(entry.layer or 0), entry))
        lines = [_line(label, places) for label, places in models.items()]
        plain = [e for e in entries if e.kind is Kind.ONE_HOT and e.task == task and e.is_main and e.strands == "as is"]
        best = next((e for e in plain if e.readout == "cnn"), next((e for e in plain if e.reading == reading), None))
        level = None if best is None else (f"one-hot by {best.reading}", best.mean)
        panels.append(CurvePanel(f"{task}, {reading}", "layer", drawn[0].metric, lines, level=level))
    return panels


def fraction_curves(entries: Sequence[Entry], training_rows: dict[str, int]) -> list[CurvePanel]:
    """Scores over the number of training rows, one panel for each task and reading."""
    own = [entry for entry in entries if entry.layer is None and not entry.control]
    panels = []
    for task, reading in dict.fromkeys((entry.task, entry.reading) for entry in own if entry.fraction < 1):
        drawn = [entry for entry in own if (entry.task, entry.reading) == (task, reading)]
        models: dict[str, list[tuple[float, Entry]]] = {}
        for entry in drawn:
            size = max(1, round(entry.fraction * training_rows[task]))
            models.setdefault(entry.label, []).append((float(size), entry))
        lines = [_line(label, places) for label, places in models.items()]
        panels.append(CurvePanel(f"{task}, {reading}", "training rows", drawn[0].metric, lines, sizes=True))
    return panels


def _line(name: str, places: Sequence[tuple[float, Entry]]) -> CurveLine:
    ordered = sorted(places, key=lambda place: place[0])
    return CurveLine(
        name, [x for x, _ in ordered], [e.mean for _, e in ordered], [list(e.scores.values()) for _, e in ordered]
    )


def claim_rows(claims: Iterable[Claim]) -> list[ProbeClaim]:
    """Claims with their differences in words."""
    return [
        ProbeClaim(
            claim.id, claim.words, claim.verdict, list(map(str, claim.evidence)), claim.p_corrected, claim.reason,
            claim.tested_on,
        )
        for claim in claims
    ]  # fmt: skip


def zero_shot_rows(found: Iterable[ZeroShot]) -> list[tuple[str, str, str]]:
    """Signed correlations with their intervals, and whether the sign is the one that the score should have."""
    rows = []
    for item in found:
        around = numbers.interval(item.low, item.high, 3)
        said = [f"Pearson, {item.elements}; {item.variants:,} variants"] if item.variants else []
        if item.expected and item.low * item.high > 0:
            right = item.expected * item.correlation > 0
            said.append(f"the sign is {'as' if right else 'not as'} it should be")
        if item.trained is not None:
            said.append(f"the CNN trained on these embeddings has {numbers.signed(item.trained.mean, 3)}")
        value = numbers.signed(item.correlation, 3) + (f" ({around})" if around else "")
        rows.append((f"{item.source}, {item.task}, {item.score}", value, "; ".join([*said, *item.warnings])))
    return rows


def trained_rows(found: Iterable[TrainedScore]) -> list[tuple[str, str, str]]:
    """The same of readouts trained on another task, whose interval is over seeds and variants where there are both."""
    rows = []
    for item in found:
        d = item.difference()
        around = numbers.interval(d.low, d.high, 3)
        seeds = len(item.entry.known)
        said = [f"Pearson, {item.elements}; {item.variants:,} variants"] if item.variants else []
        said += [f"{seeds} seeds"] * (seeds > 1)
        value = numbers.signed(item.entry.mean, 3) + (f" ({around})" if around else "")
        meaning = "; ".join([*said, *item.entry.warnings])
        rows.append((f"{item.entry.label}, {item.entry.task}, {item.score}", value, meaning))
    return rows


def map_rows(found: Iterable[MapAgreement]) -> list[tuple[str, str, str]]:
    """Mean correlation of maps with those of the one-hot CNN."""
    rows = []
    for item in found:
        d = item.difference()
        around = numbers.interval(d.low, d.high, 3)
        value = numbers.signed(d.mean, 3) + (f" ({around})" if around else "")
        said = [f"{d.seeds:,} sequences"] * bool(d.seeds)
        rows.append((f"{item.source}, {item.task}, {STAGES[item.stage]}", value, "; ".join([*said, *item.warnings])))
    return rows


def _mean(values: Iterable[float]) -> float:
    known = numbers.finite(values)
    return sum(known) / len(known) if known else math.nan
