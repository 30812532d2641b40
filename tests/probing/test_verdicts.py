"""What probing showed: differences with the right spread, one correction over the table, claims, plain words."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from palindra.evaluation import holm, paired_test
from palindra.evaluation.metrics import metric
from palindra.probing.cells import Cell, CellStore, Predictions
from palindra.probing.results import Results
from palindra.probing.verdicts import (
    Contrast,
    Entry,
    Kind,
    MapAgreement,
    ZeroShot,
    claims,
    conclude,
    contrast,
    entries_of,
    judge,
    mean_of,
    mean_ranks,
    negative_controls,
    ranks,
    row_scores,
)
from palindra.probing.verdicts.claims import NOT_SUPPORTED, SUPPORTED, UNTESTED
from palindra.probing.verdicts.table import mann_whitney, reference_of

LM = Kind.LANGUAGE_MODEL


def entry(
    source: str = "lm", mean: float = 0.8, *, task: str = "tf", kind: Kind = LM, readout: str = "cnn",
    metric: str = "AUROC", spread: float = 0.004, seeds: int = 5, **other: Any,
) -> Entry:  # fmt: skip
    """Scores around a mean; the same draw for the same words."""
    draw = np.random.default_rng([sum(map(ord, source + task + readout)), len(source)]).normal(0, spread, seeds)
    scores = dict(enumerate(mean + draw - draw.mean()))
    return Entry(source, kind, task, readout, metric, scores, **other)


def one_hot(mean: float = 0.85, **other: Any) -> Entry:
    return entry("one-hot", mean, kind=Kind.ONE_HOT, **other)


def word(found: list[Any], label: str, task: str = "tf") -> str:
    return next(v.word for v in found if v.entry.label == label and v.entry.task == task)


# --- differences


def test_a_difference_over_seeds_alone_is_the_paired_t_test():
    one, two = entry(mean=0.83), entry("other", 0.81)
    found = contrast(one, two).difference()
    test = paired_test(list(one.scores.values()), list(two.scores.values()))
    np.testing.assert_allclose([found.mean, found.low, found.high, found.p], [test.mean, test.low, test.high, test.p_t])
    assert found.covers == "seeds"


def test_both_kinds_of_variation_add_up():
    values, rows = {0: 0.01, 1: 0.03, 2: 0.05}, np.random.default_rng(0).normal(0.03, 0.02, 4000)
    found = Contrast(values, rows, test_rows=500).difference()
    assert found.error**2 == pytest.approx(0.02**2 / 3 + rows.var(ddof=1))
    alone = [Contrast(values).difference(), Contrast({0: 0.03}, rows, 500).difference()]
    assert all(found.high - found.low > 0.9 * (one.high - one.low) for one in alone[1:])
    assert found.p > max(alone[1].p, 0)
    assert (found.covers, alone[0].covers, alone[1].covers) == ("seeds and test rows", "seeds", "test rows")


def test_intervals_hold_what_they_promise_where_seeds_and_rows_both_vary():
    """The mean over seeds alone, on one test set, is far too sure about the next test set."""
    random = np.random.default_rng(0)
    hits, hits_of_seeds, runs = 0, 0, 400
    for _ in range(runs):
        of_rows = random.normal(0, 0.02)  # what this test set does to the difference, for every seed
        values = dict(enumerate(of_rows + random.normal(0, 0.02, 5)))
        rows = np.mean(list(values.values())) + random.normal(0, 0.02, 400)
        found = Contrast(values, rows, 1000).difference()
        hits += found.low < 0 < found.high
        alone = Contrast(values).difference()
        hits_of_seeds += alone.low < 0 < alone.high
    assert hits / runs > 0.93
    assert hits_of_seeds / runs < 0.85


def test_one_sided_tails_are_those_of_student():
    d = Contrast({0: 0.01, 1: 0.03, 2: 0.05, 3: 0.02}).difference()
    values = [0.01, 0.03, 0.05, 0.02]
    assert d.p_above(0) == pytest.approx(stats.ttest_1samp(values, 0, alternative="greater").pvalue)
    assert d.p_below(0.04) == pytest.approx(stats.ttest_1samp(values, 0.04, alternative="less").pvalue)
    assert d.p_above(0.04) + d.p_below(0.04) == pytest.approx(1)


def test_what_never_varied_has_no_interval_and_no_p():
    for found in (Contrast({0: 0.3}), Contrast({0: 0.3, 1: 0.3}), Contrast({})):
        d = found.difference()
        assert math.isnan(d.p)
        assert math.isnan(d.low)
        assert d.covers == "nothing"
    rows = np.zeros(9)
    assert Contrast({0: 0.0, 1: 0.0}, rows, 9).difference().p == 1


def test_a_lower_score_is_better_where_the_metric_says_so():
    one, two = (entry(name, value, metric="MSE", higher_is_better=False) for name, value in (("a", 0.4), ("b", 0.5)))
    assert contrast(one, two).difference().mean == pytest.approx(0.1)
    with pytest.raises(ValueError, match="not compared"):
        contrast(one, entry("c"))


def test_seeds_without_a_score_are_left_out_on_both_sides():
    broken = replace(entry(mean=0.9), scores={0: math.nan, 1: 0.9, 2: 0.92})
    found = contrast(broken, one_hot(0.8))
    assert list(found.by_seed) == [1, 2]
    assert broken.mean == pytest.approx(0.91)
    nothing = replace(broken, scores={0: math.nan})
    assert math.isnan(nothing.mean)
    assert word(judge([nothing, one_hot()]), "lm") == "not tested"


def test_one_fit_without_seeds_stands_beside_every_seed():
    rows = np.random.default_rng(7).normal(0.75, 0.01, 400)
    linear = Entry("lm", LM, "tf", "linear", "AUROC", {0: 0.75}, "mean", resampled={0: rows}, seedless=True)
    network = entry(mean=0.8, resampled=dict.fromkeys(range(5), rows + 0.05))
    found = contrast(network, linear)
    assert list(found.by_seed) == [0, 1, 2, 3, 4]
    assert found.difference().mean == pytest.approx(0.05)
    assert found.rows.std() == pytest.approx(0)
    both = contrast(linear, replace(linear, source="other", scores={3: 0.7}, resampled={3: rows[::-1]}))
    assert both.difference().covers == "test rows"
    assert contrast(linear, replace(network, scores={0: math.nan}, resampled={})).by_seed == {}


def test_a_mean_of_differences_keeps_that_tasks_share_their_rows():
    rows = np.random.default_rng(1).normal(size=(2, 5000))
    same = mean_of([Contrast({0: 1.0}, rows[0], 9), Contrast({0: 3.0}, rows[0], 9)])
    apart = mean_of([Contrast({0: 1.0}, rows[0], 9), Contrast({0: 3.0}, rows[1], 9)])
    assert same.by_seed == apart.by_seed == {0: 2.0}
    assert same.difference().error == pytest.approx(2**0.5 * apart.difference().error, rel=0.05)
    assert mean_of([]).by_seed == {}
    assert mean_of([Contrast({0: 1.0}, rows[0], 9), Contrast({0: 1.0})]).rows is None


# --- resampled rows


def test_resampled_rows_have_the_spread_of_a_mean_and_are_the_same_for_every_model():
    random = np.random.default_rng(2)
    labels, noise = random.normal(size=211), random.normal(size=211)

    def mean(p, y):
        return float(p.mean())

    one = row_scores(mean, labels, labels, resamples=3000)
    two = row_scores(mean, labels + noise, labels, resamples=3000)
    assert one.std() == pytest.approx(labels.std() / 211**0.5, rel=0.05)
    assert (two - one).std() == pytest.approx(noise.std() / 211**0.5, rel=0.05)  # paired: labels cancel
    assert np.array_equal(one, row_scores(mean, labels, labels, resamples=3000))
    assert not np.array_equal(one, row_scores(mean, labels, labels, resamples=3000, seed=1))


def test_families_of_rows_are_drawn_together():
    labels = np.repeat(np.random.default_rng(3).normal(size=30), 7)
    apart, together = (
        row_scores(lambda p, y: float(p.mean()), labels, labels, resamples=1500, groups=groups)
        for groups in (None, np.repeat(np.arange(30), 7))
    )
    assert together.std() == pytest.approx(7**0.5 * apart.std(), rel=0.1)


def test_too_few_rows_of_a_class_give_nothing_to_resample():
    labels = np.array([1, *[0] * 9])
    assert row_scores(metric("binary", "AUROC"), np.linspace(0, 1, 10), labels) is None
    with pytest.raises(ValueError, match="do not fit"):
        row_scores(metric("binary", "AUROC"), [0.1, 0.2], [1])


# --- cells of a run


def stored(folder: Path, *, groups: int | None = None, **changes: Any) -> Results:
    """A run of two seeds whose predictions are the labels with noise."""
    store, random, cells = CellStore(folder), np.random.default_rng(6), []
    labels = np.arange(60) % 2
    for seed in (0, 1):
        given = np.clip(labels * 0.3 + random.uniform(0, 0.7, 60), 0, 1)[:, None]
        found = {"AUROC": metric("binary", "AUROC")(given, labels)}
        cell = Cell(
            "lm", "tf", "mlp", seed, 1.0, found, metric="AUROC", task_kind="binary", test_rows=60, summary="mean"
        )
        cell = replace(cell, **changes)
        kept = Predictions(
            predictions=given, labels=labels[:, None], rows=np.arange(60), leaked=np.zeros(60, dtype=bool)
        )
        if groups:
            kept["groups"] = np.arange(60) % groups
        store.write(cell, {}, None if cell.failed else kept)
        cells.append(cell)
    return Results(cells, folder)


def test_cells_are_gathered_over_seeds_with_their_resampled_rows(tmp_path: Path):
    results = stored(tmp_path)
    (found,) = entries_of(replace(results, cells=results.cells * 2), {"lm": LM}, resamples=200)
    assert list(found.scores) == list(found.resampled) == [0, 1]
    assert (found.reading, found.test_rows, found.warnings) == ("mlp on mean", 60, ())
    for seed, values in found.resampled.items():
        assert abs(values.mean() - found.scores[seed]) < 3 * values.std()
        assert 0.03 < values.std() < 0.1  # of an AUROC of 60 rows


@pytest.mark.parametrize(("groups", "units", "warned"), [(4, 60, True), (30, 30, False)])
def test_a_handful_of_groups_is_not_resampled(tmp_path: Path, groups: int, units: int, warned: bool):
    (found,) = entries_of(stored(tmp_path, groups=groups), {"lm": LM}, resamples=50)
    assert found.test_rows == units
    assert any("too few to resample" in text for text in found.warnings) is warned


def test_cells_that_failed_or_have_no_score_stay_with_the_reason(tmp_path: Path):
    failed = stored(tmp_path / "a", failed=True, metrics={}, warnings=("failed: too long",))
    (found,) = entries_of(failed, {"lm": LM})
    assert math.isnan(found.mean)
    assert found.warnings == ("failed: too long",)
    (found,) = entries_of(stored(tmp_path / "b", metrics={"AUROC": math.nan}), {"lm": LM})
    assert found.warnings == ("there is no AUROC: predictions or labels are constant.",)
    leaky = stored(tmp_path / "c", metrics_without_leaks={"AUROC": 0.6}, leaked_rows=3)
    assert entries_of(leaky, {"lm": LM}, resamples=20)[0].without_leaks == {0: 0.6, 1: 0.6}


# --- the table


def test_one_correction_for_the_whole_table():
    entries = [
        entry(source, 0.85 + lead, task=task, spread=0.01)
        for task in ("a", "b", "c")
        for source, lead in (("x", 0.02), ("y", 0.012), ("z", -0.03))
    ]
    entries += [one_hot(task=task, spread=0.01) for task in ("a", "b", "c")]
    found = judge(entries)
    tested = [v for v in found if v.word != "the reference"]
    assert len(tested) == 9
    raw = []
    for v in tested:
        reference = next(e for e in entries if e.kind is Kind.ONE_HOT and e.task == v.entry.task)
        raw.append(stats.ttest_rel(list(v.entry.scores.values()), list(reference.scores.values())).pvalue)
    corrected = holm(raw)
    np.testing.assert_allclose([v.p_corrected for v in tested], corrected)
    for v, p in zip(tested, corrected, strict=True):
        expected = "no difference shown" if p >= 0.05 else "better" if v.difference.mean > 0 else "worse"
        assert v.word == expected
    assert {v.word for v in tested} == {"better", "worse", "no difference shown"}  # so that the test tests something


def test_the_reference_is_one_hot_by_whatever_serves_it_best():
    strong, weak = one_hot(), one_hot(0.7, readout="mlp", summary="mean")
    own = entry(readout="mlp", summary="mean")
    assert reference_of(own, [weak, strong]) is strong
    assert reference_of(own, [weak]) is weak
    better = replace(weak, scores=dict.fromkeys(range(5), 0.95))
    assert reference_of(own, [better, strong]) is better  # a CNN that was not trained long enough is no hard baseline
    lower = [replace(one, metric="MSE", higher_is_better=False) for one in (better, strong)]
    assert reference_of(own, lower) is lower[1]
    assert reference_of(own, [replace(strong, strands="averaged"), replace(strong, fraction=0.1)]) is None
    found = judge([own, weak, strong])
    assert [v.word for v in found] == ["worse", "worse", "the reference"]
    assert found[0].same_readout.mean == pytest.approx(0.1)
    assert word(judge([own]), "lm") == "not tested"


def test_only_whole_training_sets_true_labels_and_own_layers_are_judged():
    rest = [entry(fraction=0.1), entry(control="shuffled labels"), entry(layer=3)]
    assert [v.entry for v in judge([one_hot(), *rest])] == [one_hot()]
    assert entry(layer=3, strands="averaged").label == "lm, layer 3, strands averaged"


def test_the_published_test_ignores_pairs_and_has_a_floor():
    one, two = entry(mean=0.9), one_hot(0.8)
    assert mann_whitney(one, two) == pytest.approx(2 / math.comb(10, 5))
    three = [replace(e, scores={s: e.scores[s] for s in range(3)}) for e in (one, two)]
    assert mann_whitney(*three) == pytest.approx(0.1)  # three seeds can never be significant by it
    assert math.isnan(mann_whitney(replace(one, scores={0: 0.9}), two))


def test_ranks_share_ties_and_count_common_tasks_only():
    cells = [
        entry("a", 0.9, task="p"), entry("b", 0.8, task="p"), entry("c", 0.7, task="p"),
        entry("a", 0.1, task="q", metric="MSE", higher_is_better=False),
        entry("b", 0.3, task="q", metric="MSE", higher_is_better=False),
    ]  # fmt: skip
    found = ranks(cells)
    assert [found[name, "p", "cnn"] for name in "abc"] == [1, 2, 3]
    assert [found[name, "q", "cnn"] for name in "ab"] == [1, 2]
    assert mean_ranks(cells) == {("a", "cnn"): 1, ("b", "cnn"): 2}  # c has no score on q


# --- the negative control


def strands(as_is: float, averaged: float, *, symmetric: bool = False, **other: Any) -> list[Entry]:
    return [
        replace(entry(mean=mean, readout="mlp", summary="mean", symmetric=symmetric, **other), strands=name)
        for name, mean in (("as is", as_is), ("averaged", averaged))
    ]


def test_the_negative_control_says_whether_invariance_hurts():
    noisy = [
        replace(one, scores={s: v + 0.02 * math.sin(9 * s + n) for s, v in one.scores.items()})
        for n, one in enumerate(strands(0.7, 0.7))
    ]
    for pair, expected in ((strands(0.8, 0.7), "hurts"), (strands(0.7, 0.8), "helps"), (noisy, "undecided")):
        pair[1] = replace(pair[1], scores={s: v + 0.001 * s for s, v in pair[1].scores.items()})
        (found,) = negative_controls(pair)
        assert found.word == expected
        assert "Negative control, tf (strand-specific)" in found.sentence
    assert "as it must" in negative_controls(spread(strands(0.8, 0.7)))[0].sentence
    assert negative_controls(strands(0.8, 0.7, symmetric=True)) == []
    assert negative_controls(strands(0.8, 0.7)[:1]) == []


def spread(pair: list[Entry]) -> list[Entry]:
    return [pair[0], replace(pair[1], scores={s: v + 0.001 * s for s, v in pair[1].scores.items()})]


def test_full_embeddings_of_averaged_strands_count_only_without_summaries():
    summaries, full = spread(strands(0.8, 0.7)), [replace(e, summary="full") for e in spread(strands(0.7, 0.9))]
    assert negative_controls([*summaries, *full])[0].word == "hurts"
    assert negative_controls(full)[0].word == "helps"


def test_the_negative_control_also_says_what_averaging_costs_on_all_tokens():
    summaries = spread(strands(0.8, 0.7))
    better, worse = ([replace(e, summary="full") for e in spread(strands(*s))] for s in ((0.7, 0.9), (0.8, 0.7)))
    words = [negative_controls([*summaries, *full])[0].sentence for full in (better, worse)]
    assert all("Averaging all tokens changes the score of the cnn by " in sentence for sentence in words)
    assert ["which costs what the strand says" in sentence for sentence in words] == [False, True]
    assert "all tokens" not in negative_controls(worse)[0].sentence


# --- claims


def verdicts_of(entries: list[Entry], **other: Any) -> dict[str, str]:
    return {claim.id: claim.verdict for claim in claims(entries, **other)}


def test_nothing_is_claimed_from_nothing():
    found = claims([])
    assert [claim.id for claim in found] == ["C13a", "C13b", "C13c", "C14a", "C14b", "C15", "C16a", "C16b"]
    assert {claim.verdict for claim in found} == {UNTESTED}
    assert all(claim.reason for claim in found)


@pytest.mark.parametrize(
    ("lm", "expected"), [(0.80, SUPPORTED), (0.90, NOT_SUPPORTED), (0.858, NOT_SUPPORTED)], ids=["below", "above", "at"]
)
def test_c13a_at_most_as_good_as_one_hot(lm: float, expected: str):
    spread = 0.004 if lm != 0.858 else 0.03
    found = claims([one_hot(spread=spread), entry(mean=lm, spread=spread)])[0]
    assert found.verdict == expected
    if lm == 0.90:
        assert found.reason.startswith("Contradicted by lm minus one-hot, tf")
    if lm == 0.858:
        assert found.reason.startswith("Left open")
    assert verdicts_of([one_hot(readout="mlp", summary="mean"), entry(mean=lm)])["C13a"] == UNTESTED


def test_c13a_falls_with_one_exception():
    cells = [one_hot(), entry(mean=0.7), entry("gpn", 0.88)]
    assert verdicts_of(cells)["C13a"] == NOT_SUPPORTED


def test_c13b_needs_both_steps():
    cells = [
        entry(mean=0.85),
        entry(mean=0.80, readout="mlp", summary="mean"),
        entry(mean=0.75, readout="linear", summary="mean"),
    ]
    assert verdicts_of(cells)["C13b"] == SUPPORTED
    assert (
        verdicts_of([*cells[:2], replace(cells[2], scores={s: 0.9 + 0.001 * s for s in range(5)})])["C13b"]
        == NOT_SUPPORTED
    )
    assert verdicts_of(cells[:2])["C13b"] == UNTESTED
    other = replace(cells[2], summary="max")  # another summary is another input
    assert verdicts_of([*cells[:2], other])["C13b"] == UNTESTED


def test_c13c_needs_to_know_what_fits():
    cells = [one_hot(task=task) for task in ("tf", "rna")]
    cells += [entry("trunk", mean, task=task, kind=Kind.SUPERVISED) for task, mean in (("tf", 0.9), ("rna", 0.7))]
    assert verdicts_of(cells)["C13c"] == UNTESTED
    assert verdicts_of(cells, aligned=frozenset({("trunk", "tf")}))["C13c"] == SUPPORTED
    assert verdicts_of(cells, aligned=frozenset({("trunk", "rna")}))["C13c"] == NOT_SUPPORTED


def zero_shot(r: float, trained: Entry | None = None) -> ZeroShot:
    return ZeroShot("lm", LM, "satmut", "cosine", r, r - 0.04, r + 0.04, 800, trained=trained)


@pytest.mark.parametrize(
    ("r", "expected"), [(0.05, SUPPORTED), (-0.05, SUPPORTED), (0.3, NOT_SUPPORTED), (-0.3, NOT_SUPPORTED)]
)
def test_c14a_keeps_the_sign_and_bounds_both_sides(r: float, expected: str):
    found = next(claim for claim in claims([], zero_shot=[zero_shot(r)]) if claim.id == "C14a")
    assert found.verdict == expected
    assert f"{r:+.3f}" in str(found.evidence[0])


@pytest.mark.parametrize(
    ("r", "trained", "expected"),
    [(0.1, 0.4, SUPPORTED), (-0.1, 0.4, SUPPORTED), (0.3, 0.4, NOT_SUPPORTED), (-0.3, 0.4, NOT_SUPPORTED)],
)
def test_c14b_doubles_the_magnitude(r: float, trained: float, expected: str):
    cnn = entry(mean=trained, task="satmut", metric="Pearson")
    assert verdicts_of([], zero_shot=[zero_shot(r, cnn)])["C14b"] == expected
    assert verdicts_of([], zero_shot=[zero_shot(r)])["C14b"] == UNTESTED


@pytest.mark.parametrize(("dinucleotides", "expected"), [(0.79, SUPPORTED), (0.9, SUPPORTED), (0.75, NOT_SUPPORTED)])
def test_c15_a_lead_of_less_than_two_hundredths(dinucleotides: float, expected: str):
    counts = entry("dinucleotides", dinucleotides, kind=Kind.COUNTS, readout="mlp")
    mean, cls = (entry(mean=value, readout="mlp", summary=name) for name, value in (("mean", 0.99), ("cls", 0.8)))
    assert verdicts_of([counts, mean, cls])["C15"] == expected  # the published comparison is with CLS
    assert verdicts_of([counts, mean])["C15"] == NOT_SUPPORTED
    assert verdicts_of([replace(one, metric="Pearson") for one in (counts, cls)])["C15"] == UNTESTED


def maps(frozen: float, downstream: float) -> list[MapAgreement]:
    draw = np.random.default_rng(5).normal(0, 0.1, 40)
    return [
        MapAgreement("lm", LM, "tf", stage, {f"row {n}": mean + value for n, value in enumerate(draw)})
        for stage, mean in (("pretrained", frozen), ("downstream", downstream))
    ]  # fmt: skip


def test_c16_maps_of_frozen_models_and_of_trained_readouts():
    found = verdicts_of([], maps=maps(0.02, 0.4))
    assert (found["C16a"], found["C16b"]) == (SUPPORTED, SUPPORTED)
    found = verdicts_of([], maps=maps(0.3, 0.2))
    assert (found["C16a"], found["C16b"]) == (NOT_SUPPORTED, NOT_SUPPORTED)
    assert verdicts_of([], maps=maps(0.02, 0.4)[:1])["C16b"] == UNTESTED


def test_claims_are_corrected_together():
    found = claims([one_hot(), entry(mean=0.80)], maps=maps(0.02, 0.4))
    tested = [claim for claim in found if claim.verdict != UNTESTED]
    raw = [max(part.p for part in claim.evidence) for claim in tested]
    assert len(tested) == 3
    np.testing.assert_allclose([claim.p_corrected for claim in tested], holm(raw))


def test_one_seed_without_predictions_supports_nothing():
    cells = [replace(one, scores={0: one.scores[0]}) for one in (one_hot(), entry(mean=0.5))]
    found = claims(cells)[0]
    assert found.verdict == UNTESTED
    assert "one seed" in found.reason


# --- plain words


def test_the_conclusion_names_what_beat_one_hot_and_what_did_not():
    cells = [one_hot(), one_hot(task="rna"), entry(mean=0.9), entry(task="rna", mean=0.7)]
    said = conclude(judge(cells), claims=claims(cells), entries=cells)
    assert said[0] == "Better than one-hot (by its best readout): lm on 1 of 2 tasks (tf)."
    assert "rna AUROC 0.700 (cnn), worse: -0.150" in said[1]
    assert any(sentence.startswith("Mean rank by cnn") for sentence in said)
    assert said[-1].startswith("Claims: ")
    said = conclude(judge([one_hot(), entry(mean=0.7)]))
    assert said[0] == "No pretrained source is shown to be better than one-hot (by its best readout) on the one task."
    assert conclude(judge([one_hot()]))[0].startswith("No pretrained source was probed")
    assert "could not be tested" in conclude(judge([entry()]))[0]


def test_the_conclusion_compares_with_random_weights_counts_and_shuffled_labels():
    cells = [
        one_hot(),
        entry("hf:bert", 0.8, readout="mlp", summary="mean"),
        entry("hf-random:bert", 0.75, kind=Kind.RANDOM, readout="mlp", summary="mean"),
        entry("dinucleotides", 0.81, kind=Kind.COUNTS, readout="mlp"),
    ]
    shuffled = [entry("hf:bert", 0.502, control="shuffled labels"), entry("lm", 0.61, control="shuffled labels")]
    said = " ".join(conclude(judge(cells), entries=[*cells, *shuffled]))
    assert "Pretraining of hf:bert adds +0.050" in said
    assert "dinucleotide counts is not shown to be worse than one on the summary of hf:bert on tf" in said
    assert "above it: lm on tf, so something leaks from training to test" in said
    said = " ".join(conclude(judge(cells), entries=[*cells, shuffled[0]]))
    assert "AUROC is 0.502 (chance 0.5); none is clearly above it" in said


def test_the_conclusion_warns_of_words_that_do_as_well_and_of_short_training():
    words = replace(entry("6-mers of both strands", 0.9, kind=Kind.COUNTS, readout="linear", summary="mean"))
    short = one_hot(warnings=("the last epoch was the best: training for longer may give a better readout.",))
    said = conclude(judge([short, entry(mean=0.9), words]))
    assert any("AUROC 0.900, which none of them is shown to beat" in sentence for sentence in said)
    assert any("still improving when its training ended (tf)" in sentence for sentence in said)
    said = conclude(judge([one_hot(), entry(mean=0.99), words]))
    assert any("AUROC 0.900, beaten by lm" in sentence for sentence in said)
    assert not any("still improving" in sentence for sentence in said)


def test_an_entry_needs_scores():
    with pytest.raises(ValueError, match="at least one score"):
        Entry("lm", LM, "tf", "cnn", "AUROC", {})
    with pytest.raises(ValueError, match="without score"):
        Entry("lm", LM, "tf", "cnn", "AUROC", {0: 0.5}, resampled={1: np.zeros(3)})
