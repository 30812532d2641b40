"""Can an attribution map be believed: shifts, strands, seeds, methods, random weights, known truth."""

from palindra.interpretation.reliability.agreement import Agreement, agreement, strand_agreement
from palindra.interpretation.reliability.consistency import angle_divergence, corrected, kmer_divergence
from palindra.interpretation.reliability.randomisation import (
    Randomised,
    layers_in_order,
    randomisation_check,
    randomise,
)
from palindra.interpretation.reliability.realignment import Realigned, realign, realigned_maps, starts
from palindra.interpretation.reliability.recovery import Recovery, position_scores, recovery

__all__ = [
    "Agreement",
    "Randomised",
    "Realigned",
    "Recovery",
    "agreement",
    "angle_divergence",
    "corrected",
    "kmer_divergence",
    "layers_in_order",
    "position_scores",
    "randomisation_check",
    "randomise",
    "realign",
    "realigned_maps",
    "recovery",
    "starts",
    "strand_agreement",
]
