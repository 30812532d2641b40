"""Scores of predicted tracks: one prediction pass into a store, and every metric an exact reduction of it."""

from palindra.evaluation.tracks.baselines import TRACK_BASELINES, TrackBaseline, Words, fit_track_baseline
from palindra.evaluation.tracks.bin_kmers import bin_kmers
from palindra.evaluation.tracks.blocks import (
    TrackDifferences,
    TrackIntervals,
    block_difference,
    block_interval,
    genome_blocks,
    mean_squared_error,
    pearson,
)
from palindra.evaluation.tracks.conversion import LabelScores, score_as_coverage, score_labels
from palindra.evaluation.tracks.correlation import (
    PerSequence,
    grouped_moments,
    per_sequence_pearson,
    whole_moments,
    whole_pearson,
    whole_spearman,
    window_moments,
)
from palindra.evaluation.tracks.coverage_errors import (
    Deviations,
    deviations,
    expected_coverage,
    jensen_shannon,
    mean_scale,
)
from palindra.evaluation.tracks.moments import Moments, PairStatistics
from palindra.evaluation.tracks.normal_equations import NormalEquations
from palindra.evaluation.tracks.predictions import Places, Predictions
from palindra.evaluation.tracks.resolution import ResolutionTriangle, resolution_triangle
from palindra.evaluation.tracks.smoothing import Smoothed, box_car_pearson, smoothed_windows
from palindra.evaluation.tracks.store import PredictionStore
from palindra.evaluation.tracks.strands import StrandDiscrepancy, on_the_given_strand, strand_discrepancy
from palindra.evaluation.tracks.summary import TRACK_SCORES, TrackScores, score_rows, score_tracks
from palindra.evaluation.tracks.thresholds import ThresholdCurve, threshold_curve

__all__ = [
    "TRACK_BASELINES",
    "TRACK_SCORES",
    "Deviations",
    "LabelScores",
    "Moments",
    "NormalEquations",
    "PairStatistics",
    "PerSequence",
    "Places",
    "PredictionStore",
    "Predictions",
    "ResolutionTriangle",
    "Smoothed",
    "StrandDiscrepancy",
    "ThresholdCurve",
    "TrackBaseline",
    "TrackDifferences",
    "TrackIntervals",
    "TrackScores",
    "Words",
    "bin_kmers",
    "block_difference",
    "block_interval",
    "box_car_pearson",
    "deviations",
    "expected_coverage",
    "fit_track_baseline",
    "genome_blocks",
    "grouped_moments",
    "jensen_shannon",
    "mean_scale",
    "mean_squared_error",
    "on_the_given_strand",
    "pearson",
    "per_sequence_pearson",
    "resolution_triangle",
    "score_as_coverage",
    "score_labels",
    "score_rows",
    "score_tracks",
    "smoothed_windows",
    "strand_discrepancy",
    "threshold_curve",
    "whole_moments",
    "whole_pearson",
    "whole_spearman",
    "window_moments",
]
