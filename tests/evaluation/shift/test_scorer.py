"""Scores of strangeness: planted shifts, both strands, percentiles, what is held out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from palindra.evaluation.shift import SCORES, ShiftScorer, fit_chain, fit_cloud, kmer_vectors, two_sample
from palindra.sequences import encode, nucleotide_shuffle, reverse_complement

WORDS = ["TGACTCA", "CCGGAAGT", "TATAAA", "GGGCGG"]


def natural(rows: int, seed: int, length: int = 120) -> np.ndarray:
    """Sequences of a chain of letters with words."""
    rng = np.random.default_rng(seed)
    step = np.array([[0.4, 0.1, 0.3, 0.2], [0.35, 0.3, 0.02, 0.33], [0.3, 0.2, 0.3, 0.2], [0.15, 0.25, 0.3, 0.3]])
    found = np.empty((rows, length), dtype=np.uint8)
    found[:, 0] = rng.integers(0, 4, rows)
    for place in range(1, length):
        found[:, place] = (rng.random((rows, 1)) > step[found[:, place - 1]].cumsum(1)[:, :3]).sum(axis=1)
    for row in found:
        for _ in range(4):
            word = encode([WORDS[rng.integers(4)]])[0]
            start = rng.integers(0, length - len(word))
            row[start : start + len(word)] = word
    flip = rng.random(rows) < 0.5
    found[flip] = reverse_complement(found[flip])
    return found


@pytest.fixture(scope="module")
def scorer() -> ShiftScorer:
    return ShiftScorer().fit(natural(800, 0))


def auroc(usual: dict[str, np.ndarray], strange: dict[str, np.ndarray], name: str = "combined") -> float:
    kind = np.repeat([0, 1], [len(usual[name]), len(strange[name])])
    return roc_auc_score(kind, np.concatenate([usual[name], strange[name]]))


def test_planted_shifts_are_ranked_by_the_one_score_to_use(scorer):
    rng = np.random.default_rng(3)
    shuffled = nucleotide_shuffle(natural(300, 2), 1, seed=5)[:, 0]
    repeats = np.array([np.tile(rng.integers(0, 4, rng.integers(2, 7)), 60)[:120] for _ in range(200)], dtype=np.uint8)
    other = rng.choice(4, (300, 120), p=[0.35, 0.15, 0.15, 0.35]).astype(np.uint8)
    usual = scorer.score(natural(300, 1))
    shuffled, repeats, other = (scorer.score(strange) for strange in (shuffled, repeats, other))
    assert min(auroc(usual, strange) for strange in (shuffled, repeats, other)) > 0.95
    assert auroc(usual, scorer.score(natural(300, 7))) == pytest.approx(0.5, abs=0.06)
    assert auroc(usual, repeats, "unlikelihood") < 0.9  # why one score alone is not enough
    assert auroc(usual, shuffled, "disorder") > 0.6


def test_every_score_is_the_same_for_both_strands():
    x, vectors = natural(60, 4), np.random.default_rng(0).normal(size=(60, 5))
    given = ShiftScorer(held_out=0.3).fit(x, vectors)
    other = ShiftScorer(held_out=0.3).fit(reverse_complement(x), vectors)
    new, own = natural(9, 5), np.random.default_rng(1).normal(size=(9, 5))
    one, two = given.score(new, own), other.score(reverse_complement(new), own)
    assert list(one) == list(SCORES)
    for name in SCORES:
        assert one[name] == pytest.approx(two[name], abs=1e-9), name
        assert one[name].dtype == np.float64


def test_percentiles_are_shares_of_held_out_sequences(scorer):
    held = scorer.fitted["combined"]
    assert scorer.percentile("combined", [-1.0, 1e9]).tolist() == [0, 100]
    middle = np.partition(held, len(held) // 2)[len(held) // 2]
    assert scorer.percentile("combined", middle) == pytest.approx(50, abs=1)
    fresh = scorer.percentile("combined", scorer.score(natural(400, 9))["combined"])
    assert fresh.mean() == pytest.approx(50, abs=6)  # without a shift they are uniform
    assert np.isnan(scorer.percentile("combined", [np.nan])).all()


def test_held_out_rows_do_not_take_part_in_what_is_fitted():
    x = natural(100, 0)
    away = np.arange(100) >= 80
    changed = x.copy()
    changed[80:] = natural(20, 77)
    new = natural(5, 1)
    one, two = (ShiftScorer().fit(rows, held_out=away).score(new) for rows in (x, changed))
    for name in set(SCORES) & set(one) - {"combined"}:
        assert np.array_equal(one[name], two[name])


def test_families_are_held_out_whole():
    family = np.repeat(np.arange(40), 5)
    away = ShiftScorer(held_out=0.2).fit(natural(200, 0), groups=family).away
    assert all(len(set(away[family == one])) == 1 for one in range(40))
    assert 0.15 < away.mean() < 0.3


def test_a_strand_can_be_meant():
    x = np.tile(encode(["AAAGAGGAAC"]), (40, 6))
    other = reverse_complement(x)
    found = ShiftScorer(canonical=False, pseudocount=1e-3).fit(x)
    assert found.score(other[:1])["kmer_js"] > found.score(x[:1])["kmer_js"] + 0.5


def test_a_sequence_without_letters_has_no_score(scorer):
    found = scorer.score(encode(["N" * 120, "ACGT" * 30]))
    assert all(np.isnan(values[0]) and np.isfinite(values[1]) for values in found.values())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s, x: s.score(x), "call fit"),
        (lambda s, x: s.fit(x, np.zeros((3, 2))), "3 embeddings are given for 30"),
        (lambda s, x: s.fit(x).score(x, np.zeros((30, 2))), "fitted without"),
        (lambda s, x: s.fit(x, np.random.default_rng(0).normal(size=(30, 2))).score(x), "no embeddings"),
        (lambda s, x: s.fit(x).percentile("strangeness", 0.0), "no score 'strangeness'"),
        (lambda s, x: s.fit(x, held_out=np.zeros(30, bool)), "0 of 30"),
    ],
)
def test_misuse_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(ShiftScorer(), natural(30, 0))


@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_chain_gives_chances_that_sum_to_one_and_knows_no_strand(order):
    chain = fit_chain(natural(50, 0), order=order)
    words = np.stack(np.meshgrid(*[np.arange(4)] * (order + 1), indexing="ij"), -1).reshape(-1, order + 1)
    words = words.astype(np.uint8)
    assert np.exp(chain.log_likelihood(words)).sum() == pytest.approx(1)
    x = natural(5, 3)
    assert np.array_equal(chain.log_likelihood(x), chain.log_likelihood(reverse_complement(x)))


def test_the_likelihood_of_a_chain_by_hand():
    chain = fit_chain(encode(["ACGTNAAAA"]), order=1, pseudocount=1e-9)
    words = {"AC": 2 / 12, "AA": 3 / 12}  # of both strands: AC CG GT twice each, AA TT three times each
    letters = {"A": 6 / 16}
    expected = np.log(words["AA"] * words["AC"] / letters["A"]) / 2
    assert chain.log_likelihood(encode(["AAC"])) == pytest.approx(expected)


def test_a_chain_without_pseudocount_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        fit_chain(encode(["ACGT"]), pseudocount=0)


def test_the_cloud_agrees_with_sklearn():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 6)) @ rng.normal(size=(6, 6))
    scaled = (x - x.mean(0)) / x.std(0)
    inverse = np.linalg.inv(LedoitWolf(assume_centered=True).fit(scaled).covariance_)
    point = rng.normal(size=6)
    expected = mahalanobis((point - x.mean(0)) / x.std(0), np.zeros(6), inverse)
    cloud = fit_cloud(x)
    assert cloud.mahalanobis(point[None])[0] == pytest.approx(expected)
    near = NearestNeighbors(n_neighbors=4).fit(x / x.std(0)).kneighbors((point / x.std(0))[None])[0].mean()
    assert cloud.nearest(point[None], neighbours=4)[0] == pytest.approx(near)


def test_a_feature_that_never_changes_does_no_harm():
    cloud = fit_cloud(np.c_[np.random.default_rng(0).normal(size=20), np.ones(20)])
    assert np.isfinite(cloud.mahalanobis([[0.0, 1.0]])).all()


def test_two_halves_are_not_told_apart_and_two_kinds_are():
    a, b = kmer_vectors(natural(300, 0), 3), kmer_vectors(natural(200, 1), 3)
    alike = two_sample(a, b)
    assert alike.low < 0.5 < alike.high
    noise = kmer_vectors(np.random.default_rng(0).integers(0, 4, (200, 120)).astype(np.uint8), 3)
    assert two_sample(a, noise).auroc > 0.95
    assert two_sample(a, noise).scores.shape == (200,)


def test_copies_within_a_set_are_no_shift_when_families_stay_together():
    rng = np.random.default_rng(0)
    one, two = (np.repeat(rng.normal(size=(30, 40)), 4, axis=0) for _ in range(2))
    families = np.repeat(np.arange(30), 4), np.repeat(np.arange(30, 60), 4)
    assert two_sample(one, two).auroc > 0.8  # what is learned are the copies
    assert two_sample(one, two, groups=families).auroc < 0.7
