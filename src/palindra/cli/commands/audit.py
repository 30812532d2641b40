"""Measure how a model's answers change with the strand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from palindra.cli import options as opt

SOURCES = "Representations"


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="Run folder, or module:function of anybody's PyTorch model (a module, or a function of one-hot "
            "(batch, 4, length) in the order ACGT). Or representations: hf:FOLDER, palindra:FOLDER, "
            "call:module:function, one-hot, kmers:6, dinucleotides.",
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
    layer: Annotated[
        int | None, typer.Option(help="After which features are taken (default: the last).", rich_help_panel=SOURCES)
    ] = None,
    strands: Annotated[
        str, typer.Option(help="as is, averaged (the cure) or concatenated.", rich_help_panel=SOURCES)
    ] = "as is",
    beside: Annotated[
        str, typer.Option(help="Source that shifts are compared with.", rich_help_panel=SOURCES)
    ] = "one-hot",
    letters: Annotated[
        int,
        typer.Option(
            min=0, help="Sequences whose letters a language model is asked for, one by one.", rich_help_panel=SOURCES
        ),
    ] = 32,
    fit_limit: Annotated[
        int, typer.Option(min=20, help="Training sequences of the linear readout.", rich_help_panel=SOURCES)
    ] = 5000,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Read sequences without labels.", rich_help_panel=SOURCES)
    ] = False,
    trust_remote_code: Annotated[
        bool,
        typer.Option("--trust-remote-code", help="Let a model run the code in its folder.", rich_help_panel=SOURCES),
    ] = False,
    device: Annotated[str, typer.Option(help="Where to compute: cpu, cuda.", rich_help_panel=SOURCES)] = "cpu",
    batch_size: Annotated[
        int, typer.Option(min=1, help="Sequences that are read together.", rich_help_panel=SOURCES)
    ] = 64,
    max_length: Annotated[
        str,
        typer.Option(
            help="Sequences too long for the model: refuse, or read in tiles (tile).", rich_help_panel=SOURCES
        ),
    ] = "refuse",
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

    For representations the page compares embeddings of both strands (mean, base by base, CLS), the letters that a
    language model expects, and predictions of a linear readout fitted on the training split; it says what a shift by
    one letter does to tokens and features, and what averaging both strands does to the difference and to the score.
    """
    import shlex
    import sys

    from palindra.cli.auditing import audit_model
    from palindra.cli.auditing_sources import SourceOptions, audit_source_file, is_source

    said = shlex.join(["palindra", *sys.argv[1:]])
    reading: dict[str, Any] = {
        "negatives": negatives,
        "task": task,
        "sequence": sequence,
        "label": label,
        "split": split,
    }
    options = SourceOptions(
        layer=layer,
        strands=strands,
        beside=beside,
        letters=letters,
        fit_limit=fit_limit,
        unlabelled=unlabelled,
        trust_remote_code=trust_remote_code,
        device=device,
        batch_size=batch_size,
        max_length=max_length,
    )
    if is_source(model):
        refuse(
            model,
            [
                name
                for name, given in (
                    ("--activation", activation != "none"),
                    ("--outputs", outputs != "invariant"),
                    ("--output-field", output_field is not None),
                )
                if given
            ],
            "a run folder or module:function",
        )
        sentences = audit_source_file(model, data, output, options=options, limit=limit, reading=reading, command=said)
    else:
        refuse(model, options.changed(), "representations such as hf:FOLDER or one-hot")
        sentences = audit_model(
            model,
            data,
            output,
            activation=activation,
            outputs=outputs,
            field=output_field,
            limit=limit,
            command=said,
            **reading,
        )
    for sentence in sentences:
        typer.echo(sentence)
    typer.echo(f"page        {output}")


def refuse(model: str, given: list[str], belong_to: str) -> None:
    """Options that say nothing of a model are an error, not a surprise."""
    if given:
        from palindra.errors import InputError

        raise InputError(f"{model}: {', '.join(given)} belong{'s' * (len(given) == 1)} to {belong_to}; leave out.")
