"""The rows of the motif table: logos, names, where the sites are, how stable each statement is."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from markupsafe import Markup

from palindra.report.explanation.contents import MotifEntry, Statement
from palindra.report.explanation.logos import LETTER, SIDE, logo_svg
from palindra.report.explanation.measured import Row, rows
from palindra.report.numbers import count, is_number, p_value
from palindra.report.palette import SERIES
from palindra.report.svg import tag

WIDTH, HEIGHT = 130.0, 40.0  # of the histogram of positions
MOST = 290.0  # pixels of a logo across
TONES = {"stable": "ok", "unstable": "warning", "not tested": "note"}
ICONS = {"stable": "✓", "unstable": "!", "not tested": "?"}


class Entry(NamedTuple):
    """One motif, ready for the page."""

    name: str
    source: str
    colour: str  # of its sites in the maps
    direction: str
    known: str  # "IRF1"
    matrix: str  # "MA0050.3"
    q: str
    others: list[tuple[str, str]]
    logo: Markup
    contributions: Markup | None
    sites: str
    share: str
    strands: str
    strand_bar: Markup
    positions: Markup | None
    importance: Row | None
    stability: list[Statement]
    summary: list[tuple[str, int]]  # verdicts and how many there are


def entries(motifs: list[MotifEntry]) -> list[Entry]:
    """Every motif for the table; importances share one axis."""
    importances = rows([item.importance for item in motifs])
    return [
        Entry(
            name=item.name,
            source=item.source,
            colour=colour(place),
            direction={"+": "raises the output", "-": "lowers the output"}.get(item.sign, ""),
            known=short(item.known),
            matrix=item.known.removesuffix(short(item.known)).strip(),
            q=_q(item.q),
            others=[(name, _q(q)) for name, q in item.others],
            logo=Markup(logo_svg(item.chances, width=_width(item), title=f"Logo of {item.name}")),
            contributions=Markup(
                logo_svg(
                    item.contributions,
                    kind="contribution",
                    width=_width(item),
                    title=f"Mean contributions at sites of {item.name}",
                )
            )
            if item.contributions
            else None,
            sites=count(item.sites),
            share=f"{100 * item.sequences:.0f} %" if is_number(item.sequences) else "",  # not counted for filters
            strands=f"{count(item.forward)} / {count(item.reverse)}" if item.forward or item.reverse else "",
            strand_bar=_strands(item),
            positions=histogram(item) if any(item.positions) else None,
            importance=importance,
            stability=item.stability,
            summary=tally(item.stability),
        )
        for place, (item, importance) in enumerate(zip(motifs, importances, strict=True))
    ]


def short(known: str) -> str:
    """The name of a known motif without the number of its matrix.

    Examples:
        >>> short("MA0050.3 IRF1"), short("MA1142.2 FOSL1::JUND"), short("my motif"), short("")
        ('IRF1', 'FOSL1::JUND', 'my motif', '')
    """
    number, _, name = known.partition(" ")
    return name if name and re.fullmatch(r"[A-Z]+\d+\.\d+", number) else known


def colour(place: int) -> str:
    """The colour of a motif's sites: seven colours, then grey.

    Examples:
        >>> colour(0), colour(9)
        ('var(--series-0)', 'var(--muted)')
    """
    return f"var(--{SERIES[place] if place < len(SERIES) else 'muted'})"


def tally(statements: list[Statement]) -> list[tuple[str, int]]:
    """How many statements there are of each verdict, the verdicts in a fixed order.

    Examples:
        >>> tally([Statement("a", "unstable", ""), Statement("b", "stable", ""), Statement("c", "stable", "")])
        [('stable', 2), ('unstable', 1)]
    """
    found = Counter(item.verdict if item.verdict in TONES else "not tested" for item in statements)
    return [(verdict, found[verdict]) for verdict in TONES if found[verdict]]


def histogram(item: MotifEntry) -> Markup:
    """Sites per equal part of the sequences, from their first to their last position."""
    parts, most = len(item.positions), max(item.positions)
    step = WIDTH / parts
    gap = 1 if step > 4 else 0
    bars = []
    for place, found in enumerate(item.positions):
        height = (HEIGHT - 2) * found / most
        said = f"{100 * place / parts:.0f} to {100 * (place + 1) / parts:.0f} % of the sequence: {found:,} sites"
        outline = f"M{step * place:.1f} 0h{step - gap:.2f}V{HEIGHT:g}h-{step - gap:.2f}z"
        bars.append(tag("path", tag("title", said), d=outline, class_="strip"))
        if found:
            d = f"M{step * place:.1f} {HEIGHT:g}v-{height:.1f}h{step - gap:.2f}v{height:.1f}z"
            bars.append(tag("path", d=d, class_="bar"))
    label = f"Sites of {item.name} along the sequences, {most:,} in the fullest of {parts} parts"
    box = f"0 0 {WIDTH:g} {HEIGHT + 1:g}"
    frame = tag("path", d=f"M0 {HEIGHT:g}H{WIDTH:g}", class_="frame")
    return tag(
        "svg", *bars, frame, role="img", aria_label=label, class_="where", width=WIDTH, height=HEIGHT + 1, viewBox=box
    )


def _strands(item: MotifEntry) -> Markup:
    """The share of sites on either strand as one bar."""
    total = item.forward + item.reverse
    share = item.forward / total if total else 0.0
    said = f"{item.forward:,} sites on the given strand, {item.reverse:,} on the other"
    return tag(
        "svg",
        tag("title", said),
        tag("path", d="M0 3H80V9H0z", class_="reverse" if total else "nothing"),
        tag("path", d=f"M0 3H{80 * share:.1f}V9H0z", class_="forward"),
        viewBox="0 0 80 12",
        width=80,
        height=12,
        role="img",
        aria_label=said,
        class_="strand",
    )


def _width(item: MotifEntry) -> float:
    return min(MOST, SIDE + LETTER * len(item.chances) + 6)


def _q(q: float) -> str:
    """A q-value; small ones with their power, because hits differ by many powers of ten."""
    if not is_number(q):
        return "–"
    if 0 < q < 1e-3:
        digits, power = f"{q:.0e}".split("e")
        return f"{digits} × 10{str(int(power)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
    return p_value(q)
