"""Spectra and their distances: small answers, laws, and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from palindra.evaluation.shift import js_distance, kl_divergence, sequence_spectra, set_distances, spectrum
from palindra.evaluation.shift.spectra import multiplicity
from palindra.sequences import canonical_kmers, count_kmers, encode, reverse_complement


def codes(rows: int = 7, length: int = 31, seed: int = 0, chances: tuple[float, ...] = (0.4, 0.2, 0.1, 0.3)):
    return np.random.default_rng(seed).choice(4, (rows, length), p=chances).astype(np.uint8)


@pytest.mark.parametrize("k", range(1, 9))
def test_both_strands_have_one_spectrum_and_frequencies_sum_to_one(k):
    x = codes()
    assert np.array_equal(spectrum(x, k), spectrum(reverse_complement(x), k))
    assert spectrum(x, k).sum() == pytest.approx(1)
    for one, other in zip(sequence_spectra(x, k), sequence_spectra(reverse_complement(x), k), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("pseudocount", [0.0, 1.0])
def test_canonical_spectra_have_the_divergence_of_both_strands_together(k, pseudocount):
    one, two = codes(seed=1), codes(seed=2, chances=(0.1, 0.3, 0.4, 0.2))
    canonical = [spectrum(x, k, pseudocount=pseudocount + 1e-3) for x in (one, two)]
    both = [
        spectrum(np.concatenate([x, reverse_complement(x)]), k, canonical=False, pseudocount=pseudocount + 1e-3)
        for x in (one, two)
    ]
    assert kl_divergence(*canonical) == pytest.approx(kl_divergence(*both), rel=1e-9)
    assert len(canonical[0]) == len(canonical_kmers(k))


@pytest.mark.parametrize("k", [1, 2, 3, 6])
@pytest.mark.parametrize("canonical", [True, False])
def test_frequencies_are_counts_over_their_sum(k, canonical):
    counts = count_kmers(codes(), k, canonical=canonical).sum(axis=0)
    assert spectrum(codes(), k, canonical=canonical, pseudocount=0) == pytest.approx(counts / counts.sum())


def test_distances_agree_with_scipy():
    p, q = spectrum(codes(seed=1), 3), spectrum(codes(seed=2), 3)
    assert kl_divergence(p, q) == pytest.approx(entropy(p, q))
    assert js_distance(p, q) == pytest.approx(jensenshannon(p, q))


def test_letters_that_are_not_certain_count_nowhere():
    assert np.array_equal(spectrum(encode(["ACGTNNNN"]), 2), spectrum(encode(["ACGT"]), 2))
    rows = np.concatenate(list(sequence_spectra(encode(["NNNN", "ACGT"]), 2)))
    assert np.allclose(rows[0], multiplicity(2, True) / multiplicity(2, True).sum())


def test_a_set_is_at_no_distance_from_itself_and_grows_apart_with_k():
    x = codes(rows=40)
    assert all(item.kl == item.js == item.wasserstein == 0 for item in set_distances(x, x, lengths=range(1, 5)))
    found = set_distances(x, codes(rows=40, chances=(0.1, 0.4, 0.4, 0.1)), lengths=[1, 2, 3, 4], pseudocount=0.01)
    assert np.all(np.diff([item.js for item in found]) > 0)  # the marginals of k-mers are (k-1)-mers
    assert np.all(np.diff([item.wasserstein for item in found]) > 0)


@pytest.mark.parametrize("k", [0, 9])
def test_a_k_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match="from 1 to 8"):
        spectrum(codes(), k)


def test_nothing_to_count_is_refused():
    with pytest.raises(ValueError, match="give a pseudocount"):
        spectrum(encode(["NNNN"]), 2, pseudocount=0)
