import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from palindra.data.tracks.regions import Axis, Regions

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=8)


def regions(pairs):
    return Regions.of([start for start, _ in pairs], [start + length for start, length in pairs])


def positions(some):
    return {p for start, end in zip(some.starts, some.ends, strict=True) for p in range(start, end)}


def drawn(pairs):
    return {p for start, length in pairs for p in range(start, start + length)}


@settings(deadline=None, derandomize=True)
@given(spans, spans)
def test_regions_are_sets_of_positions(one, other):
    a, b = regions(one), regions(other)
    assert positions(a) == drawn(one)
    assert positions(a.join(b)) == drawn(one) | drawn(other)
    assert positions(a.meet(b)) == drawn(one) & drawn(other)
    assert positions(a.minus(b)) == drawn(one) - drawn(other)
    for some in (a, a.join(b), a.meet(b), a.minus(b)):
        assert (some.starts < some.ends).all()
        assert (some.ends[:-1] < some.starts[1:]).all()
        assert some.total == len(positions(some))


@settings(deadline=None, derandomize=True)
@given(spans, st.lists(st.tuples(st.integers(0, 70), st.integers(1, 20)), min_size=1, max_size=5))
def test_intervals_are_counted_and_found(pairs, queries):
    some, inside = regions(pairs), drawn(pairs)
    starts = np.array([start for start, _ in queries])
    ends = starts + np.array([length for _, length in queries])
    assert some.rank(starts).tolist() == [sum(p < s for p in inside) for s in starts]
    assert some.covered(starts, ends).tolist() == [
        len(inside & set(range(s, e))) for s, e in zip(starts, ends, strict=True)
    ]
    home = some.home(starts, ends)
    for start, end, found in zip(starts, ends, home, strict=True):
        assert (found >= 0) == (set(range(start, end)) <= inside)
        assert found < 0 or some.starts[found] <= start < end <= some.ends[found]


def test_chromosomes_never_touch_on_the_axis():
    axis = Axis({"a": 10, "b": 7, "c": 3})
    whole = Regions.of(axis.offsets, axis.offsets + axis.lengths)
    assert len(whole) == 3
    assert str(Regions.of(axis.at([0, 1], [8, 0]), axis.at([0, 1], [10, 2])).widened(5, axis)) == "3-10 11-18"
    chrom, position = axis.split(axis.at([2, 0, 1], [2, 0, 6]))
    assert (chrom.tolist(), position.tolist()) == ([2, 0, 1], [2, 0, 6])
    assert axis.text(*(axis.at([1, 1], [2, 5]).tolist())) == "b:2-5"
