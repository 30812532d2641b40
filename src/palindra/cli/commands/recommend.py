"""Train sequential recommenders and rank what users take next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    ratings: Annotated[
        Path,
        typer.Argument(
            help="Table of interactions (.csv .tsv .parquet, also .gz) with columns of users, items and times.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path("recommended"),
    models: Annotated[
        str,
        typer.Option(
            "--models", help="scosrec (symmetric maps of pairs), cosrec, or both with a comma; the first recommends."
        ),
    ] = "scosrec",
    seeds: Annotated[str, typer.Option("--seeds", help="Seeds, e.g. 0,1,2 or 0-4.")] = "0",
    top: Annotated[int, typer.Option("--top", min=1, help="Items to recommend to each user.")] = 10,
    user_column: Annotated[
        str | None, typer.Option("--user-column", help="Column of users (default: userId, user, ...).")
    ] = None,
    item_column: Annotated[
        str | None, typer.Option("--item-column", help="Column of items (default: itemId, movieId, item, ...).")
    ] = None,
    timestamp_column: Annotated[
        str | None, typer.Option("--timestamp-column", help="Column of times (default: timestamp, time, date, ...).")
    ] = None,
    user_least: Annotated[
        int, typer.Option("--user-least", min=1, help="Interactions that a user needs to be kept.")
    ] = 5,
    item_least: Annotated[
        int, typer.Option("--item-least", min=1, help="Interactions that an item needs to be kept.")
    ] = 5,
    filter_once: Annotated[
        bool, typer.Option("--filter-once", help="Count interactions once instead of until nothing changes.")
    ] = False,
    length: Annotated[int, typer.Option("--length", min=5, help="Last items that a model reads.")] = 5,
    width: Annotated[int, typer.Option("--width", min=1, help="Size of the vectors of users and items.")] = 50,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="At most; validation ends training earlier.")] = 100,
    batch_size: Annotated[int, typer.Option("--batch-size", min=2, help="Windows in a batch.")] = 512,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Of Adam; lowered on plateaus.")] = 1e-3,
    l2: Annotated[float, typer.Option("--l2", min=0, help="Penalty on squared parameters.")] = 5e-6,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit/--no-refit",
            help="Train once more on training and validation, as long as was best, before the test.",
        ),
    ] = True,
) -> None:
    """Train sequential recommenders and rank what users take next.

    Every user's history is divided in time: 70 % to train, 10 % to choose epoch and learning rate, 20 % to test, which
    nothing is chosen on. MAP, precision and recall stand beside those of popularity and of item-kNN. Rankings hold all
    items of the training part that the user has not taken. A run that was interrupted goes on.
    """
    from palindra.cli.inputs import integers
    from palindra.cli.recommend.running import Settings, recommend

    settings = Settings(
        models=models,
        seeds=tuple(integers(seeds, "--seeds")),
        top=top,
        columns=(user_column, item_column, timestamp_column),
        user_least=user_least,
        item_least=item_least,
        filter_once=filter_once,
        length=length,
        width=width,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        l2=l2,
        refit=refit,
    )
    for line in recommend(ratings, output, settings, say=typer.echo):
        typer.echo(line)
