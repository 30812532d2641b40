"""Build, describe and check data sets of genome tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)

SettingsArgument = Annotated[
    Path,
    typer.Argument(help="TOML file that declares genome, tracks, splits and windows.", show_default=False),
]
Cache = Annotated[
    Path | None,
    typer.Option(help="Folder for the codes of the genome, where they shall not lie next to the FASTA."),
]


@app.command("build")
def build(
    settings: SettingsArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the data set (default: runs/ and the name of the settings)."),
    ] = None,
    cache: Cache = None,
    progress: Annotated[bool, typer.Option(help="Show progress.")] = True,
) -> None:
    """Build a data set from a genome, tracks and rules.

    Tracks are streamed, so memory does not grow with the genome. Started again after a kill, the build goes on and ends
    in the same bytes; a second build of the same folder waits for the first. Wrong inputs are listed all at once,
    before anything is built.
    """
    from palindra.cli.tracks.data_building import build_data

    folder = Path("runs") / settings.stem if output is None else output
    typer.echo(build_data(settings, folder, cache=cache, say=typer.echo if progress else lambda line: None))


@app.command("describe")
def describe(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished data set.", show_default=False)],
) -> None:
    """Show what is in a data set.

    Windows of every split, how many candidates the threshold left out, and mean, largest value and missing share of
    every track. The genome and the tracks are not opened.
    """
    from palindra.data.tracks import describe as described

    typer.echo(described(folder))


@app.command("check")
def check(
    path: Annotated[Path, typer.Argument(help="TOML file of settings, or folder of a data set.", show_default=False)],
    genome: Annotated[
        Path | None, typer.Option(help="With a folder: the FASTA, where it is not where it was any more.")
    ] = None,
    cache: Cache = None,
) -> None:
    """List everything that is wrong with inputs or a data set.

    Every problem has its file, line or interval. Exit code 2 if one of them is an error; notes are worth knowing and
    stop nothing.
    """
    from palindra.cli.tracks.data_building import find_problems, summary

    problems = find_problems(path, genome=genome, cache=cache)
    for problem in problems:
        typer.secho(f"{problem.level}  {problem}", fg=typer.colors.RED if problem.level == "error" else None)
    typer.echo(summary(path, problems))
    if any(problem.level == "error" for problem in problems):
        raise typer.Exit(2)
