"""Files of one genome: its sequence, intervals on it and tracks along it, all 0-based and half-open."""

from palindra.data.genome.bed import read_bed, write_bed
from palindra.data.genome.bigwig import BigWig, write_bigwig
from palindra.data.genome.exclude import complement, covered, regions, subtract, touches, union
from palindra.data.genome.features import Features
from palindra.data.genome.genome import Genome
from palindra.data.genome.interval import Interval
from palindra.data.genome.names import NameMatch, match_names, require_match

__all__ = [
    "BigWig",
    "Features",
    "Genome",
    "Interval",
    "NameMatch",
    "complement",
    "covered",
    "match_names",
    "read_bed",
    "regions",
    "require_match",
    "subtract",
    "touches",
    "union",
    "write_bed",
    "write_bigwig",
]
