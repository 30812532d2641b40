"""Score a trained model on labelled sequences or tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt
from palindra.cli.tracks import options as track


def command(
    context: track.CommandLine,
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    data: opt.DataArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Page to write; scores go beside it as .json.")] = Path(
        "evaluation.html"
    ),
    rows_of: Annotated[
        str | None,
        typer.Option(
            "--rows",
            "--split",
            help="train, valid or test (of tracks also further test sets); by default test if there are splits, else "
            "all rows.",
        ),
    ] = None,
    negatives: opt.Negatives = None,
    sequence: opt.SequenceColumn = None,
    label: opt.LabelColumns = None,
    split: opt.SplitColumn = None,
    pad: opt.Pad = None,
    genome: track.GenomeOption = None,
    batch_size: track.BatchPrediction = 64,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Also ask whether it can be trusted: parts, coverage, shifts, strangeness, trivial predictors.",
        ),
    ] = False,
    reference: Annotated[
        Path | None,
        typer.Option(help="With --full, labelled sequences it was trained on, if DATA does not hold them."),
    ] = None,
    level: Annotated[
        str | None,
        typer.Option(help="With --full, kind of shift to DATA: individual, population, disease or synthetic."),
    ] = None,
    effects: Annotated[
        Path | None,
        typer.Option(help="With --full, table of measured effects: columns sequence, alternate and effect."),
    ] = None,
    coverage: Annotated[float, typer.Option(help="With --full, of intervals or sets.")] = 0.9,
) -> None:
    """Score a trained model on labelled sequences or tracks.

    The page shows scores, curves and calibration, with intervals over the sampling of sequences (bootstrap); for tracks
    also loci, coarser bins and trivial predictors. The model reads each sequence from both strands, so the page also
    shows whether it contradicts itself.

    With --full the page begins with what the model may and may not be trusted with.
    """
    import shlex
    import sys

    from palindra.cli import inputs
    from palindra.cli.full_evaluating import refuse_without_full
    from palindra.cli.tracks.inputs import is_data_set, is_track_run

    command_line = shlex.join(["palindra", *sys.argv[1:]])
    typed = track.typed_options(context)
    if not full:
        refuse_without_full(typed)
    if is_data_set(data) or is_track_run(run):
        from palindra.cli.tracks.evaluating import evaluate_tracks

        evaluate_tracks(run, data, output, typed, command=command_line)
        return
    track.refuse(
        typed, ("genome", "batch_size"), what=f"is for tracks: {data} is no folder made by palindra data build."
    )

    from palindra.cli.labelled.evaluating import evaluate_run, require_length, write_scores
    from palindra.data import LabelledSequences, check_data
    from palindra.errors import InputError
    from palindra.models.saving import load_run
    from palindra.report.single import write

    loaded = load_run(run)
    trained = loaded.config["data"]

    def labelled(path: Path, negatives: Path | None = None) -> LabelledSequences:
        found = inputs.read(
            path,
            negatives=negatives,
            task=str(loaded.predictor.task),
            sequence=sequence,
            label=label,
            split=split,
            pad=pad,
            alphabet_name=trained["alphabet"].lower(),
            class_names=trained["classes"],
        )
        require_length(found, loaded)
        if found.labels.shape[1] != len(trained["targets"]):
            raise InputError(
                f"{path}: {found.labels.shape[1]} label columns, but {run} was trained on {len(trained['targets'])} "
                f"({', '.join(trained['targets'])}). Choose them with --label-columns."
            )
        return found

    rows = every = labelled(data, negatives)
    if rows_of is None and (rows.splits == "test").any():
        rows_of = "test"
    if rows_of is not None:
        rows = rows.rows(inputs.choose("--rows", rows_of, ["train", "valid", "test"]))
    evaluation = evaluate_run(
        loaded,
        rows,
        checks=check_data(rows),
        command=command_line,
        name=str(loaded.config["run"]["strategy"]),
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    if full:
        from palindra.cli.full_evaluating import evaluate_fully

        if rows_of in ("train", "valid"):
            raise InputError(f"--rows {rows_of}: the model has seen them; --full needs rows that it has not.")
        # Without splits the rows are all there is, and nothing says that the model was trained on others of them.
        known = labelled(reference) if reference else every if rows_of else None
        for sentence in evaluate_fully(
            loaded, run, rows, known, evaluation, output, coverage=coverage, level=level, effects=effects
        ):
            typer.echo(sentence)
        typer.echo(f"page        {output}")
        return
    write(evaluation, output)
    write_scores(output.with_suffix(".json"), evaluation)
    for sentence in evaluation.conclusion:
        typer.echo(sentence)
    for name, (value, low, high) in evaluation.scores.items():
        typer.echo(f"{name:10s} {value:.4f}  [{low:.4f}, {high:.4f}]")
    typer.echo(f"page        {output}")
