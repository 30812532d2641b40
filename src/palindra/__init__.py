"""Deep learning on DNA, RNA and protein sequences in which symmetry is declared once and then holds everywhere."""

__version__ = "0.1.0"
