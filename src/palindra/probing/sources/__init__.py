"""Where representations come from: letters, counts, language models, supervised trunks, any function."""

from palindra.probing.sources.bases import at_bases
from palindra.probing.sources.language import LanguageSource, LayeredSource, at_layer, layers_of
from palindra.probing.sources.opening import open_source
from palindra.probing.sources.strands import BothStrands, both_strands

__all__ = [
    "BothStrands",
    "LanguageSource",
    "LayeredSource",
    "at_bases",
    "at_layer",
    "both_strands",
    "layers_of",
    "open_source",
]
