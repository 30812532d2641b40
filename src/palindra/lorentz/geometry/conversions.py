"""Points in the Poincare ball and the Klein ball, and back."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from palindra.errors import InputError
from palindra.lorentz.geometry.points import Curved, from_space, require_curvature


def to_poincare(point: Float[Tensor, "*shape n1"], curvature: Curved) -> Float[Tensor, "*shape n"]:
    """Coordinates ``x_s / (1 + sqrt K x_0)`` in the ball of radius ``1 / sqrt K``, divided by 1 (not by the radius).

    Far from the origin they round to the border: beyond a distance of about 17 / sqrt K in float32.
    """
    require_curvature(curvature)
    return point[..., 1:] / (1.0 + _root(curvature) * point[..., :1])


def from_poincare(ball: Float[Tensor, "*shape n"], curvature: Curved) -> Float[Tensor, "*shape n1"]:
    """The point with given coordinates in the Poincare ball.

    Raises:
        InputError: for coordinates on or outside the border.
    """
    require_curvature(curvature)
    squared = curvature * ball.square().sum(-1, keepdim=True)
    _require_inside(squared, "Poincare")
    return from_space(2.0 * ball / (1.0 - squared), curvature)


def to_klein(point: Float[Tensor, "*shape n1"], curvature: Curved) -> Float[Tensor, "*shape n"]:
    """Coordinates ``x_s / (sqrt K x_0)`` in the ball of radius ``1 / sqrt K``, in which geodesics are straight.

    They round to the border beyond a distance of about 9 / sqrt K in float32.
    """
    require_curvature(curvature)
    return point[..., 1:] / (_root(curvature) * point[..., :1])


def from_klein(ball: Float[Tensor, "*shape n"], curvature: Curved) -> Float[Tensor, "*shape n1"]:
    """The point with given coordinates in the Klein ball.

    Raises:
        InputError: for coordinates on or outside the border.
    """
    require_curvature(curvature)
    squared = curvature * ball.square().sum(-1, keepdim=True)
    _require_inside(squared, "Klein")
    return from_space(ball * (1.0 - squared).rsqrt(), curvature)


def _root(curvature: Curved) -> Curved:
    return curvature.sqrt() if isinstance(curvature, Tensor) else curvature**0.5


def _require_inside(squared: Tensor, ball: str) -> None:
    if not (squared < 1).all():
        worst = squared.max().sqrt().item()
        raise InputError(
            f"coordinates with sqrt K |x| = {worst:g} are given and the {ball} ball ends before 1: points that rounded "
            "to its border are lost. Keep them as Lorentz points, or convert in float64."
        )
