"""The command line: one file per command; nothing heavy is imported before a command runs."""

from __future__ import annotations

import os
import sys

import typer

import palindra
from palindra.cli.commands import (
    audit,
    benchmark,
    compare,
    data,
    designs,
    embed,
    evaluate,
    explain,
    export,
    finetune,
    fold,
    fold_train,
    geometry,
    mutagenesis,
    predict,
    pretrain,
    probe,
    recommend,
    search,
    shift,
    train,
    variants,
)
from palindra.ranks import first_process

INTERRUPTED = 130  # exit code after Ctrl-C

app = typer.Typer(
    name="palindra",
    help="Deep learning on DNA, RNA and protein sequences with the symmetry of the two strands.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for _name, _module in (
    ("compare", compare),
    ("train", train),
    ("evaluate", evaluate),
    ("predict", predict),
    ("search", search),
    ("audit", audit),
    ("variants", variants),
    ("mutagenesis", mutagenesis),
    ("explain", explain),
    ("shift", shift),
    ("designs", designs),
    ("recommend", recommend),
    ("fold", fold),
    ("fold-train", fold_train),
    ("pretrain", pretrain),
    ("finetune", finetune),
    ("embed", embed),
    ("geometry", geometry),
    ("benchmark", benchmark),
    ("probe", probe),
    ("export", export),
):
    app.command(_name)(_module.command)
app.add_typer(data.app, name="data")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"palindra {palindra.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", help="Show the version.", callback=_show_version, is_eager=True),
) -> None:
    """Deep learning on DNA, RNA and protein sequences with the symmetry of the two strands."""


def main() -> None:
    """Run the command line; bad input ends with one message and exit code 2.

    With PALINDRA_DEBUG=1 the traceback is shown instead of the message. Processes that only help to train (see
    ``--devices``) say nothing, because the first one says the same.
    """
    first = first_process()
    if not first:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  (for as long as the process lives)
    try:
        app(prog_name="palindra")
    except (ValueError, OSError) as error:
        if os.environ.get("PALINDRA_DEBUG"):
            raise
        if first:
            typer.secho(f"palindra: {_message(error)}", err=True, fg=typer.colors.RED)
        sys.exit(2)
    except SystemExit as end:
        if end.code == INTERRUPTED and first:
            typer.echo("palindra: interrupted; start the same command again to go on.", err=True)
        raise


def _message(error: ValueError | OSError) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return str(error)
