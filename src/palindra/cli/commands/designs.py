"""Compare designed sequences with real ones, and score them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    generated: Annotated[
        Path,
        typer.Argument(help="Designed sequences: FASTA, or a table with a column of sequences.", show_default=False),
    ],
    reference: Annotated[
        Path, typer.Argument(help="Real sequences to compare with, FASTA or a table.", show_default=False)
    ],
    oracle: Annotated[
        list[Path] | None,
        typer.Option(
            "--oracle", help="Run folder that predicts for them (repeatable: several give a mean and its spread)."
        ),
    ] = None,
    training: Annotated[
        Path | None,
        typer.Option(
            "--training", help="What the oracles were trained on, for the OOD flags (default: the real sequences)."
        ),
    ] = None,
    motifs: Annotated[Path | None, typer.Option("--motifs", help="MEME file of motifs to look for.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Table to write; page and summary go beside it as .html and .json.")
    ] = Path("designs.tsv"),
    sequence: Annotated[str | None, typer.Option("--sequence-column", help="Column of sequences in tables.")] = None,
    p_value: Annotated[float, typer.Option("--motif-p-value", help="Of a hit at one place of one strand.")] = 1e-4,
    limit: Annotated[
        int, typer.Option("--limit", min=20, help="Real sequences to search for copies, a random choice.")
    ] = 20_000,
    stranded: Annotated[bool, typer.Option("--stranded", help="Compare the given strand only (for RNA).")] = False,
    seed: Annotated[int, typer.Option(help="Of random choices.")] = 0,
) -> None:
    """Compare designed sequences with real ones, and score them.

    GC content, k-mers, identity with the nearest real sequence over all shifts and both strands, motifs and their
    spacing, nearest-neighbour and Frechet tests, diversity. The table has one line per designed sequence, with the
    oracles' prediction, its spread over the oracles and its OOD percentile.
    """
    import shlex
    import sys

    from palindra.cli.designs.measuring import Settings, measure_designs

    settings = Settings(
        oracles=tuple(oracle or ()),
        training=training,
        motifs=motifs,
        sequence_column=sequence,
        p_value=p_value,
        limit=limit,
        stranded=stranded,
        seed=seed,
    )
    command_line = shlex.join(["palindra", *sys.argv[1:]])
    for sentence in measure_designs(generated, reference, output, settings, command=command_line):
        typer.echo(sentence)
    typer.echo(f"table       {output}")
    typer.echo(f"page        {output.with_suffix('.html')}")
