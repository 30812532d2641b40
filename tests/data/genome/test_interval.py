import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palindra.data.genome import Interval
from palindra.errors import InputError

intervals = st.builds(
    lambda chrom, start, length, strand: Interval(chrom, start, start + length, strand),
    st.sampled_from(["chr1", "X", "HLA*01:2", "a-b:3-4"]),
    st.integers(0, 10**9),
    st.integers(1, 10**6),
    st.sampled_from("+-."),
)


@given(intervals)
def test_text_round_trips(interval):
    assert Interval.parse(str(interval)) == interval
    assert pickle.loads(pickle.dumps(interval)) == interval


@given(intervals, st.integers(1, 1000), st.integers(-(10**6), 10**6))
def test_resize_and_shift_keep_what_they_should(interval, length, by):
    assert interval.resize(len(interval)) == interval
    assert interval.shift(0) == interval
    if interval.start >= 10**6:
        assert len(interval.resize(length)) == length
        assert interval.resize(length).center == interval.center
        assert interval.resize(length).strand == interval.strand
        assert interval.shift(by).shift(-by) == interval
        assert interval.shift(by).start - interval.start == by


@given(intervals, intervals)
def test_overlap_is_symmetric_and_follows_from_containing(one, other):
    assert one.overlaps(other) == other.overlaps(one)
    assert one.overlaps(one)
    assert one.contains(one)
    if one.contains(other):
        assert one.overlaps(other)
        assert len(one) >= len(other)


def test_small_answers():
    five = Interval("c", 2, 7)
    assert (len(five), five.center, Interval("c", 2, 6).center) == (5, 4, 4)
    assert five.resize(4) == Interval("c", 2, 6)
    assert five.resize(3) == Interval("c", 3, 6)
    assert not five.overlaps(Interval("c", 7, 9))
    assert not five.overlaps(Interval("d", 2, 7))
    assert five.overlaps(Interval("c", 6, 9, "-"))
    assert not five.contains(Interval("c", 6, 8))
    assert str(Interval("c", 2, 7, "-")) == "c:2-7:-"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Interval("chr1", 5, 5), "chr1:5-5: start 5 is not before end 5"),
        (lambda: Interval("chr1", 9, 5), "start 9 is not before end 5"),
        (lambda: Interval("chr1", -1, 5), "start -1 is negative"),
        (lambda: Interval("", 1, 5), "named ''"),
        (lambda: Interval("chr 1", 1, 5), "named 'chr 1'"),
        (lambda: Interval("chr1", 1, 5, "*"), r"the strand is '\*'"),
        (lambda: Interval("chr1", 1, 5).shift(-2), "start -1 is negative"),
        (lambda: Interval("chr1", 1, 5).resize(20), "start -7 is negative"),
        (lambda: Interval.parse("chr1:1,000-2,000"), "without commas"),
        (lambda: Interval.parse("chr1:1-"), "'chr1:1-' is not an interval"),
        (lambda: Interval.parse("chr1:7-3"), "start 7 is not before end 3"),
    ],
)
def test_bad_intervals_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
