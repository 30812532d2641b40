"""The geometry of points: from files to delta beside its nulls; data sets whose geometry is known."""
