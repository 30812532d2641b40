"""Global importance analysis: what a pattern does to a model's output, measured by putting it into many sequences."""

from palindra.interpretation.importance.backgrounds import Backgrounds, drawn, own, shuffled
from palindra.interpretation.importance.effects import Effects, global_importance, pattern_importance
from palindra.interpretation.importance.embedding import Insert, embed, middle
from palindra.interpretation.importance.estimates import Estimate
from palindra.interpretation.importance.flanks import Flanks, flank_importance
from palindra.interpretation.importance.occlusion import Occlusion, find_instances, occlusion
from palindra.interpretation.importance.pairs import (
    Cooperation,
    Distances,
    cooperativity,
    distance_importance,
    orientation_importance,
)
from palindra.interpretation.importance.places import (
    Positions,
    Strands,
    copy_importance,
    position_importance,
    strand_importance,
)

__all__ = [
    "Backgrounds",
    "Cooperation",
    "Distances",
    "Effects",
    "Estimate",
    "Flanks",
    "Insert",
    "Occlusion",
    "Positions",
    "Strands",
    "cooperativity",
    "copy_importance",
    "distance_importance",
    "drawn",
    "embed",
    "find_instances",
    "flank_importance",
    "global_importance",
    "middle",
    "occlusion",
    "orientation_importance",
    "own",
    "pattern_importance",
    "position_importance",
    "shuffled",
    "strand_importance",
]
