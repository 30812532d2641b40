"""Finished results as plain values, and one self-contained HTML page for each kind: comparison, evaluation, audit."""
