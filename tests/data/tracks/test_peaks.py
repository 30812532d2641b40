from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from palindra.data.tracks import Peaks, Track
from palindra.data.tracks.peaks import PeakWindows, overlap_labels, peak_windows
from palindra.data.tracks.regions import Axis
from palindra.errors import InputError

AXIS = Axis({"a": 1000, "b": 600, "c": 40})


def written(tmp_path, name, lines):
    path = tmp_path / name
    path.write_text("".join(line.replace(" ", "\t") + "\n" for line in lines))
    return path


def found(rules, tracks, **options):
    windows = peak_windows(rules, tracks, AXIS, **options)
    chrom, start = AXIS.split(windows.starts)
    places = [(AXIS.names[c], int(s)) for c, s in zip(chrom, start, strict=True)]
    return places, None if windows.activity is None else windows.activity.tolist(), windows


def test_activity_is_the_tracks_whose_peaks_were_merged(tmp_path):
    tracks = [
        Track(name="x", peaks=written(tmp_path, "x.bed", ["b 100 120", "a 100 110", "a 500 521"])),
        Track(name="y", peaks=written(tmp_path, "y.bed", ["a 104 110", "c 3 9"])),
    ]
    places, activity, windows = found(Peaks(window=100, merge=20), tracks)
    # a: midpoints 105 and 107, equal weights, mean 106 -> 56; 510 -> 460; b: 110 -> 60; c is shorter than a window
    assert places == [("a", 56), ("a", 460), ("b", 60)]
    assert activity == [[1, 1], [1, 0], [1, 0]]
    assert (windows.peaks, windows.left_out) == (5, 1)
    assert found(Peaks(window=100, merge=20), tracks, drop=["a"])[0] == [("b", 60)]
    more = replace(tracks[1], peaks=written(tmp_path, "z.bed", ["a 104 110", "un_1 3 9"]))  # not in the genome
    assert found(Peaks(window=100, merge=20), [tracks[0], more], drop=["*_*"])[2].left_out == 1


def test_more_tracks_than_bits_of_a_word(tmp_path):
    tracks = [Track(name=f"t{n}", peaks=written(tmp_path, f"{n}.bed", [f"a {6 * n} {6 * n + 2}"])) for n in range(130)]
    _, activity, _ = found(Peaks(window=10, merge=10), tracks)
    np.testing.assert_array_equal(np.sum(activity, axis=0), np.ones(130))
    _, one, _ = found(Peaks(window=900, merge=1), tracks)
    assert np.max(one, axis=0).tolist() == [1] * 130


def test_strands_are_merged_apart_unless_told_otherwise(tmp_path):
    bed = written(tmp_path, "s.bed", ["a 100 101 . 0 +", "a 102 103 . 0 -", "a 104 105 . 0 +"])
    assert len(found(Peaks(window=50, merge=10, bed=bed), [])[0]) == 2
    assert len(found(Peaks(window=50, merge=10, bed=bed, by_strand=False), [])[0]) == 1


def test_one_file_for_all_tracks_gives_no_labels(tmp_path):
    bed = written(tmp_path, "s.bed", ["a 100 101"])
    assert found(Peaks(window=50, bed=bed, merge=10), [Track(name="x", path=Path("x.bw"))])[1] is None


def test_summits_where_the_file_has_them(tmp_path):
    line = "a 100 300 p 0 . 1 -1 -1 {}"
    for offset, start in ((20, 95), (-1, 175)):  # -1: no summit, so the middle
        bed = written(tmp_path, "p.narrowPeak", [line.format(offset)])
        assert found(Peaks(window=50, bed=bed, merge=10, center="summit"), [])[0] == [("a", start)]
        assert found(Peaks(window=50, bed=bed, merge=10), [])[0] == [("a", 175)]


def test_files_that_are_missing_or_useless_are_refused(tmp_path):
    rules = Peaks(window=100, merge=20)
    with pytest.raises(InputError, match="track 'x' has no file of peaks"):
        peak_windows(rules, [Track(name="x", path=Path("x.bw"))], AXIS)
    bed = written(tmp_path, "c.bed", ["c 3 9"])
    with pytest.raises(InputError, match="1 were read, 1 lie on chromosomes"):
        peak_windows(replace(rules, bed=bed), [], AXIS)
    with pytest.raises(InputError, match=r"far.bed line 2: b:590-601"):
        peak_windows(replace(rules, bed=written(tmp_path, "far.bed", ["a 3 9", "b 590 601"])), [], AXIS)
    with pytest.raises(InputError, match="chra"):
        peak_windows(replace(rules, bed=written(tmp_path, "chr.bed", ["chra 3 9"])), [], AXIS)
    assert found(replace(rules, bed=tmp_path / "chr.bed"), [], map_names=True)[0] == [("a", 0)]


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_labels_by_overlap_are_those_of_a_loop(share):
    rng = np.random.default_rng(0)
    starts = np.arange(0, 900, 30)
    peaks = PeakWindows(np.sort(rng.integers(0, 900, 15)), 50, rng.integers(0, 2, (15, 3)).astype(np.uint8), 15, 0)
    expected = np.zeros((len(starts), 3))
    for row, start in enumerate(starts):
        for place, active in zip(peaks.starts, peaks.activity, strict=True):
            if min(start + 30, place + 50) - max(start, place) >= share * 30:
                expected[row] = np.maximum(expected[row], active)
    np.testing.assert_array_equal(overlap_labels(starts, 30, peaks, share=share), expected)


def test_labels_by_overlap_start_at_exactly_half():
    peaks = PeakWindows(np.array([100]), 20, np.array([[1]], np.uint8), 1, 0)
    assert overlap_labels(np.array([89, 90, 110, 111]), 20, peaks).ravel().tolist() == [0, 1, 1, 0]
