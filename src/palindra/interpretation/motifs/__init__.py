"""Motifs that a model learned: of its first filters, of its attribution maps, and which known ones they are."""

from palindra.data.motifs import Motif, read_meme, write_meme
from palindra.interpretation.motifs.filters import FilterMotif, filter_motifs
from palindra.interpretation.motifs.first_layer import FirstLayer, first_layer
from palindra.interpretation.motifs.hdf5 import write_filters, write_patterns
from palindra.interpretation.motifs.information import consensus, information, trim
from palindra.interpretation.motifs.jaspar import jaspar
from palindra.interpretation.motifs.modisco import Pattern, Seqlet, discover_patterns, seqlet_rows
from palindra.interpretation.motifs.table import filter_rows, known_names, match_rows, pattern_rows
from palindra.interpretation.motifs.tomtom import EXCLUDED, Q_VALUES, HitRatio, Matches, hit_ratio, q_values, tomtom

__all__ = [
    "EXCLUDED",
    "Q_VALUES",
    "FilterMotif",
    "FirstLayer",
    "HitRatio",
    "Matches",
    "Motif",
    "Pattern",
    "Seqlet",
    "consensus",
    "discover_patterns",
    "filter_motifs",
    "filter_rows",
    "first_layer",
    "hit_ratio",
    "information",
    "jaspar",
    "known_names",
    "match_rows",
    "pattern_rows",
    "q_values",
    "read_meme",
    "seqlet_rows",
    "tomtom",
    "trim",
    "write_filters",
    "write_meme",
    "write_patterns",
]
