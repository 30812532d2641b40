import gzip

import pytest

from palindra.data import Task, read_labelled
from palindra.errors import InputError


@pytest.fixture
def pair(tmp_path):
    def write(positives, negatives, name="pos.fa"):
        paths = tmp_path / name, tmp_path / "neg.fasta"
        for path, text in zip(paths, (positives, negatives), strict=True):
            path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
        return paths

    return write


@pytest.mark.parametrize("name", ["pos.fa", "pos.fna", "pos.fasta.gz"])
def test_positives_come_first_and_lines_are_those_of_the_headers(pair, name):
    positives, negatives = pair(">p1 a peak\nAC\nGT\n\n>p2\r\naaaa\r\n", ">n1\nCCCC\n", name)
    data = read_labelled(positives, negatives=negatives)
    assert data.sequences == ["ACGT", "AAAA", "CCCC"]
    assert data.labels[:, 0].tolist() == [1, 1, 0]
    assert (data.task, data.target_names, data.chromosomes) == (Task.BINARY, ("label",), None)
    assert [data.where(row) for row in range(3)] == [
        f"{positives} line 1",
        f"{positives} line 5",
        f"{negatives} line 1",
    ]
    assert data.take([2]).where(0) == f"{negatives} line 1"
    assert data.source == f"{positives} + {negatives}"
    assert [len(part) for part in data.sha256.split("+")] == [64, 64]


def test_chromosomes_are_read_where_every_header_is_an_interval(pair):
    paths = pair(">chr1:10-14\nACGT\n>peak7::chrX:7-11(-)\nAAAA\n", ">HLA*01:2:0-4\nCCCC\n")
    assert read_labelled(paths[0], negatives=paths[1]).chromosomes.tolist() == ["chr1", "chrX", "HLA*01:2"]
    paths = pair(">chr1:10-14\nACGT\n", ">n1\nCCCC\n")
    assert read_labelled(paths[0], negatives=paths[1]).chromosomes is None


@pytest.mark.parametrize(
    ("positives", "negatives", "message"),
    [
        ("ACGT\n>p\nAC\n", ">n\nAC\n", "pos.fa line 1: not FASTA"),
        (">p\nAC\n>q\n>r\nAC\n", ">n\nAC\n", "pos.fa line 3: record 'q' has no sequence"),
        (">p\nAC\n", ">n\n", "neg.fasta line 1: record 'n' has no sequence"),
        (">p\nAC\n", "", "neg.fasta: is empty"),
        (">p\nAC\n", ">n\nA?\n", r"neg.fasta line 1: letter '\?' at position 2"),
        (">p\nAC\n>q\nAC\n", ">m\nAC\n>n\nACC\n", "pos.fa line 1 has 2 letters but .*neg.fasta line 3 has 3"),
    ],
)
def test_bad_fasta_is_refused_with_its_place(pair, positives, negatives, message):
    first, second = pair(positives, negatives)
    with pytest.raises(InputError, match=message):
        read_labelled(first, negatives=second)


def test_fasta_needs_negatives(pair):
    positives, _ = pair(">p\nAC\n", ">n\nAC\n")
    with pytest.raises(InputError, match=r"pos.fa: a FASTA file has no labels.*--negatives"):
        read_labelled(positives)
    with pytest.raises(InputError, match=r"absent.fa: there is no such file"):
        read_labelled(positives, negatives="absent.fa")
