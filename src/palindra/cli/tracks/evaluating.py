"""Scores, references and the page of one trained model of tracks, all from one stored prediction pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import typer

from palindra.cli.full_evaluating import Asked
from palindra.cli.inputs import choose
from palindra.cli.tracks import pictures
from palindra.cli.tracks.full_measuring import track_findings
from palindra.cli.tracks.inputs import is_data_set, open_data
from palindra.cli.tracks.options import ONLY_SEQUENCES_EVALUATED, refuse
from palindra.cli.tracks.references import CEILING, ceiling_row, others_row, trivial_rows
from palindra.cli.tracks.scoring import DIRECTIONS, discrepancy, main_score, plain, scored, split_scores
from palindra.cli.tracks.stores import OTHER, STORES, holds, is_binary, predict_split
from palindra.errors import InputError
from palindra.evaluation.specific_scores import CENTRED, SPECIFICITY_SCORES
from palindra.evaluation.specificity import OTHERS
from palindra.evaluation.tracks import Predictions
from palindra.evaluation.trust import Finding, words
from palindra.models.saving import WEIGHTS, write_text
from palindra.models.track_saving import TrackRun, load_track_run
from palindra.report.track_page import TrackEvaluation, write
from palindra.report.track_results import TrackScore

SHOWN = (
    "Pearson (whole)",
    "Pearson (per sequence)",
    "Spearman (whole)",
    "MSE",
    "AUROC",
    "Average precision",
    "Pearson (window means)",
    *SPECIFICITY_SCORES,
)
"""Scores of the page, in their order; all others are in the JSON file beside it."""

MEAN = "mean over tracks"
EXACT = 1e-4  # relative difference up to which both strands say the same


def evaluate_tracks(run: Path, path: Path, output: Path, options: Mapping[str, Any], *, command: str) -> None:
    """Evaluate as the typed options say, and tell the result.

    Raises:
        InputError: if run and data are not both of tracks, or an option does not go with them.
    """
    if not is_data_set(path):
        raise InputError(
            f"{path}: {run} is a model of tracks and reads a folder made by palindra data build; for a FASTA use "
            "palindra predict."
        )
    refuse(options, ("reference", "effects"), what="is for labelled sequences; a data set has its training windows.")
    refuse(options, ONLY_SEQUENCES_EVALUATED, what="does not go with a data set of tracks: its build has decided that.")
    data = open_data(path, options.get("genome"))
    split = options.get("rows_of") or ("test" if len(data.splits.get("test", ())) else "valid")
    choose("--rows", split, data.splits)
    asked = None
    if options.get("full"):
        asked = Asked(float(options.get("coverage", Asked.coverage)), str(options.get("level") or ""))
        asked.check()
    found = evaluate_track_run(
        run, data, split, output, command=command, batch_size=int(options.get("batch_size", 64)), full=asked
    )
    for sentence in found["conclusion"]:
        typer.echo(sentence)
    for name in SHOWN:
        if name in found["mean"]:
            typer.echo(f"{name:24s} {found['mean'][name]:.4f}")
    for question, verdict, sentence in found.get("trust", []):
        typer.echo(f"{verdict:12s} {question} {sentence}")
    typer.echo(f"page        {output}")


def evaluate_track_run(
    folder: Path,
    data: Any,
    split: str,
    output: Path,
    *,
    command: str,
    batch_size: int = 64,
    full: Asked | None = None,
) -> dict[str, Any]:
    """Predict a split once, score it, and write the page with its scores beside it.

    Predictions that the run folder holds already of this very data set are used; others are written beside the page.

    Args:
        folder: run folder of tracks.
        data: the data set.
        split: that is scored.
        output: page to write.
        command: that was run.
        batch_size: windows at a time.
        full: also ask what the model may be trusted with.

    Returns:
        What is written as JSON.

    Raises:
        InputError: if the data set has other tracks, or no such split.
    """
    run = load_track_run(folder)
    require_tracks(run, data, folder)
    stores = output.with_name(output.stem + "-predictions")
    more: dict[str, Any] = {"batch_size": batch_size, "full": full}
    return _evaluate(run, folder, data, split, output, stores, command=command, name=folder.name, **more)


def write_track_page(folder: Path, data: Any, *, command: str, name: str) -> None:
    """Add ``report.html`` and ``report.json`` to a run folder: the test split, or validation where there is none."""
    split = "test" if len(data.splits.get("test", ())) else "valid"
    run = load_track_run(folder, finished=False)
    page = folder / "report.html"
    _evaluate(run, folder, data, split, page, folder / STORES, command=command, name=name)


def require_tracks(run: TrackRun, data: Any, folder: Path) -> None:
    """Raise unless a data set has the tracks that a model gives, in their order."""
    names = tuple(track.name for track in data.tracks)
    if names != run.tracks:
        raise InputError(
            f"{data.folder}: has the tracks {', '.join(names)}, and {folder} was trained on {', '.join(run.tracks)}: "
            "build a data set with these tracks in this order."
        )


def _evaluate(
    run: TrackRun,
    folder: Path,
    data: Any,
    split: str,
    output: Path,
    stores: Path,
    *,
    command: str,
    name: str,
    batch_size: int = 64,
    full: Asked | None = None,
) -> dict[str, Any]:
    found = []
    for suffix in ("", OTHER):
        place = folder / STORES / (split + suffix)
        if not holds(place, folder / WEIGHTS, data, split, other=bool(suffix)):
            place = stores / (split + suffix)
        weights, other = folder / WEIGHTS, bool(suffix)
        found.append(predict_split(run, data, split, place, weights=weights, other=other, batch_size=batch_size))
    given, turned = found
    scores, strands = split_scores(run, data, split, given), discrepancy(given, turned)
    binary = is_binary(run)
    references: dict[str, Predictions] = {}
    if not binary:
        references = ceiling_row(data, split, given, length=run.length)
        references = trivial_rows(data, split, given, length=run.length) | others_row(data, given) | references
    against = {row: scored(view, seed=None) for row, view in references.items()}
    rows = {name: given} | {row: view for row, view in references.items() if row in ("4-mer ridge", CEILING)}
    findings: list[Finding] = []
    if full is not None:
        asked: dict[str, Any] = {"coverage": full.coverage, "level": full.level}
        findings = track_findings(run, folder, data, split, (given, turned), scores, against, **asked)
    evaluation = TrackEvaluation(
        title=f"{name} on {data.folder.name}",
        task=_task(run, split, given),
        conclusion=[*_conclusion(run, split, scores, against, strands), *words(findings)],
        scores=_scores(scores, against),
        higher_is_better=DIRECTIONS,
        loci=[] if binary else pictures.loci(data, split, given, turned),
        densities=[] if binary else pictures.densities(data, given, scores["values"]["Pearson (whole)"]),
        triangles=[] if binary else [pictures.triangle(name, given, references.get(CEILING))],
        thresholds=[] if binary else pictures.threshold_rows(data, split, rows),
        robustness=[],
        data=pictures.data_facts(data, given),
        provenance=pictures.provenance(command, data, run.table),
        findings=[(finding.question, finding.verdict, finding.sentence) for finding in findings],
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    write(evaluation, output)
    result = {
        "split": split,
        **scores,
        "strands": strands,
        "references": {
            row: {key: some.tolist() for key, some in other.values.items()} for row, other in against.items()
        },
        "conclusion": evaluation.conclusion,
        **({"trust": evaluation.findings} if full else {}),
    }
    write_text(output.with_suffix(".json"), json.dumps(plain(result), indent=1) + "\n")
    return result


def _task(run: TrackRun, split: str, given: Predictions) -> str:
    what = "labels of windows" if is_binary(run) else f"{len(run.tracks)} tracks in bins of {run.bin_size:,} bp"
    model = run.table["model"]
    return f"{model['name']}, {model['strategy']}, loss {run.loss} · {what} · {len(given):,} windows of {split}"


def _scores(scores: dict[str, Any], against: dict[str, Any]) -> list[TrackScore]:
    """Scores of each track and of their mean, with what they are held against."""
    found = []
    for number, record in enumerate(scores["records"]):
        last = number == len(scores["tracks"])
        for metric in SHOWN:
            if metric not in scores["values"]:
                continue
            references: dict[str, float] = {}
            for row, other in against.items():
                if metric in other.values:
                    value = other.mean(metric) if last else float(other.values[metric][number])
                    references |= {row: value} if np.isfinite(value) else {}
            low, high = (float(record.get(f"{metric} {end}", np.nan)) for end in ("low", "high"))
            track = MEAN if last else str(record["track"])
            found.append(TrackScore(track, metric, float(record[metric]), low, high, references))
    return found


def _conclusion(
    run: TrackRun, split: str, scores: dict[str, Any], against: dict[str, Any], strands: dict[str, list[float]]
) -> list[str]:
    """The main score with its interval, its best trivial rival and ceiling, and whether both strands agree."""
    metric = main_score(scores)
    record = scores["records"][-1]
    many = f", the mean over {len(run.tracks)} tracks" if len(run.tracks) > 1 else ""
    interval = ""
    if np.isfinite(record.get(f"{metric} low", np.nan)):
        low, high = record[f"{metric} low"], record[f"{metric} high"]
        interval = f" (95 % interval {low:.3f} to {high:.3f} over stretches of the genome)"
    found = [f"{metric} is {scores['mean'][metric]:.3f}{interval} on {scores['windows']:,} windows of {split}{many}."]
    rivals = {row: other.mean(metric) for row, other in against.items() if np.isfinite(other.mean(metric))}
    ceiling, shared = rivals.pop(CEILING, None), rivals.pop(OTHERS, None)
    if rivals:
        best = max(rivals, key=lambda row: rivals[row])
        values = list(zip(scores["values"][metric], against[best].values[metric], strict=True))
        above = sum(bool(mine > other) for mine, other in values)
        found.append(
            f"The best trivial predictor, {best}, reaches {rivals[best]:.3f}; the model is above it on {above} of "
            f"{len(values)} tracks."
        )
    if shared is not None:
        found.append(
            f"The measured mean of the other tracks reaches {shared:.3f}: so much is shared. With the mean over tracks "
            f"taken out, r is {scores['mean'][CENTRED]:.3f}."
        )
    if ceiling is not None:
        found.append(f"The second replicate as a prediction of the first reaches {ceiling:.3f}.")
    apart = max((value for value in strands["relative"] if np.isfinite(value)), default=0.0)
    if apart <= EXACT:
        return [*found, "Both strands give the same answer, up to rounding."]
    return [*found, f"The two strands of a window give answers that differ by {100 * apart:.1f} % of the signal."]
