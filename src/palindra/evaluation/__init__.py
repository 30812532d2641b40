"""Honest evaluation: metrics with intervals and tests, trivial baselines, strands, shifts, variants, trust."""

from palindra.evaluation.audit import Audit, Effect, Shift, audit
from palindra.evaluation.baselines import Baseline, fit_baseline
from palindra.evaluation.consistency import Consistency, Reading, Transform, group_consistency
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
from palindra.evaluation.mutagenesis import Mutagenesis, read_mutants, saturation_mutagenesis
from palindra.evaluation.readings import Difference, unshift_track
from palindra.evaluation.robustness import realignment_score, strand_score, variation_score
from palindra.evaluation.specificity import Specificity, specificity
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
from palindra.evaluation.trust import Finding, Measurements, trust

__all__ = [
    "HIGHER_IS_BETTER",
    "PRIMARY",
    "Audit",
    "Baseline",
    "Consistency",
    "Curve",
    "Difference",
    "Effect",
    "Finding",
    "Interval",
    "Measurements",
    "Mutagenesis",
    "PairedBootstrap",
    "PairedTest",
    "Reading",
    "Reliability",
    "Shift",
    "Specificity",
    "Transform",
    "audit",
    "auprc",
    "auroc",
    "bootstrap_interval",
    "calibration_error",
    "fit_baseline",
    "group_consistency",
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
    "read_mutants",
    "realignment_score",
    "reliability",
    "roc_curve",
    "saturation_mutagenesis",
    "score",
    "specificity",
    "strand_score",
    "trust",
    "unshift_track",
    "variation_score",
]
