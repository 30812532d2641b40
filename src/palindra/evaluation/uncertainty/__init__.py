"""How sure a prediction is: ensembles, dropout, temperature, conformal sets and intervals, and what they are worth."""

from palindra.evaluation.uncertainty.conformal import (
    Calibrated,
    calibrate,
    conformal_quantile,
    fewest_rows,
    weighted_quantiles,
)
from palindra.evaluation.uncertainty.coverage import (
    Coverage,
    StandardErrors,
    coverage_by_group,
    measured_coverage,
    standardised_errors,
)
from palindra.evaluation.uncertainty.density_ratio import DensityRatio, density_ratio
from palindra.evaluation.uncertainty.ensembles import Prediction, combine, label_variance, replicate_variance
from palindra.evaluation.uncertainty.intervals import Intervals, around, quantile_scores, residual_scores, widened
from palindra.evaluation.uncertainty.mc_dropout import mc_dropout, thinned
from palindra.evaluation.uncertainty.scores import (
    aurc,
    error_uncertainty_correlation,
    expected_calibration_error,
    gaussian_crps,
    gaussian_nll,
    nominal_coverage,
    regression_calibration_error,
    sharpness,
)
from palindra.evaluation.uncertainty.sets import aps_scores, class_sets, label_scores, lac_scores, two_classes
from palindra.evaluation.uncertainty.temperature import fit_temperature, label_nll

__all__ = [
    "Calibrated",
    "Coverage",
    "DensityRatio",
    "Intervals",
    "Prediction",
    "StandardErrors",
    "aps_scores",
    "around",
    "aurc",
    "calibrate",
    "class_sets",
    "combine",
    "conformal_quantile",
    "coverage_by_group",
    "density_ratio",
    "error_uncertainty_correlation",
    "expected_calibration_error",
    "fewest_rows",
    "fit_temperature",
    "gaussian_crps",
    "gaussian_nll",
    "label_nll",
    "label_scores",
    "label_variance",
    "lac_scores",
    "mc_dropout",
    "measured_coverage",
    "nominal_coverage",
    "quantile_scores",
    "regression_calibration_error",
    "replicate_variance",
    "residual_scores",
    "sharpness",
    "standardised_errors",
    "thinned",
    "two_classes",
    "weighted_quantiles",
    "widened",
]
