"""Explanations of trained models: what is computed, what is concluded, what is written."""
