"""One picture of a molecule as an SVG file of its own: arcs, below them the map, in light and in dark."""

from __future__ import annotations

import re

from markupsafe import Markup

from palindra.report.folding import arcs, maps
from palindra.report.folding.molecule import FoldedMolecule
from palindra.report.palette import DARK, LIGHT
from palindra.report.svg import tag

_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_GAP, _HEAD = 24.0, 34.0

RULES = """
.arc { fill: none; stroke-width: 1.6; }
.arc.both { stroke: var(--series-0); }
.arc.single { stroke: var(--series-1); }
.arc:not(.both):not(.single) { stroke: var(--muted); }
.arc:hover, .arc.hot { stroke-width: 4; }
.ground { fill: var(--surface); }
.open { fill: var(--series-2); }
.cell.in { fill: var(--series-0); }
.cell.out { fill: var(--series-1); }
.chosen { fill: none; stroke: var(--text); stroke-width: 1; }
.held { fill: var(--text); }
.missed { fill: var(--series-1); }
"""
_BASE = """
text { font: 15px system-ui, "Liberation Sans", Arial, sans-serif; fill: var(--muted); }
.base { font-family: ui-monospace, Menlo, Consolas, "Liberation Mono", monospace; fill: var(--text); }
.side, .name { fill: var(--text); }
.name { font-size: 18px; font-weight: 600; }
.grid { stroke: var(--line); }
.frame { fill: none; stroke: var(--muted); }
.page { fill: var(--page); }
"""


def picture(molecule: FoldedMolecule) -> str:
    """A complete SVG document.

    Examples:
        >>> one = FoldedMolecule("a", "GGAAACC", ((0, 6), (1, 5)), [(0, 6, 0.9)], [0.1] * 7, rnafold=((0, 6),))
        >>> picture(one).startswith('<svg xmlns="http://www.w3.org/2000/svg"')
        True
    """
    diagram, table = arcs.arc_diagram(molecule), maps.pair_map_picture(molecule)
    width, high = _size(diagram)
    side, low = _size(table)
    top = _HEAD + high + _GAP
    drawn = [
        tag("style", Markup(_style())),
        tag("rect", width="100%", height="100%", class_="page"),
        tag("text", _short(molecule), x=arcs.SIDE, y=22, class_="name"),
        _placed(diagram, 0, _HEAD, width, high),
        _placed(table, 0, top, side, low),
    ]
    y = top + maps.TOP + 12
    for sample, text in (*arcs.legend(molecule), *maps.legend(molecule)):
        drawn.append(_placed(sample, side + 24, y - 13, *_own_size(sample)))
        drawn.append(tag("text", text, x=side + 66, y=y))
        y += 28
    height = top + low + 12
    opened = tag("svg", *drawn, viewBox=f"0 0 {width:g} {height:.0f}", width=width, height=round(height))
    return str(opened).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1) + "\n"


def _short(molecule: FoldedMolecule) -> str:
    name = molecule.name if len(molecule.name) <= 60 else molecule.name[:59] + "…"
    return f"{name}, {len(molecule):,} bases"


def _style() -> str:
    colours = [" ".join(f"--{name}: {value};" for name, value in theme.items()) for theme in (LIGHT, DARK)]
    dark = f"@media (prefers-color-scheme: dark) {{ svg {{ {colours[1]} }} }}"
    return f"svg {{ {colours[0]} }} {dark} {_BASE} {RULES}"


def _size(drawn: Markup) -> tuple[float, float]:
    found = _SIZE.search(drawn)
    if found is None:
        raise ValueError("a picture without viewBox has no size.")
    return float(found[1]), float(found[2])


def _own_size(sample: Markup) -> tuple[float, float]:
    found = re.search(r'width="(\d+)" height="(\d+)"', sample)
    return (float(found[1]), float(found[2])) if found else (32.0, 16.0)


def _placed(drawn: Markup, x: float, y: float, width: float, height: float) -> Markup:
    """A picture inside another one, at a place."""
    inside = re.sub(r'^<svg( width="\d+" height="\d+")?', "<svg", drawn, count=1)
    return Markup(inside.replace("<svg", f'<svg x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"', 1))
