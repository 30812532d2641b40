"""Readouts trained on a task score variants: which windows they read, and with what they are correlated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from palindra.errors import InputError
from palindra.probing.cells import CellStore
from palindra.probing.readouts import Training
from palindra.probing.running import Heads, missing, probe
from palindra.probing.sources import open_source
from palindra.probing.tasks import ProbeTask, Rows, VariantTask
from palindra.probing.trained_variants import signed_correlations, windows_of
from palindra.probing.verdicts import Kind, ZeroShot, trained_scores, with_trained

LENGTH = 12
HEADS = Heads(trainings={"mlp": Training(learning_rates=(1e-2,), batch_size=16, epochs=3)})


def letters(rng, length):
    return "".join(rng.choice(list("ACGT"), length))


def activity(lengths=(LENGTH,), rows=70) -> ProbeTask:
    """The number of G, which every readout of letters can learn."""
    rng = np.random.default_rng(0)
    texts = [letters(rng, lengths[n % len(lengths)]) for n in range(rows)]
    splits = ["train"] * 40 + ["valid"] * 15 + ["test"] * (rows - 55)
    return ProbeTask("activity", "regression", Rows.from_arrays([texts], [t.count("G") for t in texts], splits=splits))


def variants(length=20, rows=24, elements=2) -> VariantTask:
    """Variants whose effect is what they change in the number of G."""
    rng = np.random.default_rng(1)
    wild = [letters(rng, length) for _ in range(elements)]
    which, places = np.arange(rows) % elements, rng.integers(0, length, rows)
    reference = [wild[n] for n in which]
    other = ["ACGT"["CGTA".index(t[p])] for t, p in zip(reference, places, strict=True)]
    changed = [t[:p] + c + t[p + 1 :] for t, p, c in zip(reference, places, other, strict=True)]
    effects = [float(b.count("G") - a.count("G")) for a, b in zip(reference, changed, strict=True)]
    names = np.array([f"e{n}" for n in which])
    return VariantTask("assay", reference, changed, np.array(effects), names, places.astype(np.int64))


@pytest.mark.parametrize("length", [LENGTH, 13, 20, 41])
def test_windows_have_the_length_of_the_task_and_differ_in_the_variant_alone(length):
    table = variants(length)
    found = windows_of(table, activity())
    assert {len(text) for text in found.texts} == {LENGTH}
    assert len(set(found.texts)) == len(found.texts)
    for row, (one, two) in enumerate(zip(found.reference, found.alternate, strict=True)):
        reference, alternate, place = found.texts[one], found.texts[two], table.positions[row]
        (inside,) = [n for n in range(LENGTH) if reference[n] != alternate[n]]
        assert reference == table.reference[row][place - inside : place - inside + LENGTH]
        middle = LENGTH // 2
        assert inside == middle or place - inside in (0, length - LENGTH)  # as close to the middle as the ends allow


def test_sequences_within_the_lengths_of_the_task_stay_as_they_are():
    table, task = variants(14), activity((10, 16))
    found = windows_of(table, task)
    assert [found.texts[n] for n in found.reference] == table.reference
    assert found.note == ""


def test_insertions_and_deletions_are_read_from_one_start():
    one = VariantTask("indels", ["A" * 20] * 2, ["A" * 19, "A" * 10 + "C" + "A" * 10], np.zeros(2),
                      np.array(["e"] * 2), np.array([19, 10]))  # fmt: skip
    found = windows_of(one, activity())
    assert {len(text) for text in found.texts} == {LENGTH}
    assert found.texts[found.alternate[1]].count("C") == 1


def test_what_cannot_be_scored_says_so():
    with pytest.raises(InputError, match=r"sequence of 8 letters, and readouts of activity were trained on 12\. Give"):
        windows_of(variants(8), activity())
    with pytest.raises(InputError, match="trained on 10 to 16"):
        windows_of(variants(8), activity((10, 16)))
    with pytest.raises(InputError, match="no regression of one value on one sequence"):
        windows_of(variants(), replace(activity(), kind="multilabel"))


def test_correlations_are_those_of_scipy_and_keep_the_sign():
    table = variants(rows=60, elements=3)
    predicted = -table.effects + np.random.default_rng(0).normal(size=60)
    predicted[0] = np.nan
    *within, mean = signed_correlations(predicted, table)
    for found in within:
        rows = (table.elements == found.element) & np.isfinite(predicted)
        assert found.rows == rows.sum()
        assert found.pearson == pytest.approx(pearsonr(predicted[rows], table.effects[rows]).statistic)
        assert found.spearman == pytest.approx(spearmanr(predicted[rows], table.effects[rows]).statistic)
        assert found.interval[0] < found.pearson < found.interval[1]
    assert mean.element == "mean of 3 elements"
    assert mean.pearson == pytest.approx(np.mean([one.pearson for one in within]))
    assert mean.pearson < 0
    np.testing.assert_allclose(mean.samples, np.mean([one.samples for one in within], axis=0))
    turned = signed_correlations(-predicted, table)[-1]
    np.testing.assert_allclose(turned.samples, -mean.samples)  # drawn alike


def test_samples_are_those_of_rows_drawn_with_their_position():
    """Two variants of each position that say the same: half of the rows with the same draws."""
    table = variants(rows=10, elements=1)
    table = replace(table, positions=np.arange(10))
    twice = VariantTask("twice", table.reference * 2, table.alternate * 2, np.tile(table.effects, 2),
                        np.tile(table.elements, 2), np.tile(np.arange(10), 2))  # fmt: skip
    predicted = table.effects + np.random.default_rng(2).normal(size=10)
    (one,), (two,) = signed_correlations(predicted, table), signed_correlations(np.tile(predicted, 2), twice)
    np.testing.assert_allclose(one.samples, two.samples)


def test_constant_predictions_have_no_correlation():
    for constant in (0.0, 0.1, 1e6):
        found = signed_correlations(np.full(24, constant), variants())
        assert all(np.isnan(one.pearson) and not np.isfinite(one.samples).any() for one in found)


def test_readouts_score_variants_with_their_cells(tmp_path: Path):
    task, table = activity(), variants()
    windows, source = [windows_of(table, task)], open_source("nucleotides")
    how = {"readouts": ["linear", "mlp"], "seeds": [0, 1], "fractions": [0.5, 1.0], "heads": HEADS, "kmers": False}
    without = probe([source], [task], folder=tmp_path / "a", shuffled=True, **how)
    found = probe([source], [task], folder=tmp_path / "b", shuffled=True, variants=windows, **how)
    assert [cell.metrics for cell in found.cells] == [cell.metrics for cell in without.cells]  # nothing else changes
    scored = [cell for cell in found.cells if windows[0].key in found.predictions(cell)]
    assert {(cell.readout, cell.seed) for cell in scored} == {("linear", 0), ("mlp", 0), ("mlp", 1)}
    assert all(cell.fraction == 1 and not cell.control for cell in scored)
    linear = found.predictions(scored[0])[windows[0].key]
    assert np.corrcoef(linear, table.effects)[0, 1] > 0.9
    assert missing([source], [task], folder=tmp_path / "b", shuffled=True, variants=windows, **how) == []
    with pytest.raises(InputError, match="another variants"):
        CellStore(tmp_path / "b").read(scored[0].name, {})


def test_trained_scores_stand_beside_untrained_ones(tmp_path: Path):
    task, table = activity(), variants()
    windows = [windows_of(table, task)]
    source = open_source("nucleotides")
    how = {"readouts": ["linear", "mlp"], "seeds": [0, 1], "heads": HEADS, "kmers": False, "variants": windows}
    found = trained_scores(probe([source], [task], folder=tmp_path, **how), {"nucleotides": Kind.COUNTS}, windows)
    linear, mlp = found
    assert linear.score == "linear readout (mean) trained on activity, alt - ref against effect"
    assert linear.entry.mean > 0.9
    assert linear.difference().covers == "test rows"
    assert mlp.difference().covers == "seeds and test rows"
    assert mlp.difference().low <= mlp.entry.mean <= mlp.difference().high
    assert (mlp.elements, mlp.variants, set(mlp.by_element)) == ("mean of 2 elements", 24, {0, 1})
    plain = ZeroShot("nucleotides", Kind.COUNTS, "assay", "cosine against |effect|", 0.1)
    assert with_trained([plain], found)[0].trained is None  # only a CNN on all tokens stands for C14b
    cnn = replace(mlp, entry=replace(mlp.entry, readout="cnn", summary="full"))
    assert with_trained([plain], [cnn])[0].trained == cnn.entry


def test_a_source_that_cannot_read_the_windows_keeps_its_cells(tmp_path: Path):
    task, table = activity(), variants()
    windows = [replace(windows_of(table, task), texts=["N?" for _ in windows_of(table, task).texts])]
    results = probe([open_source("nucleotides")], [task], folder=tmp_path, readouts=["linear"], variants=windows)
    cell = next(cell for cell in results.cells if cell.source == "nucleotides")
    assert not cell.failed
    (score,) = trained_scores(results, {"nucleotides": Kind.COUNTS}, windows)
    assert np.isnan(score.entry.mean)
    assert "assay cannot be scored" in score.entry.warnings[0]
