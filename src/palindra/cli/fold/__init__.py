"""The work behind ``palindra fold``."""
