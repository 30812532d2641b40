"""What published pipelines do otherwise than they say, or wrongly, and this one does not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from palindra.data.tracks import Exclusions, Peaks, Splits, TestSets, Tiles, Track
from palindra.errors import InputError


@pytest.fixture(scope="module")
def peaked(world):
    """The tracks of the world with a file of peaks each."""
    rng = np.random.default_rng(5)
    lengths = {name: len(codes) for name, codes in world.letters.items()}
    tracks = []
    for track in world.settings.tracks:
        rows = []
        for chrom, length in lengths.items():
            for start in np.sort(rng.integers(0, length - 60, length // 400)):
                rows.append((chrom, start, start + rng.integers(1, 60)))
        tracks.append(replace(track, peaks=world.bed(f"{track.name}.bed", rows)))
    return tuple(tracks)


def labels_alone(tracks):
    return tuple(Track(name=track.name, peaks=track.peaks) for track in tracks)


@pytest.mark.parametrize("builder", ["tiles", "peaks", "binary"])
def test_the_same_chromosomes_are_dropped_by_every_builder_and_they_are_named(world, peaked, tmp_path, builder):
    windows = {"tiles": Tiles(window=200, threshold=None)}.get(builder, Peaks(window=200, merge=50))
    tracks = labels_alone(peaked) if builder == "binary" else peaked
    data = world.build(tmp_path, windows=windows, tracks=tracks)
    used = {data.splits["train"].names[c] for c in np.unique(data.splits["train"].chrom)}
    assert used == {"chr1", "chr2", "chrX"}  # chrX is lost in none of them
    assert data.made["dropped_chromosomes"] == ["chrM", "chr1_alt"]
    other = replace(world.settings.splits, drop=("chrX",))
    data = world.build(tmp_path / "other", windows=windows, tracks=tracks, splits=other)
    used = {data.splits["train"].names[c] for c in np.unique(data.splits["train"].chrom)}
    assert used == {"chr1", "chr2", "chrM", "chr1_alt"}


def test_a_missing_value_does_not_turn_a_window_to_zero_nor_zero_into_a_percentile(world, data):
    """Published: values missing -> 10th percentile of the window, which is 0 whenever any value is missing."""
    values = data.values("train", range(len(data.splits["train"])))
    assert np.isnan(values).any(axis=-1).mean() > 0.5  # most windows miss something
    for row in range(10):
        chrom, start = data.splits["train"].interval(row).chrom, data.splits["train"].start[row]
        truth = np.stack([world.truth[t.name][chrom][start : start + 200] for t in data.tracks])
        np.testing.assert_array_equal(values[row], np.float32(truth))


def test_zero_is_only_written_where_it_is_declared(world, data, tmp_path):
    tracks = tuple(replace(t, missing="zero") if t.name == "atac" else t for t in world.settings.tracks)
    some = world.build(tmp_path, tracks=tracks).values("train", range(30))
    expected = data.values("train", range(30))
    expected[:, 1] = np.nan_to_num(expected[:, 1])
    np.testing.assert_array_equal(some, expected)


def test_windows_that_overlap_by_less_than_the_merge_stay_two_and_centred(world, tmp_path):
    """Published: overlapping windows are united and the union is tiled from its left edge, so the second is lost."""
    middles = [400, 550, 700, 850]  # windows of 200 overlap by 50, less than 60
    bed = world.bed("chain.bed", [("chr1", m, m + 1) for m in middles] + [("chr8", 500, 501), ("chr9", 500, 501)])
    data = world.build(tmp_path, windows=Peaks(window=200, merge=60, bed=bed))
    assert sorted(data.splits["train"].start.tolist()) == [m - 100 for m in middles]
    merged = world.build(tmp_path / "merged", windows=Peaks(window=200, merge=49, bed=bed))
    assert len(merged.splits["train"]) < 4


@pytest.mark.parametrize("binary", [True, False])
def test_unmappable_regions_are_left_out_of_binary_and_quantitative_sets_alike(world, peaked, tmp_path, binary):
    """Published: the filter is guarded by a variable that is never set, and does not run for the binary set."""
    tracks = labels_alone(peaked) if binary else peaked
    bed = world.bed("gaps.bed", [("chr1", 1000, 1500), ("chr8", 0, 700), ("chr9", 2400, 2401), ("chrUn", 1, 2)])
    rules, windows = Exclusions(unmappable=bed), Peaks(window=200, merge=50)
    before = world.build(tmp_path / "all", windows=windows, tracks=tracks)
    after = world.build(tmp_path / "filtered", windows=windows, tracks=tracks, exclude=rules)
    lost = 0
    for split, (chrom, low, high) in {
        "train": ("chr1", 1000, 1500),
        "valid": ("chr9", 2400, 2401),
        "test": ("chr8", 0, 700),
    }.items():

        def places(data, split=split):
            return {(int(c), int(s)) for c, s in zip(data.splits[split].chrom, data.splits[split].start, strict=True)}

        number = before.splits[split].names.index(chrom)
        touching = {(c, s) for c, s in places(before) if c == number and s < high and s + 200 > low}
        assert places(after) == places(before) - touching
        lost += len(touching)
    assert after.made["left_out"]["unmappable windows"] >= lost > 0


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_an_unmappable_base_ends_a_contig_unless_a_share_is_allowed(world, tmp_path, share):
    bed = world.bed("gaps2.bed", [("chr9", 300, 350), ("chr9", 1000, 1300)])
    data = world.build(tmp_path, exclude=Exclusions(unmappable=bed, max_unmappable=share))
    unmappable = np.zeros(2503, dtype=bool)
    unmappable[300:350] = unmappable[1000:1300] = True
    expected = []
    if share == 0:
        for low, high in ((0, 300), (350, 1000), (1300, 2503)):
            expected += range(low, high - 199, 200)
    else:
        expected = [s for s in range(0, 2304, 200) if unmappable[s : s + 200].mean() <= share]
    assert sorted(data.splits["valid"].start.tolist()) == expected


@pytest.mark.parametrize("binary", [True, False])
def test_the_whole_chromosome_set_is_built_and_labelled(world, peaked, tmp_path, binary):
    """Published: the whole-chromosome file of the binary set is named in the code and built by none of it."""
    tracks = labels_alone(peaked) if binary else peaked
    data = world.build(
        tmp_path, windows=Peaks(window=200, merge=50), tracks=tracks, tests=TestSets(whole_window=150, label_share=0.5)
    )
    whole = data.splits["whole"]
    assert (whole.length, whole.start.tolist()) == (150, list(range(0, 4001 - 149, 150)))
    test, labels = data.splits["test"], data.activity["test"]
    for row, start in enumerate(whole.start):
        shared = np.minimum(start + 150, test.start + 200) - np.maximum(start, test.start)
        expected = labels[shared >= 75].max(axis=0, initial=0)
        np.testing.assert_array_equal(data.activity["whole"][row], expected)
    assert 0 < data.activity["whole"].mean() < 1
    assert data.has_values != binary


def test_every_binary_window_has_a_positive_label_that_a_peak_explains(world, peaked, tmp_path):
    data = world.build(tmp_path, windows=Peaks(window=200, merge=50), tracks=labels_alone(peaked))
    for split, labels in data.activity.items():
        assert labels.shape == (len(data.splits[split]), 3)
        assert labels.any(axis=1).all()
    with pytest.raises(InputError, match="no track with values, only labels"):
        data.values("train", [0])
    assert data.codes("train", [0]).shape == (1, 200)


def test_a_threshold_of_zero_drops_empty_windows_and_none_keeps_them(world, tmp_path):
    quiet = {chrom: np.zeros(len(codes), np.float32) for chrom, codes in world.letters.items()}
    for some in quiet.values():
        some[300:320] = 1
    track = Track(name="quiet", path=world.bigwig("quiet.bw", quiet))
    kept = world.build(tmp_path / "none", tracks=(track,), tests=TestSets(whole_window=200))
    some = world.build(
        tmp_path / "zero", tracks=(track,), windows=Tiles(window=200, threshold=0.0), tests=TestSets(whole_window=200)
    )
    assert len(kept.splits["test"]) == 20
    assert some.splits["test"].start.tolist() == [200]
    assert len(some.splits["whole"]) == 20  # the whole chromosome means all of it


def test_any_length_up_to_the_window_can_be_read_and_binned(data):
    """Published: targets are binned on the stored length, so models without crops need a set of their own."""
    centre = (data.window - 128) // 2
    assert data.binned("test", [0], centre, 128, 32).shape == (1, 3, 4)
    values = data.values("test", [0])
    np.testing.assert_array_equal(data.values("test", [0], centre, 128), values[..., centre : centre + 128])


def test_labels_stay_with_their_windows_in_the_shuffled_order(world, peaked, tmp_path):
    data = world.build(tmp_path, windows=Peaks(window=200, merge=200), tracks=peaked)
    points = {}
    for number, track in enumerate(peaked):
        for line in Path(track.peaks).read_text().splitlines():
            chrom, start, end = line.split("\t")
            points.setdefault((chrom, (int(start) + int(end)) // 2), set()).add(number)
    for row, labels in enumerate(data.activity["train"]):
        interval = data.splits["train"].interval(row)
        inside = [
            t for (chrom, m), t in points.items() if chrom == interval.chrom and interval.start <= m < interval.end
        ]
        assert set(np.flatnonzero(labels)) <= set.union(*inside)  # merged only if the windows are equal
    splits = Splits(valid=("chr8:0-2000",), test=("chr8:2000-",))
    halves = world.build(tmp_path / "halves", windows=Peaks(window=200, merge=50), tracks=peaked, splits=splits)
    assert (halves.splits["valid"].end + 30 <= 2000).all()
    assert (halves.splits["test"].start - 30 >= 2000).all()
    assert halves.made["left_out"]["windows between splits"] > 0
