"""Identity with the nearest sequence: by counting, over all shifts and both strands."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.evaluation.design import diversity, gc_content, nearest_identity
from palindra.sequences import encode, reverse_complement


def codes(rows, length, seed):
    return np.random.default_rng(seed).integers(0, 5, (rows, length)).astype(np.uint8)  # with N


def by_counting(one, two, both_strands=True):
    best = 0
    for other in [two, reverse_complement(two[None])[0]][: 1 + both_strands]:
        for shift in range(-len(other) + 1, len(one)):
            a = one[max(0, shift) : shift + len(other)]
            b = other[max(0, -shift) :][: len(a)]
            a = a[: len(b)]
            best = max(best, int(((a == b) & (a < 4)).sum()))
    return best / max(1, min((one < 4).sum(), (two < 4).sum()))


@pytest.mark.parametrize("both_strands", [True, False])
def test_it_is_what_counting_gives(both_strands):
    one, two = codes(5, 17, 0), codes(7, 23, 1)
    found = nearest_identity(one, two, both_strands=both_strands, batch_size=2)
    for row, given in enumerate(one):
        shares = [by_counting(given, other, both_strands) for other in two]
        assert found.identity[row] == pytest.approx(max(shares))
        assert shares[found.row[row]] == pytest.approx(max(shares))


def test_both_strands_and_any_shift_are_the_same_sequence():
    x = np.random.default_rng(0).integers(0, 4, (6, 40)).astype(np.uint8)
    turned = nearest_identity(reverse_complement(x), x)
    assert (turned.identity == 1).all()
    assert turned.other_strand.all()
    assert turned.row.tolist() == list(range(6))
    other = np.random.default_rng(1).integers(0, 4, (9, 40)).astype(np.uint8)
    one, two = nearest_identity(x, other), nearest_identity(reverse_complement(x), other)
    assert np.array_equal(one.identity, two.identity)
    assert np.array_equal(one.row, two.row)
    shifted = np.roll(x, 7, axis=1)
    assert (nearest_identity(shifted, x).identity >= 33 / 40).all()


def test_a_sequence_is_not_its_own_nearest_one():
    x = encode(["AACCGGTTAC", "AACCGGTTAC", "CCCCCCCCCC"])
    found = nearest_identity(x)
    assert found.identity.tolist() == [1, 1, pytest.approx(0.3)]
    assert found.row.tolist()[:2] == [1, 0]


def test_padding_does_not_count():
    assert nearest_identity(encode(["ACGTAC"]), encode(["ACGTACNNNN"])).identity[0] == 1


def test_long_sequences_are_counted_exactly():
    x = np.random.default_rng(0).integers(0, 4, (2, 5000)).astype(np.uint8)
    y = x.copy()
    y[:, ::10] = (y[:, ::10] + 1) % 4
    assert nearest_identity(x, y).identity.tolist() == [0.9, 0.9]


def test_nothing_to_compare_with_is_refused():
    with pytest.raises(ValueError, match="nothing to compare with"):
        nearest_identity(encode(["ACGT"]))


def test_gc_and_diversity():
    x = encode(["ACGT", "ACGT", "GGCC", "TTTA", "TAAA"])
    assert gc_content(x).tolist() == [0.5, 0.5, 1, 0, 0]
    assert np.array_equal(gc_content(x), gc_content(reverse_complement(x)))
    assert diversity(x).distinct == pytest.approx(3 / 5)
    assert diversity(x[:2]).nearest_identity == 1
    assert np.isnan(diversity(x[:1]).nearest_identity)
    assert np.isnan(gc_content(encode(["NN"]))[0])
