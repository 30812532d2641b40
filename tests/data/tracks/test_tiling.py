import numpy as np
import pytest

from palindra.data.tracks.regions import Axis, Regions
from palindra.data.tracks.tiling import contigs, require_room, tile
from palindra.errors import InputError


@pytest.mark.parametrize(("window", "stride"), [(5, 5), (5, 2), (3, 7), (10, 1)])
def test_tiles_are_those_of_a_loop(window, stride):
    some = Regions.of([0, 40, 100], [33, 44, 112])
    expected = []
    for start, end in zip(some.starts, some.ends, strict=True):
        place = start
        while place + window <= end:
            expected.append(place)
            place += stride
    assert tile(some, window, stride).tolist() == expected


def test_short_contigs_are_left_out_and_long_ones_cut():
    some = Regions.of([0, 50, 90], [30, 54, 101])
    assert str(contigs(some, min_contig=5)) == "0-30 90-101"
    assert str(contigs(some, min_contig=4)) == "0-30 50-54 90-101"
    assert str(contigs(some, max_contig=20)) == "0-20 20-30 50-54 90-101"
    assert contigs(some).total == contigs(some, max_contig=7).total == 45


def test_a_window_longer_than_every_contig_is_refused_with_the_longest():
    axis = Axis({"a": 30, "b": 20})
    some = Regions.of(axis.at([0, 1], [0, 2]), axis.at([0, 1], [9, 20]))
    require_room(some, 18, axis)
    with pytest.raises(InputError, match=r"windows of 19 bp are longer than every contig \(the longest is b:2-20"):
        require_room(some, 19, axis)
    with pytest.raises(InputError, match="there is none"):
        require_room(Regions(np.array([], int), np.array([], int)), 1, axis)
