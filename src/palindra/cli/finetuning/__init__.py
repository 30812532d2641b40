"""Training of a head on a language model, and of the language model with it."""
