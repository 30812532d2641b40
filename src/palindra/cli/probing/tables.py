"""The tables of a probing as lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from palindra.cli.probing.maps import Of
from palindra.probing.verdicts import Entry, TrainedScore, Verdict, ZeroShot, mean_ranks, ranks

Field = str | float | int | None


def results(entries: Sequence[Entry], verdicts: Sequence[Verdict]) -> str:
    """One line for each cell: score, interval over seeds, rank, verdict and the tests behind it, cost, warnings."""
    judged = {id(verdict.entry): verdict for verdict in verdicts}
    placed, means = ranks(entries), mean_ranks(entries)
    rows: list[dict[str, Field]] = []
    for entry in entries:
        verdict = judged.get(id(entry))
        place = (entry.label, entry.task, entry.reading) if verdict else ("", "", "")
        rows.append(
            _what(entry)
            | {
                "rank": placed.get(place),
                "mean_rank": means.get((place[0], place[2])),
            }
            | _tested(verdict)
            | {
                "parameters": entry.parameters,
                "readout_parameters": entry.readout_parameters,
                "seconds_per_1000": entry.seconds_per_1000,
                "warnings": " | ".join(dict.fromkeys(entry.warnings)),
            }
        )
    return lines(rows)


def _what(entry: Entry) -> dict[str, Field]:
    low, high = entry.interval
    return {
        "source": entry.source,
        "kind": str(entry.kind),
        "task": entry.task,
        "readout": entry.readout,
        "summary": entry.summary,
        "strands": entry.strands,
        "layer": entry.layer,
        "fraction": entry.fraction,
        "control": entry.control,
        "metric": entry.metric,
        "mean": entry.mean,
        "low": low,
        "high": high,
        "interval_covers": entry.covers,
        "seeds": len(entry.known),
        "test_rows": entry.test_rows,
    }


def _tested(verdict: Verdict | None) -> dict[str, Field]:
    d = verdict.difference if verdict else None
    alike = verdict.same_readout if verdict else None
    reference = verdict.reference if verdict else None
    return {
        "verdict": verdict.word if verdict else "",
        "reference": f"{reference.label}, {reference.reading}" if reference else "",
        "difference": d.mean if d else None,
        "difference_low": d.low if d else None,
        "difference_high": d.high if d else None,
        "covers": d.covers if d and not math.isnan(d.p) else "",
        "p": d.p if d else None,
        "p_corrected": verdict.p_corrected if verdict else None,
        "p_mann_whitney": verdict.p_mann_whitney if verdict else None,
        "difference_same_readout": alike.mean if alike else None,
        "p_same_readout": alike.p if alike else None,
    }


def lines(rows: Iterable[Mapping[str, Field]]) -> str:
    r"""Tab-separated text; a number that there is not is an empty field.

    Examples:
        >>> lines([{"source": "one\thot", "mean": 0.5}, {"source": "lm", "mean": float("nan")}])
        'source\tmean\none hot\t0.5\nlm\t\n'
    """
    rows = list(rows)
    header = list(dict.fromkeys(name for row in rows for name in row))
    text = [header, *([_field(row.get(name)) for name in header] for row in rows)]
    return "\n".join("\t".join(fields) for fields in text) + "\n"


def _field(value: Field) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return f"{value:.7g}" if isinstance(value, float) else " ".join(str(value).split())


def scores(entries: Iterable[Entry]) -> str:
    """One line for each cell and seed."""
    return lines(
        _what(entry) | {"seed": seed, "score": value, "score_without_leaks": entry.without_leaks.get(seed)}
        for entry in entries
        for seed, value in entry.scores.items()
    )


def zero_shot(found: Iterable[ZeroShot], trained: Iterable[TrainedScore] = ()) -> str:
    """One line for each score of each source, with its sign; below, those of trained readouts."""
    return lines([*map(_untrained, found), *map(_trained, trained)])


def _untrained(item: ZeroShot) -> dict[str, Field]:
    return {
        "source": item.source,
        "kind": str(item.kind),
        "task": item.task,
        "score": item.score,
        "pearson": item.correlation,
        "low": item.low,
        "high": item.high,
        "variants": item.variants,
        "elements": item.elements,
        "expected_sign": item.expected,
        "interval_covers": "variants",
        "seeds": None,
        "warnings": " | ".join(item.warnings),
    }


def _trained(item: TrainedScore) -> dict[str, Field]:
    entry, d = item.entry, item.difference()
    return {
        "source": entry.label,
        "kind": str(entry.kind),
        "task": entry.task,
        "score": item.score,
        "pearson": entry.mean,
        "low": d.low,
        "high": d.high,
        "variants": item.variants,
        "elements": item.elements,
        "expected_sign": 1,
        "interval_covers": d.covers.replace("test rows", "variants"),
        "seeds": len(entry.known),
        "warnings": " | ".join(entry.warnings),
    }


def trained(found: Iterable[TrainedScore]) -> str:
    """One line for each readout, seed and element, and for the mean over elements."""
    return lines(
        {
            "source": item.entry.label,
            "kind": str(item.entry.kind),
            "task": item.entry.task,
            "trained_on": item.trained_on,
            "readout": item.entry.readout,
            "summary": item.entry.summary,
            "seed": seed,
            "element": one.element,
            "variants": one.rows,
            "pearson": one.pearson,
            "low": one.interval[0],
            "high": one.interval[1],
            "spearman": one.spearman,
        }
        for item in found
        for seed, parts in item.by_element.items()
        for one in parts
    )


def of_maps(found: Iterable[Of], kind: type[Any]) -> str:
    """One line for each row about the maps of a source on a task; without any, the header alone."""
    names = ["source", "task", *(field.name for field in fields(kind))]
    rows = [{"source": one.source, "task": one.task, **asdict(one.row)} for one in found]
    return lines(rows) if rows else "\t".join(names) + "\n"
