"""What the commands do with labelled sequences."""
