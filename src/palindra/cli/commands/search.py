"""Search for good hyper-parameters of a model of tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt


def command(
    grid: Annotated[
        Path,
        typer.Argument(
            help="TOML file with [data], [base] settings and [search]: for each setting a list of choices, or "
            "{low = ..., high = ..., log = true}.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the search.")] = Path("runs/search"),
    trials: Annotated[int, typer.Option(min=1, help="Trials in the end, those of earlier calls included.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the proposals and of every run.")] = 0,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Where the study is kept: a file (.db: SQLite, others: Optuna's journal), or a database such as "
            "postgresql://user:password@host/name; the same one when the search goes on (default: study.db in the "
            "output)."
        ),
    ] = None,
    progress: opt.Progress = True,
    engine: opt.Engine = "local",
    address: opt.Address = None,
    workers: opt.Workers = 1,
) -> None:
    """Search for good hyper-parameters of a model of tracks.

    Optuna proposes settings, each is trained, and r on the validation windows decides; test windows are not looked at.
    The folder holds the study (SQLite), all runs, a table of trials, and best.toml, a file for palindra compare.
    Started again, the search goes on. With --workers or --engine ray several proposals are trained at a time. Needs
    pip install 'palindra[search]'.
    """
    import importlib.util
    import shlex
    import sys

    from palindra.errors import InputError

    if importlib.util.find_spec("optuna") is None:
        raise InputError("palindra search needs Optuna: pip install 'palindra[search]'.")

    from palindra.cli.tracks.grid import load_grid
    from palindra.cli.tracks.grid_options import require_grid
    from palindra.cli.tracks.searching import search_tracks

    require_grid(grid, (), ())
    found = search_tracks(
        load_grid(grid),
        output,
        trials,
        seed=seed,
        command=shlex.join(["palindra", *sys.argv[1:]]),
        storage=storage,
        engine=opt.shared(engine, address, workers),
        progress=progress,
        say=typer.echo,
    )
    typer.echo(f"best of {found['trials']} trials: r {found['validation']:.4f} on validation")
    for name in found["parameters"]:
        typer.echo(f"  {name} = {found['settings'][name]}")
    typer.echo(f"as a grid  {output / 'best.toml'}")
