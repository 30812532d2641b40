import numpy as np
import pytest

from palindra.data.tracks import Splits
from palindra.data.tracks.partition import PARTS, allowed, parse_region, split_problems
from palindra.data.tracks.regions import Axis
from palindra.errors import InputError

SIZES = {"I": 100, "II": 200, "X": 60, "Y": 50, "M": 20, "un_1": 40, "HLA:1-9": 30}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("II", ("II", 0, 200)),
        ("II:0-150", ("II", 0, 150)),
        ("II:150-", ("II", 150, 200)),
        ("II:1,0-1,50", ("II", 10, 150)),
        ("HLA:1-9", ("HLA:1-9", 0, 30)),
        ("HLA:1-9:2-5", ("HLA:1-9", 2, 5)),
    ],
)
def test_regions_are_read(text, expected):
    assert parse_region(text, SIZES) == expected


@pytest.mark.parametrize(("text", "message"), [("V", "no such"), ("II:9-9", "below end"), ("II:0-201", "at most 200")])
def test_regions_that_are_not_there_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        parse_region(text, SIZES)


def test_the_rest_is_for_training_and_only_the_named_patterns_are_dropped():
    found = allowed(Splits(valid=("II:0-90",), test=("II:90-",)), axis := Axis(SIZES), margin=0)
    kept = [axis.names[c] for c in axis.split(found["train"].starts)[0]]
    assert kept == ["I", "X", "HLA:1-9"]  # X stays unless it is named
    assert Splits(valid=(), test=()).dropped(SIZES) == ["Y", "M", "un_1"]


@pytest.mark.parametrize("margin", [0, 1, 7, 30])
def test_no_shifted_window_of_a_split_reads_a_region_of_another(margin):
    splits = Splits(valid=("I:20-60", "II:0-40"), test=("I:60-", "II:100-140"))
    axis = Axis(SIZES)
    apart, touching = allowed(splits, axis, margin=margin), allowed(splits, axis, margin=0)
    for part in PARTS:
        reach = apart[part].widened(margin, axis)
        for other in set(PARTS) - {part}:
            assert reach.meet(touching[other]).total == 0
    assert margin > 0 or sum(touching[part].total for part in PARTS) == sum(
        SIZES[n] for n in ("I", "II", "X", "HLA:1-9")
    )


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (Splits(valid=("II:0-100",), test=("II:99-",)), "II:99-100: splits valid and test overlap"),
        (Splits(valid=("I",), test=("II",), train=("I",)), "I:0-100: splits train and valid overlap"),
        (Splits(valid=("I", "I:5-6"), test=("II",)), "I:5-6: splits valid and valid overlap"),
        (Splits(valid=("Y",), test=("II",)), "Y is left out by drop"),
        (Splits(valid=(), test=("II",)), "split valid has no chromosome"),
        (Splits(valid=("I", "X", "HLA:1-9"), test=("II",)), "nothing is left for training"),
    ],
)
def test_splits_that_cannot_be_are_refused(splits, message):
    with pytest.raises(InputError, match=message):
        allowed(splits, Axis(SIZES), margin=0)


def test_all_problems_are_listed_with_their_interval():
    problems = list(split_problems(Splits(valid=("Q", "II:0-100"), test=("II:50-", "Y")), SIZES))
    assert [problem.interval for problem in problems] == [None, "II:50-100", None]
    assert np.all([problem.level == "error" for problem in problems])
