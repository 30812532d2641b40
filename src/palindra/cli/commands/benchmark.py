"""Run a benchmark suite beside its published figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    suite: Annotated[
        str,
        typer.Argument(
            help="GUE, 'Genomic Benchmarks', 'Nucleotide Transformer', TEB (transposable elements) or CAGI5 "
            "(saturation mutagenesis); capitals, spaces and hyphens do not matter.",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder with the released files.", show_default=False)
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="Show tasks, sizes and published figures; no data are needed.")
    ] = False,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--sources",
            help="Where features come from (repeatable): one-hot (default), dinucleotides, kmers:6, palindra:FOLDER "
            "(palindra:default ships), hf:FOLDER_OR_NAME, hf-random:FOLDER, call:module:function.",
            show_default=False,
        ),
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option("--tasks", help="Names with commas, also with * (repeatable; default: all).", show_default=False),
    ] = None,
    readouts: Annotated[
        str, typer.Option(help="With commas: linear, mlp (both of the mean), cnn (of all tokens).")
    ] = "linear,mlp,cnn",
    strands: Annotated[
        str, typer.Option(help='What sources make of both strands, with commas: "as is", averaged, concatenated.')
    ] = "as is",
    seeds: Annotated[str, typer.Option(help="Numbers with commas, or a range: 0-4.")] = "0-4",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder (default: runs/benchmark- and the suite).")
    ] = None,
    genome: Annotated[
        list[str] | None,
        typer.Option(
            "--genome",
            help="ASSEMBLY=FASTA (repeatable), e.g. GRCh38=hg38.fa, for tasks released as intervals or variants.",
            show_default=False,
        ),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the files from the Hugging Face hub into --data first.")
    ] = False,
    rows: Annotated[
        int | None, typer.Option(min=20, help="At most so many rows of each split, to try something.")
    ] = None,
    window: Annotated[
        int | None, typer.Option(help="CAGI5: letters that are read (default: the element).", show_default=False)
    ] = None,
    centre: Annotated[str, typer.Option(help="CAGI5: windows around the element, or each variant.")] = "element",
    split_seed: Annotated[int, typer.Option(help="Of validation rows, where none are released, and of --rows.")] = 0,
    too_long: Annotated[
        str, typer.Option("--too-long", help="Sequences longer than a model reads: refuse, or tile.")
    ] = "refuse",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run the code that comes with a model.")
    ] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of mlp and cnn (default: as published).")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Sequences that are embedded at a time.")] = 64,
    progress: Annotated[bool, typer.Option(help="Show progress.")] = True,
) -> None:
    """Run a benchmark suite beside its published figures.

    What lies in the folder is run and what is missing is said. Sizes are compared with the published ones, leaks
    between splits are counted, and where no validation split is released one is cut from training, never from test.
    Every published figure comes with its source and what to know before comparing. Started again with the same
    settings, a run goes on where it stopped.
    """
    import shlex
    import sys

    from palindra.cli.benchmarking.plan import make_plan
    from palindra.probing.suites import download as fetch
    from palindra.probing.suites import find_suite

    declared = find_suite(suite)
    if listing:
        from palindra.cli.benchmarking.listing import describe

        for line in describe(declared, tasks):
            typer.echo(line)
        return
    plan = make_plan(
        declared,
        data=data,
        sources=sources,
        tasks=tasks,
        readouts=readouts,
        strands=strands,
        seeds=seeds,
        genomes=genome or (),
        rows=rows,
        window=window,
        centre=centre,
        split_seed=split_seed,
        too_long=too_long,
        trust_remote_code=trust_remote_code,
        epochs=epochs,
        batch_size=batch_size,
        may_be_made=download,
    )
    from palindra.cli.benchmarking.running import run

    folder = output or Path("runs") / f"benchmark-{declared.name.lower().replace(' ', '-')}"
    fetched = fetch(declared, plan.data, plan.tasks) if download else []
    command_line = shlex.join(["palindra", *sys.argv[1:]])
    for line in run(plan, folder, command=command_line, fetched=fetched, progress=progress):
        typer.echo(line)
    typer.echo(f"table       {folder / 'results.tsv'}")
    typer.echo(f"page        {folder / 'index.html'}")
