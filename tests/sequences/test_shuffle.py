"""Shuffles: exact counts, uniformity among all sequences with these counts, and what a seed decides."""

from collections import Counter
from itertools import pairwise, permutations, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from palindra.sequences import (
    PROTEIN,
    decode_codes,
    dinucleotide_shuffle,
    encode,
    from_one_hot,
    nucleotide_shuffle,
    one_hot,
)
from palindra.sequences import (
    shuffle as shuffle_module,
)


def dinucleotides(sequence):
    return Counter(pairwise(sequence))


def all_shuffles(sequence):
    """Every sequence with the same dinucleotides, found by trying all sequences that have the same letters."""
    middle = set(permutations(sequence[1:-1]))
    candidates = {sequence[0] + "".join(letters) + sequence[-1] for letters in middle}
    return {text for text in candidates if dinucleotides(text) == dinucleotides(sequence)}


@given(st.text("ACGTN", min_size=1, max_size=40), st.integers(0, 2**63), st.integers(1, 4))
@settings(derandomize=True, deadline=None, max_examples=150)
def test_dinucleotides_and_both_ends_are_kept(sequence, seed, copies):
    shuffled = decode_codes(dinucleotide_shuffle(encode([sequence]), copies, seed)[0])
    assert len(shuffled) == copies
    for text in shuffled:
        assert dinucleotides(text) == dinucleotides(sequence)
        assert (text[0], text[-1]) == (sequence[0], sequence[-1])


@pytest.mark.parametrize("letters", ["A", "N", "AC", "TG", "AN", "ACGT", "ACGTN"])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 64, 501])
def test_counts_are_kept_in_batches_of_many_rows(letters, length):
    draws = np.random.default_rng(length).integers(0, len(letters), (7, length))
    rows = ["".join(letters[i] for i in row) for row in draws]
    shuffled = dinucleotide_shuffle(encode(rows), 3, seed=5)
    assert shuffled.shape == (7, 3, length)
    for row, copies in zip(rows, shuffled, strict=True):
        assert all(dinucleotides(text) == dinucleotides(row) for text in decode_codes(copies))


def test_repeats_with_one_way_out_are_shuffled_without_waiting():
    # The last edge out of C is one of 500, which drawing and rejecting trees would find slowly or never.
    sequence = "CA" * 500 + "CG" + "TG" * 500 + "GN"
    (text,) = decode_codes(dinucleotide_shuffle(encode([sequence]), 1, seed=0)[0])
    assert dinucleotides(text) == dinucleotides(sequence)


@pytest.mark.parametrize("sequence", ["AACA", "AACAGAC", "ACAGATATA", "CACGCGTC", "ACNAGNCA", "GATTACAGA", "TCATGCTA"])
def test_all_sequences_with_these_dinucleotides_are_equally_likely(sequence):
    expected = all_shuffles(sequence)
    copies = 400 * len(expected)
    found = Counter(decode_codes(dinucleotide_shuffle(encode([sequence]), copies, seed=11)[0]))
    assert set(found) == expected
    assert len(expected) > 1
    assert chisquare(list(found.values())).pvalue > 1e-3


def test_uniform_over_rows_as_well_as_copies():
    sequence = "ACAGATATA"
    found = Counter(decode_codes(dinucleotide_shuffle(encode([sequence] * 6000), 1, seed=2)[:, 0]))
    assert set(found) == all_shuffles(sequence)
    assert chisquare(list(found.values())).pvalue > 1e-3


def test_all_orders_of_letters_are_equally_likely():
    found = Counter(decode_codes(nucleotide_shuffle(encode(["ACGN"]), 9600, seed=3)[0]))
    assert set(found) == {"".join(letters) for letters in permutations("ACGN")}
    assert chisquare(list(found.values())).pvalue > 1e-3


SHUFFLES = [dinucleotide_shuffle, nucleotide_shuffle]


@pytest.mark.parametrize("shuffle", SHUFFLES)
def test_a_copy_depends_on_seed_row_and_copy_alone(shuffle, monkeypatch):
    codes = np.random.default_rng(0).integers(0, 5, (9, 50), dtype=np.uint8)
    everything = shuffle(codes, 4, 7)
    np.testing.assert_array_equal(shuffle(codes, 2, 7), everything[:, :2])
    np.testing.assert_array_equal(shuffle(codes[:3], 4, 7), everything[:3])
    np.testing.assert_array_equal(shuffle(codes[3:], 4, 7, first_row=3), everything[3:])
    assert (shuffle(codes, 4, 8) != everything).any()
    monkeypatch.setattr(shuffle_module, "_LETTERS_AT_ONCE", 400)  # two rows at once
    np.testing.assert_array_equal(shuffle(codes, 4, 7), everything)


@pytest.mark.parametrize("shuffle", SHUFFLES)
def test_the_same_sequence_in_two_rows_is_shuffled_differently(shuffle):
    shuffled = shuffle(encode(["ACGTTGCATG" * 3] * 2), 2, 0).reshape(4, -1)
    assert len({tuple(row) for row in shuffled.tolist()}) == 4


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("ambiguous", ["zero", "uniform", "shared"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_tensors_are_shuffled_like_their_codes(shuffle, ambiguous, dtype):
    rows = ["ACGNNTTGCANGATTRACA", "GGATTYCANCCNGTTAAGN"]
    x = one_hot(rows, ambiguous=ambiguous, dtype=dtype)
    shuffled = shuffle(x, 3, 1)
    assert (shuffled.shape, shuffled.dtype) == ((2, 3, 4, 19), dtype)
    expected = shuffle(encode(rows), 3, 1)
    for copies, codes in zip(shuffled, expected, strict=True):
        assert torch.equal(copies, one_hot(codes, ambiguous=ambiguous, dtype=dtype))


def test_proteins_are_shuffled_by_residue():
    rows = ["MKVLAXWYB"]
    (shuffled,) = nucleotide_shuffle(
        one_hot(rows, PROTEIN, ambiguous="shared", dtype=torch.float32), 5, 0, alphabet=PROTEIN
    )
    for text in from_one_hot(shuffled, PROTEIN):
        assert sorted(text) == sorted(rows[0])


@pytest.mark.parametrize("shuffle", SHUFFLES)
def test_no_rows_or_no_copies_give_empty_results(shuffle):
    assert shuffle(np.zeros((0, 7), dtype=np.uint8), 3, 0).shape == (0, 3, 7)
    assert shuffle(encode(["ACG"]), 0, 0).shape == (1, 0, 3)
    assert shuffle(one_hot(["ACG"])[:0], 2, 0).shape == (0, 2, 4, 3)


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize(("copies", "seed", "length"), [(-1, 0, 3), (1, -1, 3), (1, 0, 0)])
def test_negative_numbers_and_empty_sequences_are_refused(shuffle, copies, seed, length):
    with pytest.raises(ValueError, match="shuffling needs"):
        shuffle(np.zeros((1, length), dtype=np.uint8), copies, seed)


def test_soft_sequences_are_refused():
    with pytest.raises(ValueError, match="row 0, position 1"):
        dinucleotide_shuffle(torch.full((1, 4, 3), 0.4), 1, 0)


def test_the_trees_are_those_that_lead_to_the_root():
    trees = shuffle_module._trees()
    leads_to_root = set()
    for following in product(range(5), repeat=4):
        ends = set()
        for letter in range(1, 5):
            for _ in range(5):
                letter = following[letter - 1] if letter else 0
            ends.add(letter)
        if ends == {0}:
            leads_to_root.add(following)
    assert {tuple(tree) for tree in trees.tolist()} == leads_to_root
    assert len(trees) == len(leads_to_root) == 125  # Cayley: n^(n-2) trees on n points
