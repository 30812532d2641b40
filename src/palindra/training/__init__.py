"""Training: strategies for the two strands, losses, batches, and the loop (Lightning)."""
