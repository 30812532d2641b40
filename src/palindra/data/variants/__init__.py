"""Variants of a genome: VCF files read, checked and written, and windows with and without a variant."""

from palindra.data.variants.normalise import normalise
from palindra.data.variants.problems import Kind, Problem, summary
from palindra.data.variants.record import Record
from palindra.data.variants.variant import Variant
from palindra.data.variants.vcf import Survey, VariantFile, read_vcf
from palindra.data.variants.windows import allele_codes, allele_windows, window_start

__all__ = [
    "Kind",
    "Problem",
    "Record",
    "Survey",
    "Variant",
    "VariantFile",
    "allele_codes",
    "allele_windows",
    "normalise",
    "read_vcf",
    "summary",
    "window_start",
]
