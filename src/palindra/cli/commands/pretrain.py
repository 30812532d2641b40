"""Pretrain a language model of both strands on a genome."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt

_DATA, _MODEL, _TRAINING = "Data", "Model", "Training"


def command(
    genome: Annotated[
        Path, typer.Argument(help="FASTA of the genome (also .gz); lower case marks repeats.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write.")] = Path("runs/language-model"),
    train_regions: Annotated[
        Path | None,
        typer.Option(
            help="BED of what is learned from (default: all that is in no other split).", rich_help_panel=_DATA
        ),
    ] = None,
    valid_regions: Annotated[
        Path | None, typer.Option(help="BED of what chooses the weights.", rich_help_panel=_DATA)
    ] = None,
    test_regions: Annotated[
        Path | None, typer.Option(help="BED of what is scored once, at the end.", rich_help_panel=_DATA)
    ] = None,
    valid_contigs: Annotated[
        str | None,
        typer.Option(help="Whole contigs for validation instead, e.g. II or chr8,chr9.", rich_help_panel=_DATA),
    ] = None,
    test_contigs: Annotated[
        str | None, typer.Option(help="Whole contigs for the test instead.", rich_help_panel=_DATA)
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(
            help="BED whose fourth column is the class of a region: bits per base of each.", rich_help_panel=_DATA
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML with tables [model] and [training]; options come on top.", rich_help_panel=_MODEL),
    ] = None,
    mixer: Annotated[
        str | None,
        typer.Option(
            help="tied (both strands talk, exactly equivariant), untied (CrossDNA), siamese (no exchange), "
            "bidirectional or single.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    width: Annotated[int | None, typer.Option(help="Channels.", rich_help_panel=_MODEL)] = None,
    depth: Annotated[int | None, typer.Option(help="Layers.", rich_help_panel=_MODEL)] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Any other setting, e.g. --set model.window=256 or --set training.first_length=256 (repeatable).",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    length: Annotated[int | None, typer.Option(help="Positions of a window.", rich_help_panel=_TRAINING)] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the optimiser.", rich_help_panel=_TRAINING)] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Windows per step, over all devices.", rich_help_panel=_TRAINING)
    ] = None,
    accumulate: Annotated[
        int | None, typer.Option(help="Parts that a batch is read in.", rich_help_panel=_TRAINING)
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.", rich_help_panel=_TRAINING)] = None,
    soft_masked: Annotated[
        float | None,
        typer.Option(help="How much lower-case letters count, 0 (not at all) to 1.", rich_help_panel=_TRAINING),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="auto (bf16 where it pays), bf16 or float32.", rich_help_panel=_TRAINING)
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="auto, ddp or fsdp (shares out weights over devices).", rich_help_panel=_TRAINING)
    ] = None,
    devices: Annotated[
        int | None, typer.Option(help="Processes or GPUs to train on, of each node.", rich_help_panel=_TRAINING)
    ] = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            help="Machines that train together; start the command on each with torchrun or srun.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of initial weights, windows, masks and dropout.")] = 0,
    markov_order: Annotated[
        int, typer.Option(min=-1, max=8, help="Letters that the Markov baselines read; -1 for no baselines.")
    ] = 8,
    log: opt.Logger = None,
    progress: opt.Progress = True,
) -> None:
    """Pretrain a language model of both strands on a genome.

    Letters are hidden and found again (masked language model). The run folder holds the model, history.tsv and
    metrics.json: bits per base of each class of held-out positions, with Markov models beside. Started again after a
    kill, training goes on and ends with the same weights; other data or settings are refused.
    """
    import shlex
    import sys

    from palindra.cli.pretraining.data import open_language_data
    from palindra.cli.pretraining.plan import make_pretraining_plan
    from palindra.cli.pretraining.running import pretrain_run
    from palindra.cli.pretraining.scoring import said

    plan = make_pretraining_plan(
        config=config,
        assignments=set_,
        model={"mixer": mixer, "width": width, "depth": depth},
        training={
            "length": length,
            "steps": steps,
            "batch_size": batch_size,
            "accumulate": accumulate,
            "learning_rate": learning_rate,
            "soft_masked": soft_masked,
            "precision": precision,
            "strategy": strategy,
            "devices": devices,
            "nodes": nodes,
        },
        seed=seed,
        markov_order=markov_order,
        loggers=log,
        command=shlex.join(["palindra", *sys.argv[1:]]),
    )
    data = open_language_data(
        genome,
        train_regions=train_regions,
        valid_regions=valid_regions,
        test_regions=test_regions,
        valid_contigs=valid_contigs,
        test_contigs=test_contigs,
        classes=classes,
    )
    folder = pretrain_run(data, plan, output, progress=progress, say=typer.echo)
    for line in said(folder):
        typer.echo(line)
    typer.echo(f"run folder  {folder}")
