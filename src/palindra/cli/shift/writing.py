"""What is written of a measured shift: one line per sequence, a summary, and a page."""

from __future__ import annotations

import datetime
import json
import math
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from palindra.cli.provenance import commit, versions
from palindra.cli.shift.ruggedness import medians
from palindra.evaluation.shift import SCORES, SetDistance
from palindra.models.saving import write_text
from palindra.report import shift_page

if TYPE_CHECKING:
    from palindra.cli.shift.measuring import Measured, Settings

UNUSUAL = 95  # percentile above which a sequence is called strange
DRAWN = ("unlikelihood", "kmer_js", "embedding_mahalanobis", "embedding_neighbours")


def write_all(found: Measured, run: Path, output: Path, settings: Settings, meaning: str, command: str) -> list[str]:
    """Write the table, the summary beside it and the page; the conclusions, sentence by sentence."""
    output.parent.mkdir(parents=True, exist_ok=True)
    summary = summarise(found, settings.level)
    sentences = verdict(found, settings.level, meaning)
    write_text(output, table(found))
    report = summary | {"run": str(run), "verdict": sentences}
    write_text(output.with_suffix(".json"), json.dumps(strict(report), indent=1, allow_nan=False) + "\n")
    page = shift_page.Shift(
        title=f"{found.new.path.name} beside the training data of {run.name}",
        level=f"{settings.level} ({meaning})",
        verdict=sentences,
        table=_measures(found, summary),
        percentiles=found.percentiles["combined"].tolist(),
        groups=[
            (name.replace("_", " "), found.percentiles[name].tolist()) for name in DRAWN if name in found.percentiles
        ],
        distances=[
            shift_page.Distances(
                name,
                [new.k for new, _ in found.sets],
                [getattr(new, field) for new, _ in found.sets],
                [getattr(usual, field) for _, usual in found.sets],
            )
            for name, field in (("Jensen-Shannon distance", "js"), ("Wasserstein distance (letters)", "wasserstein"))
        ],
        provenance=provenance(
            command, {"sha256 of new sequences": found.new.sha256, "sha256 of reference": found.reference.sha256}
        ),
    )
    shift_page.write(page, output.with_suffix(".html"))
    return sentences


def table(found: Measured) -> str:
    """One line per sequence: name, predictions, OOD percentile, scores with their percentiles, ruggedness."""
    columns: dict[str, Any] = {f"prediction_{name}": values for name, values in found.predictions.items()}
    columns["ood_percentile"] = found.percentiles["combined"]
    for name, values in found.scores.items():
        columns |= {f"ood_{name}": values, f"ood_{name}_percentile": found.percentiles[name]}
    rows = len(found.new.names)
    if found.around is not None:
        for name, values in found.around.values.items():
            for column, known in ((name, values), (f"{name}_percentile", found.around.percentiles[name])):
                columns[f"ruggedness_{column}"] = np.pad(known, (0, rows - len(known)), constant_values=np.nan)
    lines = ["\t".join(["name", *columns])]
    for row, name in enumerate(found.new.names):
        lines.append("\t".join([" ".join(name.split()), *(_field(values[row]) for values in columns.values())]))
    return "\n".join(lines) + "\n"


def summarise(found: Measured, level: str) -> dict[str, Any]:
    """The numbers of both sets as wholes."""
    return {
        "level": level,
        "new": {"file": found.new.path.name, "sha256": found.new.sha256, "sequences": len(found.new.names)},
        "reference": {
            "file": found.reference.path.name,
            "sha256": found.reference.sha256,
            "sequences": found.known,
            "held_out": found.held_out,
        },
        "scores": {
            name: {
                "median": _median(values),
                "median_percentile": _median(found.percentiles[name]),
                f"share_above_{UNUSUAL}": _share(found.percentiles[name]),
            }
            for name, values in found.scores.items()
        },
        "sets": [_set_row(new, usual) for new, usual in found.sets],
        "two_sample": {
            name: {"auroc": item.auroc, "low": item.low, "high": item.high} for name, item in found.classifiers.items()
        },
        "ruggedness": None if found.around is None else {"label": found.around.label} | medians(found.around),
    }


def verdict(found: Measured, level: str, meaning: str) -> list[str]:
    """What the numbers say, the main thing first."""
    values = found.percentiles["combined"]
    known = values[~np.isnan(values)]
    share = _share(values)
    strange = math.sqrt(UNUSUAL / 100 * (1 - UNUSUAL / 100) / max(1, min(len(known), found.held_out)))
    expected = 1 - UNUSUAL / 100
    more = share > expected + 3 * strange
    first = (
        f"{100 * share:.1f} % of the new sequences are stranger than {UNUSUAL} % of held-out training sequences "
        f"({100 * expected:.0f} % would be without a shift)."
    )
    sentences = [
        first,
        "Predictions for them are extrapolations: trust those with a high percentile less."
        if more
        else "By these scores they are not clearly stranger than the training data; that does not prove them alike.",
        f"The level of shift was declared as {level}: {meaning}.",
    ]
    for name, item in found.classifiers.items():
        sentences.append(
            f"A classifier tells them from held-out training sequences by their {name} with an AUROC of "
            f"{item.auroc:.3f} ({item.low:.3f} to {item.high:.3f}; .5 is chance)."
        )
    if len(known) < len(values):
        sentences.append(f"{len(values) - len(known)} sequences have too few certain letters to be scored.")
    return sentences


def provenance(command: str, hashes: dict[str, str]) -> dict[str, str]:
    """The exact command, versions and hashes."""
    found = {"command": command, "versions": ", ".join(f"{k} {v}" for k, v in versions().items())}
    if current := commit():
        found["commit"] = current
    found["machine"] = f"{platform.machine()} {platform.system()}"
    found["date"] = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return found | hashes


def strict(value: Any) -> Any:
    """Plain values with None for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _measures(found: Measured, summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = [
        ("sequences", f"{len(found.new.names):,} new", f"{found.known:,} of training, {found.held_out:,} held out"),
        *(
            (
                name.replace("_", " "),
                f"median percentile {item['median_percentile']:.0f}",
                f"{100 * item[f'share_above_{UNUSUAL}']:.1f} % above {UNUSUAL}; {SCORES[name]}",
            )
            for name, item in summary["scores"].items()
        ),
    ]
    if found.around is not None:
        rows += [
            (
                f"ruggedness: {name.replace('_', ' ')}",
                f"{item['new']:.3g}, training {item['training']:.3g}",
                f"medians; median percentile {item['percentile']:.0f}",
            )
            for name, item in medians(found.around).items()
        ]
    return rows


def _set_row(new: SetDistance, usual: SetDistance) -> dict[str, float]:
    row: dict[str, float] = {"k": new.k}
    for of, item in (("new", new), ("held_out", usual)):
        row |= {f"{name}_{of}": getattr(item, name) for name in ("kl", "js", "wasserstein")}
    return row


def _median(values: Any) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _share(values: Any) -> float:
    known = values[~np.isnan(values)]
    return float((known > UNUSUAL).mean()) if len(known) else float("nan")


def _field(value: Any) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"
