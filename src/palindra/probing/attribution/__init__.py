"""What the letters of a sequence are worth to a language model, and whether a one-hot model agrees."""

from palindra.probing.attribution.agreement import AgreementRow, AgreementTable, agreement, one_hot_maps
from palindra.probing.attribution.correlation import correlations
from palindra.probing.attribution.effects import PatternRow, TransplantRow, pattern_rows, transplant_rows
from palindra.probing.attribution.entropy import entropy_maps, over_bases
from palindra.probing.attribution.gradients import Head, gradient_maps, mean_head, source_predictor
from palindra.probing.attribution.heads import readout_head
from palindra.probing.attribution.patterns import Stretch, pattern_effects, top_stretches
from palindra.probing.attribution.token_entropy import token_entropies
from palindra.probing.attribution.transplants import Transplants, transplant

__all__ = [
    "AgreementRow",
    "AgreementTable",
    "Head",
    "PatternRow",
    "Stretch",
    "TransplantRow",
    "Transplants",
    "agreement",
    "correlations",
    "entropy_maps",
    "gradient_maps",
    "mean_head",
    "one_hot_maps",
    "over_bases",
    "pattern_effects",
    "pattern_rows",
    "readout_head",
    "source_predictor",
    "token_entropies",
    "top_stretches",
    "transplant",
    "transplant_rows",
]
