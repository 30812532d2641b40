"""The page of an explained model: its motifs, where they are, how they combine, and how stable each statement is."""
