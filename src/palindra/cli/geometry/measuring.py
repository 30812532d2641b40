"""Delta of points beside its nulls: table, summary and page."""

from __future__ import annotations

import datetime
import json
import math
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from palindra.cli.geometry.inputs import Settings, read_subject
from palindra.cli.provenance import commit, versions
from palindra.errors import InputError
from palindra.evaluation import Interval
from palindra.evaluation.hyperbolicity import Draws, Hyperbolicity, conclude, hyperbolicity
from palindra.models.saving import write_text
from palindra.report import geometry_page

__all__ = ["Settings", "measure_geometry"]


def measure_geometry(files: Sequence[Path], output: Path, settings: Settings, *, command: str) -> list[str]:
    """Write the table, the summary and the page.

    Returns:
        The conclusions, sentence by sentence.

    Raises:
        InputError: for files and options that cannot be used.
    """
    if output.suffix in (".html", ".json"):
        raise InputError(f"--output {output}: it names the table, beside which {output.suffix} is written; use .tsv.")
    read = [read_subject(path, settings) for path in files]
    found = []
    for path, (subject, _) in zip(files, read, strict=True):
        try:
            found.append(
                hyperbolicity(
                    subject,
                    size=settings.size,
                    subsets=settings.subsets,
                    repeats=settings.repeats,
                    seed=settings.seed,
                )
            )
        except ValueError as error:
            raise InputError(f"{path}: {error}") from error
    sentences = [sentence for item in found for sentence in conclude(item)]
    hashes = {f"sha256 of {path.name}": digest for path, (_, digest) in zip(files, read, strict=True)}
    output.parent.mkdir(parents=True, exist_ok=True)
    write_text(output, table(found))
    summary = {
        "files": [str(path) for path in files],
        "verdict": sentences,
        "measured": [_plain(item) for item in found],
    }
    write_text(output.with_suffix(".json"), json.dumps(summary, indent=1, allow_nan=False) + "\n")
    page = geometry_page.Geometry(
        title="How near to a tree: " + ", ".join(item.name for item in found),
        verdict=sentences,
        measured=[_drawn(item) for item in found],
        provenance=_provenance(command) | hashes,
    )
    geometry_page.write(page, output.with_suffix(".html"))
    return sentences


def table(found: Sequence[Hyperbolicity]) -> str:
    """One line for each set of points, each of its nulls, and each statistic (worst case and average)."""
    lines = [
        "name\tmetric\tpoints\tsize\tsubsets\tstatistic\tvalue\tlow\thigh\tnull\tnull_mean\tnull_low\tnull_high\tdraws"
        "\tp_lower\tp_higher\tstanding"
    ]
    for item in found:
        own = [item.name, item.metric, str(item.points), str(item.size), str(len(item.deltas))]
        for null in item.nulls:
            for statistic, value, draws in (
                ("relative_delta", item.relative, null.relative),
                ("relative_average", item.average, null.average),
            ):
                numbers = [*map(_field, (draws.mean, draws.low, draws.high)), str(len(draws.values))]
                chances = [_field(draws.p_lower), _field(draws.p_higher), draws.standing if draws.values else ""]
                lines.append("\t".join([*own, statistic, *map(_field, value), null.name, *numbers, *chances]))
    return "\n".join(lines) + "\n"


def _plain(item: Hyperbolicity) -> dict[str, Any]:
    return {
        "name": item.name,
        "metric": item.metric,
        "points": item.points,
        "size": item.size,
        "exact": item.exact,
        "relative_delta": item.relative.value,
        "interval": _bounds(item.relative),
        "relative_average": item.average.value,
        "interval_of_average": _bounds(item.average),
        "subsets": [one._asdict() for one in item.deltas],
        "nulls": [
            {
                "name": null.name,
                "without_finite_distances": null.unknown,
                "relative_delta": _draws(null.relative),
                "relative_average": _draws(null.average),
            }
            for null in item.nulls
        ],
        "notes": list(item.notes),
    }


def _draws(draws: Draws) -> dict[str, Any]:
    standing = draws.standing if draws.values else None
    return {"values": draws.values, "p_lower": draws.p_lower, "p_higher": draws.p_higher, "standing": standing}


def _bounds(interval: Interval) -> list[float] | None:
    return None if math.isnan(interval.low) else [interval.low, interval.high]


def _drawn(item: Hyperbolicity) -> geometry_page.Measured:
    worst = max(item.deltas, key=lambda one: one.delta)
    return geometry_page.Measured(
        name=item.name,
        metric=item.metric,
        points=item.points,
        size=item.size,
        subsets=len(item.deltas),
        relative=item.relative.value,
        low=item.relative.low,
        high=item.relative.high,
        delta=worst.delta,
        diameter=worst.diameter,
        average=item.average.value,
        nulls=[
            geometry_page.NullDraws(
                null.name,
                null.relative.values,
                null.relative.low,
                null.relative.high,
                null.relative.standing,
                null.average.standing,
            )
            for null in item.nulls
            if null.relative.values
        ],
    )


def _provenance(command: str) -> dict[str, str]:
    found = {"command": command, "versions": ", ".join(f"{name} {number}" for name, number in versions().items())}
    if current := commit():
        found["commit"] = current
    found["machine"] = f"{platform.machine()} {platform.system()}"
    found["date"] = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return found


def _field(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
