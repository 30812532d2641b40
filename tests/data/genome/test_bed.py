import gzip

import numpy as np
import pytest

from palindra.data.genome import Features, Interval, read_bed, write_bed
from palindra.errors import InputError

ROW = ["chr1", "10", "25", "peak", "7.5", "-", "10", "20", "0,0,0", "1", "15,", "0,"]
CHROMOSOMES = {"chr1": 100, "chr2": 50}


@pytest.mark.parametrize("width", [3, 4, 5, 6, 7, 8, 9, 11, 12])
@pytest.mark.parametrize("name", ["a.bed", "a.bed.gz"])
def test_all_widths_of_bed(write, width, name):
    found = read_bed(write(name, "\t".join(ROW[:width]) + "\n"))
    assert [*found] == [Interval("chr1", 10, 25, "-" if width > 5 else ".")]
    assert found.name == (["peak"] if width > 3 else None)
    assert (found.score is None) if width < 5 else (found.score.tolist() == [7.5])
    assert found.summit is None
    assert found.center.tolist() == [17]
    assert (found.start.dtype, found.end.dtype) == (np.int64, np.int64)


def test_comments_blank_lines_and_line_ends_are_skipped_but_counted(write):
    path = write("a.bed", '#c\ntrack name="x"\r\nbrowser position\n\nchr1\t0\t5\r\n\nchr2\t3\t9\n')
    found = read_bed(path, chromosomes=CHROMOSOMES)
    assert [str(interval) for interval in found] == ["chr1:0-5", "chr2:3-9"]
    assert [found.where(row) for row in (0, 1)] == [f"{path} line 5", f"{path} line 7"]
    assert found.take([1]).where(0) == f"{path} line 7"
    assert found.take([False, True]).chrom == ["chr2"]


def test_a_chromosome_named_track_is_no_track_line(write):
    assert read_bed(write("a.bed", "track1\t0\t5\nc\t2\t3\n")).chrom == ["track1", "c"]


def test_blanks_divide_columns_where_there_are_no_tabs(write):
    assert [str(i) for i in read_bed(write("a.bed", "chr1 0 5 a 1 +\nchr2  3 9 b . -\n"))] == [
        "chr1:0-5:+",
        "chr2:3-9:-",
    ]


def test_narrow_peaks_have_summits_and_the_center_where_there_is_none(write):
    text = "chr1\t10\t25\tp\t900\t.\t5.1\t-1\t-1\t3\nchr2\t4\t9\tq\t.\t+\t5.1\t-1\t-1\t-1\n"
    found = read_bed(write("a.bed.gz", text))
    assert found.summit.tolist() == [13, 6]
    assert found.center.tolist() == [13, 6]
    assert found.score.tolist()[0] == 900
    assert np.isnan(found.score[1])


@pytest.mark.parametrize("name", ["out.bed", "out.bed.gz"])
def test_writing_and_reading_give_the_same_columns(write, tmp_path, name):
    plain = Features.of([Interval("chr1", 0, 5), Interval("chr2", 7, 30)])
    stranded = Features.of([Interval("chr1", 0, 5, "+"), Interval("chr2", 7, 30)])
    scored = Features(
        ["a", "b"],
        np.array([1, 2]),
        np.array([9, 8]),
        np.array(["-", "."]),
        name=["x", "y"],
        score=np.array([0.1, np.nan]),
        summit=np.array([5, 2]),
    )
    for columns, features in ((3, plain), (6, stranded), (10, scored)):
        write_bed(tmp_path / name, features)
        data = (tmp_path / name).read_bytes()
        text = (gzip.decompress(data) if name.endswith("gz") else data).decode()
        assert len(text.splitlines()[0].split("\t")) == columns
        found = read_bed(tmp_path / name)
        assert [*found] == [*features]
        if features is scored:
            assert found.name == features.name
            assert found.summit.tolist() == features.summit.tolist()
            np.testing.assert_array_equal(found.score, features.score)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#only\n", "a.bed: has no interval"),
        ("chr1\t5\n", "a.bed line 1: 2 columns but BED has 3 to 12"),
        ("\t".join(["chr1", "1", "2"] + ["."] * 10), "a.bed line 1: 13 columns but BED has 3 to 12"),
        ("chr1\t1\t2\n\nchr1\t3\n", "a.bed line 3: 2 columns but the first interval has 3"),
        ("chr1\t1\t2\nchr1\tx\t9\n", "a.bed line 2: 'x' in column 2 is not a start"),
        ("chr1\t1\t2.5\n", "a.bed line 1: '2.5' in column 3 is not an end"),
        ("chr1\t1\t1_0\n", "a.bed line 1: '1_0' in column 3 is not an end"),
        ("chr1\t1\t99999999999999999999\n", "a.bed line 1: '9+' in column 3 is not an end"),
        ("chr1\t1\t2\tn\thigh\n", "a.bed line 1: 'high' in column 5 is not a score"),
        ("chr1\t1\t2\n#\nchr1\t7\t7\n", "a.bed line 3: chr1:7-7: start is not before end"),
        ("chr1\t9\t7\n", "a.bed line 1: chr1:9-7: start is not before end"),
        ("chr1\t-1\t7\n", "a.bed line 1: chr1:-1-7: start is not before end, or is negative"),
        ("chr1\t1\t7\tn\t0\t*\n", r"a.bed line 1: chr1:1-7: the strand is '\*'"),
        ("chr1\t1\t7\tn\t0\t.\t0\t0\t0\t6\n", "a.bed line 1: chr1:1-7: the summit at 7 is not in the interval"),
        ("chr1\t1\t7\tn\t0\t.\t0\t0\t0\t-2\n", "a.bed line 1: '-2' in column 10 is not the summit"),
        ("chr1\t1\t7\nchr2\t40\t51\n", "a.bed line 2: chr2:40-51: ends beyond the chromosome, which has 50"),
        ("chr1\t1\t7\nchr3\t4\t5\n", "a.bed: 1 of its chromosomes are not in g.fa: chr3; there it has chr1, chr2"),
        ("1\t1\t7\n", "a.bed: g.fa names 1 of its chromosomes otherwise: 1 is chr1"),
    ],
)
def test_bad_bed_is_refused_with_its_place(write, text, message):
    with pytest.raises(InputError, match=message):
        read_bed(write("a.bed", text), chromosomes=CHROMOSOMES, genome="g.fa")


def test_all_bad_intervals_are_counted_and_the_first_are_named(write):
    text = "".join(f"chr1\t{at}\t{at}\n" for at in range(8)) + "chr1\t1\t2\n"
    with pytest.raises(InputError) as caught:
        read_bed(write("a.bed", text))
    said = str(caught.value).splitlines()
    assert [line.split(":")[0][-1] for line in said[:5]] == list("12345")
    assert said[5:] == ["... and 3 more."]


def test_names_are_mapped_on_request_and_lengths_still_hold(write):
    path = write("a.bed", "1\t1\t7\nchr2\t0\t50\n")
    assert read_bed(path, chromosomes=CHROMOSOMES, map_names=True).chrom == ["chr1", "chr2"]
    with pytest.raises(InputError, match=r"line 2: chr2:0-50: ends beyond the chromosome, which has 49 positions"):
        read_bed(path, chromosomes={"chr1": 100, "2": 49, "chr2": 49}, map_names=True)


def test_problems_are_listed_all_at_once_without_an_error(write):
    found = read_bed(write("a.bed", "chr1\t1\t101\nchr2\t0\t50\nchr9\t0\t50\n")).problems(CHROMOSOMES)
    assert [text.split("a.bed ")[1] for text in found] == [
        "line 1: chr1:1-101: ends beyond the chromosome, which has 100 positions.",
        "line 3: chr9:0-50: the genome has no chromosome chr9.",
    ]


def test_truncated_gz_names_the_file(write):
    path = write("a.bed.gz", "chr1\t1\t7\n" * 1000)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"a\.bed\.gz: the gzip data end too early"):
        read_bed(path)


def test_columns_must_have_one_length():
    with pytest.raises(ValueError, match=r"columns of different lengths \[1, 2\]"):
        Features(["a"], np.array([1, 2]), np.array([2, 3]), np.array([".", "."]))
