import sys

import numpy as np
import pytest

from palindra.data.tracks import arrays
from palindra.data.tracks.arrays import RowFile, RowWriter, allocate
from palindra.errors import InputError


def written(path, values, pieces=3):
    allocate(path, values.shape, values.dtype)
    with RowWriter(path) as array:
        for row, some in enumerate(values):
            at = 0
            for part in np.array_split(some, pieces):
                array.write(row, at, part.astype(np.float32))
                at += len(part)
    return path


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("shape", [(1, 5), (3, 100), (2, 1001)])
def test_what_was_written_is_a_plain_npy_file(tmp_path, dtype, shape):
    values = np.random.default_rng(0).random(shape).astype(dtype)
    np.testing.assert_array_equal(np.load(written(tmp_path / "a.npy", values)), values)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("length", [1, 7, 100])
@pytest.mark.parametrize("resident", [1 << 30, 1 << 10, 5 << 21])
def test_pieces_are_those_of_the_array_however_much_may_stay_in_memory(tmp_path, monkeypatch, dtype, length, resident):
    values = np.random.default_rng(1).random((3, 2000)).astype(dtype)
    monkeypatch.setattr(arrays, "_RESIDENT", resident)
    array = RowFile(written(tmp_path / "a.npy", values))
    firsts = np.random.default_rng(2).integers(0, 2000 - length + 1, 50)
    for some in (firsts, firsts[:1], firsts[:0], np.array([0, 2000 - length])):
        found = array.gather(some, length)
        assert (found.dtype, found.shape) == (np.float32, (len(some), 3, length))
        expected = [values[:, first : first + length] for first in some]
        np.testing.assert_array_equal(found, np.reshape(expected, found.shape).astype(np.float32))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux says of the process")
def test_memory_does_not_grow_with_what_was_read(tmp_path, monkeypatch):
    def resident():
        with open("/proc/self/smaps", encoding="utf-8") as file:  # noqa: PTH123
            lines = iter(file)
            for line in lines:
                if line.rstrip().endswith("large.npy"):
                    return int(next(text for text in lines if text.startswith("Rss")).split()[1]) * 1024
        return 0

    seen, forget = [], RowFile._forget

    def watched(self, touched):
        seen.append(resident())
        forget(self, touched)

    monkeypatch.setattr(arrays, "_RESIDENT", 8 << 20)
    monkeypatch.setattr(RowFile, "_forget", watched)
    path = written(tmp_path / "large.npy", np.ones((1, 8 << 20), np.float32))  # 32 MB
    array, rng = RowFile(path), np.random.default_rng(0)
    for _ in range(3):
        array.gather(rng.integers(0, (8 << 20) - 2000, 24), 2000)
    assert 0 < max(seen) <= 2 * (8 << 20)


@pytest.mark.parametrize("damage", ["short", "long", "other", "one dimension", "absent"])
def test_files_that_are_not_such_arrays_are_refused(tmp_path, damage):
    path = written(tmp_path / "a.npy", np.zeros((2, 9), np.float32))
    content = path.read_bytes()
    if damage == "one dimension":
        np.save(path, np.zeros(9))
    elif damage == "absent":
        path.unlink()
    else:
        path.write_bytes({"short": content[:-1], "long": content + b"0", "other": b"values"}[damage])
    with pytest.raises(InputError, match=r"a\.npy: cannot be read as an array"):
        RowFile(path)
