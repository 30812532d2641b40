"""Biotite, which reads structures and aligns sequences, as an optional part."""

from __future__ import annotations

import importlib
from typing import Any

from palindra.errors import InputError


def biotite(module: str) -> Any:
    """A module of biotite, e.g. ``biotite("structure.io.pdb")``.

    Raises:
        InputError: if biotite is not installed, with the command that installs it.
    """
    try:
        return importlib.import_module(f"biotite.{module}")
    except ImportError:
        raise InputError(
            "structures and alignments of proteins need biotite, which is not installed: pip install "
            "'palindra[proteins]'"
        ) from None
