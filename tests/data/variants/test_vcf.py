"""VCF files that are broken in every known way: each problem has its line, and good lines are read."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pytest

from palindra.data.genome import Genome
from palindra.data.variants import Kind, Record, VariantFile, read_vcf
from palindra.data.variants.header import InfoField, read_header
from palindra.data.variants.lines import numbered_lines
from palindra.errors import InputError

CONTIGS = {"chr1": "acgtACGTNNNNacgtACGTACGT", "2": "TTTTTTTTCACACACAGG"}
DECLARED = "##contig=<ID=chr1,length=24>\n##contig=<length=18,ID=2>\n"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
HEADER = "##fileformat=VCFv4.2\n" + DECLARED + COLUMNS


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Genome:
    fasta = tmp_path_factory.mktemp("genome") / "small.fa"
    fasta.write_text("".join(f">{name}\n{letters}\n" for name, letters in CONTIGS.items()))
    return Genome.open(fasta)


def record(chrom: str = "chr1", position: object = 1, ref: str = "A", alt: str = "C", rest: str = ".\t.\t.") -> str:
    return f"{chrom}\t{position}\t.\t{ref}\t{alt}\t{rest}\n"


@pytest.fixture
def opened(tmp_path: Path, genome: Genome):
    def write(content: str, **options) -> VariantFile:
        path = tmp_path / "calls.vcf"
        path.write_text(content)
        return read_vcf(path, genome, **options)

    return write


def kinds(file: VariantFile) -> list[tuple[int, str]]:
    list(file)
    return [(problem.line, str(problem.kind)) for problem in file.problems]


def test_every_kind_of_change_is_read(opened):
    file = opened(
        HEADER
        + record(ref="A", alt="C,G,T")
        + record(position=2, ref="CGT", alt="C,CA,CGTGT,GCA")
        + record(position=24, ref="T", alt="A")
    )
    assert [str(variant) for variant in file] == [
        *("chr1:1:A:C", "chr1:1:A:G", "chr1:1:A:T"),
        *("chr1:2:CGT:C", "chr1:2:CGT:CA", "chr1:2:CGT:CGTGT", "chr1:2:CGT:GCA"),
        "chr1:24:T:A",
    ]
    assert file.problems == []
    assert [(v.line, v.record, v.allele) for v in file][3:5] == [(6, 1, 1), (6, 1, 2)]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("reference_mismatch", record(ref="G", alt="C")),
        ("reference_mismatch", record(position=5, ref="ACC", alt="A")),
        ("unknown_reference", record(position=9, ref="A", alt="C")),  # the genome has N
        ("unknown_reference", record(position=9, ref="N", alt="C")),
        ("unknown_reference", record(position=1, ref="R", alt="C")),
        ("unknown_reference", record(position=8, ref="TN", alt="T")),
        ("outside_contig", record(position=24, ref="TA", alt="T")),  # beyond its end by one
        ("outside_contig", record(position=25, ref="A", alt="T")),
        ("outside_contig", record(position=9_999_999_999, ref="A", alt="T")),
        ("unknown_contig", record("chrX")),
        ("not_dna", record(ref="Z")),
        ("not_dna", record(ref="")),
        ("not_dna", record(alt="X")),
        ("not_dna", record(alt="-")),
        ("not_dna", record(position=2, ref="C", alt=",G")),
        ("no_alternate", record(alt=".")),
        ("symbolic", record(alt="<DEL>")),
        ("symbolic", record(ref="N", alt="<DUP:TANDEM>", position=9)),
        ("symbolic", record(alt="A]chr1:5]")),
        ("symbolic", record(alt=".C")),
        ("symbolic", record(alt="C.")),
        ("overlapping_deletion", record(alt="*")),
        ("unknown_alternate", record(alt="N")),
        ("unknown_alternate", record(alt="AR")),
        ("same_as_reference", record(alt="a")),
        ("longer_than_window", record(alt="A" + "C" * 11)),
        ("longer_than_window", record("2", 1, "TTTTTTTTCACACA", "T")),
        ("not_a_record", "chr1\t1\t.\tA\n"),
        ("not_a_record", "chr1 1 . A C . . .\n"),
        ("not_a_record", record(position="x")),
        ("not_a_record", record(position="-1")),
        ("not_a_record", record(position="٣")),
        ("not_a_record", COLUMNS),
    ],
)
def test_bad_lines_have_their_line_and_good_ones_are_read(opened, kind: str, line: str):
    file = opened(HEADER + record() + line + record("2", 18, "G", "C"), window=10)
    assert [str(variant) for variant in file if variant.line != 6] == ["chr1:1:A:C", "2:18:G:C"]
    assert set(kinds(file)) == {(6, kind)}


def test_position_zero_is_a_telomere_and_not_a_variant(opened):
    file = opened(HEADER + record(position=0) + record())
    assert [str(variant) for variant in file] == ["chr1:1:A:C"]
    assert kinds(file)[0] == (5, "outside_contig")


def test_small_letters_edges_and_long_changes_are_no_problem(opened):
    lines = record(ref="a", alt="c") + record(position=4, ref="T", alt="TG") + record(position=24, ref="t", alt="G")
    file = opened(HEADER + lines + record("2", 5, "TTTTCACACACAGG", "TTTTCACACACAGC"), window=10)
    assert [variant.alt[:2] for variant in file] == ["C", "TG", "G", "TT"]  # long alleles, a short change
    assert kinds(file) == []


def test_one_bad_alternate_leaves_the_others(opened):
    file = opened(HEADER + record(alt="<DEL>,C,*,A,T"))
    (found,) = file.records()
    assert isinstance(found, Record)
    assert [v and str(v) for v in found.variants] == [None, "chr1:1:A:C", None, None, "chr1:1:A:T"]
    assert found.statuses == ("symbolic", "scored", "overlapping_deletion", "same_as_reference", "scored")


def test_a_file_without_header(opened):
    file = opened(record())
    assert [str(variant) for variant in file] == ["chr1:1:A:C"]
    assert [problem.kind for problem in file.problems] == [Kind.NO_HEADER, Kind.NO_CONTIGS]


def test_a_header_without_contigs_or_of_another_assembly(opened):
    assert kinds(opened(COLUMNS + record())) == [(1, "no_contigs")]
    other = opened(HEADER.replace("length=24", "length=25") + record())
    assert kinds(other) == [(2, "contig_length")]
    assert "25 bp in the header, 24 in small.fa" in str(other.problems[0])


def test_missing_and_superfluous_genotypes(opened):
    file = opened(
        HEADER.rstrip("\n")
        + "\tFORMAT\ta\tb\n"
        + record(rest=".\t.\tDP=3\tGT\t0/1\t1/1")
        + record(position=2, ref="C", alt="G")
        + record(position=3, ref="G", alt="C", rest=".\t.\t.\tGT\t0/0")
        + record(position=4, ref="T", alt="C", rest=".\t.\t.\tGT\t0/0\t0/0\t0/0")
        + "chr1\t5\t.\tA\tC\n"
    )
    assert kinds(file) == [(6, "columns"), (7, "columns"), (8, "columns"), (9, "columns")]
    assert len(list(file)) == 5
    written = [r.columns.with_info({"S": "1"}, width=file.width).split("\t") for r in file.records()]
    assert [line[7:] for line in written] == [
        ["DP=3;S=1", "GT", "0/1", "1/1"],
        ["S=1", ".", ".", "."],
        ["S=1", "GT", "0/0", "."],
        ["S=1", "GT", "0/0", "0/0"],
        ["S=1", ".", ".", "."],
    ]


def test_names_are_mapped_only_on_request(opened):
    content = HEADER + record("1") + record("chr2", 18, "G", "A")
    assert kinds(opened(content)) == [(5, "unknown_contig"), (6, "unknown_contig")]
    refused = opened(content)
    list(refused)
    assert str(refused.problems[0]) == "line 5: small.fa names contig '1' otherwise: 'chr1'. Use --map-names."
    assert [str(v) for v in opened(content, map_names=True)] == ["chr1:1:A:C", "2:18:G:A"]
    longer = HEADER.replace("ID=2", "ID=chr2").replace("18", "19") + record("chr2", 18, "G", "A")
    assert kinds(opened(longer, map_names=True)) == [(3, "contig_length"), (5, "unknown_contig")]


def test_sorted_files_and_others(opened):
    ordered = HEADER + record("2", 3, "T", "A") + record("2", 3, "T", "C") + record("chr1", 2, "C", "G")
    assert kinds(opened(ordered)) == []
    assert kinds(opened(ordered + record("chr1", 1))) == [(8, "unsorted")]
    assert kinds(opened(ordered + record("2", 4, "T", "A"))) == [(8, "unsorted")]


def test_repeated_variants_are_found_at_any_distance(opened):
    once = (
        HEADER + record(alt="C,c") + record(alt="G") + record(ref="a", alt="g") + record(position=2, ref="C", alt="T")
    )
    file, survey = opened(once).surveyed()
    assert survey.is_sorted
    assert [(p.line, p.allele) for r in file.records() for p in r.problems] == [(5, 2), (7, 1)]
    file, survey = opened(once + record(alt="G,T")).surveyed()
    assert not survey.is_sorted
    assert survey.counts == Counter({Kind.DUPLICATE: 3, Kind.UNSORTED: 1})
    found = [(p.line, p.allele, str(p)) for r in file.records() for p in r.problems if p.kind is Kind.DUPLICATE]
    assert [place[:2] for place in found] == [(5, 2), (7, 1), (9, 1)]
    assert found[-1][2] == "line 9 alternate 1: the same variant as in line 6."
    assert [r.variants[0] is None for r in file.records()] == [False] * 5  # they are scored


def test_a_survey_counts_what_reading_finds(opened):
    content = HEADER + record(alt="C,<DEL>") + record(ref="G") + "x\n" + record("chrX") + record("2", 1, "T", "A")
    file, survey = opened(content).surveyed()
    assert survey.records == 4
    assert survey.variants == len(list(file)) == 2
    assert survey.counts == Counter(problem.kind for problem in file.problems)
    assert list(survey.first) == file.problems
    assert survey.contigs == {"chr1": 24, "chrX": None, "2": 18}


@pytest.mark.parametrize("pack", [False, True])
def test_line_ends_marks_and_bytes_come_back(tmp_path: Path, genome: Genome, pack: bool):
    content = ("\ufeff" + HEADER + record(rest=".\t.\tNOTE=\x85\u2028é")).replace("\n", "\r\n").encode() + b"\r\n"
    content = content.replace("é".encode(), b"\xe9")  # Latin-1
    path = tmp_path / "calls.vcf"
    path.write_bytes(gzip.compress(content) if pack else content)
    (found,) = read_vcf(path, genome).records()
    assert isinstance(found, Record)
    line = found.columns.with_info({}, width=8)
    assert line.encode("utf-8", "surrogateescape") == record(rest=".\t.\tNOTE=\x85\u2028").encode().rstrip() + b"\xe9"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (HEADER.encode(), "has no record"),
        (gzip.compress((HEADER + 99 * record()).encode(), mtime=0)[:-9], "cut off"),
        (b"BCF\2\2", "is a BCF file"),
        (b"##a\n\0\n", "line 2: not text"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, genome: Genome, content: bytes, message: str):
    path = tmp_path / "calls.vcf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_vcf(path, genome))
    with pytest.raises(InputError, match="no such file"):
        read_vcf(tmp_path / "none.vcf", genome)


def test_headers_keep_what_they_say_and_gain_fields():
    lines = list(enumerate(["##fileformat=VCFv4.3", "##INFO=<ID=S,Number=1>", "##x", "##contig=<ID=a>"], start=1))
    header = read_header([*lines, (5, COLUMNS.strip() + "\tFORMAT\tme")])
    text = header.text([InfoField("S", "A", "Float", 'a "b"')], {"a": 5, "b": 7}, width=10)
    assert text.splitlines() == [
        "##fileformat=VCFv4.3",
        "##x",
        "##contig=<ID=a>",
        "##contig=<ID=b,length=7>",
        '##INFO=<ID=S,Number=A,Type=Float,Description="a \\"b\\"">',
        COLUMNS.strip() + "\tFORMAT\tme",
    ]
    bare = read_header([(1, record().strip())]).text([], {}, width=11)
    assert bare.splitlines()[-1].split("\t")[8:] == ["FORMAT", "sample1", "sample2"]


def test_reading_holds_one_line_at_a_time(tmp_path: Path, genome: Genome):
    path = tmp_path / "calls.vcf"
    path.write_text(HEADER + record() + record(position=2, ref="C", alt="G"))
    stream = iter(read_vcf(path, genome))
    assert str(next(stream)) == "chr1:1:A:C"  # before the rest of the file was looked at
    assert next(numbered_lines(path)) == (1, "##fileformat=VCFv4.2")
