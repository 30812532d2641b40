"""Interpretation: what a model has learned, from letters to motifs and their grammar, and whether to believe it."""
