"""Predict labels for sequences, or tracks along a genome."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt


def command(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Run folder; with --uncertainty several make an ensemble.", show_default=False
        ),
    ],
    sequences: Annotated[
        Path,
        typer.Argument(
            help="FASTA, or a table with a column of sequences; for tracks the FASTA of a genome.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Table to write (default: predictions.tsv).")
    ] = None,
    both_strands: Annotated[
        bool,
        typer.Option(
            "--both-strands", help="Average the outputs of both strands (for models that contradict themselves)."
        ),
    ] = False,
    sequence: Annotated[str | None, typer.Option("--sequence-column", help="Column of sequences in a table.")] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size", min=1, help="Sequences, or windows, at a time (default: 512 sequences, 64 windows)."
        ),
    ] = None,
    uncertainty: Annotated[
        bool,
        typer.Option(
            "--uncertainty",
            help="Add how sure each prediction is, from labelled runs: variances, and intervals or sets of classes "
            "calibrated on validation sequences.",
        ),
    ] = False,
    coverage: Annotated[float | None, typer.Option("--coverage", help="Of intervals and sets (default: 0.9).")] = None,
    sets: Annotated[
        str | None,
        typer.Option("--sets", help="Sets of classes: lac, the smallest (default), or aps, larger where it is hard."),
    ] = None,
    dropout_passes: Annotated[
        int | None,
        typer.Option("--dropout-passes", help="Read each network that often with dropout (default: 0; 30 is usual)."),
    ] = None,
    bigwig: Annotated[
        Path | None, typer.Option("--bigwig", help="Tracks: folder to write, with one bigWig for each track.")
    ] = None,
    bed: Annotated[
        Path | None, typer.Option("--bed", help="Tracks: predict inside these regions only (default: everywhere).")
    ] = None,
    shifts: Annotated[
        str | None,
        typer.Option("--shifts", help="Tracks: average windows moved by these many bp, e.g. -75,0,75 (default: 0)."),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option("--stride", help="Tracks: bp from one window to the next (default: half of a window)."),
    ] = None,
    map_names: Annotated[
        bool, typer.Option("--map-names", help="Tracks: the BED may name chromosomes otherwise (chr1 against 1).")
    ] = False,
    devices: Annotated[
        int | None, typer.Option("--devices", min=1, help="Tracks: GPUs, or copies on the CPU (default: 1).")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Tracks: folder for the codes of the genome, as in data build.")
    ] = None,
    engine: opt.Engine = "local",
    address: opt.Address = None,
    workers: opt.Workers = 1,
    progress: Annotated[bool, typer.Option(help="Show progress of --workers and --engine.")] = True,
) -> None:
    """Predict labels for sequences, or tracks along a genome.

    Labels: the table has one line per sequence, in their order, with the prediction and, for targets that know the
    other strand, the prediction on the reverse complement.

    With --uncertainty each target has prediction_, lower_ and upper_ (the interval), and standard deviations in the
    units of the labels: epistemic_sd_ (networks or passes disagree), aleatoric_sd_ (noise) and total_sd_. Classes have
    calibrated probabilities and the set of classes that --coverage asks for. Coverage measured on the test sequences
    of the runs is printed.

    Tracks (--bigwig): one bigWig per track, genome-wide or inside the regions of a BED file. Every position is the mean
    over the windows that hold it. Values are on the scale of the data set (log(x + 1) where it was built with log1p).

    With --workers or --engine ray many processes or machines predict; the same command goes on where it was cut off.
    """
    from palindra.errors import InputError

    of_tracks = {
        "--bed": bed,
        "--shifts": shifts,
        "--stride": stride,
        "--map-names": map_names or None,
        "--devices": devices,
        "--cache": cache,
    }
    of_uncertainty = {"--coverage": coverage, "--sets": sets, "--dropout-passes": dropout_passes}
    if not uncertainty:
        for name, given in of_uncertainty.items():
            if given is not None:
                raise InputError(f"{name}: it goes with --uncertainty.")
        if len(runs) > 1:
            raise InputError(f"{len(runs)} run folders: several make an ensemble with --uncertainty; else give one.")
    run, shared = runs[0], opt.shared(engine, address, workers)
    if shared is not None and devices is not None:
        raise InputError(f"--devices {devices}: with --workers or --engine each worker uses one device; leave it out.")
    of_tables = {"--output": output, "--sequence-column": sequence, "--uncertainty": uncertainty or None}
    wrong = [name for name, given in (of_tracks if bigwig is None else of_tables).items() if given is not None]
    if wrong and bigwig is None:
        raise InputError(f"{wrong[0]}: it goes with --bigwig FOLDER, which predicts tracks along a genome.")
    if wrong:
        raise InputError(f"{wrong[0]}: it is of tables of sequences; --bigwig names the folder of tracks to write.")
    if bigwig is None:
        from palindra.cli.labelled.predicting import predict_file
        from palindra.cli.tracks.inputs import is_track_run

        if is_track_run(run):
            raise InputError(f"{run}: holds a model of tracks: say with --bigwig FOLDER where to write them.")

        table = output or Path("predictions.tsv")
        if uncertainty:
            from palindra.cli.labelled.uncertain_predicting import predict_with_uncertainty

            for line in predict_with_uncertainty(
                runs,
                sequences,
                table,
                coverage=0.9 if coverage is None else coverage,
                sets=sets or "lac",
                dropout_passes=dropout_passes or 0,
                both_strands=both_strands,
                sequence_column=sequence,
                batch_size=batch_size or 512,
                engine=shared,
                progress=progress,
                say=typer.echo,
            ):
                typer.echo(line)
            return
        count = predict_file(
            run,
            sequences,
            table,
            both_strands=both_strands,
            sequence_column=sequence,
            batch_size=batch_size or 512,
            engine=shared,
            progress=progress,
            say=typer.echo,
        )
        typer.echo(f"{count:,} predictions  {table}")
        return
    from palindra.cli.tracks.data_building import noted
    from palindra.cli.tracks.predicting import parse_shifts, predict_genome

    with noted(lambda text: typer.echo(f"note: {text}")):
        paths = predict_genome(
            run,
            sequences,
            bigwig,
            bed=bed,
            map_names=map_names,
            both_strands=both_strands,
            shifts=parse_shifts("0" if shifts is None else shifts),
            stride=stride,
            batch_size=batch_size or 64,
            devices=devices or 1,
            cache=cache,
            engine=shared,
            progress=progress,
            say=typer.echo,
        )
    for path in paths:
        typer.echo(path)
