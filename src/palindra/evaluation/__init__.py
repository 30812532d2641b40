"""Honest evaluation: metrics, curves, intervals and tests, trivial baselines, and the strand audit of any model."""

from palindra.evaluation.audit import Audit, Effect, Shift, audit
from palindra.evaluation.baselines import Baseline, fit_baseline
from palindra.evaluation.curves import (
    Curve,
    Reliability,
    calibration_error,
    precision_recall_curve,
    reliability,
    roc_curve,
)
from palindra.evaluation.kmers import kmer_names, kmer_table
from palindra.evaluation.metrics import HIGHER_IS_BETTER, PRIMARY, auprc, auroc, mcc, metric, per_target_scores, score
from palindra.evaluation.readings import Difference, unshift_track
from palindra.evaluation.statistics import (
    Interval,
    PairedBootstrap,
    PairedTest,
    bootstrap_interval,
    holm,
    mean_interval,
    paired_bootstrap,
    paired_test,
)

__all__ = [
    "HIGHER_IS_BETTER",
    "PRIMARY",
    "Audit",
    "Baseline",
    "Curve",
    "Difference",
    "Effect",
    "Interval",
    "PairedBootstrap",
    "PairedTest",
    "Reliability",
    "Shift",
    "audit",
    "auprc",
    "auroc",
    "bootstrap_interval",
    "calibration_error",
    "fit_baseline",
    "holm",
    "kmer_names",
    "kmer_table",
    "mcc",
    "mean_interval",
    "metric",
    "paired_bootstrap",
    "paired_test",
    "per_target_scores",
    "precision_recall_curve",
    "reliability",
    "roc_curve",
    "score",
    "unshift_track",
]
