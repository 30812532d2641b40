"""Write a trained model as stock PyTorch and ONNX files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write into.")] = Path("exported"),
    formats: Annotated[str, typer.Option("--format", help="torch, onnx, or both with a comma.")] = "torch,onnx",
) -> None:
    """Write a trained model as stock PyTorch and ONNX files.

    The files hold nothing of Palindra. Each is run at other batch sizes (and lengths, where the model takes several)
    and compared with the model before it gets its name.
    """
    from palindra.cli.exporting import export_run

    for line in export_run(run, output, formats):
        typer.echo(line)
