"""Train a language model further on labelled sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt


def command(
    model: Annotated[
        Path,
        typer.Argument(
            help="Folder of palindra pretrain, a checkpoint of Caduceus, or default: the small model of yeast that "
            "ships.",
            show_default=False,
        ),
    ],
    data: opt.DataArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder to write.")] = Path("runs/finetuned"),
    mode: Annotated[
        str,
        typer.Option(help="full (everything learns), frozen (the head alone) or lora (the head and low-rank updates)."),
    ] = "full",
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="The same network with new weights, for comparison.")
    ] = False,
    rank: Annotated[int, typer.Option(help="Of the updates, with --mode lora.")] = 8,
    dropout: Annotated[float, typer.Option(help="Of the features that the head reads.")] = 0.1,
    bins: Annotated[
        int,
        typer.Option(
            help="Equal parts of the sequence that the head reads apart: more than 1 where the position of a signal "
            "matters, as of a splice site in the middle."
        ),
    ] = 1,
    seed: Annotated[int, typer.Option(help="Of the head, order and dropout.")] = 0,
    epochs: opt.Epochs = 0,
    batch_size: opt.BatchSize = 32,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Peak learning rate (default: 3e-4 full, 3e-3 frozen, 1e-3 lora).", rich_help_panel="Training"
        ),
    ] = None,
    patience: opt.Patience = 0,
    shift: opt.Shift = 0,
    precision: opt.Precision = "float32",
    devices: opt.Devices = 1,
    nodes: opt.Nodes = 1,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Any other setting of training, e.g. --set training.warmup=0.2.", rich_help_panel="Training"
        ),
    ] = None,
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
) -> None:
    """Train a language model further on labelled sequences.

    A linear head reads the features of both strands, averaged over the letters of the sequence or of each of its
    --bins, and follows --target: invariant labels are the same for both strands, strand-specific ones are not. The
    run folder is like those of palindra train, so palindra evaluate, predict and audit read it; it holds all weights.
    Started again after a kill, training goes on.
    """
    import shlex
    import sys

    from palindra.cli import inputs
    from palindra.cli.finetuning.plan import LEARNING_RATES, MODES, FinetunePlan
    from palindra.cli.finetuning.running import finetune_run
    from palindra.cli.labelled.evaluating import write_evaluation
    from palindra.cli.labelled.planning import make_plan
    from palindra.data import check_data, format_checks, require_splits
    from palindra.errors import InputError
    from palindra.models.strand_lm.shipped import folder_of

    inputs.choose("--mode", mode, MODES)
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
    )
    require_splits(rows, ("train", "valid"))
    options = make_plan(
        rows,
        target=target,
        model="strand_resnet",  # not used: the network is the language model
        width=64,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=LEARNING_RATES[mode] if learning_rate is None else learning_rate,
        patience=patience,
        shift=shift,
        precision=precision,
        devices=devices,
        nodes=nodes,
        assignments=set_,
        loggers=log,
        command=shlex.join(["palindra", *sys.argv[1:]]),
    )
    if options.options:
        raise InputError(f"--set model.{next(iter(options.options))}: the model is the one in {model}, as it is.")
    plan = FinetunePlan(
        source=folder_of(model),
        target=options.target,
        mode=mode,
        from_scratch=from_scratch,
        rank=rank,
        dropout=dropout,
        bins=bins,
        training=options.training,
        loggers=options.loggers,
        command=options.command,
    )
    checks = check_data(rows)
    typer.echo(str(rows))
    typer.echo(format_checks(checks))
    folder = finetune_run(
        rows,
        plan,
        seed,
        output,
        progress=progress,
        finish=lambda partial: write_evaluation(partial, rows, checks=checks, command=plan.command),
    )
    typer.echo(f"run folder  {folder}\npage        {folder / 'report.html'}")
