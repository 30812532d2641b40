"""A map of pairs: probabilities in the upper right triangle, the structure to compare with in the lower left."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from palindra.report.axes import round_ticks
from palindra.report.folding.molecule import FoldedMolecule
from palindra.report.svg import tag

SIZE, LEFT, TOP, EDGE = 480.0, 62.0, 40.0, 8.0
SMALLEST = 2.4  # units: a single pair of a long molecule stays visible
_OUTLINED = 3.0  # size of a cell from which on outlines do not run together
_LEVELS = 8


def pair_map_picture(molecule: FoldedMolecule) -> Markup:
    """Probabilities above the diagonal, the reference below it, as inline SVG; the first base is at the top left.

    A square is the stronger the more probable its pair. Blue ones are pairs of the reference, orange ones are not;
    outlines mark the pairs that were chosen, where there is room. Below the diagonal, dark squares were predicted and
    orange ones were missed.

    Examples:
        >>> one = FoldedMolecule("a", "GGAAACC", ((0, 6),), [(0, 6, 0.9), (1, 5, 0.2)], [0.1] * 7, rnafold=((0, 6),))
        >>> picture = pair_map_picture(one)
        >>> picture.count('class="cell'), picture.count('class="held"')
        (2, 1)
    """
    length, inner = len(molecule), SIZE - LEFT - EDGE
    cell = inner / length
    reference = frozenset(molecule.reference or ())
    groups: dict[tuple[str, int], list[str]] = {}
    for i, j, chance in molecule.entries:
        kind = "in" if (i, j) in reference or molecule.reference is None else "out"
        level = max(1, round(min(chance, 1.0) * _LEVELS))
        groups.setdefault((kind, level), []).append(_square(j, i, cell))
    drawn = list(_frame(length, cell))
    drawn += [
        tag("path", d="".join(squares), style=f"fill-opacity: {level / _LEVELS:g}", class_=f"cell {kind}")
        for (kind, level), squares in sorted(groups.items(), key=lambda item: item[0][1])
    ]
    if molecule.predicted and cell >= _OUTLINED:
        drawn.append(tag("path", d="".join(_square(j, i, cell) for i, j in molecule.predicted), class_="chosen"))
    held = [_square(i, j, cell) for i, j in sorted(molecule.shared)]
    missed = [_square(i, j, cell) for i, j in sorted(reference - molecule.shared)]
    drawn += [tag("path", d="".join(held), class_="held")] if held else []
    drawn += [tag("path", d="".join(missed), class_="missed")] if missed else []
    compared = f", {molecule.reference_name} below" if molecule.reference is not None else ""
    return tag(
        "svg",
        *drawn,
        viewBox=f"0 0 {SIZE:g} {TOP + inner + EDGE:g}",
        role="img",
        aria_label=f"{molecule.name}: map of pair probabilities above the diagonal{compared}",
        data_left=LEFT,
        data_top=TOP,
        data_cell=f"{cell:.6f}",
        class_="map",
    )


def _frame(length: int, cell: float) -> Iterable[Markup]:
    end_x, end_y = LEFT + cell * length, TOP + cell * length
    ticks = [1, *(int(tick) for tick in round_ticks(1, max(length, 2), 4) if tick == int(tick) and tick > 1)]
    ticks = [tick for tick in ticks if tick == 1 or (tick <= length and (tick - 1) * cell > 40)]
    for tick in ticks:
        at = cell * (tick - 0.5)
        yield tag("path", d=f"M{LEFT + at:.2f} {TOP:g}V{end_y:.2f}M{LEFT:g} {TOP + at:.2f}H{end_x:.2f}", class_="grid")
    for tick in ticks:
        at = cell * (tick - 0.5)
        late = LEFT + at > SIZE - 24
        yield tag(
            "text", str(tick), x=SIZE - 1 if late else LEFT + at, y=TOP - 9, text_anchor="end" if late else "middle"
        )
        yield tag("text", str(tick), x=LEFT - 7, y=TOP + at + 5, text_anchor="end")
    yield tag("path", d=f"M{LEFT:g} {TOP:g}H{end_x:.2f}V{end_y:.2f}H{LEFT:g}z", class_="frame")
    yield tag("path", d=f"M{LEFT:g} {TOP:g}L{end_x:.2f} {end_y:.2f}", class_="frame")


def _square(column: int, row: int, cell: float) -> str:
    size = max(cell, SMALLEST)
    x, y = LEFT + cell * (column + 0.5) - size / 2, TOP + cell * (row + 0.5) - size / 2
    return f"M{x:.1f} {y:.1f}h{size:.1f}v{size:.1f}h-{size:.1f}z"


def legend(molecule: FoldedMolecule) -> list[tuple[Markup, str]]:
    """Squares with what they mean."""
    square, outline = "M2 2h12v12h-12z", "M3 3h10v10h-10z"
    name = "the known structure" if molecule.known is not None else "RNAfold's structure"
    compared = molecule.reference is not None
    entries = [("cell in", square, f"probable, in {name}" if compared else "probable")]
    if compared:
        entries.append(("cell out", square, "probable, not in it"))
    if (SIZE - LEFT - EDGE) / len(molecule) >= _OUTLINED:
        entries.append(("chosen", outline, "chosen (outline)"))
    if compared:
        entries += [("held", square, "below the diagonal: predicted"), ("missed", square, "below the diagonal: missed")]
    return [
        (tag("svg", tag("path", d=d, class_=kind), width=16, height=16, aria_hidden="true"), text)
        for kind, d, text in entries
    ]
