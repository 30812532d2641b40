"""Measure how a model's answers change with the strand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from palindra.cli import options as opt


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="Run folder, or module:function of anybody's PyTorch model (a module, or a function of one-hot "
            "(batch, 4, length) in the order ACGT).",
            show_default=False,
        ),
    ],
    data: opt.DataArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Page to write; numbers go beside it as .json.")
    ] = Path("audit.html"),
    activation: Annotated[
        str, typer.Option(help="Of the model's outputs: none, sigmoid or softmax (for models that give logits).")
    ] = "none",
    outputs: Annotated[
        str,
        typer.Option(help="What outputs do on the other strand: invariant, track (reversed), or partners such as 1,0."),
    ] = "invariant",
    output_field: Annotated[
        str | None, typer.Option(help="Which output, by name or number, of a model with several.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=2, help="Sequences to read, the first of the file (of its test split, if it has one).")
    ] = 2000,
    negatives: opt.Negatives = None,
    task: opt.TaskOption = None,
    sequence: opt.SequenceColumn = None,
    label: opt.LabelColumns = None,
    split: opt.SplitColumn = None,
) -> None:
    """Measure how a model's answers change with the strand.

    Each sequence is read from both strands and moved by a few letters; the page says how much the answers change, how
    many decisions change, and what averaging over strands would do to the scores.

    For module:function the module is imported from the current folder; the function is called without arguments if
    it is not a module itself and takes none, and must then return the model.
    """
    import shlex
    import sys

    from palindra.cli.auditing import audit_model

    for sentence in audit_model(
        model,
        data,
        output,
        activation=activation,
        outputs=outputs,
        field=output_field,
        limit=limit,
        negatives=negatives,
        task=task,
        sequence=sequence,
        label=label,
        split=split,
        command=shlex.join(["palindra", *sys.argv[1:]]),
    ):
        typer.echo(sentence)
    typer.echo(f"page        {output}")
