"""Changes of training sequences: each is what it says, keeps the length, and is a function of (seed, epoch, row)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.training.evoaug import EvoAug

STRETCHES = ("deletion", "insertion", "translocation", "inversion")
EDITS = ("mutation", *STRETCHES)
KEY = {"seed": 5, "epoch": 2}


def letters(rows: int, length: int = 23, seed: int = 0, unknown: bool = True) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4 + unknown, (rows, length)).astype(np.uint8)


def only(name: str, **options: Any) -> EvoAug:
    return EvoAug((name,), most=1, **options)


def edited(plan: EvoAug, codes: np.ndarray, **key: Any) -> np.ndarray:
    return plan.edit(codes, rows=np.arange(len(codes)), **KEY | key)


@pytest.mark.parametrize("names", [*((name,) for name in EDITS), EDITS], ids=str)
def test_edits_are_a_function_of_seed_epoch_and_row(names: tuple[str, ...]):
    plan, codes = EvoAug(names, most=3), letters(40)
    before = codes.copy()
    whole = edited(plan, codes)
    assert np.array_equal(codes, before)
    assert whole.shape == codes.shape
    assert whole.dtype == np.uint8
    assert whole.max() <= 4
    some = np.array([31, 4, 17])
    assert np.array_equal(plan.edit(codes[some], rows=some, **KEY), whole[some])
    assert not np.array_equal(edited(plan, codes, epoch=3), whole)
    assert not np.array_equal(edited(plan, codes, seed=6), whole)


@pytest.mark.parametrize("size", [1, 2, 5, 23])
def test_a_deletion_removes_one_stretch_and_fills_both_ends(size: int):
    codes = letters(300)
    places = set()
    left, length = size // 2, 23
    fills = []
    for given, found in zip(codes, edited(only("deletion", deletion=(size, size)), codes), strict=True):
        kept = found[left : left + length - size]
        fits = [p for p in range(length - size + 1) if np.array_equal(np.delete(given, range(p, p + size)), kept)]
        assert fits
        places.update(fits if len(fits) == 1 else [])
        fills += [*found[:left], *found[left + length - size :]]
    assert size == 23 or {0, length - size} <= places  # both ends
    assert set(fills) == {0, 1, 2, 3}


@pytest.mark.parametrize("size", [1, 2, 5])
def test_an_insertion_adds_one_stretch_and_cuts_both_ends(size: int):
    codes = letters(300)
    places, added, appended = set(), [], 0
    for given, found in zip(codes, edited(only("insertion", insertion=(size, size)), codes), strict=True):
        fits = []
        for p in range(24):
            longer = np.insert(given, p, [9] * size)[size // 2 :][:23]  # 9 for what is random
            if np.array_equal(found[longer != 9], longer[longer != 9]):
                fits.append((p, found[longer == 9]))
        assert fits
        appended += fits[-1][0] == 23
        if len(fits) == 1:
            places.add(fits[0][0])
            added += list(fits[0][1])
    assert {size // 2 + 1, 12, 22 - size} <= places
    assert appended > 9  # 12.5 expected, and 4 by chance if none were
    assert set(added) == {0, 1, 2, 3}


def test_a_translocation_is_a_rotation_either_way():
    codes = letters(200, unknown=False)
    steps = Counter()
    for given, found in zip(codes, edited(only("translocation", translocation=(2, 4)), codes), strict=True):
        fits = [s for s in range(-11, 12) if np.array_equal(np.roll(given, s), found)]
        assert len(fits) == 1
        steps[fits[0]] += 1
    assert set(steps) == {-4, -3, -2, 2, 3, 4}
    assert min(steps.values()) > 15


def test_an_inversion_is_the_reverse_complement_of_a_stretch():
    complement = np.array([3, 2, 1, 0, 4], dtype=np.uint8)
    starts = set()
    for given, found in zip(codes := letters(300), edited(only("inversion", inversion=(6, 6)), codes), strict=True):
        fits = []
        for start in range(18):
            expected = given.copy()
            expected[start : start + 6] = complement[given[start : start + 6][::-1]]
            fits += [start] * np.array_equal(expected, found)
        assert fits
        starts.update(fits)
    assert starts == set(range(18))


def test_a_whole_sequence_inverted_is_its_reverse_complement():
    codes = letters(3, unknown=False)
    assert np.array_equal(edited(only("inversion", inversion=(23, 23)), codes), 3 - codes[:, ::-1])


def test_mutations_draw_a_fixed_number_of_positions_of_which_a_quarter_stays():
    codes = letters(400, length=150, unknown=False)
    changed = (edited(only("mutation", mutation_rate=0.1), codes) != codes).sum(1)
    assert changed.max() <= 20  # round(0.1 / 0.75 * 150)
    assert changed.mean() == pytest.approx(15, abs=0.4)
    assert (edited(only("mutation", mutation_rate=0.1), codes) != codes).any(0).all()  # anywhere
    everything = edited(only("mutation", mutation_rate=0.75), codes)
    assert (everything != codes).mean() == pytest.approx(0.75, abs=0.01)


def test_unknown_letters_stay_unknown():
    codes = letters(50)
    mutated = edited(only("mutation", mutation_rate=0.75), codes)
    assert np.array_equal(mutated == 4, codes == 4)
    assert np.array_equal((edited(only("inversion"), codes) == 4).sum(1), (codes == 4).sum(1))


@pytest.mark.parametrize("name", STRETCHES)
def test_sizes_are_drawn_from_the_whole_range_and_nothing_changes_nothing(name: str):
    codes = letters(200)
    assert np.array_equal(edited(only(name, **{name: (0, 0)}), codes), codes)
    sizes = Counter(tuple(row) for row in (edited(only(name, **{name: (0, 1)}), codes) != codes).any(1)[:, None])
    assert sizes[(False,)] > 50
    assert sizes[(True,)] > 50


@pytest.mark.parametrize(("most", "hard"), [(1, True), (2, True), (9, True), (2, False), (5, False)])
def test_how_many_changes_a_sequence_gets(most: int, hard: bool):
    chosen = EvoAug(EDITS, most=most, hard=hard).chosen(rows=np.arange(3000), **KEY)
    number = Counter(chosen.sum(1).tolist())
    largest = min(most, 5)
    assert set(number) == ({largest} if hard else set(range(1, largest + 1)))
    shares = chosen.mean(0)
    assert shares == pytest.approx([shares.mean()] * 5, abs=0.05)  # none is preferred
    if not hard:
        assert min(number.values()) == pytest.approx(3000 / largest, rel=0.2)


def test_changes_are_made_one_after_the_other():
    plan = EvoAug(("inversion", "translocation"), most=2, inversion=(23, 23), translocation=(3, 3))
    codes = letters(60, unknown=False)
    turned = 3 - codes[:, ::-1]
    for found, given in zip(edited(plan, codes), turned, strict=True):
        assert any(np.array_equal(found, np.roll(given, step)) for step in (3, -3))


def test_noise_is_normal_and_belongs_to_its_row():
    plan, zeros = EvoAug(("noise",), most=1, noise=0.3), np.zeros((40, 4, 101), dtype=np.float32)
    rows = np.arange(40)
    whole = zeros.copy()
    plan.add_noise(whole, rows=rows, **KEY)
    assert whole.std() == pytest.approx(0.3, rel=0.02)
    assert abs(whole.mean()) < 0.01
    part = zeros[:3].copy()
    plan.add_noise(part, rows=rows[[30, 2, 9]], **KEY)
    assert np.array_equal(part, whole[[30, 2, 9]])
    other = zeros.copy()
    plan.add_noise(other, rows=rows, seed=5, epoch=3)
    assert not np.array_equal(other, whole)


def test_noise_reaches_only_the_rows_that_drew_it():
    plan = EvoAug(("mutation", "noise"), most=1)
    x = np.zeros((200, 4, 7), dtype=np.float32)
    plan.add_noise(x, rows=np.arange(200), **KEY)
    drew = plan.chosen(rows=np.arange(200), **KEY)[:, 1]
    assert np.array_equal((x != 0).any((1, 2)), drew)
    assert 60 < drew.sum() < 140


def test_without_names_nothing_happens():
    codes = letters(4)
    assert np.array_equal(edited(EvoAug(), codes), codes)
    assert EvoAug().longest == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ("duplication",)}, "'duplication' is needed once, and one of mutation, deletion"),
        ({"names": ("deletion", "deletion")}, "'deletion' is needed once"),
        ({"deletion": (5, 2)}, r"deletion is \[5, 2\]: a shortest and a longest length"),
        ({"inversion": (-1, 2)}, "a shortest and a longest"),
        ({"insertion": (3,)}, "a shortest and a longest"),
        ({"mutation_rate": 0.9}, "mutation_rate is 0.9: a share from 0 to 0.75"),
        ({"noise": -0.1}, "noise is -0.1"),
        ({"most": 0}, "most is 0: at least 1"),
    ],
    ids=str,
)
def test_plans_that_make_no_sense_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        EvoAug(**options)
