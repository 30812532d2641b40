"""Measured variants: released tables, the base of the genome, windows, and what is dropped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.probing.suites import SUITES, Frame, load, present, variant_task

CHROMOSOME = "".join(np.random.default_rng(1).choice(list("ACGT"), 400))
HEADER = (
    "##Chrom\tGRCh37/hg19 chromosome name\t\t\t\t\n##Pos\tposition (1-based)\t\t\t\t\n"
    "#Chrom\tPos\tRef\tAlt\tValue\tConfidence\n"
)

AROUND = Frame(16, "variant")  # the chromosome of these tests is shorter than the place of any element


def other(letter: str) -> str:
    return "CGTA"["ACGT".index(letter)]


def line(
    position: int, *, chrom: str = "X", ref: str | None = None, alt: str | None = None, value="0.5", confidence="0.2"
):
    there = CHROMOSOME[position - 1]
    return f"{chrom}\t{position}\t{ref or there}\t{alt or other(there)}\t{value}\t{confidence}\n"


def challenge(folder: Path, name: str, *lines: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(HEADER + "".join(lines))


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "hg19.fa").write_text(f">chrX\n{CHROMOSOME}\n")
    return tmp_path


def test_release_and_challenge_are_read_together(folder):
    challenge(folder, "challenge_F9.tsv", line(100, value="-1.25"), line(101))
    challenge(folder, "release_F9.tsv", line(200, value="0.75"))
    (found,) = load("CAGI5", folder, frame=Frame(20, "variant"))
    data = found.data
    assert data.parts == ["release", "challenge", "challenge"]
    assert data.effects.tolist() == [0.75, -1.25, 0.5]
    assert data.confidence.tolist() == [0.2] * 3
    for window, changed, position in zip(data.reference, data.alternate, (200, 100, 101), strict=True):
        assert window == CHROMOSOME[position - 1 - 10 : position - 1 + 10]
        differ = [n for n in range(20) if window[n] != changed[n]]
        assert differ == [10]
        assert changed[10] == other(window[10])
    assert found.warnings == (
        "test has 3 rows, 897 are published (combined release and challenge files of evanseitz/squid-manuscript).",
    )


@pytest.mark.parametrize("window", [1, 2, 7, 64])
def test_windows_of_any_length(folder, window):
    challenge(folder, "combined_F9.tsv", line(150))
    (found,) = load("CAGI5", folder, frame=Frame(window, "variant"))
    assert len(found.data.reference[0]) == window
    assert found.data.reference[0][window // 2] == CHROMOSOME[149]


def test_rows_that_the_genome_contradicts_are_dropped_and_counted(folder):
    wrong = other(CHROMOSOME[119])
    challenge(
        folder,
        "combined_F9.tsv",
        line(100),
        line(120, ref=wrong, alt="ACGT"["ACGT".index(other(wrong))]),
        line(100),
        line(130, alt="-"),
        line(140, chrom="12"),
        line(3),
    )
    (found,) = load("CAGI5", folder, frame=Frame(10, "variant"))
    assert len(found.data) == 2
    assert found.data.rows_read == 6
    assert found.data.dropped == {
        "the base of the genome is not Ref": 1,
        "repeated": 1,
        "not the change of one letter": 1,
        "outside the sequence that is known": 1,
    }
    assert found.data.places == [
        f"X:100 {CHROMOSOME[99]}>{other(CHROMOSOME[99])}",
        f"X:3 {CHROMOSOME[2]}>{other(CHROMOSOME[2])}",
    ]
    assert found.data.reference[1] == "NNN" + CHROMOSOME[:7]
    said = "\n".join(found.warnings)
    assert "1 of 6 rows are dropped: the base of the genome is not Ref." in said
    assert "1 windows leave the sequence that is known" in said


def test_elements_from_fasta_with_places(tmp_path):
    challenge(tmp_path, "combined_F9.tsv", line(100), line(101))
    (tmp_path / "context.fa").write_text(f">F9 chrX:51-250 GRCh37\n{CHROMOSOME[50:250]}\n>other\nACGT\n")
    (found,) = load("CAGI5", tmp_path, frame=Frame(30, "variant"))
    assert found.data.reference[0] == CHROMOSOME[99 - 15 : 99 + 15]
    (tmp_path / "context.fa").unlink()
    with pytest.raises(InputError, match=r"no FASTA of elements beside the table, either.*--genome GRCh37=FASTA"):
        load("CAGI5", tmp_path, frame=Frame(30, "variant"))


def test_the_whole_release(folder):
    header = (
        "element\tchrom\tpos_GRCh37\tpos_GRCh38\tpos_in_element\tref\talt\tbarcodes\tdna\trna\tlog2_effect\tpvalue\n"
    )
    rows = [("TERT-HEK", 100, 10), ("TERT-HEK", 101, 9), ("LDLR.2", 102, 50), ("F9", 103, 99)]
    lines = [
        f"{name}\tX\t{position}\t1\t1\t{there}\t{other(there)}\t{barcodes}\t1\t1\t-0.5\t0.1\n"
        for name, position, barcodes in rows
        for there in [CHROMOSOME[position - 1]]
    ]
    lines.append(f"F9\tX\t104\t1\t1\t{CHROMOSOME[103]}\t-\t99\t1\t1\t-0.5\t0.1\n")
    (folder / "variants.tsv").write_text(header + "".join(lines))
    assert [task.name for task in present(SUITES["CAGI5"], folder)] == ["F9", "TERT-HEK293T"]
    found = load("CAGI5", folder, frame=Frame(8, "variant"))
    assert [len(item.data) for item in found] == [1, 1]  # too few barcodes, a deletion, another element
    assert all("values of the whole release" in "\n".join(item.warnings) for item in found)
    task = variant_task(SUITES["CAGI5"], found)
    assert task.elements.tolist() == ["F9", "TERT-HEK293T"]
    assert task.positions.tolist() == [found[0].data.positions[0], found[1].data.positions[0]]
    assert [len(task.reference[0]), len(task.alternate[1])] == [8, 8]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEADER + "X\tfar\tA\tC\t0.1\t0.1\n", r"combined_F9.tsv line 4: Pos 'far' is no finite number"),
        (HEADER + "X\t1.5\tA\tC\t0.1\t0.1\n", "line 4: Pos '1.5' is no position"),
        (HEADER + "X\t10\tA\tC\tnan\t0.1\n", "line 4: Value 'nan' is no finite number"),
        (HEADER + "X\t10\tA\tC\t0.1\tsure\n", "line 4: Confidence 'sure' is no finite number"),
        (HEADER.replace("Ref\t", "") + "X\t10\tC\t0.1\t0.1\n", "line 3: no column 'Ref'"),
        (HEADER + "12\t10\tA\tC\t0.1\t0.1\n", "none of 1 rows .* can be used .outside the sequence that is known 1"),
    ],
)
def test_tables_that_cannot_be_used(folder, text, says):
    (folder / "combined_F9.tsv").write_text(text)
    with pytest.raises(InputError, match=says):
        load("CAGI5", folder, frame=AROUND)


def test_fewer_variants_are_said(folder):
    challenge(folder, "combined_F9.tsv", *(line(position) for position in range(50, 90)))
    (found,) = load("CAGI5", folder, rows=7, frame=AROUND)
    assert len(found.data) == 7
    assert any("only 7 variants are used" in text for text in found.warnings)


def test_windows_centred_on_the_element(tmp_path):
    first, last = 138612622, 138612924  # of F9, counted from 1
    letters = "".join(np.random.default_rng(2).choice(list("ACGT"), 401))
    (tmp_path / "elements.fa").write_text(f">F9 chrX:{first - 49}-{last + 49}\n{letters}\n")
    places = (first, first + 100, last)
    lines = [f"X\t{p}\t{letters[p - first + 49]}\t{other(letters[p - first + 49])}\t0.1\t0.1\n" for p in places]
    lines.append(f"X\t{first - 1}\t{letters[48]}\t{other(letters[48])}\t0.1\t0.1\n")
    challenge(tmp_path, "combined_F9.tsv", *lines)
    (whole,) = load("CAGI5", tmp_path)
    assert whole.data.reference == [letters[49:352]] * 3  # the element as it is, one letter before it dropped
    assert whole.data.positions.tolist() == [0, 100, 302]
    assert dict(whole.data.dropped) == {"outside the sequence that is known": 1}
    (wide,) = load("CAGI5", tmp_path, frame=Frame(401))
    assert wide.data.reference == [letters] * 4  # 401 letters around the middle of the element
    assert wide.data.positions.tolist() == [0, 100, 302, -1]
    for reference, changed, position in zip(wide.data.reference, wide.data.alternate, wide.data.positions, strict=True):
        differ = [n for n in range(401) if reference[n] != changed[n]]
        assert len(differ) == 1
        assert reference[differ[0]] == letters[position + 49]


@pytest.mark.parametrize(
    ("window", "centre", "says"),
    [(9, "middle", "centred on"), (None, "variant", "how many"), (0, "element", "at least one")],
)
def test_frames_that_make_no_sense(window, centre, says):
    with pytest.raises(InputError, match=says):
        Frame(window, centre)
