"""Predict labels for sequences with a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt


def command(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    sequences: Annotated[
        Path, typer.Argument(help="FASTA, or a table with a column of sequences.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Table to write (.tsv).")] = Path("predictions.tsv"),
    both_strands: Annotated[
        bool,
        typer.Option(
            "--both-strands", help="Average the outputs of both strands (for models that contradict themselves)."
        ),
    ] = False,
    sequence: Annotated[str | None, typer.Option("--sequence-column", help="Column of sequences in a table.")] = None,
    batch_size: opt.BatchPrediction = 512,
) -> None:
    """Predict labels for sequences with a trained model.

    The table has one line per sequence, in their order, with the prediction and, for targets that know the other
    strand, the prediction on the reverse complement.
    """
    from palindra.cli.predicting import predict_file

    count = predict_file(
        run, sequences, output, both_strands=both_strands, sequence_column=sequence, batch_size=batch_size
    )
    typer.echo(f"{count:,} predictions  {output}")
