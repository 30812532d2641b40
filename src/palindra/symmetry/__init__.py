"""Involutions, the types of channels they act on, weights tied by them, and the checks of all that."""

from palindra.symmetry.check import assert_complete, assert_equivariant, equivariance_error, null_space_dimension
from palindra.symmetry.involution import DNA_STRAND, Involution, Position, Target
from palindra.symmetry.rep import Rep, concat, lay_out
from palindra.symmetry.tying import Tied, moved_entries, tie

__all__ = [
    "DNA_STRAND",
    "Involution",
    "Position",
    "Rep",
    "Target",
    "Tied",
    "assert_complete",
    "assert_equivariant",
    "concat",
    "equivariance_error",
    "lay_out",
    "moved_entries",
    "null_space_dimension",
    "tie",
]
