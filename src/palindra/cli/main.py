"""The command line: one file per command; nothing heavy is imported before a command runs."""

from __future__ import annotations

import os
import sys

import typer

import palindra
from palindra.cli import audit, compare, evaluate, export, predict, train

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
    ("audit", audit),
    ("export", export),
):
    app.command(_name)(_module.command)


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

    With PALINDRA_DEBUG=1 the traceback is shown instead of the message.
    """
    try:
        app()
    except (ValueError, FileNotFoundError) as error:
        if os.environ.get("PALINDRA_DEBUG"):
            raise
        typer.secho(f"palindra: {error}", err=True, fg=typer.colors.RED)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("palindra: interrupted; start the same command again to go on.", err=True)
        sys.exit(130)
