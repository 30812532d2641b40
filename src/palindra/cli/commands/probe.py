"""Measure what a model knows beyond the sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt


def command(
    sources: Annotated[
        list[str],
        typer.Option(
            "--sources",
            help="Where features come from (repeatable): one-hot, nucleotides, dinucleotides, kmers:6, "
            "palindra:FOLDER (palindra:default ships), hf:FOLDER_OR_NAME, hf-random:FOLDER, call:module:function.",
            show_default=False,
        ),
    ],
    tasks: Annotated[
        list[str],
        typer.Option(
            "--tasks",
            help="KIND=PATH (repeatable): tf, crx-mpra, splice-sites, yeast-utr, satmut, or those of the published "
            "protocol: lenti-mpra, tf-binding, variants, splicing-psi, rna-regression, rbp-binding.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder.")] = Path("runs/probe"),
    readouts: Annotated[
        str, typer.Option(help="With commas: linear, mlp (both of a summary), cnn (of all tokens).")
    ] = "linear,mlp,cnn",
    summaries: Annotated[str, typer.Option(help="What linear and mlp read: mean, max, cls, with commas.")] = "mean",
    strands: Annotated[
        str, typer.Option(help='What sources make of both strands, with commas: "as is", averaged, concatenated.')
    ] = "as is",
    layers: Annotated[
        str | None, typer.Option(help="Also read these layers of models: all, or numbers with commas.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Numbers with commas, or a range: 0-4.")] = "0-4",
    fractions: Annotated[str, typer.Option(help="Shares of the training rows, with commas.")] = "1",
    controls: Annotated[
        bool,
        typer.Option(
            "--controls",
            help="Also probe counts of nucleotides and dinucleotides, each hf: model with random weights, shuffled "
            "training labels, and averaged strands on strand-specific tasks.",
        ),
    ] = False,
    attribution: Annotated[
        bool,
        typer.Option(
            "--attribution",
            help="Compare attribution maps with those of the one-hot CNN, and put what they find into shuffles.",
        ),
    ] = False,
    maps: Annotated[
        int, typer.Option("--maps", min=1, help="Of --attribution: sequences of a task, the highest predictions.")
    ] = 50,
    aligned: Annotated[
        list[str] | None,
        typer.Option("--aligned", help="SOURCE=KIND: this supervised model was trained for such a task (repeatable)."),
    ] = None,
    variants_by: Annotated[
        list[str] | None,
        typer.Option(
            "--variants-by",
            help="TABLE=TASK, e.g. satmut=lenti-mpra: readouts of this task also score these variants (repeatable).",
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=20, help="At most so many rows of each split, a random choice that stays.")
    ] = None,
    too_long: Annotated[
        str, typer.Option("--too-long", help="Sequences longer than a model reads: refuse, or tile.")
    ] = "refuse",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the code that comes with a model.")
    ] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of mlp and cnn (default: as published).")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Sequences that are embedded at a time.")] = 64,
    progress: Annotated[bool, typer.Option(help="Show progress.")] = True,
    engine: opt.Engine = "local",
    address: opt.Address = None,
    workers: opt.Workers = 1,
) -> None:
    """Measure what a model knows beyond the sequence.

    Features of every source are frozen and read by the same readouts with the same seeds, beside one-hot and counts.
    Each cell is called better, worse or no difference shown, by a paired test over seeds and test rows, corrected for
    the whole table. Stopped and started again with the same settings, it goes on where it was. With --workers or
    --engine ray the cells are computed by several processes, here or on a cluster, with the same results.
    """
    import shlex
    import sys

    from palindra.cli.probing.plan import make_plan
    from palindra.cli.probing.running import run

    shared = opt.shared(engine, address, workers)
    plan = make_plan(
        sources=sources,
        tasks=tasks,
        readouts=readouts,
        summaries=summaries,
        strands=strands,
        layers=layers,
        seeds=seeds,
        fractions=fractions,
        controls=controls,
        attribution=attribution,
        maps=maps,
        aligned=aligned or (),
        variants_by=variants_by or (),
        rows=rows,
        too_long=too_long,
        trust_remote_code=trust_remote_code,
        epochs=epochs,
        batch_size=batch_size,
    )
    command_line = shlex.join(["palindra", *sys.argv[1:]])
    for sentence in run(plan, output, command=command_line, engine=shared, progress=progress):
        typer.echo(sentence)
    typer.echo(f"table       {output / 'results.tsv'}")
    typer.echo(f"page        {output / 'index.html'}")
