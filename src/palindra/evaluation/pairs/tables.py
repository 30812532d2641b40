"""Scores of a set of molecules: all, by family, by length, nested and crossing, strict and with a slip of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from palindra.data.rna import Pairs, Structure
from palindra.evaluation.pairs.scores import PairCounts, PairScores, ScoreSummary, count_pairs, count_parts, summarise

LENGTHS = (100, 200, 400, 800, 1600)  # the last base of each bin


class ScoreRow(NamedTuple):
    """One line of a table of scores."""

    group: str  # "all", "family" or "length"
    name: str
    pairs: str  # "all", "slip 1", "nested" or "crossing"
    summary: ScoreSummary


def score_table(
    predicted: Sequence[Pairs], structures: Sequence[Structure], *, lengths: Sequence[int] = LENGTHS
) -> list[ScoreRow]:
    """Scores of predictions, for all molecules, each family and each length.

    Args:
        predicted: pairs of each molecule.
        structures: the known ones, in the same order.
        lengths: the largest length of each bin, rising; one more bin takes what is longer.

    Raises:
        ValueError: if the numbers of molecules differ, or a predicted pair is not in its molecule.

    Examples:
        >>> known = [Structure("a", "GGAAACC", [(0, 6), (1, 5)], "5S"), Structure("b", "GAAAC", [(0, 4)], "tRNA")]
        >>> for row in score_table([((0, 6),), ()], known)[:1]:
        ...     print(row.group, row.pairs, row.summary.molecules, row.summary.mean.sensitivity)
        all all 2 0.25
    """
    if len(predicted) != len(structures):
        raise ValueError(f"{len(predicted)} predictions for {len(structures)} structures: one for each is needed.")
    for pairs, structure in zip(predicted, structures, strict=True):
        if pairs and not (min(i for i, _ in pairs) >= 0 and max(j for _, j in pairs) < len(structure)):
            raise ValueError(f"{structure.name}: a predicted pair is out of range of its {len(structure)} bases.")
    counts: dict[str, list[PairCounts]] = {"all": [], "slip 1": [], "nested": [], "crossing": []}
    for pairs, structure in zip(predicted, structures, strict=True):
        parts = count_parts(pairs, structure.pairs)
        counts["all"].append(count_pairs(pairs, structure.pairs))
        counts["slip 1"].append(count_pairs(pairs, structure.pairs, slip=1))
        counts["nested"].append(parts.nested)
        counts["crossing"].append(parts.crossing)
    groups = {("all", "all"): list(range(len(structures)))}
    families = sorted({structure.family for structure in structures if structure.family})
    for family in families:
        groups["family", family] = [row for row, one in enumerate(structures) if one.family == family]
    low = 0
    for high in (*lengths, None):
        rows = [n for n, one in enumerate(structures) if low < len(one) and (high is None or len(one) <= high)]
        if rows:
            groups["length", f"{low + 1} to {high}" if high is not None else f"over {low}"] = rows
        low = high or low
    return [
        ScoreRow(group, name, kind, summarise(values[row] for row in rows))
        for (group, name), rows in groups.items()
        for kind, values in counts.items()
    ]


def molecule_scores(predicted: Sequence[Pairs], structures: Sequence[Structure]) -> list[PairScores | None]:
    """Strict scores of each molecule, None for those without any pair; paired tests of two methods need them."""
    return [count_pairs(pairs, one.pairs).scores for pairs, one in zip(predicted, structures, strict=True)]


def format_scores(rows: Sequence[ScoreRow]) -> str:
    """A table of scores as text: means over molecules, and F1 of all pairs pooled.

    Examples:
        >>> print(format_scores(score_table([((0, 6),)], [Structure("a", "GGAAACC", [(0, 6), (1, 5)])])[:1]))
        group  name  pairs  molecules  skipped    PPV  sensitivity   mean     F1  pooled F1
        all    all   all            1        0  1.000        0.500  0.750  0.667      0.667
    """
    cells = [("group", "name", "pairs", "molecules", "skipped", "PPV", "sensitivity", "mean", "F1", "pooled F1")]
    for group, name, kind, (molecules, skipped, mean, pooled) in rows:
        shown = [f"{value:.3f}" for value in mean] if mean is not None else ["-"] * 4
        last = f"{pooled.f1:.3f}" if pooled is not None else "-"
        cells.append((group, name, kind, str(molecules), str(skipped), shown[0], shown[1], shown[2], shown[3], last))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:{'<' if at < 3 else '>'}{widths[at]}}" for at, cell in enumerate(line)) for line in cells
    )
