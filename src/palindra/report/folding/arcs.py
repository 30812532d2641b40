"""An arc diagram: predicted pairs above the sequence, the structure to compare with below it."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from palindra.data.rna import Pairs
from palindra.report.axes import round_ticks
from palindra.report.folding.molecule import FoldedMolecule
from palindra.report.svg import tag

WIDTH, SIDE, TALLEST, TITLE = 896.0, 16.0, 230.0, 22.0
STRIP, LETTER_ROW, NUMBER_ROW = 9.0, 18.0, 19.0
_LETTER_STEP = 9.2  # units that a letter needs
_LEVELS = 8  # of the strip
_BEND = 0.65


def arc_diagram(molecule: FoldedMolecule) -> Markup:
    """The two structures of a molecule as arcs over its bases, as inline SVG.

    Pairs that both have are blue, pairs that only one has are orange; dashed arcs make pseudoknots. Between the two
    stands how likely every base is to be unpaired: the darker, the more likely.

    Examples:
        >>> drawn = arc_diagram(FoldedMolecule("a", "GGAAACC", ((0, 6), (1, 5)), [], [0.1] * 7, rnafold=((0, 6),)))
        >>> drawn.count('class="arc both"'), drawn.count('class="arc single"')
        (2, 1)
    """
    step = (WIDTH - 2 * SIDE) / len(molecule)
    widest = max((j - i for i, j in (*molecule.predicted, *(molecule.reference or ()))), default=0) * step / 2
    above = _height(molecule.predicted, step, widest)
    below = _height(molecule.reference or (), step, widest)
    letters = LETTER_ROW if step >= _LETTER_STEP else 0.0
    base = TITLE + above
    band = STRIP + 3 + letters + NUMBER_ROW
    drawn = [
        tag("text", _caption("predicted", molecule.predicted, molecule), x=SIDE, y=14, class_="side"),
        *_arcs(molecule, molecule.predicted, step, base, widest, up=True),
        *_strip(molecule.unpaired, step, base + 1.5),
    ]
    if letters:
        y = base + STRIP + letters - 1
        drawn += [
            tag("text", letter, x=SIDE + step * (place + 0.5), y=y, text_anchor="middle", class_="base")
            for place, letter in enumerate(molecule.sequence)
        ]
    drawn += _numbers(len(molecule), step, base + STRIP + letters + NUMBER_ROW - 4)
    height = base + band
    if molecule.reference is not None:
        drawn += _arcs(molecule, molecule.reference, step, base + band, widest, up=False)
        caption = _caption(molecule.reference_name, molecule.reference, molecule)
        drawn.append(tag("text", caption, x=SIDE, y=base + band + below + 16, class_="side"))
        height += below + TITLE
    compared = f", {molecule.reference_name} below" if molecule.reference is not None else ""
    return tag(
        "svg",
        *drawn,
        viewBox=f"0 0 {WIDTH:g} {height:.1f}",
        role="img",
        aria_label=f"{molecule.name}: predicted pairs as arcs above the sequence{compared}",
        class_="arcs",
    )


def _arcs(
    molecule: FoldedMolecule, pairs: Pairs, step: float, base: float, widest: float, *, up: bool
) -> Iterable[Markup]:
    compared = molecule.reference is not None
    for i, j in sorted(pairs, key=lambda pair: pair[0] - pair[1]):
        left, right = SIDE + step * (i + 0.5), SIDE + step * (j + 0.5)
        across = (right - left) / 2
        both = (i, j) in molecule.shared or not compared
        yield tag(
            "path",
            tag("title", says(molecule, i, j)),
            d=f"M{left:.1f} {base:.1f}A{across:.1f} {_rise(across, widest):.1f} 0 0 {int(up)} {right:.1f} {base:.1f}",
            stroke_dasharray="5 3" if (i, j) in molecule.crossing else None,
            data_pair=f"{i} {j}",
            class_="arc both" if both else "arc single",
        )


def says(molecule: FoldedMolecule, i: int, j: int) -> str:
    """A pair in words: its bases, its probability, and who has it.

    Examples:
        >>> one = FoldedMolecule("a", "GGAAACC", ((0, 6), (1, 5)), [(0, 6, 0.9)], [0.1] * 7, rnafold=((0, 6),))
        >>> says(one, 0, 6), says(one, 1, 4)
        ('G1–C7, probability 0.90, predicted, RNAfold', 'G2–A5, probability below what is drawn')
    """
    chance = molecule.chance.get((i, j))
    words = [f"{molecule.sequence[i]}{i + 1:,}–{molecule.sequence[j]}{j + 1:,}"]
    words.append("probability below what is drawn" if chance is None else f"probability {chance:.2f}")
    for name, pairs in (
        ("predicted", molecule.predicted),
        ("known structure", molecule.known),
        ("RNAfold", molecule.rnafold),
    ):
        if pairs and (i, j) in pairs:
            words.append(name)
    return ", ".join(words)


def _strip(unpaired: list[float], step: float, top: float) -> Iterable[Markup]:
    """One cell for each base, the stronger the more likely it is unpaired; cells of one strength are one path."""
    cells: dict[int, list[str]] = {}
    for place, value in enumerate(unpaired):
        if level := round(min(max(value, 0.0), 1.0) * _LEVELS):
            cells.setdefault(level, []).append(
                f"M{SIDE + step * place:.2f} {top:.2f}h{step:.2f}v{STRIP - 3:g}h-{step:.2f}z"
            )
    yield tag(
        "path",
        d=f"M{SIDE:g} {top:g}h{step * len(unpaired):.2f}v{STRIP - 3:g}h-{step * len(unpaired):.2f}z",
        class_="ground",
    )
    for level, places in sorted(cells.items()):
        yield tag("path", d="".join(places), style=f"fill-opacity: {level / _LEVELS:g}", class_="open")


def _numbers(length: int, step: float, y: float) -> Iterable[Markup]:
    ticks = [1, *(int(tick) for tick in round_ticks(1, max(length, 2), 12) if tick == int(tick) and 1 < tick <= length)]
    if length > 1 and length not in ticks:
        ticks = [tick for tick in ticks if (length - tick) * step > 46] + [length]
    end = 0.0
    for tick in ticks:
        at = SIDE + step * (tick - 0.5)
        if tick == 1 or at - 20 > end:
            anchor = "start" if tick == 1 else "end" if tick == length else "middle"
            place = SIDE if tick == 1 else WIDTH - SIDE if tick == length else at
            yield tag("text", f"{tick:,}", x=place, y=y, text_anchor=anchor, class_="number")
            end = at + 20


def _height(pairs: Pairs, step: float, widest: float) -> float:
    return _rise(max((j - i for i, j in pairs), default=0) * step / 2, widest) + 4


def _rise(across: float, widest: float) -> float:
    """Height of an arc: a half circle where there is room, else less for wide ones, so that narrow ones stay clear.

    With a power above one half, the arc of an inner pair never crosses that of a pair around it.
    """
    return min(across, TALLEST * (across / widest) ** _BEND) if across else 0.0


def _caption(name: str, pairs: Pairs, molecule: FoldedMolecule) -> str:
    knots = len(molecule.crossing & frozenset(pairs))
    return f"{name}: {len(pairs):,} pairs" + (f", {knots:,} of them in pseudoknots" if knots else "")


def legend(molecule: FoldedMolecule) -> list[tuple[Markup, str]]:
    """Pieces of line with what they mean."""
    entries: list[tuple[str, str | None, str]] = [("arc both", None, "predicted")]
    if molecule.reference is not None:
        both = f"predicted, and in {_the(molecule.reference_name)}"
        entries = [("arc both", None, both), ("arc single", None, "in one of them only")]
    if molecule.crossing:
        entries.append(("arc", "5 3", "makes a pseudoknot"))
    found = []
    for kind, dash, text in entries:
        found.append((_sample(tag("path", d="M1 14A15 12 0 0 1 31 14", stroke_dasharray=dash, class_=kind)), text))
    shades = [
        tag("path", d=f"M{1 + 7.5 * n:g} 4h7.5v8h-7.5z", style=f"fill-opacity: {(n + 1) / 4:g}", class_="open")
        for n in range(4)
    ]
    return [*found, (_sample(*shades), "likely unpaired (strip)")]


def _sample(*drawn: Markup) -> Markup:
    return tag("svg", *drawn, width=32, height=16, aria_hidden="true")


def _the(name: str) -> str:
    return "the known structure" if name == "known structure" else f"{name}'s structure"
