"""Alignments read from three formats: the same rows, and errors that name the line."""

import gzip

import numpy as np
import pytest

from palindra.data.proteins import GAP, UNKNOWN, place_sequence, read_alignment
from palindra.errors import InputError

FASTA = ">query one\nAC-DE\nFG\n>b\nACWDEFX\n>c\n.C-DEFg\n"
A3M = "# comment\n>query one\nAC-DEFG\n>b\nACWDkkkEF.X\n>c\n-C-DEFGv\n"
STOCKHOLM = """# STOCKHOLM 1.0
#=GF ID family
query AC-D
b     ACWD
c     .C-D
#=GC SS_cons ....

query EFG
b     EFX
c     EFg
//
"""


@pytest.mark.parametrize(("name", "text"), [("a.fa", FASTA), ("a.a3m", A3M), ("a.sto", STOCKHOLM)])
def test_three_formats_hold_the_same_rows(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    rows = read_alignment(path)
    assert [rows.row(i) for i in range(3)] == ["AC-DEFG", "ACWDEFX", "-C-DEFG"]
    assert rows.codes[0, 2] == GAP
    assert rows.codes[1, 6] == UNKNOWN
    assert rows.place(1).endswith(
        f"line {text.splitlines().index(next(x for x in text.splitlines() if x.strip('>').startswith('b'))) + 1}"
    )


def test_a_gzipped_file_is_the_same(tmp_path):
    path = tmp_path / "a.a3m.gz"
    path.write_bytes(gzip.compress(A3M.encode()))
    assert read_alignment(path).row(1) == "ACWDEFX"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.fa", ">a\nACD\n>b\nAC\n", r"a\.fa line 3: row 'b' has 2 columns, but row 'a' \(line 1\) has 3"),
        ("a.fa", ">a\nACD\n>b\nACkkD\n", "If small letters are insertions, the file is A3M"),
        ("a.a3m", ">a\nACD\n>b\nACkk\n", "line 3: row 'b' has 2 columns"),
        ("a.fa", ">a\nACD\n>b\nA*D\n", r"line 3: row 'b' has '\*' at column 2, which is not protein"),
        ("a.fa", ">a\nACD\n>b\nAé1\n", "line 3: row 'b' has 'é' at column 2"),
        ("a.fa", ">a\n>b\nACD\n", "line 1: row 'a' has no letters"),
        ("a.fa", "ACD\n", "line 1: not FASTA or A3M"),
        ("a.fa", "# nothing\n", "has no row"),
        ("a.sto", "# STOCKHOLM 1.0\na ACD\n", "ends without '//'"),
        ("a.sto", "# STOCKHOLM 1.0\na AC D\n//\n", "line 2: 3 words"),
        ("a.sto", "# STOCKHOLM 1.0\n//\n", "has no row"),
        ("a.sto", "# STOCKHOLM 1.0\na ACD\nb AC\n//\n", "line 3: row 'b' has 2 columns"),
    ],
)
def test_a_broken_alignment_names_the_line(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_alignment(path)


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not one of"):
        read_alignment(tmp_path / "a.fa", format="clustal")  # type: ignore[arg-type]


def test_the_first_row_must_be_the_sequence_of_the_structure(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(FASTA)
    rows = read_alignment(path)
    assert rows.require_query("ACDXFG", "1abc").row(1) == "ACDEFX"
    with pytest.raises(InputError, match=r"a\.fa line 1: the first row .* is not the sequence of 1abc .* residue 3 on"):
        rows.require_query("ACWEFG", "1abc")
    with pytest.raises(InputError, match=r"6 residues.*\(4 residues\); they differ from residue 5"):
        rows.require_query("ACDE", "1abc")


def family(seed: int, rows: int = 60) -> tuple[str, list[str]]:
    """A consensus and rows with a fifth of their letters redrawn."""
    random = np.random.default_rng(seed)
    letters = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    consensus = random.choice(letters, 40)
    drawn = [np.where(random.random(40) < 0.2, random.choice(letters, 40), consensus) for _ in range(rows)]
    return "".join(consensus), ["".join(row) for row in drawn]


def test_a_sequence_is_placed_on_the_columns_it_came_from(tmp_path):
    consensus, rows = family(1)
    path = tmp_path / "a.fa"
    path.write_text("".join(f">r{i}\n{row}\n" for i, row in enumerate(rows)))
    # Two residues before the family, three inserted after column 20, columns 31 and 32 left out.
    sequence = "GS" + consensus[:20] + "PPP" + consensus[20:30] + consensus[32:]
    placed = place_sequence(read_alignment(path), sequence, "mine")
    assert placed.row(0) == sequence
    assert placed.names[:2] == ("mine", "r0")
    assert placed.row(1) == "--" + rows[0][:20] + "---" + rows[0][20:30] + rows[0][32:]


def test_a_few_substitutions_are_aligned_and_not_gapped(tmp_path):
    consensus, rows = family(2)
    path = tmp_path / "a.fa"
    path.write_text("".join(f">r{i}\n{row}\n" for i, row in enumerate(rows)))
    letters = "ACDEFGHIKLMNPQRSTVWY"
    others = "".join(letters[letters.index(letter) - 7] for letter in consensus[15:18])
    placed = place_sequence(read_alignment(path), consensus[:15] + others + consensus[18:])
    assert placed.row(1) == rows[0]


def test_a_sequence_of_another_family_is_refused(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(">a\nWWWWWWWWWWCCCCCCCCCC\n>b\nWWWWWWWWWWCCCCCCCCCC\n")
    with pytest.raises(InputError, match=r"only [01] of the 12 residues"):
        place_sequence(read_alignment(path), "DEKRDEKRDEKR")
    with pytest.raises(InputError, match="query: letter '1' at position 2"):
        place_sequence(read_alignment(path), "D1")
