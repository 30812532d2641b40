"""Explain what a trained run reads, and how far to believe it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt


def command(
    run: Annotated[Path, typer.Argument(help="Run folder of labels or tracks.", show_default=False)],
    input_file: Annotated[
        Path,
        typer.Option(
            "--input",
            "-i",
            help="FASTA or table of sequences; for tracks (or labels of a genome) a BED file of regions.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output-dir", "-o", help="Folder to write: page, maps, motifs, tables, logos.")
    ] = Path("explanation"),
    output_name: Annotated[
        str | None, typer.Option("--output-name", help="Which label, class or track is explained (default: the first).")
    ] = None,
    contribution: Annotated[
        str, typer.Option(help="Of a track: total (its sum over the window) or profile (its shape).")
    ] = "total",
    method: Annotated[
        str,
        typer.Option(
            help="Of attribution: deeplift, integrated-gradients, simplex-gradients, expected-gradients, saliency, "
            "input-x-gradient, corrected-gradient, smoothgrad or mutagenesis."
        ),
    ] = "deeplift",
    compare_methods: Annotated[
        str, typer.Option("--compare-methods", help="Methods, with commas, whose maps are compared with it.")
    ] = "deeplift,integrated-gradients,corrected-gradient",
    motifs: Annotated[
        Path | None, typer.Option("--motifs", help="Known motifs in the MEME format, e.g. a collection of JASPAR.")
    ] = None,
    jaspar: Annotated[
        str | None, typer.Option("--jaspar", help="Known motifs of this release, e.g. JASPAR2022 (needs pyjaspar).")
    ] = None,
    no_motifs: Annotated[
        bool, typer.Option("--no-motifs", help="No patterns, no names and no logos (needs none of their packages).")
    ] = False,
    pattern: Annotated[
        list[str] | None,
        typer.Option("--pattern", help="Letters, N for any, whose importance is measured first; may be repeated."),
    ] = None,
    backgrounds: Annotated[
        Path | None,
        typer.Option("--backgrounds", help="FASTA of sequences that motifs are put into (default: shuffles)."),
    ] = None,
    also: Annotated[
        list[Path] | None,
        typer.Option("--also", help="Run folder of another seed, whose maps and motifs are compared; may be repeated."),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option("--train", help="Sequences it was trained on, to name the nearest (default: 'train' of --input)."),
    ] = None,
    layer: Annotated[
        str | None, typer.Option("--layer", help="Layer whose filters are read (default: the first activation).")
    ] = None,
    both_strands: Annotated[
        bool, typer.Option("--both-strands", help="Explain the mean over both strands (post-hoc averaging).")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Explain also sequences that are not predicted positive.")
    ] = False,
    split: Annotated[
        str | None, typer.Option("--split", help="Of a table: train, valid or test (default: test, if there is one).")
    ] = None,
    sequence: Annotated[str | None, typer.Option("--sequence-column", help="Column of sequences in a table.")] = None,
    genome: Annotated[Path | None, typer.Option("--genome", help="FASTA of the genome of a BED file.")] = None,
    map_names: Annotated[
        bool, typer.Option("--map-names", help="The BED may name chromosomes otherwise (chr1 against 1).")
    ] = False,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder for the codes of the genome, as in data build.")
    ] = None,
    max_sequences: Annotated[int, typer.Option("--max-sequences", min=4, help="Sequences to explain at most.")] = 200,
    window: Annotated[
        int | None,
        typer.Option("--window", min=1, help="Letters in the middle where patterns are searched (default: all)."),
    ] = None,
    umap: Annotated[bool, typer.Option("--umap", help="Draw embeddings by UMAP as well as by PCA.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of shuffles and noise.")] = 0,
    engine: opt.Engine = "local",
    address: opt.Address = None,
    workers: opt.Workers = 1,
) -> None:
    """Explain what a trained run reads, and how far to believe it.

    Attribution maps of one output; motifs of the first filters and, by TF-MoDISco, of the maps, named by Tomtom; what
    the first motifs do when they are put into other sequences (where, how often, at which distance); nearest training
    sequences; and how far the maps can be believed: over strands, shifts, methods, seeds (--also) and random weights.

    The folder holds explanation.html, explanation.json, attributions.h5, motifs.tsv, motifs.meme, patterns.h5,
    seqlets, gia_*.tsv, agreement.tsv, logos, and for regions of a genome contributions.bw.

    With --workers or --engine ray all that is expensive is made by many processes or machines; the files are the same.
    Started again after a kill, the command makes only what is missing.
    """
    import shlex
    import sys

    from palindra.cli.explain.running import explain
    from palindra.cli.explain.settings import Settings

    settings = Settings(
        output_name=output_name,
        contribution=contribution,
        method=method,
        compare_methods=tuple(name.strip() for name in compare_methods.split(",") if name.strip()),
        motifs=motifs,
        jaspar=jaspar,
        search_motifs=not no_motifs,
        patterns=tuple(pattern or ()),
        backgrounds=backgrounds,
        also=tuple(also or ()),
        train=train,
        layer=layer,
        both_strands=both_strands,
        every=every,
        split=split,
        sequence_column=sequence,
        genome=genome,
        map_names=map_names,
        cache=cache,
        max_sequences=max_sequences,
        window=window,
        umap=umap,
        seed=seed,
    )
    command_line = shlex.join(["palindra", *sys.argv[1:]])
    shared = opt.shared(engine, address, workers)
    explain(run, input_file, output, settings, command=command_line, say=typer.echo, engine=shared)
