"""Tables of motifs and the known ones that they look like, the surest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from palindra.interpretation.motifs.filters import FilterMotif
from palindra.interpretation.motifs.information import consensus, information
from palindra.interpretation.motifs.modisco import Pattern
from palindra.interpretation.motifs.tomtom import Matches


def match_rows(matches: Matches, *, threshold: float) -> list[dict[str, Any]]:
    """One row for each query: what it is, and its best known motif; that with the smallest q-value first.

    Where the q-value is above the threshold, the known motif is not named.

    Args:
        matches: see :func:`tomtom`.
        threshold: of the q-value.
    """
    rows = []
    for number, (motif, best) in enumerate(zip(matches.queries, matches.best, strict=True)):
        q = float(matches.q[number, best])
        identifier, _, factor = matches.known[best].name.partition(" ") if q <= threshold else ("", "", "")
        rows.append(
            {
                "motif": motif.name,
                "consensus": consensus(motif),
                "sites": motif.sites,
                "width": motif.width,
                "bits": float(information(motif.chances).sum()),
                "known": identifier,
                "factor": factor,
                "p": float(matches.p[number, best]),
                "q": q,
                "known_strand": "-" if matches.other_strand[number, best] else "+",
                "known_offset": int(matches.offset[number, best]),
            }
        )
    return sorted(rows, key=lambda row: (row["q"], row["p"]))


def filter_rows(filters: Sequence[FilterMotif], matches: Matches, *, threshold: float = 0.05) -> list[dict[str, Any]]:
    """:func:`match_rows` with the channels of each motif and its largest activation."""
    known = {one.motif.name: one for one in filters}
    return [
        {**row, "channels": list(known[row["motif"]].channels), "maximum": known[row["motif"]].maximum}
        for row in match_rows(matches, threshold=threshold)
    ]


def pattern_rows(patterns: Sequence[Pattern], matches: Matches, *, threshold: float = 0.05) -> list[dict[str, Any]]:
    """:func:`match_rows` with the sign of each pattern and the mean attribution of its seqlets."""
    known = {one.motif.name: one for one in patterns}
    return [
        {
            **row,
            "sign": known[row["motif"]].sign,
            "attribution": float(known[row["motif"]].contributions.sum()),
        }
        for row in match_rows(matches, threshold=threshold)
    ]


def known_names(matches: Matches, *, threshold: float = 0.05) -> list[str]:
    """For each query the name of its best known motif, empty where the q-value is above the threshold."""
    return [
        matches.known[best].name if q <= threshold else "" for best, q in zip(matches.best, matches.best_q, strict=True)
    ]
