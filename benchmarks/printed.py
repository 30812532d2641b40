"""What the scripts beside this one print."""

from __future__ import annotations

import sys
from pathlib import Path


def public(word: str) -> str:
    """Absolute paths by their names: where the files lie says nothing."""
    return Path(word).name if word.startswith("/") else word


def log(line: str) -> None:
    """A line on progress, apart from the table."""
    print(line, file=sys.stderr, flush=True)
