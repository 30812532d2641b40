"""One record of every score: the same numbers as the metrics alone, for models, baselines and ceiling alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import palindra.evaluation.tracks as tracks
from palindra.evaluation.tracks import (
    TRACK_SCORES,
    Places,
    Predictions,
    PredictionStore,
    block_interval,
    deviations,
    per_sequence_pearson,
    score_rows,
    score_tracks,
    whole_pearson,
    whole_spearman,
)


def test_the_record_holds_every_metric(predictions):
    scores = score_tracks(predictions, seed=3)
    assert set(scores.values) == set(TRACK_SCORES)
    scaled = deviations(predictions.scaled(scores.scale))
    expected = {
        "Pearson (whole)": whole_pearson(predictions),
        "Spearman (whole)": whole_spearman(predictions),
        "Pearson (per sequence)": per_sequence_pearson(predictions).mean,
        "MSE": deviations(predictions).mse,
        "MSE (scaled)": scaled.mse,
        "Poisson NLL": deviations(predictions).poisson,
        "Poisson NLL (scaled)": scaled.poisson,
        "JS distance": deviations(predictions).jensen_shannon,
        "JS distance (scaled)": scaled.jensen_shannon,
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(scores.values[name], values)
        assert scores.mean(name) == pytest.approx(values.mean())
    assert scores.interval == block_interval(predictions, 3)


def test_a_perfect_prediction_is_best_in_every_score(predictions, arrays):
    perfect = score_tracks(predictions.replaced(arrays[1]), seed=None)
    model = score_tracks(predictions, seed=None)
    for name, higher in TRACK_SCORES.items():
        assert (perfect.mean(name) > model.mean(name)) == higher, name


def test_scores_are_the_same_from_the_store_as_from_memory(tmp_path: Path, predictions, arrays):
    windows = Places(*predictions.places)
    store = PredictionStore.create(tmp_path / "p", windows, predictions.tracks, bin_size=10)
    store.write(np.arange(23), *arrays)
    store.finish()
    stored, given = score_tracks(PredictionStore.open(tmp_path / "p")), score_tracks(predictions)
    assert json.dumps(stored.records()) == json.dumps(given.records())  # the text, since NaN equals nothing


def test_records_are_flat_and_can_be_written(predictions):
    records = score_tracks(predictions).records()
    assert [record["track"] for record in records] == ["a", "b", "c", "mean"]
    assert records[0]["windows without a correlation"] == 1
    assert records[3]["windows without a correlation"] == 2
    assert records[0]["Pearson (whole) low"] < records[0]["Pearson (whole)"] < records[0]["Pearson (whole) high"]
    assert len({frozenset(record) for record in records}) == 1
    json.dumps(records)


def test_a_scale_that_does_not_exist_scales_nothing(arrays):
    prediction = np.array(arrays[0])
    prediction[:, 1] = 0
    scores = score_tracks(Predictions.of(prediction, arrays[1]))
    assert np.isnan(scores.scale).tolist() == [False, True, False]
    assert np.isnan(scores.values["MSE (scaled)"]).tolist() == [False, True, False]
    assert np.isfinite(scores.values["MSE"]).all()


def test_rows_of_a_comparison_are_scored_alike(predictions, arrays):
    rows = {
        "model": predictions,
        "replicate": predictions.replaced(arrays[1] + 1),
        "mean": predictions.replaced(0 * arrays[0] + 2),
    }
    found = score_rows(rows, seed=0)
    assert [row["name"] for row in found] == ["model", "replicate", "mean"]
    assert found[0]["Pearson (whole)"] == score_tracks(predictions).mean("Pearson (whole)")
    assert found[1]["Pearson (whole)"] == pytest.approx(1)
    assert np.isnan(found[2]["Pearson (whole)"])
    assert found[2]["MSE"] > 0


def test_everything_public_is_named():
    assert sorted(tracks.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name)) == tracks.__all__
    assert all(hasattr(tracks, name) for name in tracks.__all__)
