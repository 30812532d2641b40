"""Copies across splits are counted and removed; splits keep relatives on one side."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.data.rna import (
    Structure,
    StructureSet,
    audit_copies,
    family_folds,
    hold_out_family,
    kmer_clusters,
    nearest_by_kmers,
    split_clusters,
    split_structures_at_random,
    without_copies,
)
from palindra.errors import InputError

RNG = np.random.default_rng(5)


def letters(length, rng=RNG):
    return "".join(rng.choice(list("ACGU"), length))


def mutated(sequence, share, rng):
    changed = rng.random(len(sequence)) < share
    return "".join(
        "ACGU"[("ACGU".index(a) + 1 + rng.integers(3)) % 4] if c else a for a, c in zip(sequence, changed, strict=True)
    )


def test_identity_against_sets_of_words():
    sequences, others = [letters(n) for n in (60, 33, 7, 80)], [letters(n) for n in (50, 90, 40)]
    others[1] = others[1][:30] + sequences[1][4:30] + others[1][30:]
    found = nearest_by_kmers(sequences, others, k=5)
    for row, sequence in enumerate(sequences):
        words = [{text[n : n + 5] for n in range(len(text) - 4)} for text in [sequence, *others]]
        shares = [len(words[0] & their) / min(len(words[0]), len(their)) for their in words[1:]]
        assert found.identity[row] == pytest.approx(max(shares) ** 0.2)
        assert found.row[row] == (np.argmax(shares) if max(shares) else -1)


def test_estimated_identity_is_near_the_true_one():
    rng = np.random.default_rng(0)
    base = letters(4000, rng)
    for share in (0.03, 0.1, 0.2):
        found = nearest_by_kmers([mutated(base, share, rng)], [base]).identity[0]
        assert found == pytest.approx(1 - share, abs=0.02)


def test_uncertain_letters_match_nothing_and_t_is_u():
    assert nearest_by_kmers(["ACGTACGA"], ["acguacga"], k=4).identity[0] == 1
    assert nearest_by_kmers(["NNNNNNNN"], ["NNNNNNNN"], k=4).row[0] == -1


def test_clusters_join_through_others_and_copies_of_any_length():
    base = letters(100)
    chain = [base[:60], base[20:80], base[40:]]  # neighbours share 40 bases, the ends 20
    rows = [chain[0], letters(90), chain[2], chain[1], "ACG", "ACG", "AAG"]
    assert kmer_clusters(rows, identity=0.9, k=6).tolist() == [0, 1, 0, 0, 2, 2, 3]
    assert kmer_clusters([chain[0], chain[2]], identity=0.93, k=6).tolist() == [0, 1]


@pytest.fixture
def copied():
    rng = np.random.default_rng(8)
    a, b, c, d, e = (letters(120, rng) for _ in range(5))
    rows = [
        ("train", Structure("a", a, [(0, 9)], "5S")),
        ("train", Structure("a again", a.lower(), [(0, 9)], "5S")),
        ("train", Structure("b", b, [(2, 9)], "5S")),
        ("train", Structure("c", c, [(0, 9)], "tRNA")),
        ("valid", Structure("near c", mutated(c, 0.03, rng), [(0, 9)], "tRNA")),
        ("valid", Structure("d", d, (), "tRNA")),
        ("test", Structure("a with X", f"NN{a.replace('U', 'T')}X", [(2, 11)], "5S")),
        ("test", Structure("b of other pairs", b, [(3, 9)], "5S")),
        ("test", Structure("e", e, (), "tRNA")),
    ]
    return StructureSet.of([row for _, row in rows], [split for split, _ in rows])


def test_copies_are_counted_by_hand(copied):
    audit = audit_copies(copied)
    assert audit.within == {"train": (1, 4), "valid": (0, 2), "test": (0, 3)}
    test_in_train, test_in_valid, valid_in_train = audit.across[""]
    assert (test_in_train.rows, test_in_train.exact, test_in_train.other_structure, test_in_train.near) == (3, 2, 1, 2)
    assert (test_in_valid.exact, test_in_valid.near) == (0, 0)
    assert (valid_in_train.rows, valid_in_train.exact, valid_in_train.near) == (2, 0, 1)
    assert [one.exact for one in audit.across["5S"]] == [2, 0]  # no row of 5S is in valid
    assert "test in train: 2 of 3 exact (1 with other pairs), 2 at 0.9 identity or more" in str(audit)


def test_copies_are_removed_and_the_test_split_stays(copied):
    exact, near = without_copies(copied, identity=None), without_copies(copied)
    assert [one.name for one in exact.structures] == ["c", "near c", "d", "a with X", "b of other pairs", "e"]
    assert [one.name for one in near.structures] == ["near c", "d", "a with X", "b of other pairs", "e"]
    audit = audit_copies(exact)
    assert not any(copies for copies, _ in audit.within.values())
    assert not any(one.exact for one in audit.across[""])
    once = without_copies(near)
    assert once.structures == near.structures


def test_families_are_held_out_whole(copied):
    folds = dict(family_folds(copied))
    assert set(folds) == {"5S", "tRNA"}
    for family, fold in folds.items():
        tested = fold.splits == "test"
        assert set(fold.family_of[tested]) == {family}
        assert family not in fold.family_of[~tested]
        assert [s.name for s in fold.rows("test").structures] == [
            s.name for s in copied.rows("test").structures if s.family == family
        ]
    assert len(hold_out_family(copied, "5S", all_rows=True).rows("test")) == 5
    assert folds["5S"].rows("valid").structures == copied.rows("valid").structures  # kept where there are some
    drawn = hold_out_family(copied.with_splits(np.where(copied.splits == "valid", "train", copied.splits)), "5S")
    assert (drawn.splits == "valid").sum() == 1


def test_families_that_cannot_be_held_out(copied):
    with pytest.raises(InputError, match="no structure is of family '16S'; the families are 5S, tRNA"):
        hold_out_family(copied, "16S")
    with pytest.raises(InputError, match="the only family"):
        hold_out_family(copied.select(copied.family_of == "5S"), "5S")
    with pytest.raises(InputError, match="no row of '5S' is in split test"):
        hold_out_family(copied.select(copied.splits != "test"), "5S")
    unknown = StructureSet.of([*copied.structures, Structure("?", "ACGU")], [*copied.splits, "train"])
    assert "?" not in [one.name for one in hold_out_family(unknown, "5S").structures]


def test_clusters_stay_on_one_side_and_random_splits_are_a_function_of_the_seed():
    rng = np.random.default_rng(3)
    bases = [letters(80, rng) for _ in range(10)]
    data = StructureSet.of(
        [Structure(f"{n}-{m}", mutated(b, 0.03, rng)) for n, b in enumerate(bases) for m in range(4)]
    )
    split = split_clusters(data, fractions=(0.6, 0.2, 0.2), seed=1)
    for base in range(10):
        assert len(set(split.splits[4 * base : 4 * base + 4])) == 1
    assert {name: int((split.splits == name).sum()) for name in ("train", "valid", "test")} == {
        "train": 24,
        "valid": 8,
        "test": 8,
    }
    one, same, other = (split_structures_at_random(data, seed=seed).splits.tolist() for seed in (1, 1, 2))
    assert one == same != other
    with pytest.raises(InputError, match="stays empty"):
        split_clusters(data.select(np.arange(4)), seed=1)
    with pytest.raises(InputError, match="add up to 1"):
        split_structures_at_random(data, fractions=(0.5, 0.1, 0.1), seed=1)
