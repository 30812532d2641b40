"""Measure how far new sequences are from training data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(help="Run folder of a model of labelled sequences.", show_default=False)],
    sequences: Annotated[
        Path, typer.Argument(help="New sequences: FASTA, or a table with a column of sequences.", show_default=False)
    ],
    reference: Annotated[
        Path,
        typer.Option(
            "--reference",
            help="What the model was trained on: its table (training rows are the reference, validation rows say what "
            "is usual) or a FASTA file.",
            show_default=False,
        ),
    ],
    level: Annotated[
        str,
        typer.Option(
            "--level",
            help="What the shift is thought to be: individual (variants of one person), population (other people or "
            "species), disease (altered genomes or cells) or synthetic (designed). It is shown in the report.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Table to write; page and summary go beside it as .html and .json.")
    ] = Path("shift.tsv"),
    ruggedness: Annotated[
        int,
        typer.Option(
            "--ruggedness",
            min=0,
            help="Also measure how rough the model is around this many sequences of both files (about 4 predictions "
            "for each letter).",
        ),
    ] = 0,
    output_name: Annotated[
        str | None, typer.Option("--label", help="Output whose ruggedness is measured (default: the first).")
    ] = None,
    sequence: Annotated[str | None, typer.Option("--sequence-column", help="Column of sequences in tables.")] = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group-column",
            help="Column of the reference with the family of a sequence (a locus, say): families are held out whole.",
        ),
    ] = None,
    stranded: Annotated[
        bool, typer.Option("--stranded", help="Count k-mers on the given strand only (always so for RNA).")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of what is held out, of folds and of mutants.")] = 0,
) -> None:
    """Measure how far new sequences are from training data.

    The table has one line per sequence: its prediction, its OOD percentile (per cent of held-out training sequences
    that are less strange), and every score with its percentile. The page compares both sets as wholes.
    """
    import shlex
    import sys

    from palindra.cli.shift.measuring import Settings, measure_shift

    settings = Settings(
        level=level,
        ruggedness=ruggedness,
        output_name=output_name,
        sequence_column=sequence,
        group_column=group,
        stranded=stranded,
        seed=seed,
    )
    command_line = shlex.join(["palindra", *sys.argv[1:]])
    for sentence in measure_shift(run, sequences, reference, output, settings, command=command_line):
        typer.echo(sentence)
    typer.echo(f"table       {output}")
    typer.echo(f"page        {output.with_suffix('.html')}")
