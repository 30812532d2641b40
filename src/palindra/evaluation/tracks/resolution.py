"""Models scored at every bin size from their own up: the resolution triangle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.evaluation.tracks.correlation import mean_of_defined, whole_pearson
from palindra.evaluation.tracks.predictions import Predictions

Array = NDArray[Any]


@dataclass(frozen=True)
class ResolutionTriangle:
    """Scores ``(models, sizes)``: the mean over tracks, and of each track; NaN below a model's own bin size."""

    models: tuple[str, ...]
    trained: tuple[int, ...]  # bin size of each model
    sizes: tuple[int, ...]
    mean: Array
    per_track: Array  # (models, sizes, tracks)


def resolution_triangle(
    models: Mapping[str, Predictions],
    sizes: Sequence[int] | None = None,
    *,
    statistic: Callable[[Predictions], Array] = whole_pearson,
) -> ResolutionTriangle:
    """Score every model at its own bin size and at all coarser ones, truth and prediction averaged alike.

    Correlation rises along a row by smoothing alone, so compare within a column.

    Args:
        models: predictions by name, of the same tracks.
        sizes: bin sizes of the columns; by default the models' own.
        statistic: one number per track.

    Raises:
        InputError: without models, or for other tracks.

    Examples:
        >>> fine = Predictions.of([[[0., 1., 3., 2.]]], [[[1., 0., 2., 4.]]])
        >>> triangle = resolution_triangle({"base": fine, "pairs": fine.coarser(2)})
        >>> triangle.mean.round(2).tolist()
        [[0.53, 1.0], [nan, 1.0]]
    """
    if not models or len({view.tracks for view in models.values()}) != 1:
        raise InputError(f"a triangle needs models of the same tracks; got {[v.tracks for v in models.values()]}.")
    columns = tuple(sorted(set(sizes or (view.bin_size for view in models.values()))))
    tracks = len(next(iter(models.values())).tracks)
    values = np.full((len(models), len(columns), tracks), np.nan)
    for row, view in enumerate(models.values()):
        offered = set(view.coarser_sizes())
        for column, size in enumerate(columns):
            if size in offered:
                values[row, column] = statistic(view.coarser(size))
    mean = np.array([[mean_of_defined(cell) for cell in line] for line in values])
    trained = tuple(view.bin_size for view in models.values())
    return ResolutionTriangle(tuple(models), trained, columns, mean, values)
