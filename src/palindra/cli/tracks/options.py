"""Options of training on tracks, and which options were typed at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from palindra.errors import InputError

_PANEL = "Tracks (the data is a folder made by palindra data build)"

Loss = Annotated[
    str | None,
    typer.Option(
        "--loss",
        help="poisson (default), mse, pearson, pearson-mse, r2, multinomial, multinomial-mse, bpnet, or bce (labels).",
        rich_help_panel=_PANEL,
    ),
]
BinSize = Annotated[
    int | None, typer.Option("--bin-size", help="Positions of one predicted value (default 1).", rich_help_panel=_PANEL)
]
Length = Annotated[
    int | None,
    typer.Option(
        "--length", help="Positions that the model reads (default: the stored window).", rich_help_panel=_PANEL
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels", help="tracks (coverage, the default) or activity (a label per window).", rich_help_panel=_PANEL
    ),
]
Partners = Annotated[
    str | None,
    typer.Option(
        "--partners",
        help="How tracks swap with the strand: declared with the data (the default), invariant (none swaps) or untied "
        "(the head has no symmetry).",
        rich_help_panel=_PANEL,
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        "--scale",
        help="spread (the default) divides tracks inside poisson, mse and pearson-mse losses so that each has the same "
        "weight; mean divides them by their means; none leaves them.",
        rich_help_panel=_PANEL,
    ),
]
GenomeOption = Annotated[
    Path | None, typer.Option("--genome", help="FASTA, if it was moved since the build.", rich_help_panel=_PANEL)
]

BatchPrediction = Annotated[
    int, typer.Option("--batch-size", min=1, help="Windows of tracks at a time.", rich_help_panel=_PANEL)
]
CommandLine = Annotated[typer.Context, typer.Option(help="What was typed.")]  # no option: typer passes it by itself

ONLY_TRACKS = ("loss", "bin_size", "length", "labels", "partners", "scale", "genome")
"""Options that labelled sequences have no use for."""

ONLY_SEQUENCES = (
    "target",
    "negatives",
    "task",
    "sequence",
    "label",
    "split",
    "chromosome",
    "split_by",
    "valid_chromosomes",
    "test_chromosomes",
    "pad",
    "alphabet",
)
"""Options that a data set of tracks has no use for, because its build has decided them."""


ONLY_SEQUENCES_EVALUATED = ("negatives", "sequence", "label", "split", "pad")
"""The same for evaluation."""


_SPELT = {
    "sequence": "sequence-column",
    "label": "label-columns",
    "split": "split-column",
    "chromosome": "chromosome-column",
    "split_by": "split",
}  # where the option is not the name in Python


def typed_options(context: typer.Context) -> dict[str, Any]:
    """The options of a command that were typed, by their names in Python."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {
        name: context.params[name] for name, found in sources.items() if found is not None and found.name != "DEFAULT"
    }


def refuse(options: Iterable[str], names: Iterable[str], *, what: str) -> None:
    """Refuse options that do not go with the data.

    Raises:
        InputError: naming the first.
    """
    given = set(options)
    for name in names:
        if name in given:
            raise InputError(f"--{_SPELT.get(name, name.replace('_', '-'))} {what}")
