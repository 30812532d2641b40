"""Features of a language model for every sequence of a file."""
