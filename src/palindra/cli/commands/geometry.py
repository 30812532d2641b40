"""Measure how near embeddings or sequences are to a tree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Embeddings (.npy .npz .h5 .tsv .csv, one row per point), aligned sequences (.fa .fasta) or trees "
            "(.nwk .newick .tree); several are measured one after the other.",
            show_default=False,
        ),
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            help="Of embeddings: euclidean (default), cosine (the angle), hyperbolic (of space coordinates, see "
            "--k) or given (the file holds distances); of sequences: jc69 (default), p or kmer.",
        ),
    ] = None,
    array: Annotated[
        str | None, typer.Option("--array", help="Array of an .npz or .h5 file, where there are several.")
    ] = None,
    k: Annotated[
        float | None,
        typer.Option(
            "--k", help="With hyperbolic: k of the curvature -1/k (default 1); with kmer: letters (default 4)."
        ),
    ] = None,
    stranded: Annotated[
        bool, typer.Option("--stranded", help="With kmer: count k-mers on the given strand only.")
    ] = False,
    size: Annotated[int, typer.Option(help="Points of a subset; delta of all is exact where there are no more.")] = 60,
    subsets: Annotated[int, typer.Option(help="Random subsets of larger sets.")] = 20,
    repeats: Annotated[int, typer.Option(help="Draws of each null.")] = 100,
    seed: Annotated[int, typer.Option(help="Of subsets and draws.")] = 0,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Table to write; page and summary go beside it as .html and .json.")
    ] = Path("geometry.tsv"),
) -> None:
    """Measure how near embeddings or sequences are to a tree.

    Gromov's delta says how far distances are from those of a tree (0), and relative delta is 2 delta / diameter. Points
    without any tree can have a low one too, so each value stands beside two nulls: Gaussian points of the same spread
    and dimension, and the same values permuted.
    """
    import shlex
    import sys

    from palindra.cli.geometry.measuring import Settings, measure_geometry

    settings = Settings(
        metric=metric, array=array, k=k, stranded=stranded, size=size, subsets=subsets, repeats=repeats, seed=seed
    )
    for sentence in measure_geometry(files, output, settings, command=shlex.join(["palindra", *sys.argv[1:]])):
        typer.echo(sentence)
    typer.echo(f"table       {output}")
    typer.echo(f"page        {output.with_suffix('.html')}")
