"""Saturation mutagenesis and its outputs."""
