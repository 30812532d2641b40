"""Score every single-letter mutant of sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="Run folder of labels or tracks, or module:function of anybody's PyTorch model of one-hot "
            "(batch, 4, length) in the order ACGT.",
            show_default=False,
        ),
    ],
    sequences: Annotated[
        Path,
        typer.Argument(
            help="FASTA of a genome with a region, or FASTA or table of sequences without one.", show_default=False
        ),
    ],
    region: Annotated[
        str | None,
        typer.Argument(help="Region of the genome, 0-based and half-open, e.g. chr1:1000-1600.", show_default=False),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write: table, HDF5, page with heat maps.")
    ] = Path("mutagenesis"),
    targets: Annotated[
        str | None,
        typer.Option("--targets", "--tracks", help="Outputs to write, by name with commas (default: all)."),
    ] = None,
    both_strands: Annotated[
        bool | None,
        typer.Option(
            "--both-strands/--given-strand",
            help="Average both strands (default: where the target knows them).",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Sequences to read of a file.")] = 100,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder for the codes of the genome, as in data build.")
    ] = None,
    progress: opt.Progress = True,
    window: Annotated[
        int | None,
        typer.Option(min=1, help="module:function: letters that it reads.", rich_help_panel="Model"),
    ] = None,
    activation: Annotated[
        str,
        typer.Option(help="module:function: of its outputs, none, sigmoid or softmax.", rich_help_panel="Model"),
    ] = "none",
    outputs: Annotated[
        str,
        typer.Option(
            help="module:function: what outputs do on the other strand: invariant (also tracks that reverse), "
            "strand-specific, or partners such as 1,0.",
            rich_help_panel="Model",
        ),
    ] = "invariant",
    output_field: Annotated[
        str | None,
        typer.Option(help="module:function: which output, by name or number, of several.", rich_help_panel="Model"),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="module:function: coverage, probability or value.", rich_help_panel="Model"),
    ] = None,
    bin_size: Annotated[
        int | None, typer.Option(min=1, help="module:function: letters per bin of tracks.", rich_help_panel="Model")
    ] = None,
) -> None:
    """Score every single-letter mutant of sequences.

    Every position gets each of the other letters. Of a region, all windows have it in their middle; one longer than
    the model's window is read in pieces. Only the part of the network that a letter can reach is computed again, with
    the same numbers as a full pass. The folder holds scores.tsv, scores.h5 (letters by positions) and page.html.
    """
    import shlex
    import sys

    from palindra.cli.mutagenesis.running import mutate
    from palindra.cli.variants.models import Declaration

    declared = Declaration(window, activation, outputs, output_field, kind, bin_size)
    for sentence in mutate(
        model,
        declared,
        sequences,
        region,
        output,
        targets=targets,
        both_strands=both_strands,
        limit=limit,
        cache=cache,
        progress=progress,
        command=shlex.join(["palindra", *sys.argv[1:]]),
    ):
        typer.echo(sentence)
