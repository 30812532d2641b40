"""The work behind ``palindra recommend``."""
