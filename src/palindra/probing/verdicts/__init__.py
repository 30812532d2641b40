"""What probing showed: tables, paired tests against the plain sequence, ranks, claims and a conclusion."""

from palindra.probing.verdicts.claims import Claim, claims
from palindra.probing.verdicts.collecting import entries_of
from palindra.probing.verdicts.concluding import conclude
from palindra.probing.verdicts.contrasts import Contrast, Difference, contrast, mean_of
from palindra.probing.verdicts.controls import NegativeControl, negative_controls
from palindra.probing.verdicts.entries import Entry, Kind
from palindra.probing.verdicts.evidence import Evidence, MapAgreement, ZeroShot
from palindra.probing.verdicts.ranks import mean_ranks, ranks
from palindra.probing.verdicts.resampling import row_scores
from palindra.probing.verdicts.table import Verdict, judge
from palindra.probing.verdicts.trained import TrainedScore, trained_scores, with_trained

__all__ = [
    "Claim",
    "Contrast",
    "Difference",
    "Entry",
    "Evidence",
    "Kind",
    "MapAgreement",
    "NegativeControl",
    "TrainedScore",
    "Verdict",
    "ZeroShot",
    "claims",
    "conclude",
    "contrast",
    "entries_of",
    "judge",
    "mean_of",
    "mean_ranks",
    "negative_controls",
    "ranks",
    "row_scores",
    "trained_scores",
    "with_trained",
]
