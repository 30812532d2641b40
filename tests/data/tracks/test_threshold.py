from dataclasses import replace

import numpy as np
import pytest

from palindra.data.tracks import Exclusions, Storage, TestSets, Tiles
from palindra.data.tracks.coverage import Coverage, Source
from palindra.data.tracks.regions import Axis, Regions
from palindra.data.tracks.threshold import cut, exceeds, low_percentile, scan, shuffled

WINDOW = 200


def tops(world, tracks, chrom, window=WINDOW):
    """Largest value of any track in each tile of a chromosome, in plain numpy."""
    stacked = np.stack([world.truth[track.name][chrom] for track in tracks])
    return [np.nanmax(stacked[:, s : s + window]) for s in range(0, stacked.shape[1] - window + 1, window)]


def places(windows, chrom):
    return sorted(windows.start[windows.chrom == windows.names.index(chrom)].tolist())


@pytest.mark.parametrize("threshold", [0.0, 2.0, 7.46, None])
def test_windows_are_those_that_some_track_exceeds(world, tmp_path, threshold):
    settings = replace(world.settings, windows=Tiles(window=WINDOW, threshold=threshold))
    data = world.build(tmp_path, windows=settings.windows)
    for split, chroms in {"train": ("chr1", "chr2", "chrX"), "valid": ("chr9",), "test": ("chr8",)}.items():
        for chrom in chroms:
            expected = [
                number * WINDOW
                for number, top in enumerate(tops(world, data.tracks, chrom))
                if threshold is None or top > threshold
            ]
            assert places(data.splits[split], chrom) == expected


def test_the_test_threshold_is_its_own(world, data, tmp_path):
    strict = world.build(tmp_path, windows=Tiles(window=WINDOW, threshold=8.0, test_threshold=None))
    assert len(strict.splits["train"]) < len(data.splits["train"])
    assert len(strict.splits["valid"]) < len(data.splits["valid"])
    np.testing.assert_array_equal(strict.splits["test"].start, data.splits["test"].start)


def test_rising_test_sets_come_from_all_test_windows(world, tmp_path):
    thresholds = tuple(float(t) for t in range(25))
    data = world.build(tmp_path, windows=Tiles(window=WINDOW, threshold=9.0), tests=TestSets(thresholds=thresholds))
    top = np.array(tops(world, data.tracks, "chr8"))
    sizes = []
    for threshold in thresholds:
        name = f"test_above_{threshold:g}"
        expected = np.flatnonzero(top > threshold) * WINDOW
        assert name in data.made["empty_test_sets"] if not len(expected) else name in data.splits
        if len(expected):
            assert data.splits[name].start.tolist() == expected.tolist()
            sizes.append(len(expected))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > len(data.splits["test"]) > sizes[-1]


def test_maxima_are_those_of_the_values(data):
    for split in ("train", "valid", "test"):
        values = data.values(split, range(len(data.splits[split])))
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(data.maxima[split], np.fmax.reduce(values, axis=-1))


def test_windows_may_be_scanned_in_any_order(world):
    axis = Axis({chrom: len(values) for chrom, values in world.truth["atac"].items()})
    coverage = Coverage(Source("values", 0, world.settings.tracks[1], world.folder / "atac.bw"), axis, genome="genome")
    starts = np.concatenate([axis.at(0, np.arange(0, 4900, 37)), axis.at(3, np.arange(0, 3900, 53))])
    order = np.random.default_rng(0).permutation(len(starts))
    rules = {"blacklist": Regions.of([350], [420]), "percentile": 10.0, "margin": 5}
    maxima, ceilings = scan(coverage, starts, 100, **rules)
    mixed = scan(coverage, starts[order], 100, **rules)
    np.testing.assert_array_equal(mixed[0], maxima[order])
    np.testing.assert_array_equal(mixed[1], ceilings[order])
    assert np.isfinite(ceilings).sum() == len([s for s in starts if s - 5 < 420 and s + 105 > 350])


def test_a_threshold_is_strict_and_blind_to_missing_values():
    maxima = np.array(
        [[2.0, np.nan], [np.nan, np.nextafter(np.float32(2), np.float32(3))], [np.nan, np.nan]], np.float32
    )
    assert exceeds(maxima, 2.0).tolist() == [False, True, False]
    assert exceeds(maxima, None).all()


def test_a_larger_sample_holds_the_smaller_one():
    rows = np.arange(100, 160)
    orders = [shuffled(rows, seed=4, stream=0, sample=share).tolist() for share in (0.1, 0.5, 1.0)]
    assert [len(order) for order in orders] == [6, 30, 60]
    assert orders[2][:30] == orders[1]
    assert orders[1][:6] == orders[0]
    assert sorted(orders[2]) == rows.tolist()


@pytest.mark.parametrize("percentile", [0, 10, 50, 100])
def test_a_low_percentile_is_one_of_the_values_and_commutes_with_scaling(percentile):
    values = np.random.default_rng(percentile).gamma(1, 2, 101).astype(np.float32)
    found = low_percentile(values, percentile)
    assert found == np.sort(values)[percentile]
    assert low_percentile(np.log1p(values), percentile) == np.log1p(np.float32(found))
    assert low_percentile(np.append(values, np.float32([np.nan] * 30)), percentile) == found


def test_cutting_leaves_the_rest_and_missing_values_alone():
    values = np.float32([[9, 9, np.nan, 9, 9], [1, 9, 9, 9, 1]])
    found = cut(values, np.array([10, 20]), np.float32([3, 5]), Regions.of([11, 14, 22], [13, 15, 99]))
    np.testing.assert_array_equal(found, np.float32([[9, 3, np.nan, 9, 3], [1, 9, 5, 5, 1]]))
    assert values[0, 1] == 9


@pytest.mark.parametrize("missing", ["zero", "exclude"])
def test_blacklisted_positions_are_cut_to_a_percentile_of_their_window(world, tmp_path, missing):
    bed = world.bed(
        "black.bed",
        [("chr8", 250, 300), ("chr8", 1550, 1610), ("chr1", 0, 10), ("chr2", 2900, 3001), ("chr8", 3025, 3030)],
    )  # the last: in one window, and in the margin alone of another
    rules = Exclusions(blacklist=bed, blacklist_flank=20, blacklist_percentile=40)
    tracks = tuple(replace(track, missing=missing, clip=8.0) for track in world.settings.tracks)
    plain = world.build(tmp_path / "plain", tracks=tracks)
    data = world.build(tmp_path / "black", tracks=tracks, exclude=rules, storage=Storage(margin=30))
    regions = {"chr8": [(230, 320), (1530, 1630), (3005, 3050)], "chr1": [(0, 30)], "chr2": [(2880, 3001)]}
    changed = 0
    for split in ("train", "test"):
        for row in range(len(data.splits[split])):
            interval = data.splits[split].interval(row)
            for read in ("values", "replicate"):
                window = getattr(plain, read)(split, row)[0]
                expected = getattr(plain, read)(split, row, -30, 260)[0]
                for low, high in regions.get(interval.chrom, []):
                    if low < interval.end + 30 and interval.start - 30 < high:
                        ceiling = [low_percentile(values, 40) for values in window]
                        part = slice(max(low - interval.start + 30, 0), max(high - interval.start + 30, 0))
                        expected[:, part] = np.minimum(expected[:, part], np.array(ceiling)[:, None])
                        changed += 1
                np.testing.assert_array_equal(getattr(data, read)(split, row, -30, 260)[0], expected)
                inner = data.values(split, row)[0]
            np.testing.assert_array_equal(data.maxima[split][row], np.fmax.reduce(inner, axis=-1))
    assert changed >= 10
