"""Does a frozen representation know more than the sequence itself? Sources, readouts, tasks and verdicts."""
