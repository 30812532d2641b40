"""Comparison of designed sequences with a reference."""
