"""Models that recompute only what a change of the sequence reaches: for variants, and for all mutants of a sequence."""

from palindra.models.local.model import LocalModel, Reduce, local_difference
from palindra.models.local.mutants import Mutagenesis, saturation_mutagenesis

__all__ = ["LocalModel", "Mutagenesis", "Reduce", "local_difference", "saturation_mutagenesis"]
