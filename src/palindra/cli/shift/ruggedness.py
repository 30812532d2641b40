"""How rough a trained model is around new sequences, beside its surroundings of training ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from palindra.cli import inputs
from palindra.evaluation.shift.ruggedness import changes, columns, first_strand, percentiles, ruggedness
from palindra.models.saving import Run

STEEP_QUANTILE = 0.95  # of the |changes| around training sequences


class Surroundings(NamedTuple):
    """Measures of the first sequences of a file."""

    label: str
    values: dict[str, NDArray[np.float64]]  # of each sequence
    percentiles: dict[str, NDArray[np.float64]]  # among training sequences
    training: dict[str, NDArray[np.float64]]
    threshold: float


def surroundings(
    run: Run, new: NDArray[np.uint8], training: NDArray[np.uint8], count: int, label: str | None
) -> Surroundings:
    """Ruggedness of the first ``count`` sequences, of the logits (or standardised values) of one output.

    Raises:
        InputError: for an output that there is not.
    """
    predictor = run.predictor if run.predictor.target.rep is None else run.predictor.conjoined()
    names = output_names(run)
    chosen = names[0] if label is None else inputs.choose("--label", label, names)
    column = names.index(chosen)

    def predict(x: Tensor) -> Tensor:
        return predictor.logits(x)[:, column]

    steps = np.concatenate([np.abs(changes(predict, first_strand(row))).ravel() for row in training])
    threshold = float(np.nanquantile(steps, STEEP_QUANTILE))
    usual = ruggedness(predict, training, threshold=threshold)
    found = ruggedness(predict, new[:count], threshold=threshold)
    return Surroundings(chosen, columns(found), percentiles(found, usual), columns(usual), threshold)


def output_names(run: Run) -> list[str]:
    """The classes, or the label columns, that a run predicts."""
    data = run.config["data"]
    return list(data["classes"] if run.predictor.task == "multiclass" else data["targets"])


def medians(around: Surroundings) -> dict[str, dict[str, float]]:
    """The median of each measure, of new and of training sequences, and the median percentile."""
    return {
        name: {
            "new": float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan"),
            "training": float(np.nanmedian(around.training[name])),
            "percentile": float(np.nanmedian(around.percentiles[name])) if np.isfinite(values).any() else float("nan"),
        }
        for name, values in around.values.items()
    }
