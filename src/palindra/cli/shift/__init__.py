"""The distance of sequences from training data."""
