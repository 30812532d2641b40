"""Write what a language model knows of each sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    model: Annotated[
        Path,
        typer.Argument(
            help="Folder of palindra pretrain or finetune, a checkpoint of Caduceus, or default: the small model of "
            "yeast that ships.",
            show_default=False,
        ),
    ],
    sequences: Annotated[
        Path, typer.Argument(help="FASTA, or a table with a column of sequences.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--out", "--output", "-o", help="File to write: .npz, .zarr or .h5.")] = Path(
        "embeddings.npz"
    ),
    pool: Annotated[
        str,
        typer.Option(
            help="position (every one), mean (of the given strand) or strand (mean of both, the same for each)."
        ),
    ] = "strand",
    tile: Annotated[
        int, typer.Option(help="Read longer sequences in overlapping tiles of so many letters; 0 refuses them.")
    ] = 0,
    overlap: Annotated[int, typer.Option(help="Letters that neighbouring tiles share (default: a quarter).")] = 0,
    dtype: Annotated[str, typer.Option(help="float32 or float16.")] = "float32",
    sequence: Annotated[str | None, typer.Option("--sequence-column", help="Column of sequences in a table.")] = None,
) -> None:
    """Write what a language model knows of each sequence.

    The file holds embeddings (rows, features) and ids, the names of the sequences in their order. With --pool position
    each position has a row, and offsets say which rows belong to which sequence: those of sequence i are
    embeddings[offsets[i]:offsets[i + 1]]. Nothing is cut: sequences that are too long are refused, or read in tiles.
    """
    import shlex
    import sys

    import torch

    from palindra.cli.embedding.running import embed_file, open_model
    from palindra.models.strand_lm.shipped import folder_of

    source = folder_of(model)
    written = embed_file(
        open_model(source),
        source,
        sequences,
        output,
        pool=pool,
        tile=tile,
        overlap=overlap,
        dtype=dtype,
        sequence_column=sequence,
        command=shlex.join(["palindra", *sys.argv[1:]]),
        device="cuda" if torch.cuda.is_available() else "cpu",
    )
    rows, width = written.shape
    typer.echo(f"{written.sequences:,} sequences  {rows:,} rows of {width} features  {written.path}")
