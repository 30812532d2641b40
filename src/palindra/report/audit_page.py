"""The page of an audit: does a model treat both strands alike?"""

from __future__ import annotations

import os
from dataclasses import dataclass

from palindra.report import figures
from palindra.report.comparison import Strands
from palindra.report.document import draw, write_page
from palindra.report.palette import styles
from palindra.report.records import from_json, to_json


@dataclass(frozen=True)
class Audit:
    """What an audit found, in words and in a table.

    Examples:
        >>> audit = Audit("Audit of model.onnx", ["Both strands agree."], [("mean difference", "0", "")], None, {})
        >>> Audit.from_json(audit.to_json()) == audit
        True
    """

    title: str
    verdict: list[str]  # plain sentences, the verdict first
    table: list[tuple[str, str, str]]  # measure, value, meaning
    strands: Strands | None
    provenance: dict[str, str]

    def to_json(self) -> str:
        """The audit as strict JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Audit:
        """Read what `to_json` wrote; an `InputError` names the field that does not fit."""
        return from_json(cls, text)


def render(audit: Audit) -> str:
    """Draw one self-contained HTML page."""
    strands = [audit.strands] if audit.strands else []
    look = styles([item.row for item in strands])
    return draw("audit.html.jinja", it=audit, strands=figures.strands_panels(strands, look))


def write(audit: Audit, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(audit), path)
