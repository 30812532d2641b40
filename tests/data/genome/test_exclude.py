import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palindra.data.genome import Features, Interval, complement, covered, regions, subtract, touches, union

LENGTH = 40
spans = st.lists(
    st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)).map(lambda pair: (min(pair), max(pair))), max_size=8
)


def mask(some):
    """The same set as one truth value for each position: another implementation of everything here."""
    found = np.zeros(LENGTH, dtype=bool)
    for start, end in some:
        found[start:end] = True
    return found


@given(spans, spans)
def test_set_operations_are_those_of_masks(one, other):
    assert (mask(union(one, other)) == mask(one) | mask(other)).all()
    assert (mask(complement(one, LENGTH)) == ~mask(one)).all()
    assert (mask(subtract(one, other)) == mask(one) & ~mask(other)).all()


@given(spans, spans)
def test_results_are_sorted_with_gaps_so_that_equal_sets_are_equal_arrays(one, other):
    for found in (union(one, other), complement(one, LENGTH), subtract(one, other)):
        assert found.dtype == np.int64
        assert found.shape == (len(found), 2)
        assert (np.diff(found.ravel()) > 0).all()
    assert np.array_equal(union(one, other), union(other, one))
    assert np.array_equal(complement(complement(one, LENGTH), LENGTH), union(one))
    assert len(subtract(one, one)) == 0


@given(spans, spans)
def test_coverage_of_overlapping_windows_is_counted_as_in_masks(windows, some):
    expected = [int(mask(some)[start:end].sum()) for start, end in windows]
    assert covered(windows, some).tolist() == expected
    assert touches(windows, some).tolist() == [count > 0 for count in expected]


def test_one_unmappable_base_splits_a_contig():
    assert subtract([[0, 3072 * 2]], [[3072, 3073]]).tolist() == [[0, 3072], [3073, 6144]]
    assert touches([[0, 3072], [3072, 6144]], [[3072, 3073]]).tolist() == [False, True]


def test_spans_that_touch_become_one():
    assert union([[2, 3], [0, 2]], [[3, 3], [4, 5]]).tolist() == [[0, 3], [4, 5]]


def test_positions_beyond_the_chromosome_are_not_in_a_complement():
    assert complement([[5, 9], [30, 50]], 20).tolist() == [[0, 5], [9, 20]]
    assert complement([], 7).tolist() == [[0, 7]]
    assert complement([[0, 7]], 7).shape == (0, 2)


def test_regions_of_chromosomes_stay_apart():
    some = Features.of([Interval("b", 5, 9), Interval("a", 9, 12), Interval("b", 1, 6), Interval("a", 0, 2)])
    assert {name: found.tolist() for name, found in regions(some).items()} == {"b": [[1, 9]], "a": [[0, 2], [9, 12]]}


@pytest.mark.parametrize("bad", [[[5, 3]], [[1, 2, 3]], [1, 2]])
def test_other_arrays_are_refused(bad):
    with pytest.raises(ValueError, match="spans are an array"):
        union(bad)
