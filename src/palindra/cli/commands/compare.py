"""Compare treatments of the two strands, or models of tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt
from palindra.cli.tracks import options as track


def command(
    context: track.CommandLine,
    data: opt.DataArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the comparison.")] = Path("runs/comparison"),
    strategies: Annotated[
        str,
        typer.Option(
            help="With commas, of: none, augment, conjoined, post-hoc, consistency, regular, irreps, mixed, "
            "regular-k3, irreps-k3 (these two need --model strand_cnn), kmers (a linear model of 6-mers, to join an "
            "ensemble); ensembles as regular*3 or regular+kmers."
        ),
    ] = "none,augment,post-hoc,regular",
    seeds: Annotated[str, typer.Option(help="Numbers with commas, or a range: 0-4.")] = "0-4",
    reference: Annotated[
        str, typer.Option(help="Strategies that all others are tested against, with commas.")
    ] = "none,augment",
    train_size: Annotated[
        int | None, typer.Option(help="Train on so many sequences only, drawn anew for each seed.")
    ] = None,
    sizes: Annotated[
        str | None, typer.Option(help="Further training-set sizes for a learning curve, e.g. 250,500,1000.")
    ] = None,
    baselines: Annotated[bool, typer.Option(help="Fit the trivial baselines.")] = True,
    model: opt.ModelOption = "strand_resnet",
    width: opt.Width = 64,
    epochs: opt.Epochs = 0,
    batch_size: opt.BatchSize = 64,
    learning_rate: opt.LearningRate = 2e-3,
    patience: opt.Patience = 0,
    shift: opt.Shift = 0,
    precision: opt.Precision = "auto",
    devices: opt.Devices = 1,
    set_: opt.SetOption = None,
    progress: opt.Progress = True,
    engine: opt.Engine = "local",
    address: opt.Address = None,
    workers: opt.Workers = 1,
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
) -> None:
    """Compare treatments of the two strands, or models of tracks.

    Every strategy is trained with several seeds on the same splits. The winner is chosen on the validation split; every
    number shown is from the test split, with a 95 % interval over seeds and paired tests corrected for their number,
    beside trivial baselines. Started again, finished runs are not repeated. With --workers or --engine ray several runs
    are trained at a time, here or on a cluster; the folder and its numbers are the same.

    A file GRID.toml in place of the data compares models of tracks: base settings, what is changed in them, seeds.
    """
    import shlex
    import sys

    from palindra.cli.tracks.grid_options import require_grid
    from palindra.cli.tracks.inputs import is_data_set

    if data.suffix == ".toml" or is_data_set(data):
        require_grid(data, track.typed_options(context), ("data", "output", "progress", "engine", "address", "workers"))
        from palindra.cli.tracks.comparing import compare_tracks
        from palindra.cli.tracks.grid import load_grid

        command_line = shlex.join(["palindra", *sys.argv[1:]])
        shown = compare_tracks(
            load_grid(data),
            output,
            command=command_line,
            engine=opt.shared(engine, address, workers),
            progress=progress,
            say=typer.echo,
        )
        for sentence in shown.conclusion:
            typer.echo(sentence)
        typer.echo(f"page  {output / 'report.html'}")
        return

    from palindra.cli import inputs
    from palindra.cli.labelled.comparing import Grid, compare
    from palindra.cli.labelled.planning import make_plan
    from palindra.cli.labelled.tables import summary_table
    from palindra.data import check_data, format_checks, require_splits

    shared = opt.shared(engine, address, workers)
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
    require_splits(rows)
    plan = make_plan(
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
        assignments=set_,
        loggers=None,
        command=shlex.join(["palindra", *sys.argv[1:]]),
    )
    grid = Grid(
        strategies=[name.strip() for name in strategies.split(",")],
        seeds=inputs.integers(seeds, "--seeds"),
        references=[name.strip() for name in reference.split(",")],
        train_size=train_size,
        sizes=inputs.integers(sizes, "--sizes") if sizes else [],
        baselines=baselines,
    )
    checks = check_data(rows)
    typer.echo(str(rows))
    typer.echo(format_checks(checks))
    comparison = compare(rows, plan, grid, output, checks=checks, engine=shared, progress=progress, say=typer.echo)
    typer.echo(summary_table(comparison))
    for sentence in comparison.conclusion:
        typer.echo(sentence)
    typer.echo(f"page  {output / 'report.html'}")
