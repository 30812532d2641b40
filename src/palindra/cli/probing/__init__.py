"""Probing of frozen representations from the command line."""
