import os
import pickle
import sys

import numpy as np
import pytest

pytest.importorskip("pybigtools")

from palindra.data.genome import BigWig, write_bigwig
from palindra.errors import InputError

CHROMOSOMES = {"chr2": 500, "chr10": 90, "empty": 70}


@pytest.fixture
def truth():
    """Values of base resolution with runs, gaps and zeros."""
    drawn = np.random.default_rng(5)
    found = {}
    for name, length in (("chr2", 500), ("chr10", 90)):
        values = np.repeat(drawn.gamma(1, 2, length), drawn.integers(1, 9, length))[:length].astype(np.float32)
        values[drawn.random(length) < 0.1] = np.nan
        values[20:30] = 0
        values[[0, -1]] = 1.5
        found[name] = values
    return found


@pytest.fixture
def bigwig(tmp_path, truth):
    path = tmp_path / "a.bw"
    pieces = [(name, at, values[at : at + 37], 1) for name, values in truth.items() for at in range(0, len(values), 37)]
    write_bigwig(path, CHROMOSOMES, pieces)
    return BigWig.open(path)


def test_what_is_written_is_read_bit_by_bit(bigwig, truth):
    for name, values in truth.items():
        found = bigwig.values(name, 0, len(values))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, values)


def test_uncovered_positions_and_those_outside_are_missing(bigwig, truth):
    found = bigwig.values("chr10", -7, 95)
    assert np.isnan(found[:7]).all()
    assert np.isnan(found[-5:]).all()
    np.testing.assert_array_equal(found[7:-5], truth["chr10"])
    assert np.isnan(bigwig.values("chr10", 200, 205)).all()
    assert bigwig.values("chr10", 5, 5).shape == (0,)
    assert (bigwig.values("chr2", 20, 30) == 0).all()  # a zero is a value


def test_another_reader_agrees(bigwig, truth):
    other = pytest.importorskip("pyBigWig").open(str(bigwig.path))
    assert other.chroms() == {name: CHROMOSOMES[name] for name in truth}
    for name, values in truth.items():
        np.testing.assert_array_equal(other.values(name, 0, len(values), numpy=True), values)
    other.close()


def test_files_of_another_writer_are_read(tmp_path):
    other = pytest.importorskip("pyBigWig").open(str(tmp_path / "b.bw"), "w")
    other.addHeader([("c", 30), ("d", 9)])
    other.addEntries(["c", "c"], [2, 10], ends=[5, 12], values=[1.0, 0.1])
    other.addEntries("c", 20, values=[3.0, 4.0], span=2, step=3)
    other.close()
    found = BigWig.open(tmp_path / "b.bw").values("c", 0, 30)
    expected = np.full(30, np.nan, np.float32)
    expected[2:5], expected[10:12], expected[20:22], expected[23:25] = 1, np.float32(0.1), 3, 4
    np.testing.assert_array_equal(found, expected)


def test_bins_cover_their_positions_and_equal_neighbours_are_one_record(tmp_path):
    path = tmp_path / "b.bigWig"
    write_bigwig(path, {"c": 100}, iter([("c", 10, [1, 1, np.nan, 2], 5), ("c", 30, np.array([], np.float32), 7)]))
    found = BigWig.open(path).values("c", 0, 100)
    expected = np.full(100, np.nan, np.float32)
    expected[10:20], expected[25:30] = 1, 2
    np.testing.assert_array_equal(found, expected)
    pyBigWig = pytest.importorskip("pyBigWig")
    with pyBigWig.open(str(path)) as other:
        assert other.intervals("c") == ((10, 20, 1.0), (25, 30, 2.0))


def test_another_process_opens_the_file_for_itself(bigwig, truth, monkeypatch):
    bigwig.values("chr2", 0, 9)
    ours = bigwig._reader()
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as after a fork, which would share the position in an open file
    np.testing.assert_array_equal(bigwig.values("chr2", 0, 9), truth["chr2"][:9])
    assert bigwig._reader() is not ours


def test_it_is_pickled_as_its_path(bigwig, truth):
    again = pickle.loads(pickle.dumps(bigwig))
    np.testing.assert_array_equal(again.values("chr2", 3, 400), truth["chr2"][3:400])
    assert again.chromosomes == bigwig.chromosomes


def test_chromosomes_are_compared_with_those_of_a_genome(bigwig):
    assert bigwig.on({"chr2": 500, "chr10": 90, "chr11": 5}) == {"chr2": "chr2", "chr10": "chr10"}
    assert bigwig.on({"2": 500, "10": 90}, map_names=True) == {"2": "chr2", "10": "chr10"}
    for known, message in (
        ({"chr2": 500, "chr10": 91}, r"a\.bw: its chromosomes have other lengths than in g\.fa: chr10 90 against 91"),
        ({"2": 500, "10": 90}, r"a\.bw: g\.fa names 2 of its chromosomes otherwise: .*map_names"),
        ({"chrI": 500}, r"a\.bw: 2 of its chromosomes are not in g\.fa"),
    ):
        with pytest.raises(InputError, match=message):
            bigwig.on(known, genome="g.fa")


def test_unknown_chromosomes_and_reversed_stretches_are_refused(bigwig):
    with pytest.raises(InputError, match=r"a\.bw: has no chromosome '2'; it has chr2, chr10"):
        bigwig.values("2", 0, 5)
    with pytest.raises(ValueError, match="start is after end"):
        bigwig.values("chr2", 5, 3)


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([("x", 0, [1], 1)], "a piece is on 'x'"),
        ([("chr10", 80, [1, 2], 6)], "chr10:80-92 is not on the chromosome, which has 90"),
        ([("chr10", -1, [1], 1)], "chr10:-1-0 is not on"),
        ([("chr2", 0, [1, 2], 5), ("chr2", 9, [1], 5)], "chr2:9-14 comes after later ones"),
        ([("chr2", 0, [1], 5), ("chr10", 9, [1], 5), ("chr2", 9, [1], 5)], "chr2:9-14 comes after later ones"),
    ],
)
def test_pieces_out_of_place_are_refused_and_leave_no_file(tmp_path, pieces, message):
    with pytest.raises(ValueError, match=message):
        write_bigwig(tmp_path / "b.bw", CHROMOSOMES, pieces)
    assert list(tmp_path.iterdir()) == []


def test_what_goes_wrong_in_a_generator_comes_through_and_leaves_the_old_file(bigwig):
    before = bigwig.path.read_bytes()

    def broken():
        yield "chr2", 0, [1.0], 5
        raise RuntimeError("lost the model")

    with pytest.raises(RuntimeError, match="lost the model"):
        write_bigwig(bigwig.path, CHROMOSOMES, broken())
    assert bigwig.path.read_bytes() == before
    assert len(list(bigwig.path.parent.iterdir())) == 1


def test_files_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(InputError, match=r"b\.txt: a bigWig file is named"):
        write_bigwig(tmp_path / "b.txt", CHROMOSOMES, [("chr2", 0, [1], 5)])
    with pytest.raises(InputError, match=r"b\.bw: there is no value to write"):
        write_bigwig(tmp_path / "b.bw", CHROMOSOMES, [("chr2", 0, [np.nan], 5)])
    with pytest.raises(InputError, match=r"nowhere/b\.bw: cannot be written"):
        write_bigwig(tmp_path / "nowhere" / "b.bw", CHROMOSOMES, [("chr2", 0, [1], 5)])


def test_files_that_are_no_bigwig_are_refused(tmp_path, bigwig):
    data = bigwig.path.read_bytes()
    for name, content, message in (
        ("empty.bw", b"", "is not a bigWig file"),
        ("text.bw", b"track type=bedGraph\n", "is not a bigWig file"),
        ("bed.bw", (0x8789F2EB).to_bytes(4, "little") + data[4:], "is not a bigWig file"),
        ("head.bw", data[:70], "its chromosomes cannot be read, the file is damaged or cut off"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"{name}: {message}"):
            BigWig.open(path)
    with pytest.raises(InputError, match=r"absent\.bw: there is no such file"):
        BigWig.open(tmp_path / "absent.bw")
    with pytest.raises(InputError, match="is a folder"):
        BigWig.open(tmp_path)


def test_a_file_that_was_cut_off_is_an_error_with_its_place(tmp_path):
    values = np.random.default_rng(0).random(20_000)
    write_bigwig(tmp_path / "b.bw", {"c": 20_000}, [("c", 0, values, 1)])
    data = (tmp_path / "b.bw").read_bytes()
    (tmp_path / "cut.bw").write_bytes(data[: len(data) // 3])
    with pytest.raises(InputError, match=r"cut\.bw: (its chromosomes|c:0-20000) cannot be read, the file is damaged"):
        BigWig.open(tmp_path / "cut.bw").values("c", 0, 20_000)


def test_panics_of_the_reader_are_errors_and_interrupts_are_not(bigwig):
    class PanicException(BaseException):
        pass

    with pytest.raises(InputError, match=r"a\.bw: chr2 cannot be read.*unwrap"), bigwig._clear_errors("chr2"):
        raise PanicException("called unwrap")
    with pytest.raises(KeyboardInterrupt), bigwig._clear_errors("chr2"):
        raise KeyboardInterrupt


def test_a_missing_package_is_named_with_its_extra(bigwig, monkeypatch):
    monkeypatch.setitem(sys.modules, "pybigtools", None)
    with pytest.raises(InputError, match=r"pip install 'palindra\[genome\]'"):
        BigWig.open(bigwig.path)
    with pytest.raises(InputError, match=r"pip install 'palindra\[genome\]'"):
        write_bigwig(bigwig.path, CHROMOSOMES, [("chr2", 0, [1], 5)])
