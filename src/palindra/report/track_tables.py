"""The tables of the track pages as rows of text."""

from __future__ import annotations

import math
from typing import NamedTuple

from palindra.report import numbers
from palindra.report.track_records import ThresholdCurve
from palindra.report.track_results import Claim, DataFacts, TrackFacts, TrackScore

SIGNS = {"supported": ("ok", "✓"), "not supported": ("warning", "✗"), "cannot be tested here": ("note", "–")}


class Cell(NamedTuple):
    """One entry: what is read, and what stands small below it."""

    text: str
    details: list[str]


class Table(NamedTuple):
    """A table with its headers; the first cell of a row names it."""

    caption: str
    header: list[str]
    rows: list[list[Cell]]


def score_table(scores: list[TrackScore], higher_is_better: dict[str, bool]) -> Table | None:
    """A row for each track and a column for each metric; below a score its interval and its references."""
    metrics = list(dict.fromkeys(score.metric for score in scores))
    tracks = list(dict.fromkeys(score.track for score in scores))
    found = {(score.track, score.metric): score for score in scores}
    places = {metric: _places([score for score in scores if score.metric == metric]) for metric in metrics}
    rows = [
        [Cell(track, []), *(_score(found.get((track, metric)), places[metric]) for metric in metrics)]
        for track in tracks
    ]
    header = ["track", *(f"{metric} {'↑' if higher_is_better[metric] else '↓'}" for metric in metrics)]
    return Table("Scores on the test windows", header, rows) if rows else None


def threshold_table(items: list[ThresholdCurve]) -> Table | None:
    """Pearson and number of windows at every threshold, one pair of columns for each row."""
    thresholds = sorted({value for item in items for value in item.thresholds.tolist()})
    if not thresholds:
        return None
    at = [dict(zip(item.thresholds.tolist(), range(len(item.thresholds)), strict=True)) for item in items]
    rows = [
        [
            Cell(f"{threshold:g}", []),
            *(
                Cell(
                    numbers.number(float(item.pearson[place[threshold]]), 3),
                    [f"{numbers.count(int(item.windows[place[threshold]]))} windows"],
                )
                if threshold in place
                else Cell(numbers.DASH, [])
                for item, place in zip(items, at, strict=True)
            ),
        ]
        for threshold in thresholds
    ]
    return Table("Pearson per sequence by threshold", ["threshold", *(item.row for item in items)], rows)


def claim_rows(claims: list[Claim]) -> list[dict[str, str]]:
    """Each claim in words, with the sign of its verdict and as many digits as its interval has."""
    rows = []
    for claim in claims:
        level, icon = SIGNS[claim.verdict]
        places = numbers.decimals([claim.effect, claim.low, claim.high])
        known = numbers.is_number(claim.effect)
        rows.append({
            "id": claim.id,
            "words": claim.words,
            "verdict": claim.verdict,
            "level": level,
            "icon": icon,
            "reason": claim.reason,
            "measure": claim.measure,
            "effect": numbers.signed(claim.effect, places) if known else numbers.DASH,
            "interval": numbers.interval(claim.low, claim.high, places) or "no interval" * known,
            "seeds": numbers.count(claim.seeds),
            "p": numbers.p_value(claim.p_corrected),
        })  # fmt: skip
    return rows


def data_tables(data: DataFacts) -> list[Table]:
    """Windows per split, tracks with their missing share, excluded regions; what is empty is left out."""
    splits = [
        [Cell(split.name, []), Cell(split.regions, []), _count(split.windows), _count(split.bases)]
        for split in data.splits
    ]
    parts = list(dict.fromkeys(part for track in data.tracks for part in track.missing))
    tracks = [
        [
            Cell(track.name, _origin(track)),
            *(Cell(_share(track.missing.get(part, math.nan)), []) for part in parts),
            Cell(numbers.number(track.mean), []),
            Cell(numbers.number(track.maximum), []),
        ]
        for track in data.tracks
    ]
    excluded = [
        [Cell(item.reason, []), _count(item.regions), _count(item.bases), _count(item.windows)]
        for item in data.excluded
    ]
    tables = [
        Table("Windows per split", ["split", "regions", "windows", "bases covered"], splits),
        Table("Tracks", ["track", *(f"missing, {part}" for part in parts), "mean", "maximum"], tracks),
        Table("Excluded regions", ["reason", "regions", "bases", "windows lost"], excluded),
    ]
    return [table for table in tables if table.rows]


def _score(score: TrackScore | None, places: int) -> Cell:
    if score is None:
        return Cell(numbers.DASH, [])
    interval = numbers.interval(score.low, score.high, places) or "no interval"
    references = [f"{name} {numbers.number(value, places)}" for name, value in score.references.items()]
    return Cell(numbers.number(score.value, places), [interval, *references])


def _places(scores: list[TrackScore]) -> int:
    return numbers.decimals([score.value for score in scores], [(score.high - score.low) / 2 for score in scores])


def _origin(track: TrackFacts) -> list[str]:
    return [track.source, *([f"other strand: {track.partner}"] if track.partner not in (None, track.name) else [])]


def _count(value: int | None) -> Cell:
    return Cell(numbers.count(value), [])


def _share(value: float) -> str:
    """A share in per cent; what is not none does not read as none."""
    if not numbers.is_number(value):
        return numbers.DASH
    return "none" if value == 0 else "< 0.01 %" if value < 1e-4 else f"{100 * value:.2f} %"
