"""Layers over pairs of positions: maps made from sequences, kept symmetric, normalised, attended to, masked.

A map ``(batch, channels, length, length)`` is equivariant under transposition. Even channels are symmetric, odd ones
antisymmetric, a regular pair holds a map and its transpose. Layers of padded batches are called with ``lengths``, one
per sequence, and keep everything outside each sequence's own square at zero.
"""

from palindra.nn.pair.attention import PairAttention
from palindra.nn.pair.container import PairBranches, PairResidual, PairSequential
from palindra.nn.pair.conv import PairConv2d
from palindra.nn.pair.initial import fan_in_, half_glorot_
from palindra.nn.pair.maps import (
    asymmetry,
    pair_mask,
    self_cartesian,
    symmetrised,
    triangle_mask,
    triangle_mean,
    valid_positions,
    zero_outside,
)
from palindra.nn.pair.norm import PairBatchNorm
from palindra.nn.pair.outer import OuterConv2d, OuterSum
from palindra.nn.pair.triangle import triangle_conv2d, triangle_pays

__all__ = [
    "OuterConv2d",
    "OuterSum",
    "PairAttention",
    "PairBatchNorm",
    "PairBranches",
    "PairConv2d",
    "PairResidual",
    "PairSequential",
    "asymmetry",
    "fan_in_",
    "half_glorot_",
    "pair_mask",
    "self_cartesian",
    "symmetrised",
    "triangle_conv2d",
    "triangle_mask",
    "triangle_mean",
    "triangle_pays",
    "valid_positions",
    "zero_outside",
]
