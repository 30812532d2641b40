"""The Lorentz model as pure functions of tensors and a curvature K > 0 (sectional curvature -K)."""

from palindra.lorentz.geometry.centroids import centroid, concatenate, log_radius_scale
from palindra.lorentz.geometry.conversions import from_klein, from_poincare, to_klein, to_poincare
from palindra.lorentz.geometry.maps import distance, exp_map, log_map, squared_chord, transport
from palindra.lorentz.geometry.points import (
    from_space,
    inner,
    manifold_error,
    origin,
    require_curvature,
    require_points,
    riemannian_gradient,
    to_tangent,
)

__all__ = [
    "centroid",
    "concatenate",
    "distance",
    "exp_map",
    "from_klein",
    "from_poincare",
    "from_space",
    "inner",
    "log_map",
    "log_radius_scale",
    "manifold_error",
    "origin",
    "require_curvature",
    "require_points",
    "riemannian_gradient",
    "squared_chord",
    "to_klein",
    "to_poincare",
    "to_tangent",
    "transport",
]
