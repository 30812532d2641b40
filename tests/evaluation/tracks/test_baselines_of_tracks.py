"""The trivial rows: features that know no strand, exact ridge by streamed sums, strengths chosen on validation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from palindra.errors import InputError
from palindra.evaluation.tracks import (
    TRACK_BASELINES,
    NormalEquations,
    Predictions,
    Words,
    bin_kmers,
    fit_track_baseline,
    per_sequence_pearson,
    whole_pearson,
)
from palindra.sequences import canonical_kmers

LETTERS = "ACGTN"


def random_codes(rows, length, seed=0, ambiguous=0.02):
    random = np.random.default_rng(seed)
    codes = random.integers(0, 4, (rows, length)).astype(np.uint8)
    codes[random.random(codes.shape) < ambiguous] = 4
    return codes


def other_strand(codes):
    return np.where(codes < 4, 3 - codes, 4).astype(np.uint8)[:, ::-1]


@pytest.mark.parametrize(("k", "neighbours"), [(1, 0), (2, 0), (2, 1), (3, 2), (4, 6)])
def test_features_are_plain_counts_of_each_bin_and_its_sides(k, neighbours):
    bin_size, bins = 11, 3
    codes = random_codes(2, (bins + 2 * neighbours) * bin_size)
    found = bin_kmers(codes, bin_size, k, neighbours)
    words = canonical_kmers(k)
    pair = dict(zip("ACGT", "TGCA", strict=True))

    def count(row, b):
        text = "".join(LETTERS[c] for c in codes[row, b * bin_size : (b + 1) * bin_size])
        both = [text, "".join(pair.get(letter, "N") for letter in reversed(text))]
        result = [sum(s[i : i + k] == word for s in both for i in range(bin_size - k + 1)) for word in words]
        own = [word == "".join(pair[letter] for letter in reversed(word)) for word in words]
        return np.where(own, np.array(result) / 2, result)

    for row in range(2):
        for b in range(bins):
            here = [count(row, b + neighbours)]
            sides = [count(row, b + neighbours - d) + count(row, b + neighbours + d) for d in range(1, neighbours + 1)]
            np.testing.assert_array_equal(found[row, b], np.concatenate(here + sides))


@pytest.mark.parametrize("words", TRACK_BASELINES.values(), ids=TRACK_BASELINES)
def test_features_of_the_other_strand_are_those_of_the_mirrored_bins(words):
    codes = random_codes(3, 15 * 8)
    np.testing.assert_array_equal(bin_kmers(other_strand(codes), 8, *words), bin_kmers(codes, 8, *words)[:, ::-1])


def regression(rows=60, features=5, targets=3, seed=0, missing=0.2):
    random = np.random.default_rng(seed)
    x = random.poisson(2.0, (rows, features)).astype(float)
    x[:, 4] = 3.0  # never varies
    y = 1.5 + x @ random.normal(size=(features, targets)) + random.normal(size=(rows, targets))
    y[random.random(y.shape) < missing] = np.nan
    y[:, 2] = np.nan_to_num(y[:, 2])  # one target is complete
    return x, y


def test_every_strength_is_the_ridge_of_scikit_learn_on_known_rows():
    x, y = regression()
    equations = NormalEquations.nothing(5, 3)
    for rows in np.array_split(np.random.default_rng(1).permutation(60), 7):
        equations.add(x[rows], y[rows])
    strengths = [1e-9, 0.5, 10.0, 1e4]
    for strength, (weight, intercept) in zip(strengths, equations.solve(strengths), strict=True):
        errors = equations.mean_squared_error(weight, intercept)
        for target in range(3):
            known = ~np.isnan(y[:, target])
            spread = x[known].std(0)
            spread[4] = 1.0
            fit = Ridge(alpha=strength, solver="cholesky").fit(x[known] / spread, y[known, target])
            np.testing.assert_allclose(weight[:, target], fit.coef_ / spread, rtol=1e-6, atol=1e-8)
            assert intercept[target] == pytest.approx(fit.intercept_, rel=1e-6)
            residual = y[known, target] - fit.predict(x[known] / spread)
            assert errors[target] == pytest.approx((residual**2).mean(), rel=1e-6)
        assert (weight[4] == 0).all()


def test_merged_sums_are_those_of_all_rows():
    x, y = regression()
    parts = [NormalEquations.nothing(5, 3) for _ in range(2)]
    parts[0].add(x[:17], y[:17])
    parts[1].add(x[17:], y[17:])
    whole = NormalEquations.nothing(5, 3)
    whole.add(x, y)
    for (w, b), (w2, b2) in zip(parts[0].merge(parts[1]).solve([1.0]), whole.solve([1.0]), strict=True):
        np.testing.assert_allclose(w, w2, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(b, b2, rtol=1e-9)


def test_tied_targets_share_the_line_of_both_and_others_keep_theirs():
    x, y = regression()
    equations = NormalEquations.nothing(5, 3)
    equations.add(x, y)
    weight, intercept = equations.tied([1, 0, 2]).solve([1e-9])[0]
    np.testing.assert_array_equal(weight[:, 0], weight[:, 1])
    stacked = NormalEquations.nothing(5, 1)
    stacked.add(np.vstack([x, x]), np.concatenate([y[:, :1], y[:, 1:2]]))
    np.testing.assert_allclose(weight[:, :1], stacked.solve([1e-9])[0][0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(weight[:, 2], equations.solve([1e-9])[0][0][:, 2], rtol=1e-9)
    assert intercept[0] == intercept[1]


def planted(rows=80, bin_size=12, bins=5, neighbours=2, seed=0):
    """Tracks that are words of the bin and of its sides, with noise."""
    random = np.random.default_rng(seed)
    codes = random_codes(rows, (bins + 2 * neighbours) * bin_size, seed)
    features = bin_kmers(codes, bin_size, 2, neighbours)
    weight = np.random.default_rng(42).normal(size=(features.shape[-1], 2))
    return codes, (features @ weight + 0.1 * random.normal(size=(rows, bins, 2))).transpose(0, 2, 1)


def batches(codes, values, size=13):
    return [(codes[i : i + size], values[i : i + size]) for i in range(0, len(codes), size)]


def test_a_planted_rule_is_found_and_the_mean_is_worth_nothing():
    train, valid, test = (planted(seed=seed) for seed in (0, 1, 2))
    fitted = fit_track_baseline(Words(2, 2), batches(*train), batches(*valid), bin_size=12, strengths=(0.1, 1e3, 1e6))
    view = Predictions.of(np.zeros_like(test[1]), test[1], bin_size=12).replaced(
        fitted.over(lambda rows: test[0][rows])
    )
    assert (whole_pearson(view) > 0.99).all()
    assert (per_sequence_pearson(view).mean > 0.95).all()
    assert fitted.strength.tolist() == [0.1, 0.1]
    inner = [(codes[:, 24:-24], values) for codes, values in (train, valid, test)]
    mean = fit_track_baseline(TRACK_BASELINES["mean track"], inner[:1], inner[1:2], bin_size=12)
    np.testing.assert_allclose(mean.predict(inner[2][0])[0, :, 0], train[1].mean((0, 2)))
    assert np.isnan(whole_pearson(view.replaced(mean.predict(inner[2][0])))).all()


def test_noise_is_answered_by_the_strongest_ridge():
    codes = random_codes(60, 48)
    noise = np.random.default_rng(0).normal(size=(2, 60, 1, 4))
    fitted = fit_track_baseline(Words(3, 0), [(codes, noise[0])], [(random_codes(60, 48, 1), noise[1])], bin_size=12)
    assert fitted.strength[0] >= 1e3
    assert fitted.validation_mse[0] == pytest.approx(1, abs=0.2)


def test_stranded_pairs_get_one_line_and_are_exactly_equivariant():
    codes, values = planted()
    fitted = fit_track_baseline(Words(2, 2), [(codes, values)], [(codes, values)], bin_size=12, partner=[1, 0])
    other = fitted.predict(other_strand(codes))
    np.testing.assert_array_equal(other[:, [1, 0], ::-1], fitted.predict(codes))
    alone = fit_track_baseline(Words(2, 2), [(codes, values)], [(codes, values)], bin_size=12)
    assert np.abs(alone.predict(other_strand(codes))[:, [1, 0], ::-1] - alone.predict(codes)).max() > 0.1


def test_what_does_not_fit_is_refused():
    codes, values = planted()
    split = [(codes, values)]
    with pytest.raises(InputError, match="validation split has no windows"):
        fit_track_baseline(Words(2, 2), split, [], bin_size=12)
    with pytest.raises(InputError, match="24 bp more on each side"):
        fit_track_baseline(Words(2, 2), [(codes[:, 24:], values)], split, bin_size=12)
    with pytest.raises(InputError, match="do not hold bins of 7 bp"):
        bin_kmers(codes, 7, 2, 0)
    with pytest.raises(InputError, match="do not hold bins of 3 bp"):
        bin_kmers(codes, 3, 4, 0)
    with pytest.raises(InputError, match="are no pairs"):
        fit_track_baseline(Words(2, 2), split, split, bin_size=12, partner=[1, 1])
    gone = np.where(np.arange(2)[:, None] == 1, np.nan, values)
    with pytest.raises(InputError, match="track 2 has no known value"):
        fit_track_baseline(Words(2, 2), split, [(codes, gone)], bin_size=12)
