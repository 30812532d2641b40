"""Pieces of a probing beside its cells: files named by what they are computed from, made once, here or by workers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palindra.cli.sharing import do_all
from palindra.engine import Engine, Unit
from palindra.models.saving import write_text
from palindra.probing.cells import without_nan

FAILED = "failed"  # a field of what is tried again by the next call


@dataclass(frozen=True)
class Sharing:
    """Where pieces are made.

    Args:
        engine: None makes them in this process.
        command: that was run.
        progress: show one bar.
        say: gets lines.
    """

    engine: Engine | None
    command: str
    progress: bool
    say: Callable[[str], None]


@dataclass(frozen=True)
class Piece:
    """A file of a run folder, and both ways to make it.

    Args:
        path: of the file, of JSON.
        unit: makes it in a process that has opened nothing yet.
        make: makes it in this one.
        label: what it is.
    """

    path: Path
    unit: Unit
    make: Callable[[], None]
    label: str


def make_all(pieces: Sequence[Piece], output: Path, sharing: Sharing) -> list[dict[str, Any]]:
    """Make what is not there yet, or failed; what all files hold, in their order."""
    missing = [piece for piece in pieces if _read(piece.path).get(FAILED, True)]
    if sharing.engine is not None:
        units = [piece.unit for piece in missing]
        do_all(
            sharing.engine, units, output, command=sharing.command, progress=sharing.progress, say=sharing.say
        )  # fmt: skip
    else:
        for piece in missing:
            sharing.say(piece.label)
            piece.make()
    return [_read(piece.path) for piece in pieces]


def write_piece(path: Path, content: dict[str, Any]) -> None:
    """Write a file whole or not at all; numbers that are none become null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {FAILED: False} | content
    write_text(path, json.dumps(without_nan(content), indent=1, allow_nan=False) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def named(*readable: str, identity: Any) -> str:
    """Name of a file: readable, and another one for other contents.

    Examples:
        >>> named("hf:models/bert", "TF binding", identity=["weights", 50])
        'hf_models_bert-TF_binding-56def3ac4986'
    """
    parts = [re.sub(r"[^A-Za-z0-9]+", "_", part).strip("_")[-40:] for part in readable]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    return "-".join([*parts, digest])
