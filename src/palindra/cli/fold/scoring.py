"""Scores of folded molecules whose structure is known, with RNAfold and the most hydrogen bonds beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from palindra.cli.fold.folding import Folded
from palindra.data.rna import Pairs, Structure
from palindra.evaluation.pairs import ScoreRow, molecule_scores, most_bonds, score_table
from palindra.evaluation.statistics import PairedTest, paired_test

MODEL, RNAFOLD, BONDS = "model", "RNAfold", "most bonds"


class Scored(NamedTuple):
    """Rows of scores by method, and the difference in F1 of molecules between the model and RNAfold."""

    rows: dict[str, list[ScoreRow]]
    test: PairedTest | None


def score(folded: Sequence[Folded]) -> Scored | None:
    """Scores over all molecules whose structure is known, by family and by length; None if there are none."""
    known = [one for one in folded if one.molecule.known is not None]
    if not known:
        return None
    structures = [
        Structure(one.molecule.name, one.molecule.sequence, one.molecule.known or (), one.molecule.family)
        for one in known
    ]
    predicted: dict[str, list[Pairs]] = {MODEL: [one.pairs for one in known]}
    if all(one.rnafold is not None for one in known):
        predicted[RNAFOLD] = [one.rnafold or () for one in known]
    predicted[BONDS] = [most_bonds(one.molecule.sequence) for one in known]
    rows = {method: score_table(pairs, structures) for method, pairs in predicted.items()}
    test = None
    if RNAFOLD in predicted:
        both = zip(*(molecule_scores(predicted[m], structures) for m in (MODEL, RNAFOLD)), strict=True)
        pairs = [(a.f1 if a else 0.0, b.f1 if b else 0.0) for a, b in both if a or b]
        if len(pairs) > 1:
            test = paired_test([a for a, _ in pairs], [b for _, b in pairs])
    return Scored(rows, test)


def write_rows(scored: Scored) -> str:
    """The rows as the text of a TSV file."""
    header = "method group name pairs molecules skipped PPV sensitivity mean F1 pooled_F1"
    lines = ["\t".join(header.split())]
    for method, rows in scored.rows.items():
        for group, name, kind, (molecules, skipped, mean, pooled) in rows:
            values = [*(mean if mean is not None else [None] * 4), pooled.f1 if pooled is not None else None]
            shown = ["" if value is None else f"{value:.6f}" for value in values]
            lines.append("\t".join([method, group, name, kind, str(molecules), str(skipped), *shown]))
    return "\n".join(lines) + "\n"


def sentences(scored: Scored, every_family: bool = True) -> list[str]:
    """F1 of every method over all molecules (and each family), and what the paired test says."""
    found = []
    for key in _groups(scored) if every_family else _groups(scored)[:1]:
        by_method = {m: next(row.summary.mean for row in rows if row[:3] == key) for m, rows in scored.rows.items()}
        said = ", ".join(f"{m} {mean.f1:.3f}" for m, mean in by_method.items() if mean is not None)
        if said:
            count = next(row.summary.molecules for row in scored.rows[MODEL] if row[:3] == key)
            found.append(f"mean F1 of {key[1]} ({count:,}): {said}")
    if scored.test is not None:
        t = scored.test
        found.append(
            f"model minus RNAfold: {t.mean:+.3f} in F1 of a molecule (95 % interval {t.low:+.3f} to {t.high:+.3f}, "
            f"{t.n} molecules)"
        )
    return found


def _groups(scored: Scored) -> list[tuple[str, str, str]]:
    return [row[:3] for row in scored.rows[MODEL] if row.group in ("all", "family") and row.pairs == "all"]
