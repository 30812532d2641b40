import numpy as np
import pytest

from palindra.data.tracks import Windows
from palindra.data.tracks.windows import read_windows, write_windows

NAMES = ("chr1", "un:2", "x")


@pytest.fixture
def windows():
    return Windows(np.array([2, 0, 2, 1], np.int32), np.array([5, 2**33, 0, 7]), 100, NAMES)


def test_windows_survive_their_table(windows, tmp_path):
    write_windows(tmp_path / "w.tsv", windows)
    again = read_windows(tmp_path / "w.tsv", NAMES, 100)
    assert (again.chrom.tolist(), again.start.tolist()) == ([2, 0, 2, 1], [5, 2**33, 0, 7])
    assert (again.chrom.dtype, again.start.dtype) == (np.int32, np.int64)
    assert (tmp_path / "w.tsv").read_text().splitlines()[:2] == ["chrom\tstart\tend", "x\t5\t105"]
    assert list(tmp_path.iterdir()) == [tmp_path / "w.tsv"]


def test_rows_of_windows(windows):
    assert str(windows.interval(3)) == "un:2:7-107"
    assert windows[1:3].start.tolist() == [2**33, 0]
    assert windows[[3, 0]].end.tolist() == [107, 105]
    assert len(windows[2]) == 1
    assert len(windows) == 4


def test_an_empty_table_is_read(tmp_path):
    none = Windows(np.array([], np.int32), np.array([], np.int64), 9, NAMES)
    write_windows(tmp_path / "w.tsv", none)
    assert len(read_windows(tmp_path / "w.tsv", NAMES, 9)) == 0
