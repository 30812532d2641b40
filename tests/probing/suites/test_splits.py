"""Validation splits, limits and leaks: laws for any rows."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from palindra.probing.suites.splits import canonical, cut_validation, find_leaks, limit_rows
from palindra.sequences import reverse_complement

ROWS = st.lists(
    st.tuples(st.text("ACGT", min_size=2, max_size=4), st.integers(0, 2), st.sampled_from(["train", "test"])),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(0, 5))
def test_the_cut_keeps_molecules_together_and_test_untouched(rows, seed):
    sequences, labels, splits = (list(column) for column in zip(*rows, strict=True))
    cut = cut_validation(sequences, labels, splits, seed=seed)
    assert [split == "test" for split in cut] == [split == "test" for split in splits]
    side = {}
    for sequence, split in zip(sequences, cut, strict=True):
        if split != "test":
            assert side.setdefault(canonical(sequence), split) == split
    if "train" in splits:
        assert "train" in cut
    assert not any(leak.earlier == "train" and leak.later == "valid" for leak in find_leaks(sequences, cut))


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_leaks_against_every_pair(rows):
    sequences, _, splits = (list(column) for column in zip(*rows, strict=True))
    train = [s for s, split in zip(sequences, splits, strict=True) if split == "train"]
    same = sum(s in train for s, split in zip(sequences, splits, strict=True) if split == "test")
    either = sum(
        any(reverse_complement(other) == s or other == s for other in train)
        for s, split in zip(sequences, splits, strict=True)
        if split == "test"
    )
    found = find_leaks(sequences, splits)
    assert [(leak.same, leak.opposite) for leak in found] == ([(same, either - same)] if either else [])


@pytest.mark.parametrize("most", [1, 7, 50, 1000])
def test_limits_keep_classes(most):
    labels, splits = [0] * 90 + [1] * 10 + [0, 1], ["train"] * 100 + ["test"] * 2
    kept = limit_rows(labels, splits, most=most, seed=0)
    assert {(labels[row], splits[row]) for row in kept} == {(0, "train"), (1, "train"), (0, "test"), (1, "test")}
    assert sum(splits[row] == "train" for row in kept) <= max(2, most)
    assert most < 1000 or kept == list(range(102))


def test_the_share_is_a_tenth_of_each_class():
    sequences = [f"{'ACGT'[n % 4]}{'ACGT'[n // 4 % 4]}{'ACGT'[n // 16 % 4]}{'ACGT'[n // 64 % 4]}A" for n in range(256)]
    labels = [int(n >= 200) for n in range(256)]
    cut = cut_validation(sequences, labels, ["train"] * 256, seed=0)
    taken = [sum(split == "valid" and label == c for split, label in zip(cut, labels, strict=True)) for c in (0, 1)]
    assert abs(taken[0] - 20) <= 1
    assert abs(taken[1] - 6) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_both_strands_of_a_sequence_go_to_one_side(seed):
    forward = [f"{'ACGT'[n % 4]}{'ACGT'[n // 4 % 4]}{'ACGT'[n // 16 % 4]}A" for n in range(64)]
    both = [*forward, *map(reverse_complement, forward)]
    cut = cut_validation(both, [0] * 128, ["train"] * 128, seed=seed)
    assert cut[:64] == cut[64:]
    assert find_leaks(both, cut) == []
