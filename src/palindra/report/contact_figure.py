"""A contact map beside the truth: predictions above the diagonal, contacts of the structure below it."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike, NDArray

from palindra.report.axes import Axis, panel, round_ticks, tick_labels
from palindra.report.svg import tag

_LEVELS = 8
_FAINTEST = 0.05


def contact_picture(
    probabilities: ArrayLike,
    contacts: ArrayLike,
    known: ArrayLike | None = None,
    *,
    title: str = "contacts",
    separation: int = 6,
) -> Markup:
    """The predicted map above the diagonal and the true contacts below it, as inline SVG.

    Predicted pairs are drawn the stronger the more probable they are; those that are contacts have another colour than
    those that are not, and the pairs of residues that the structure does not show are grey on both sides. Pairs nearer
    than ``separation`` in sequence are left out.

    Args:
        probabilities: of contacts, (residues, residues), between 0 and 1; read above the diagonal.
        contacts: true pairs.
        known: pairs of resolved residues; all if None.
        title: said to those who cannot see the picture.
        separation: smallest ``j - i`` that is drawn.

    Raises:
        ValueError: if the maps are not square and of one size.

    Examples:
        >>> truth = np.zeros((9, 9), bool)
        >>> truth[0, 8] = True
        >>> picture = contact_picture(truth * 0.9, truth, title="a < b")
        >>> "a &lt; b" in picture, picture.count("<path")  >= 3
        (True, True)
    """
    predicted, truth = np.asarray(probabilities, dtype=float), np.asarray(contacts, dtype=bool)
    mask = np.ones_like(truth) if known is None else np.asarray(known, dtype=bool)
    length = len(truth)
    if not predicted.shape == truth.shape == mask.shape == (length, length):
        raise ValueError(
            f"maps of shapes {predicted.shape}, {truth.shape} and {mask.shape} are given; all three need to be square "
            "and of one size."
        )
    truth = truth | truth.T
    apart = np.triu(np.ones_like(truth), separation)
    seen = apart & mask & mask.T & (predicted >= _FAINTEST)
    level = np.ceil(np.clip(predicted, 0, 1) * _LEVELS).astype(int)
    axis = _residues(length)
    drawn = [_cells((apart & ~(mask & mask.T)), axis, "var(--line)", 1.0, both=True)]
    for right, colour in ((True, "var(--series-0)"), (False, "var(--series-1)")):
        for step in range(1, _LEVELS + 1):
            drawn.append(_cells(seen & (truth == right) & (level == step), axis, colour, step / _LEVELS))
    drawn.append(_cells((apart & truth & mask & mask.T).T, axis, "var(--text)", 1.0))
    found = int((apart & truth & mask & mask.T).sum())
    description = f"{title}: predicted contacts above the diagonal, {found} contacts of the structure below it"
    edge = tag(
        "path", d=f"M{axis.x(axis.low)} {axis.y(axis.low)}L{axis.x(axis.high)} {axis.y(axis.high)}", class_="grid"
    )
    return panel(description, axis, axis, "residue", "residue", *[cells for cells in drawn if cells], edge)


def _residues(length: int) -> Axis:
    ticks = [tick for tick in round_ticks(1, max(length, 2)) if tick >= 1 and tick == int(tick)]
    return Axis(0.5, length + 0.5, ticks, tick_labels(ticks))


def _cells(where: NDArray[np.bool_], axis: Axis, colour: str, opacity: float, *, both: bool = False) -> Markup:
    """Squares of the pairs (i, j): i across, j upwards, runs along a row joined; nothing if there are none."""
    place = (where | where.T) if both else where
    strokes: list[str] = []
    for j in range(place.shape[1]):
        row = np.flatnonzero(np.diff(np.concatenate([[0], place[:, j].astype(int), [0]])))
        bottom, top = axis.y(j + 0.5), axis.y(j + 1.5)
        for start, stop in row.reshape(-1, 2).tolist():
            left, right = axis.x(start + 0.5), axis.x(stop + 0.5)
            strokes.append(f"M{left:.1f} {bottom:.1f}H{right:.1f}V{top:.1f}H{left:.1f}z")
    if not strokes:
        return Markup("")
    return tag("path", d="".join(strokes), fill=colour, fill_opacity=opacity)
