"""How far methods and seeds agree, as a matrix for each group of them."""

from __future__ import annotations

from typing import NamedTuple

from palindra.report.numbers import interval, is_number, number

Pairing = tuple[str, str, float, float, float]


class Cell(NamedTuple):
    """One mean correlation, empty where two names were not compared."""

    text: str
    interval: str
    strength: float  # 0 to 1: how dark the cell is


class Matrix(NamedTuple):
    """All pairs among names that were compared with each other, directly or through others."""

    names: list[str]
    rows: list[list[Cell]]  # below the diagonal: row i has i cells


def matrices(pairings: list[Pairing]) -> list[Matrix]:
    """A lower triangle for every connected group of names; a pair given twice keeps its own further group.

    Examples:
        >>> found = matrices([("a", "b", 0.9, 0.8, 1.0), ("c", "d", 0.5, 0.4, 0.6)])
        >>> [(one.names, one.rows[1][0].text) for one in found]
        [(['a', 'b'], '0.90'), (['c', 'd'], '0.50')]
    """
    found: list[Matrix] = []
    rest = list(pairings)
    while rest:
        pairs: dict[frozenset[str], Pairing] = {}
        again: list[Pairing] = []
        for item in rest:
            if frozenset(item[:2]) in pairs:
                again.append(item)
            else:
                pairs[frozenset(item[:2])] = item
        found += [_matrix(group, pairs) for group in _groups(list(pairs.values()))]
        rest = again
    return found


def _groups(pairings: list[Pairing]) -> list[list[str]]:
    groups: list[list[str]] = []
    for first, second, *_ in pairings:
        touched = [group for group in groups if first in group or second in group]
        joined = [name for group in touched for name in group]
        joined += [name for name in dict.fromkeys((first, second)) if name not in joined]
        if touched:
            groups[groups.index(touched[0])] = joined
            groups = [group for group in groups if group is joined or group not in touched]
        else:
            groups.append(joined)
    return groups


def _matrix(names: list[str], pairs: dict[frozenset[str], Pairing]) -> Matrix:
    return Matrix(
        names,
        [[_cell(pairs.get(frozenset((row, column)))) for column in names[:place]] for place, row in enumerate(names)],
    )


def _cell(item: Pairing | None) -> Cell:
    if item is None:
        return Cell("", "", 0.0)
    _, _, mean, low, high = item
    strength = round(min(1.0, max(0.0, mean)), 2) if is_number(mean) else 0.0
    return Cell(number(mean, 2), interval(low, high, 2), strength)
