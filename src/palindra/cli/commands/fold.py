"""Predict the secondary structure of RNA."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="Run folder or weights of a model of pairs, or the word default for the one that ships with palindra.",
            show_default=False,
        ),
    ],
    sequences: Annotated[
        list[Path],
        typer.Argument(
            help="FASTA, a table with a column sequence, or files with known structures (.dbn .ct .bpseq .tsv), which "
            "are then scored.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write: structures, probabilities, pictures, page.")
    ] = Path("folded"),
    decoder: Annotated[
        str,
        typer.Option(
            "--decoder", help="How pairs are chosen: matching (pseudoknots allowed), nested (none) or greedy."
        ),
    ] = "matching",
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=0, max=1, help="Pairs need more than this probability (default: the model's)."),
    ] = None,
    minimum_loop: Annotated[
        int, typer.Option("--minimum-loop", min=0, help="Unpaired bases between two that pair, at least.")
    ] = 3,
    canonical: Annotated[
        bool, typer.Option("--canonical/--any-pair", help="Choose GC, AU and GU pairs only, or any.")
    ] = True,
    floor: Annotated[
        float, typer.Option("--floor", min=0, max=1, help="Probabilities from this one on are in pairs.tsv.")
    ] = 0.01,
    rnafold: Annotated[
        bool | None,
        typer.Option(
            "--rnafold/--no-rnafold",
            help="Show RNAfold's structure beside each (default: if ViennaRNA is installed).",
        ),
    ] = None,
    family: Annotated[
        str | None, typer.Option("--family", help="Family of the molecules, where the file does not say.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Only rows of this split of a table: train, valid or test.")
    ] = None,
    maps: Annotated[bool, typer.Option("--maps", help="Also write every whole map of probabilities, as .npz.")] = False,
    bpseq: Annotated[bool, typer.Option("--bpseq", help="Also write a bpseq file for each molecule.")] = False,
    drawn: Annotated[int, typer.Option("--drawn", min=0, help="Molecules that are drawn on the page.")] = 40,
    progress: opt.Progress = True,
) -> None:
    """Predict the secondary structure of RNA.

    The folder gets structures.dbn and structures.ct, tables of molecules, of pairs with their probabilities and of
    unpaired bases, a picture for each molecule and page.html with all of them. A command that was interrupted goes on
    where it was.
    """
    import shlex
    import sys

    from palindra.cli.fold.running import Settings, fold_files

    settings = Settings(
        decoder=decoder,
        threshold=threshold,
        minimum_loop=minimum_loop,
        canonical=canonical,
        floor=floor,
        rnafold=rnafold,
        family=family,
        split=split,
        maps=maps,
        bpseq=bpseq,
        drawn=drawn,
        progress=progress,
    )
    command_line = shlex.join(["palindra", *sys.argv[1:]])
    for line in fold_files(model, sequences, output, settings, command=command_line, say=typer.echo):
        typer.echo(line)
