"""What attribution maps are worth in models, as the plain values of a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from palindra.cli.probing.maps import ONE_HOT, PLAIN, MapFindings, Of
from palindra.probing.attribution.effects import PatternRow, TransplantRow, raises
from palindra.probing.attribution.transplants import RANDOM
from palindra.report import numbers

Rows = list[tuple[str, str, str]]


def pattern_rows(found: Iterable[Of]) -> Rows:
    """For each map and model, how many of its patterns raise the prediction, and the strongest of them."""
    rows: Rows = []
    for (source, task, name, model), own in _together(found).items():
        best = max(own, key=lambda row: row.importance)
        around = numbers.interval(best.low, best.high, 3)
        strongest = f"{best.pattern} {numbers.signed(best.importance, 3)}" + (f" ({around})" if around else "")
        value = f"{sum(map(raises, own))} of {len(own)} patterns"
        rows.append((_what(source, task, name), value, f"raise the prediction of the {model}; strongest {strongest}"))
    return rows


def transplant_rows(found: Iterable[Of]) -> Rows:
    """For each map, what its top positions restore, and how much more than as many positions elsewhere."""
    rows: Rows = []
    for one in found:
        row: TransplantRow = one.row
        around = numbers.interval(row.low, row.high, 3)
        value = numbers.signed(row.effect, 3) + (f" ({around})" if around else "")
        said = [f"{row.sequences:,} sequences"]
        if row.map == RANDOM:
            said.append("the control")
        elif numbers.is_number(row.difference):
            beside = numbers.interval(row.difference_low, row.difference_high, 3)
            p = numbers.p_value(row.p_corrected)
            said.append(
                f"{numbers.signed(row.difference, 3)}" + (f" ({beside})" if beside else "")
                + f" beside {RANDOM}; corrected p of Mann-Whitney {p}"
            )  # fmt: skip
        rows.append((_what(one.source, one.task, row.map), value, "; ".join(said)))
    return rows


def sentences(found: MapFindings) -> list[str]:
    """In words, what maps of pretrained sources are worth in the one-hot CNN."""
    said = []
    own = [rows for (source, _, _, model), rows in _together(found.patterns).items() if source != ONE_HOT == model[:7]]
    if own:
        raising = sum(raises(row) for rows in own for row in rows)
        said.append(
            f"Of {sum(map(len, own))} patterns that maps of pretrained sources find, {raising} raise the prediction of "
            f"the {PLAIN} when they are put into shuffled sequences."
        )
    maps = [one.row for one in found.transplants if one.row.map not in (RANDOM, ONE_HOT)]
    if maps:
        more = sum(row.difference > 0 and row.p_corrected < 0.05 for row in maps)
        said.append(
            f"Transplanted into shuffles of their own sequence, the top positions of {more} of {len(maps)} maps of "
            f"pretrained sources restore more of its prediction than {RANDOM}."
        )
    return said


def _together(found: Iterable[Of]) -> dict[tuple[str, str, str, str], Sequence[PatternRow]]:
    groups: dict[tuple[str, str, str, str], list[PatternRow]] = {}
    for one in found:
        groups.setdefault((one.source, one.task, one.row.map, one.row.model), []).append(one.row)
    return dict(groups)


def _what(source: str, task: str, name: str) -> str:
    return f"{source}, {task}, {name} map" if name not in (ONE_HOT, RANDOM) else f"{source}, {task}, {_PLAIN[name]}"


_PLAIN = {ONE_HOT: "map of the one-hot CNN", RANDOM: RANDOM}
