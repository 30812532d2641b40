"""Pair maps: decoded into structures, scored against known ones, beside baselines."""

from palindra.evaluation.pairs.baselines import most_bonds, nearest_structures, rnafold, rnafold_mea
from palindra.evaluation.pairs.decoding import (
    DECODERS,
    Candidates,
    Decoder,
    candidates,
    decode,
    greedy,
    matching,
    nested,
)
from palindra.evaluation.pairs.scores import (
    PairCounts,
    PairScores,
    PartCounts,
    ScoreSummary,
    count_pairs,
    count_parts,
    summarise,
)
from palindra.evaluation.pairs.tables import ScoreRow, format_scores, molecule_scores, score_table
from palindra.evaluation.pairs.thresholds import ChosenThreshold, best_threshold

__all__ = [
    "DECODERS",
    "Candidates",
    "ChosenThreshold",
    "Decoder",
    "PairCounts",
    "PairScores",
    "PartCounts",
    "ScoreRow",
    "ScoreSummary",
    "best_threshold",
    "candidates",
    "count_pairs",
    "count_parts",
    "decode",
    "format_scores",
    "greedy",
    "matching",
    "molecule_scores",
    "most_bonds",
    "nearest_structures",
    "nested",
    "rnafold",
    "rnafold_mea",
    "score_table",
    "summarise",
]
