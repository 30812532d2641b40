"""Hyperbolic layers in the Lorentz model, typed as all layers are: the type is that of the space coordinates.

Tensors between layers hold space coordinates ``(batch, channels, *positions)``; the time coordinate, which is even
under every involution, is ``sqrt(1/K + |x|^2)`` and never stored. So points cannot leave the manifold, and
layers that are point-wise, permute or stack space coordinates are those of :mod:`palindra.nn` (activations, residual
sums, flattening, dropout). :mod:`palindra.lorentz.geometry` has the maps of ambient points.
"""

from palindra.lorentz.conv import Conv1d
from palindra.lorentz.curvature import ChangeCurvature, Curvature
from palindra.lorentz.forms import Form, Hyperplanes, Tangent, TimeColumn
from palindra.lorentz.head import HyperplaneHead
from palindra.lorentz.linear import Linear
from palindra.lorentz.norm import BatchNorm
from palindra.lorentz.pool import CentroidPool1d
from palindra.nn import Activation, Residual

__all__ = [
    "Activation",
    "BatchNorm",
    "CentroidPool1d",
    "ChangeCurvature",
    "Conv1d",
    "Curvature",
    "Form",
    "HyperplaneHead",
    "Hyperplanes",
    "Linear",
    "Residual",
    "Tangent",
    "TimeColumn",
]
