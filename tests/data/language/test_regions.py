"""Splits never share a position."""

from __future__ import annotations

import pytest

from palindra.data.genome import Features, Genome, Interval, read_bed
from palindra.data.language import language_data
from palindra.errors import InputError


def of(*texts: str, names: list[str] | None = None) -> Features:
    found = Features.of([Interval.parse(text) for text in texts], source="some.bed")
    return found if names is None else Features(found.chrom, found.start, found.end, found.strand, names)


def test_the_rest_is_trained_on(genome):
    data = language_data(genome, valid=["two"], test=of("one:10-20", "one:15-30"))
    assert data.pieces("train") == [("one", 0, 10), ("one", 30, 230), ("short", 0, 21), ("tiny", 0, 5)]
    assert data.pieces("test") == [("one", 10, 30)]
    assert data.positions("train") + data.positions("valid") + data.positions("test") == 353


def test_regions_that_overlap_are_refused_with_their_line(genome, tmp_path):
    bed = tmp_path / "valid.bed"
    bed.write_text("# first\nshort\t0\t5\none\t99\t120\n")
    with pytest.raises(InputError, match=r"train and valid overlap: train has one:0-100.*valid.bed line 3"):
        language_data(genome, train=of("one:0-100"), valid=read_bed(bed))
    with pytest.raises(InputError, match="overlap"):
        language_data(genome, valid=["one"], test=["one"])
    language_data(genome, train=of("one:0-99"), valid=read_bed(bed))  # neighbours share nothing


def test_contigs_and_regions_that_do_not_exist(genome):
    with pytest.raises(InputError, match="no contig 'chrX'"):
        language_data(genome, valid=["chrX"])
    with pytest.raises(InputError, match="ends beyond the chromosome"):
        language_data(genome, valid=of("tiny:0-6"))
    with pytest.raises(InputError, match="nothing in split 'valid'"):
        language_data(genome)
    with pytest.raises(InputError, match="nothing in split 'train'"):
        language_data(genome, valid=list(genome.chromosomes))


def test_a_fasta_without_sequence(tmp_path):
    path = tmp_path / "empty.fa"
    path.write_text(">a\n\n")
    with pytest.raises(InputError, match="has no sequence"):
        Genome.open(path)


def test_classes_are_named_in_the_fourth_column(genome):
    data = language_data(genome, valid=["two"], classes=of("one:0-9", "one:5-20", "two:1-2", names=["a", "b", "a"]))
    assert {name: {c: s.tolist() for c, s in parts.items()} for name, parts in data.classes.items()} == {
        "a": {"one": [[0, 9]], "two": [[1, 2]]},
        "b": {"one": [[5, 20]]},
    }
    with pytest.raises(InputError, match="has no names"):
        language_data(genome, valid=["two"], classes=of("one:0-9"))
    with pytest.raises(InputError, match="'all' has a name"):
        language_data(genome, valid=["two"], classes=of("one:0-9", names=["all"]))


def test_the_fingerprint_knows_every_part(genome):
    plain = language_data(genome, valid=["two"])
    assert plain.fingerprint == language_data(genome, valid=of("two:0-97")).fingerprint
    others = [
        language_data(genome, valid=["short"]),
        language_data(genome, valid=["two"], train=of("one:0-229")),
        language_data(genome, valid=["two"], classes=of("one:0-9", names=["a"])),
    ]
    assert len({plain.fingerprint, *(one.fingerprint for one in others)}) == 4
