"""The page of folded molecules: a list, and for each its structure as text, arcs and map."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from palindra.report.document import draw, write_page
from palindra.report.folding.arcs import arc_diagram
from palindra.report.folding.arcs import legend as arc_legend
from palindra.report.folding.brackets import structure_text
from palindra.report.folding.maps import legend as map_legend
from palindra.report.folding.maps import pair_map_picture
from palindra.report.folding.molecule import FoldedMolecule
from palindra.report.folding.picture import RULES
from palindra.report.folding.stems import stems
from palindra.report.numbers import number, signed

DRAWN = 40  # molecules with pictures on the page; all have their own files
LISTED = 2000  # lines of the list


@dataclass(frozen=True)
class ScoreLine:
    """Mean scores of one method over one group of molecules.

    Args:
        group: "all molecules", a family, or a range of lengths.
        method: whose structures they are.
        molecules: that are scored.
        ppv: share of the predicted pairs that are right.
        sensitivity: share of the right pairs that are predicted.
        f1: harmonic mean of the two, of each molecule.
        f1_slip: the same where a pair may be off by one position.
        f1_crossing: of the pairs that make pseudoknots, where there are any.
        by_length: whether the group is a range of lengths.
    """

    group: str
    method: str
    molecules: int
    ppv: float | None
    sensitivity: float | None
    f1: float | None
    f1_slip: float | None
    f1_crossing: float | None
    by_length: bool = False


@dataclass(frozen=True)
class FoldingPage:
    """Folded molecules and how good their structures are.

    Args:
        title: of the page.
        verdict: sentences, the first one the most important.
        molecules: all of them, in order.
        scores: empty if no structure is known.
        provenance: command, model, settings, versions.
        drawn: how many of them are drawn.
    """

    title: str
    verdict: list[str]
    molecules: list[FoldedMolecule]
    scores: list[ScoreLine] = field(default_factory=list)
    provenance: dict[str, str] = field(default_factory=dict)
    drawn: int = DRAWN


def render(page: FoldingPage) -> str:
    """Draw one self-contained HTML page."""
    listed = page.molecules[:LISTED]
    drawn = [_drawn(place, one) for place, one in enumerate(page.molecules[: page.drawn])]
    return draw(
        "folding.html.jinja",
        it=page,
        listed=[_row(place, one, linked=place < page.drawn) for place, one in enumerate(listed)],
        drawn=drawn,
        known=any(one.known is not None for one in listed),
        compared=any(one.rnafold is not None for one in listed),
        rules=Markup(RULES),
        main_scores=[line for line in page.scores if not line.by_length],
        length_scores=[line for line in page.scores if line.by_length],
        knots=any(line.f1_crossing is not None for line in page.scores),
    )


def write(page: FoldingPage, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(page), path)


def _row(place: int, one: FoldedMolecule, *, linked: bool) -> dict[str, Any]:
    knots = len(one.crossing & frozenset(one.predicted))
    agree = None
    if one.rnafold is not None and (one.predicted or one.rnafold):
        agree = 2 * len(frozenset(one.predicted) & frozenset(one.rnafold)) / (len(one.predicted) + len(one.rnafold))
    chances = [one.chance[pair] for pair in one.predicted if pair in one.chance]
    certainty = sum(chances) / len(chances) if chances else None
    return {
        "anchor": f"molecule-{place + 1}" if linked else None,
        "name": one.name,
        "family": one.family,
        "cells": [
            (len(one), f"{len(one):,}"),
            (100 * one.gc, f"{100 * one.gc:.0f} %"),
            (len(one.predicted), f"{len(one.predicted):,}"),
            (knots, f"{knots:,}"),
            (certainty, number(certainty, 2)),
        ],
        "agree": (agree, number(agree, 2)),
        "f1": (one.scores[0], number(one.scores[0], 2)),
        "f1_rnafold": (one.scores[1], number(one.scores[1], 2)),
        "cautions": len(one.cautions),
    }


def _drawn(place: int, one: FoldedMolecule) -> dict[str, Any]:
    return {
        "anchor": f"molecule-{place + 1}",
        "it": one,
        "facts": one.facts,
        "differences": differences(one),
        "text": structure_text(one),
        "arcs": arc_diagram(one),
        "map": pair_map_picture(one),
        "arc_legend": arc_legend(one),
        "map_legend": map_legend(one),
        "stems": _stem_rows(one),
        "data": _data(one),
    }


def differences(one: FoldedMolecule) -> list[str]:
    """How the prediction differs from RNAfold's structure and from the known one, in sentences.

    Examples:
        >>> differences(FoldedMolecule("a", "GGAAACC", ((0, 6), (1, 5)), [], [0.1] * 7, rnafold=((0, 6),)))
        ['Shares 1 of its 2 pairs with RNAfold, which has 1.', 'Only here: 2–6.']
    """
    found = []
    predicted = frozenset(one.predicted)
    if one.known is not None:
        right = len(predicted & frozenset(one.known))
        found.append(
            f"{right:,} of its {len(predicted):,} pairs are in the known structure, which has {len(one.known):,}."
        )
        model, energy = one.scores
        if model is not None and energy is not None:
            found.append(f"F1 is {number(model, 3)}, RNAfold's {number(energy, 3)} ({signed(model - energy, 3)}).")
    if one.rnafold is not None:
        energy_pairs = frozenset(one.rnafold)
        if energy_pairs == predicted:
            return [*found, "The same structure as RNAfold's."]
        found.append(
            f"Shares {len(predicted & energy_pairs):,} of its {len(predicted):,} pairs with RNAfold, which has "
            f"{len(energy_pairs):,}."
        )
        for words, only in (("Only here", predicted - energy_pairs), ("Only RNAfold", energy_pairs - predicted)):
            if only:
                runs = stems(tuple(sorted(only)))
                more = f" and {len(runs) - 6:,} more stems" if len(runs) > 6 else ""
                largest = sorted(sorted(runs, key=lambda stem: -stem.pairs)[:6])
                found.append(f"{words}: {'; '.join(map(str, largest))}{more}.")
    return found


def _stem_rows(one: FoldedMolecule) -> list[tuple[str, int, str, str, str, str]]:
    rows = []
    for stem in stems(one.predicted):
        members = frozenset(stem.members)
        chances = [one.chance[pair] for pair in members if pair in one.chance]
        letters = "".join(one.sequence[i] for i, _ in stem.members)
        partners = "".join(one.sequence[j] for _, j in reversed(stem.members))
        held = []
        for pairs in (one.known, one.rnafold):
            held.append("–" if pairs is None else f"{len(members & frozenset(pairs)):,} of {stem.pairs:,}")
        knot = " (pseudoknot)" if members & one.crossing else ""
        mean = number(sum(chances) / len(chances), 2) if chances else "–"
        rows.append((f"{stem}{knot}", stem.pairs, f"{letters} · {partners}", mean, held[0], held[1]))
    return rows


def _data(one: FoldedMolecule) -> Markup:
    """What the pointer reads: pairs with their probability and who has them (1 predicted, 2 known, 4 RNAfold)."""
    sets = [frozenset(pairs or ()) for pairs in (one.predicted, one.known, one.rnafold)]
    shown = [*one.chance, *sorted(frozenset().union(*sets) - one.chance.keys())]
    entries = [
        [
            i,
            j,
            round(one.chance[i, j], 3) if (i, j) in one.chance else None,
            sum(((i, j) in s) << n for n, s in enumerate(sets)),
        ]
        for i, j in shown
    ]
    letters = "".join(letter for letter in one.sequence if letter.isalpha())
    held = {
        "letters": letters,
        "unpaired": [round(value, 2) for value in one.unpaired],
        "pairs": entries,
        "below": 4 if one.known is None else 2,
    }
    return Markup(json.dumps(held, separators=(",", ":")))  # letters and numbers only: nothing can end the element
