"""What the commands do with tracks along a genome."""
