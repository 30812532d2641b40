"""Train a model that folds RNA."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    structures: Annotated[
        Path,
        typer.Argument(
            help="Known structures with their families: table (.tsv .csv), .dbn, .ct and others.", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder to write.")] = Path("fold-run"),
    held_out: Annotated[
        str | None,
        typer.Option(
            "--held-out",
            help="Family that is never trained on (default: each in turn for the scores, and none in the end).",
        ),
    ] = None,
    keep_copies: Annotated[
        bool, typer.Option("--keep-copies/--remove-copies", help="What is done with copies across splits.")
    ] = True,
    energies: Annotated[
        str,
        typer.Option(
            "--energies",
            help="Energies that it reads: turner2004, turner1999 (measured), andronescu2007, langdon2018 (fitted "
            "to known structures).",
        ),
    ] = "turner2004",
    seeds: Annotated[str, typer.Option("--seeds", help="Seeds, e.g. 0,1,2 or 0-4; their networks are averaged.")] = "0",
    hidden: Annotated[int, typer.Option("--hidden", min=0, help="Hidden numbers of a network; 0 for none.")] = 8,
    penalty: Annotated[
        float, typer.Option("--penalty", min=0, help="On corrections, which keeps them close to the energies.")
    ] = 0.03,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes over the training data.")] = 4,
) -> None:
    """Train a model that folds RNA.

    The model learns where pair probabilities by energy are wrong. Copies between training and test are counted and
    printed before anything is trained. The threshold is chosen on validation rows, never on the test rows. Fold with
    the run folder: palindra fold RUN seqs.fa.
    """
    from palindra.cli.fold.training import Settings, train_folder
    from palindra.cli.inputs import integers

    settings = Settings(
        held_out=held_out,
        keep_copies=keep_copies,
        energies=tuple(name.strip() for name in energies.split(",")),
        seeds=tuple(integers(seeds, "--seeds")),
        hidden=hidden,
        penalty=penalty,
        epochs=epochs,
    )
    for line in train_folder(structures, output, settings, say=typer.echo):
        typer.echo(line)
