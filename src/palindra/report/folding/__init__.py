"""Predicted structures of RNA: arcs, maps, a picture for each molecule, and one page."""
