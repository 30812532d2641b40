"""Score the variants of a VCF file with a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="Run folder of labels or tracks, a language model (folder, or default), or module:function of "
            "anybody's PyTorch model of one-hot (batch, 4, length) in the order ACGT.",
            show_default=False,
        ),
    ],
    calls: Annotated[Path, typer.Argument(help="VCF file, gzipped or not.", show_default=False)],
    genome: Annotated[Path, typer.Argument(help="FASTA of the genome, gzipped or not.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write: scored VCF, table, problems.")
    ] = Path("variants"),
    targets: Annotated[
        str | None,
        typer.Option("--targets", "--tracks", help="Outputs to write, by name with commas (default: all)."),
    ] = None,
    score: Annotated[
        str,
        typer.Option(help="Which scores, with commas: difference, log-fold-change, max and sum (over targets)."),
    ] = "difference,log-fold-change,max,sum",
    shifts: Annotated[
        str,
        typer.Option(help="Robust scores: windows moved by these many bp for both alleles, e.g. -64,-32,0,32,64."),
    ] = "0",
    both_strands: Annotated[
        bool | None,
        typer.Option(
            "--both-strands/--given-strand",
            help="Average both strands, the same number whichever is given (default: where the target knows them).",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a file with any problem, before anything is scored.")
    ] = False,
    sort: Annotated[
        bool, typer.Option("--sort", help="Sort the VCF that is written, so that it can be indexed.")
    ] = False,
    map_names: Annotated[
        bool, typer.Option("--map-names", help="The VCF may name chromosomes otherwise (chr1 against 1).")
    ] = False,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Windows at a time.")] = 64,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder for the codes of the genome, as in data build.")
    ] = None,
    progress: opt.Progress = True,
    window: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="module:function: letters that it reads; language model: letters around.",
            rich_help_panel="Model",
        ),
    ] = None,
    activation: Annotated[
        str,
        typer.Option(help="module:function: of its outputs, none, sigmoid or softmax.", rich_help_panel="Model"),
    ] = "none",
    outputs: Annotated[
        str,
        typer.Option(
            help="module:function: what outputs do on the other strand: invariant (also tracks that reverse), "
            "strand-specific, or partners such as 1,0.",
            rich_help_panel="Model",
        ),
    ] = "invariant",
    output_field: Annotated[
        str | None,
        typer.Option(help="module:function: which output, by name or number, of several.", rich_help_panel="Model"),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="module:function: coverage, probability or value (any sign, without log fold change) (default: "
            "value, or probability with an activation).",
            rich_help_panel="Model",
        ),
    ] = None,
    bin_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="module:function: bp of one value of a track that is shorter than the window.",
            rich_help_panel="Model",
        ),
    ] = None,
) -> None:
    """Score the variants of a VCF file with a model.

    Written are a VCF (bgzip, tabix) with INFO fields PALINDRA_..., one number for each alternate, and a table with one
    row for each. Records that cannot be scored stay in both, with the reason; all problems are listed with their lines.
    The same command goes on where it was cut off. A language model gives zero-shot scores: the log-ratio of the letters
    while they are masked, and the distance of the embeddings, of both strands.
    """
    from palindra.cli.tracks.data_building import noted
    from palindra.cli.tracks.predicting import parse_shifts
    from palindra.cli.variants.models import Declaration
    from palindra.cli.variants.outputs import TABLE, VCF
    from palindra.cli.variants.running import Plan, score_file

    plan = Plan(
        targets=targets,
        shifts=parse_shifts(shifts),
        both_strands=both_strands,
        scores=tuple(name.strip() for name in score.split(",")),
        declared=Declaration(window, activation, outputs, output_field, kind, bin_size),
        map_names=map_names,
        strict=strict,
        sort=sort,
        batch_size=batch_size,
    )
    with noted(lambda text: typer.echo(f"note: {text}")):
        done = score_file(model, calls, genome, output, plan, cache=cache, progress=progress, say=typer.echo)
    typer.echo(f"{done.records:,} records, {done.alternates:,} alternates, {done.scored:,} scored")
    typer.echo(f"VCF    {output / VCF}{'' if done.index is None else f' ({done.index.name})'}")
    typer.echo(f"table  {output / TABLE}")
