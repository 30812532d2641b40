"""Build, describe and check data sets: genome tracks, transposable elements, phylogenies."""

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


Folder = Annotated[Path, typer.Option("--output", "-o", help="Folder of the data set.", show_default=False)]


@app.command("transposons")
def transposons(
    families: Annotated[
        Path,
        typer.Argument(
            help="Table of families with name, te_class, order, superfamily and sequence (.tsv .csv, also .gz).",
            show_default=False,
        ),
    ],
    output: Folder,
    task: Annotated[
        str,
        typer.Option(
            help="superfamily, order or te_class (whole families held out), background (one superfamily against the "
            "rest) or family (an end of each family held out)."
        ),
    ] = "superfamily",
    superfamily: Annotated[str | None, typer.Option(help="Of --task background, e.g. Gypsy.")] = None,
    background: Annotated[
        str, typer.Option(help="Of --task background: others, or shuffled (dinucleotides kept).")
    ] = "others",
    length: Annotated[int, typer.Option(help="Letters of a window.")] = 500,
    step: Annotated[int, typer.Option(help="Letters from one window to the next.")] = 250,
    most: Annotated[int, typer.Option(help="Windows of a family in a split; 0 for all.")] = 0,
    strands: Annotated[bool, typer.Option(help="Turn half of the windows round.")] = True,
    threshold: Annotated[float, typer.Option(help="Jaccard index of 12-mers from which on sequences are alike.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of splits, strands and shuffles.")] = 0,
) -> None:
    """Build a benchmark of transposable elements, families held out.

    Windows are cut from families; families that share a piece stay in one split, held-out windows that are like a
    training window, on either strand, are removed, and classes without families for three splits are left out. The
    table goes to palindra train and palindra compare as it is.
    """
    import shlex
    import sys

    from palindra.cli.geometry.data_sets import build_transposons
    from palindra.data.transposons import WindowConfig

    config = WindowConfig(
        task=task,
        superfamily=superfamily,
        background=background,
        length=length,
        step=step,
        most=most,
        strands=strands,
        threshold=threshold,
        seed=seed,
    )
    for line in build_transposons(families, output, config, command=shlex.join(["palindra", *sys.argv[1:]])):
        typer.echo(line)


@app.command("phylogeny")
def phylogeny(
    output: Folder,
    shape: Annotated[
        str, typer.Option(help="Of the tree of the clades: yule, coalescent, caterpillar or star.")
    ] = "yule",
    clades: Annotated[int, typer.Option(help="Classes.")] = 8,
    train: Annotated[int, typer.Option(help="Training sequences of each class.")] = 32,
    held_out: Annotated[int, typer.Option(help="Validation sequences of each class, and test sequences.")] = 16,
    length: Annotated[int, typer.Option(help="Letters of a sequence.")] = 200,
    height: Annotated[float, typer.Option(help="From root to leaves, in expected substitutions per site.")] = 0.5,
    within: Annotated[float, typer.Option(help="Share of the height inside the clades.")] = 0.3,
    substitution: Annotated[str, typer.Option(help="jc69, k80 or hky.")] = "jc69",
    kappa: Annotated[float, typer.Option(help="Transitions relative to transversions (k80, hky).")] = 2.0,
    frequencies: Annotated[str, typer.Option(help="Of A, C, G and T (hky).")] = "0.25,0.25,0.25,0.25",
    gamma: Annotated[float | None, typer.Option(help="Shape of the rates of sites; equal rates without it.")] = None,
    indels: Annotated[float, typer.Option(help="Insertions, and deletions, per site and substitution.")] = 0.0,
    indel_length: Annotated[float, typer.Option(help="Mean length of an insertion or deletion.")] = 3.0,
    seed: Annotated[int, typer.Option(help="Of tree, sequences and splits.")] = 0,
) -> None:
    """Build labelled sequences that evolved along a known tree.

    The class of a sequence is its clade. Beside the table lie the tree (Newick) and the true alignment (FASTA).
    """
    import shlex
    import sys

    from palindra.cli.geometry import data_sets
    from palindra.data.phylogenies import PhylogenyConfig

    config = PhylogenyConfig(
        shape=shape,
        clades=clades,
        train=train,
        held_out=held_out,
        length=length,
        height=height,
        within=within,
        substitution=data_sets.substitution(substitution, kappa, frequencies),
        gamma_shape=gamma,
        indels=data_sets.indels(indels, indel_length),
        seed=seed,
    )
    for line in data_sets.build_phylogeny(output, config, command=shlex.join(["palindra", *sys.argv[1:]])):
        typer.echo(line)
