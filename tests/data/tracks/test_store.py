import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest

from palindra.data.tracks import Track, TrackData
from palindra.errors import InputError

WINDOW, MARGIN = 200, 30


def read(world, data, split, row, offset, length, suffix=""):
    """Codes and values of one window, from the arrays that the files were made of."""
    chrom = data.splits[split].interval(row).chrom
    start = int(data.splits[split].start[row]) + offset
    places = np.arange(start, start + length)
    inside = (places >= 0) & (places < len(world.letters[chrom]))
    codes = np.full(length, 4)
    codes[inside] = np.minimum(world.letters[chrom][places[inside]], 4)
    values = np.full((3, length), np.nan)
    for number, track in enumerate(data.tracks):
        values[number, inside] = world.truth[track.name + suffix][chrom][places[inside]]
    return codes, values


@pytest.mark.parametrize("split", ["train", "valid", "test"])
@pytest.mark.parametrize(("offset", "length"), [(0, None), (0, 200), (-30, 260), (17, 50), (-30, 1), (229, 1)])
def test_windows_are_the_genome_and_the_tracks(world, data, split, offset, length):
    rows = np.random.default_rng(0).permutation(len(data.splits[split]))
    codes, values = data.codes(split, rows, offset, length), data.values(split, rows, offset, length)
    second = data.replicate(split, rows, offset, length)
    assert (codes.dtype, values.dtype, second.dtype) == (np.uint8, np.float32, np.float32)
    for place, row in enumerate(rows):
        letters, truth = read(world, data, split, row, offset, length or WINDOW)
        np.testing.assert_array_equal(codes[place], letters)
        np.testing.assert_array_equal(values[place], np.float32(truth))
        again = read(world, data, split, row, offset, length or WINDOW, ".second")[1]
        np.testing.assert_array_equal(second[place], np.float32(again))


def test_every_row_has_its_own_offset(data):
    rng = np.random.default_rng(1)
    rows, offsets = rng.integers(0, len(data.splits["train"]), 50), rng.integers(-30, 31, 50)
    together = data.values("train", rows, offsets, 170)
    apart = np.concatenate([data.values("train", row, offset, 170) for row, offset in zip(rows, offsets, strict=True)])
    np.testing.assert_array_equal(together, apart)
    codes = np.concatenate([data.codes("train", row, offset, 170) for row, offset in zip(rows, offsets, strict=True)])
    np.testing.assert_array_equal(data.codes("train", rows, offsets, 170), codes)


def test_bins_are_means_of_the_values(data):
    values = data.values("valid", [3, 1], [-5, 4], 200)
    np.testing.assert_allclose(
        data.binned("valid", [3, 1], [-5, 4], 200, 50)[..., 1], np.nanmean(values[..., 50:100], axis=-1), rtol=1e-6
    )


def test_beyond_the_chromosome_is_nothing(world, data, tmp_path):
    windows = data.splits["train"]
    first = int(np.flatnonzero((windows.start == 0) & (windows.chrom == 0))[0])
    assert (data.codes("train", [first], -30, 40)[0, :30] == 4).all()
    values = data.values("train", [first, first], [-30, 0], 40)
    assert np.isnan(values[0, :, :30]).all()
    np.testing.assert_array_equal(values[0, :, 30:], values[1, :, :10])
    assert np.isnan(data.values("train", [first], -90, 40)).all()  # all of it outside
    tracks = tuple(replace(track, missing="zero") for track in data.tracks)
    zeros = world.build(tmp_path / "zeros", tracks=tracks).values("train", [first], -30, 40)
    assert (zeros[0, :, :30] == 0).all()
    np.testing.assert_array_equal(zeros[0, :, 30:], np.nan_to_num(values[0, :, 30:]))


def test_the_end_of_a_chromosome_is_read_over(world, data, tmp_path):
    tight = world.build(
        tmp_path / "tight", windows=replace(data.settings.windows, window=2503), splits=data.settings.splits
    )
    values = tight.values("valid", [0], 2403, 150)
    assert np.isnan(values[0, :, 100:]).all()
    np.testing.assert_array_equal(values[0, 1, :100], world.truth["atac"]["chr9"][2403:])


def test_reading_beyond_the_margin_names_the_window(world, tmp_path):
    data = world.build(tmp_path / "apart", windows=replace(world.settings.windows, stride=600))
    row = int(np.flatnonzero(data.splits["valid"].start > 0)[0])
    interval = data.splits["valid"].interval(row)
    with pytest.raises(InputError, match=rf"{interval} \(valid row {row}\).*offset -31 .* 1 bp beyond"):
        data.values("valid", [row], -31, 200)
    with pytest.raises(InputError, match="5 bp beyond what is stored"):
        data.values("valid", [row], 35, 200)
    assert data.values("valid", [row], 30, 200).shape == (1, 3, 200)


def test_a_data_set_travels_to_workers(data):
    there = pickle.loads(pickle.dumps(data))  # of this test's own making
    assert len(pickle.dumps(data)) < 5_000
    np.testing.assert_array_equal(there.values("test", [4, 2], 3, 90), data.values("test", [4, 2], 3, 90))
    np.testing.assert_array_equal(there.codes("test", [4, 2], 3, 90), data.codes("test", [4, 2], 3, 90))


def test_nothing_to_read_is_nothing(data):
    assert data.values("train", [], 0, 90).shape == (0, 3, 90)
    assert data.codes("train", [], 0, 90).shape == (0, 90)
    assert data.values("train", [1], 0, 0).shape == (1, 3, 0)


def test_rising_thresholds_are_rows(world, data):
    for threshold in (0, 3, 8, 12):
        expected = [
            row
            for row in range(len(data.splits["test"]))
            if np.nanmax(read(world, data, "test", row, 0, WINDOW)[1]) > threshold
        ]
        assert data.rows_above("test", threshold).tolist() == expected
    assert len(data.rows_above("test", 1e9)) == 0


def test_half_precision_takes_half_the_space(world, data, tmp_path):
    half = world.build(tmp_path / "half", storage=replace(world.settings.storage, dtype="float16"))
    values = data.values("train", range(20))
    np.testing.assert_array_equal(half.values("train", range(20)), values.astype(np.float16).astype(np.float32))
    size = (data.folder / "values.npy").stat().st_size - 128
    assert (half.folder / "values.npy").stat().st_size - 128 == size / 2


def test_the_stored_array_is_tracks_by_positions(world, data):
    array = np.load(data.folder / "values.npy", mmap_mode="r")
    assert (array.shape, array.flags.c_contiguous) == ((3, data.made["positions"]), True)


def test_a_genome_that_moved_is_found_again_and_another_one_refused(world, data, tmp_path):
    moved = tmp_path / "moved.fa"
    shutil.copy(world.fasta, moved)
    assert len(TrackData.open(data.folder, genome=moved).splits["train"]) == len(data.splits["train"])
    moved.write_text(moved.read_text().replace("A", "C", 1))
    with pytest.raises(InputError, match="has changed"), pytest.warns(UserWarning, match="built anew"):
        TrackData.open(data.folder, genome=moved)
    with pytest.raises(InputError, match="no such file"):
        TrackData.open(data.folder, genome=tmp_path / "absent.fa")


@pytest.mark.parametrize("damage", ["no manifest", "format", "windows", "short", "names", "rows"])
def test_a_damaged_folder_is_refused(data, tmp_path, damage):
    folder = tmp_path / "copy"
    shutil.copytree(data.folder, folder)
    manifest, windows = folder / "dataset.toml", folder / "splits" / "test.tsv"
    if damage == "no manifest":
        manifest.unlink()
    elif damage == "format":
        manifest.write_text(manifest.read_text().replace("format = 1", "format = 7"))
    elif damage == "windows":
        windows.write_text(windows.read_text().replace("\t200", "\t201"))
    elif damage == "rows":
        windows.write_text("".join(windows.read_text().splitlines(keepends=True)[:-1]))
    elif damage == "names":
        windows.write_text(windows.read_text().replace("chr8", "chr88"))
    else:
        (folder / "values.npy").write_bytes((folder / "values.npy").read_bytes()[:-4])
    messages = {
        "no manifest": "no data set was built there",
        "format": "format 7",
        "windows": "test.tsv line 2: chr8:0-201 is not a window",
        "rows": r"test.tsv: has 19 windows and 20 were written",
        "short": "values.npy: cannot be read as an array",
        "names": "test.tsv line 2: the genome has no chromosome chr88",
    }
    with pytest.raises(InputError, match=messages[damage]):
        TrackData.open(folder).values("test", [0])


def test_requests_that_cannot_be_are_refused(data):
    with pytest.raises(InputError, match="there is no split 'dev'; there are train, valid, test"):
        data.values("dev", [0])
    assert data.activity is None
    assert (data.window, data.margin, data.has_values, data.has_replicate) == (200, 30, True, True)
    assert [track.name for track in data.tracks] == ["fwd", "atac", "rev"]


def test_a_track_without_replicate_is_missing_there(world, data, tmp_path):
    tracks = tuple(replace(t, replicate=None) if t.name == "atac" else t for t in data.tracks)
    some = world.build(tmp_path / "some", tracks=tracks).replicate("test", [5, 1])
    assert np.isnan(some[:, 1]).all()
    np.testing.assert_array_equal(some[:, [0, 2]], data.replicate("test", [5, 1])[:, [0, 2]])
    none = world.build(tmp_path / "none", tracks=(Track(name="atac", path=world.folder / "atac.bw"),))
    with pytest.raises(InputError, match="has no second replicate"):
        none.replicate("test", [0])
