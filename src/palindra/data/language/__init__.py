"""Genomes as text to learn from: regions, windows that cross no contig, and letters that are hidden."""

from palindra.data.language.masking import NOT_SCORED, Corrupted, corrupt
from palindra.data.language.packing import Packed, pack
from palindra.data.language.regions import ALL, LOWER, OTHER, UPPER, LanguageData, language_data
from palindra.data.language.soft_masked import SoftMasked
from palindra.data.language.stream import WindowStream
from palindra.data.language.windows import Windows, scored_windows, training_windows

__all__ = [
    "ALL",
    "LOWER",
    "NOT_SCORED",
    "OTHER",
    "UPPER",
    "Corrupted",
    "LanguageData",
    "Packed",
    "SoftMasked",
    "WindowStream",
    "Windows",
    "corrupt",
    "language_data",
    "pack",
    "scored_windows",
    "training_windows",
]
