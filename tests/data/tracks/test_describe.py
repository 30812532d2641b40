import numpy as np
import pytest

from palindra.data.tracks import TestSets, Tiles, describe
from palindra.errors import InputError


def test_a_data_set_is_described_without_its_inputs(world, data):
    found = describe(data.folder)
    assert {row["split"]: row["windows"] for row in found.splits} == {s: len(w) for s, w in data.splits.items()}
    assert [row["track"] for row in found.tracks][:3] == ["fwd", "atac", "rev"]
    assert [row["partner"] for row in found.tracks][:3] == ["rev", "", "fwd"]
    assert "atac (replicate)" in [row["track"] for row in found.tracks]
    assert found.left_out["dropped chromosomes"] == "chrM, chr1_alt"
    assert found.size > np.load(data.folder / "values.npy").nbytes


def test_the_text_has_every_split_and_track(world, tmp_path):
    built = world.build(tmp_path, windows=Tiles(window=200, threshold=3.0), tests=TestSets(thresholds=(5.0, 1000.0)))
    text = str(describe(tmp_path))
    for word in (*built.splits, "fwd", "atac", "float32 with a margin of 30 bp", "empty test sets: test_above_1000"):
        assert word in text


def test_a_folder_that_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a data set of tracks"):
        describe(tmp_path)
