"""From a template to a page on disk."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from palindra.errors import InputError
from palindra.report import numbers
from palindra.report.palette import DARK, LIGHT


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("palindra.report", "templates"),
        autoescape=True,  # names come from users
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(light=LIGHT, dark=DARK, number=numbers.number)
    return environment


def draw(template: str, **values: Any) -> str:
    """Fill a template of this package; everything but figures is escaped."""
    return _environment().get_template(template).render(**values)


def write_page(page: str, path: str | os.PathLike[str]) -> None:
    """Put a page on disk whole or not at all: a reader never finds half of one.

    Raises:
        InputError: if the folder does not exist.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError(f"cannot write {target}: there is no folder {target.parent}. Make it first.")
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        draft.write_text(page, encoding="utf-8")
        draft.replace(target)  # one step on every system: the old page or the new one
    finally:
        draft.unlink(missing_ok=True)
