"""Equivariant layers: the type goes where PyTorch asks for a number of channels, tensors stay plain."""

from palindra.nn.activation import Activation, Gated, gelu
from palindra.nn.container import Residual, Sequential, count_parameters
from palindra.nn.conv import Conv1d, Conv2d, ConvTranspose1d
from palindra.nn.dropout import Dropout
from palindra.nn.embedding import Embedding, Kmers
from palindra.nn.heads import FlattenHead, InvariantPositions, TrackHead, VectorHead
from palindra.nn.linear import Linear
from palindra.nn.norm import BatchNorm, InstanceNorm, LayerNorm, RMSNorm
from palindra.nn.pool import AttentionPool1d, AvgPool1d, GlobalAvgPool, GlobalMaxPool, MagnitudePool1d, MaxPool1d
from palindra.nn.strands import BothStrands, StrandMean
from palindra.symmetry import concat

__all__ = [
    "Activation",
    "AttentionPool1d",
    "AvgPool1d",
    "BatchNorm",
    "BothStrands",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "Dropout",
    "Embedding",
    "FlattenHead",
    "Gated",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "InstanceNorm",
    "InvariantPositions",
    "Kmers",
    "LayerNorm",
    "Linear",
    "MagnitudePool1d",
    "MaxPool1d",
    "RMSNorm",
    "Residual",
    "Sequential",
    "StrandMean",
    "TrackHead",
    "VectorHead",
    "concat",
    "count_parameters",
    "gelu",
]
