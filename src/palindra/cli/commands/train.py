"""Train one model on labelled sequences or tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt
from palindra.cli.tracks import options as track

Loss = Annotated[
    str | None,
    typer.Option(
        "--loss",
        help="Regression: squared (default), gaussian (a mean with its variance) or quantiles (median, 5 % and 95 %). "
        "Tracks: poisson (default), mse, pearson, pearson-mse, r2, multinomial, multinomial-mse, bpnet, or bce "
        "(labels).",
    ),
]
OTHER_TRACK_OPTIONS = tuple(name for name in track.ONLY_TRACKS if name != "loss")


def command(
    context: track.CommandLine,
    data: opt.DataArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder to write.")] = Path("runs/model"),
    strategy: Annotated[
        str,
        typer.Option(
            help="none, augment, conjoined, post-hoc, consistency, regular, irreps, mixed, regular-k3, irreps-k3 "
            "(these two need --model strand_cnn) or kmers; regular*3 is an ensemble of three, regular+kmers of both."
        ),
    ] = "regular",
    seed: Annotated[int, typer.Option(help="Of initial weights, order, augmentation and dropout.")] = 0,
    model: opt.ModelOption = "strand_resnet",
    width: opt.Width = 64,
    epochs: opt.Epochs = 0,
    batch_size: opt.BatchSize = 64,
    learning_rate: opt.LearningRate = 2e-3,
    patience: opt.Patience = 0,
    shift: opt.Shift = 0,
    precision: opt.Precision = "auto",
    devices: opt.Devices = 1,
    nodes: opt.Nodes = 1,
    set_: opt.SetOption = None,
    log: opt.Logger = None,
    progress: opt.Progress = True,
    target: opt.TargetOption = "invariant",
    negatives: opt.Negatives = None,
    task: opt.TaskOption = None,
    sequence: opt.SequenceColumn = None,
    label: opt.LabelColumns = None,
    split: opt.SplitColumn = None,
    chromosome: opt.ChromosomeColumn = None,
    split_by: opt.SplitBy = None,
    valid_chromosomes: opt.ValidChromosomes = None,
    test_chromosomes: opt.TestChromosomes = None,
    pad: opt.Pad = None,
    alphabet: opt.AlphabetOption = "dna",
    loss: Loss = None,
    bin_size: track.BinSize = None,
    length: track.Length = None,
    labels: track.Labels = None,
    partners: track.Partners = None,
    scale: track.Scale = None,
    genome: track.GenomeOption = None,
) -> None:
    """Train one model on labelled sequences or tracks.

    The data are a file of sequences with labels, or a folder that palindra data build made of a genome and its tracks.
    The run folder holds the configuration, the weights, predictions on validation and test sequences from both
    strands, metrics and a page. Started again after a kill, training goes on and ends with the same weights.
    """
    import shlex
    import sys
    from dataclasses import replace

    from palindra.cli import inputs
    from palindra.cli.tracks.inputs import is_data_set

    typed = track.typed_options(context)
    if is_data_set(data):
        from palindra.cli.tracks.training import train_tracks

        train_tracks(data, output, typed)
        return
    track.refuse(typed, OTHER_TRACK_OPTIONS, what=f"is for tracks: {data} is no folder made by palindra data build.")

    from palindra.cli.labelled.evaluating import write_evaluation
    from palindra.cli.labelled.plan import SQUARED
    from palindra.cli.labelled.planning import make_plan
    from palindra.cli.labelled.running import train_run
    from palindra.data import check_data, format_checks, require_splits

    rows = inputs.read(
        data,
        negatives=negatives,
        task=task,
        sequence=sequence,
        label=label,
        split=split,
        chromosome=chromosome,
        split_by=split_by,
        valid_chromosomes=valid_chromosomes,
        test_chromosomes=test_chromosomes,
        pad=pad,
        alphabet_name=alphabet,
    )
    require_splits(rows, ("train", "valid"))
    options = make_plan(
        rows,
        target=target,
        model=model,
        width=width,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        shift=shift,
        precision=precision,
        devices=devices,
        nodes=nodes,
        assignments=set_,
        loggers=log,
        command=shlex.join(["palindra", *sys.argv[1:]]),
    )
    plan = replace(options, loss=loss or SQUARED)
    checks = check_data(rows)
    typer.echo(str(rows))
    typer.echo(format_checks(checks))
    folder = train_run(
        rows,
        plan,
        strategy,
        seed,
        output,
        progress=progress,
        say=typer.echo,
        finish=lambda partial: write_evaluation(partial, rows, checks=checks, command=plan.command),
    )
    typer.echo(f"run folder  {folder}\npage        {folder / 'report.html'}")
