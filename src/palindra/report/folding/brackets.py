"""Sequence and structures as lines of text, one below the other, in blocks that a page can hold."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from palindra.data.rna import format_pairs
from palindra.report.folding.molecule import FoldedMolecule
from palindra.report.svg import tag

BLOCK = 80
_KNOT = re.compile(r"[^.()]+")


def structure_text(molecule: FoldedMolecule, *, block: int = BLOCK) -> list[Markup]:
    """Blocks of lines: positions, letters, and the brackets of every structure; other brackets than ( ) are marked.

    Examples:
        >>> one = FoldedMolecule("a", "GGAAACC", ((0, 6), (1, 5)), [], [0.1] * 7)
        >>> print(structure_text(one)[0].splitlines()[2])
        <span class="label">predicted </span>((...))
    """
    lines = [("sequence", molecule.sequence), ("predicted", format_pairs(molecule.predicted, len(molecule)))]
    for name, pairs in (("known", molecule.known), ("RNAfold", molecule.rnafold)):
        if pairs is not None:
            lines.append((name, format_pairs(pairs, len(molecule))))
    return [_block(lines, start, start + block) for start in range(0, len(molecule), block)]


def _block(lines: list[tuple[str, str]], start: int, end: int) -> Markup:
    length = len(lines[0][1][start:end])
    ruler = "".join(f"{start + place + 1:<20,}" for place in range(0, length, 20))
    shown = [escape(" " * 10 + ruler.rstrip())]
    for name, text in lines:
        part = text[start:end]
        shown.append(
            tag("span", f"{name:<10}", class_="label") + (escape(part) if name == "sequence" else _marked(part))
        )
    return Markup("\n").join(shown)


def _marked(text: str) -> Markup:
    """Brackets of pseudoknots stand in an element of their own."""
    found, at = Markup(""), 0
    for knot in _KNOT.finditer(text):
        found += escape(text[at : knot.start()]) + tag("b", knot[0])
        at = knot.end()
    return found + escape(text[at:])
