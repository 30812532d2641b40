"""k-mers: the exact type, the law of the reverse complement, and brute-force counts."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from palindra.sequences import (
    RNA,
    canonical_kmers,
    count_kmers,
    encode,
    kmer_order,
    kmer_rep,
    kmers,
    one_hot,
    reverse_complement,
)
from palindra.symmetry.rep import Rep

SEQUENCES = ["ACGTTGCAAGNCTTAGCATG", "TTTTTTTTTTAACCGGGTAC", "NNACGATCGATCGATTTACG"]


@pytest.mark.parametrize(("k", "fixed"), [(1, 0), (2, 4), (3, 0), (4, 16), (5, 0), (6, 64)])
def test_self_complementary_kmers_are_the_even_channels(k, fixed):
    assert kmer_rep(k) == Rep(regular=(4**k - fixed) // 2, even=fixed)
    assert sum(reverse_complement(kmer) == kmer for kmer in kmer_order(k)) == fixed


@pytest.mark.parametrize(("k", "channels"), [(1, 4), (2, 20), (3, 64), (4, 272), (5, 1024)])
def test_the_duplicated_convention_is_all_regular(k, channels):
    assert kmer_rep(k, duplicate_self_complementary=True) == Rep(regular=channels // 2)


@pytest.mark.parametrize("duplicate", [False, True])
@pytest.mark.parametrize("k", range(1, 7))
def test_the_involution_of_the_type_is_the_reverse_complement_of_the_names(k, duplicate):
    order = kmer_order(k, duplicate)
    permutation = kmer_rep(k, duplicate).permutation
    assert [order[channel] for channel in permutation] == [reverse_complement(kmer) for kmer in order]
    assert len(set(order)) == 4**k


def test_one_mers_change_nothing():
    x = one_hot(SEQUENCES, ambiguous="uniform", dtype=torch.float64)
    assert torch.equal(kmers(x, 1), x)
    assert kmer_order(1) == ["A", "C", "G", "T"]


@pytest.mark.parametrize("duplicate", [False, True])
@pytest.mark.parametrize("k", range(1, 7))
def test_each_window_fires_the_channel_with_its_name(k, duplicate):
    order = kmer_order(k, duplicate)
    x = kmers(one_hot(SEQUENCES), k, duplicate_self_complementary=duplicate)
    assert x.shape == (3, len(order), 20 - k + 1)
    for row, sequence in enumerate(SEQUENCES):
        for start in range(20 - k + 1):
            window = sequence[start : start + k]
            assert x[row, :, start].tolist() == [int(kmer == window) for kmer in order]


@pytest.mark.parametrize("ambiguous", ["zero", "uniform", "shared"])
@pytest.mark.parametrize("duplicate", [False, True])
@pytest.mark.parametrize("k", range(1, 7))
def test_kmers_commute_with_the_reverse_complement(k, duplicate, ambiguous):
    x = one_hot(SEQUENCES, ambiguous=ambiguous, dtype=torch.float64)
    here = kmers(x, k, duplicate_self_complementary=duplicate)
    there = kmers(x.flip(-2, -1), k, duplicate_self_complementary=duplicate)
    assert torch.equal(kmer_rep(k, duplicate).act(here.flip(-1)), there)


def test_uncertain_letters_multiply():
    x = one_hot(["ANC"], ambiguous="uniform", dtype=torch.float64)
    named = dict(zip(kmer_order(3), kmers(x, 3)[0, :, 0].tolist(), strict=True))
    assert {kmer: value for kmer, value in named.items() if value} == dict.fromkeys(["AAC", "ACC", "AGC", "ATC"], 0.25)
    assert not kmers(one_hot(["ANC"]), 2).any()


def test_gradients_flow_through_kmers():
    x = one_hot(["ACGTA"], dtype=torch.float64).requires_grad_()
    kmers(x, 2).sum().backward()
    assert x.grad is not None
    assert x.grad.sum() > 0


@given(st.text("ACGTN", min_size=6, max_size=30), st.integers(1, 6), st.booleans())
@settings(derandomize=True, deadline=None, max_examples=60)
def test_counts_equal_those_of_a_counter(sequence, k, canonical):
    found = Counter(sequence[start : start + k] for start in range(len(sequence) - k + 1))
    names = canonical_kmers(k) if canonical else sorted(kmer_order(k))
    expected = [
        found[kmer] + (found[reverse_complement(kmer)] if canonical and reverse_complement(kmer) != kmer else 0)
        for kmer in names
    ]
    assert count_kmers(encode([sequence]), k, canonical=canonical).tolist() == [expected]


@pytest.mark.parametrize("k", range(1, 9))
def test_canonical_counts_are_the_same_on_both_strands(k):
    codes = np.random.default_rng(k).integers(0, 5, (300, 41), dtype=np.uint8)
    counts = count_kmers(codes, k)
    assert counts.shape == (300, len(canonical_kmers(k)))
    np.testing.assert_array_equal(counts, count_kmers(reverse_complement(codes), k))
    np.testing.assert_array_equal(counts, count_kmers(one_hot(codes), k))
    np.testing.assert_array_equal(counts[257:259], count_kmers(codes[257:259], k))


@pytest.mark.parametrize(("k", "features"), [(1, 2), (2, 10), (3, 32), (4, 136), (5, 512), (6, 2080)])
def test_number_of_canonical_kmers(k, features):
    names = canonical_kmers(k)
    assert len(names) == features == (4**k + (4 ** (k // 2) if k % 2 == 0 else 0)) // 2
    assert names == sorted(names)


def test_names_of_rna():
    assert kmer_order(1, alphabet=RNA) == ["A", "C", "G", "U"]
    assert canonical_kmers(2, alphabet=RNA)[3] == "AU"


@pytest.mark.parametrize("k", [0, 7])
def test_k_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match=f"k={k} .* choose 1 to 6"):
        kmers(one_hot(SEQUENCES), k)
    with pytest.raises(ValueError, match="choose 1 to 8"):
        count_kmers(encode(SEQUENCES), 9)


def test_sequences_shorter_than_k_are_refused():
    with pytest.raises(ValueError, match="length 2 have no 3-mers"):
        kmers(one_hot(["AC"]), 3)
    with pytest.raises(ValueError, match="length 2 have no 3-mers"):
        count_kmers(encode(["AC"]), 3)
