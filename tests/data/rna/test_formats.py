"""Formats hold the same pairs, and what is wrong in a file is said with its line."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from palindra.data.rna import (
    Structure,
    StructureSet,
    format_pairs,
    parse_dot_bracket,
    read_rna_fasta,
    read_structures,
    write_structures,
)
from palindra.errors import InputError

KNOT = Structure("a knot", "GGcTNAGGGAACCUUXCCA", [(0, 12), (1, 11), (6, 17), (7, 16), (3, 9)])
PLAIN = Structure("hairpin", "GGGAAACCC", [(0, 8), (1, 7), (2, 6)])
ALONE = Structure("unpaired", "acgt")


def random_structure(seed):
    rng = np.random.default_rng(seed)
    length = int(rng.integers(1, 90))
    pairs = rng.permutation(length)[: 2 * int(rng.integers(0, length // 2 + 1))].reshape(-1, 2)
    return Structure(f"random {seed}", "".join(rng.choice(list("ACGUTNacguR"), length)), pairs)


@pytest.mark.parametrize("suffix", ["bpseq", "ct", "dbn", "fasta", "tsv"])
@pytest.mark.parametrize("structure", [KNOT, PLAIN, ALONE, *map(random_structure, range(8))], ids=lambda s: s.name)
def test_round_trip_keeps_name_letters_and_pairs(tmp_path, suffix, structure):
    path = write_structures(tmp_path / f"some.{suffix}", [structure])
    assert read_structures(path).structures == (structure,)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("structure", [KNOT, PLAIN, ALONE], ids=lambda s: s.name)
def test_five_lines_keep_pairs_and_what_letters_are_read_as(tmp_path, structure):
    found = read_structures(write_structures(tmp_path / "some.txt", [structure])).structures[0]
    assert (found.name, found.sequence, found.pairs) == (structure.name, structure.letters, structure.pairs)


@pytest.mark.parametrize("suffix", ["ct", "dbn", "txt", "tsv"])
def test_several_structures_follow_each_other(tmp_path, suffix):
    found = read_structures(write_structures(tmp_path / f"all.{suffix}", [KNOT, PLAIN, ALONE]), family="5S")
    assert [one.pairs for one in found.structures] == [KNOT.pairs, PLAIN.pairs, ALONE.pairs]
    assert found.families == ("5S",)


def test_tables_keep_families_and_splits_and_may_be_gzipped(tmp_path):
    rows = StructureSet.of([KNOT, Structure("x", "ACGU", (), "tRNA")], ["test", "valid"])
    path = write_structures(tmp_path / "all.tsv", rows)
    packed = tmp_path / "all.tsv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    found = read_structures(packed)
    assert found.splits.tolist() == ["test", "valid"]
    assert found.family_of.tolist() == ["", "tRNA"]
    assert found.sha256 != read_structures(path).sha256


def test_any_assignment_of_brackets_gives_the_same_pairs():
    pairs = parse_dot_bracket("((..[[.)).]]")
    assert parse_dot_bracket("[[..AA.]].aa") == parse_dot_bracket("{<..((.>}.))") == pairs
    assert parse_dot_bracket(format_pairs(pairs, 12)) == pairs


def test_letters_serve_as_brackets_of_the_fifth_level_and_more():
    bases = 2 * 6
    pairs = tuple((i, i + 6) for i in range(6))  # each crosses all others
    text = format_pairs(pairs, bases)
    assert text == "([{<AB)]}>ab"
    assert parse_dot_bracket(text) == pairs
    with pytest.raises(InputError, match="31 levels and there are 30 kinds"):
        format_pairs(tuple((i, i + 31) for i in range(31)), 62)


def test_wrapped_lines_and_energies_are_read(tmp_path):
    path = tmp_path / "some.fa"
    path.write_text(">one\nGGG\nAAACCC\n(((.\n..))) (-1.20)\n>two\nACGU\n....\n")
    assert [one.pairs for one in read_structures(path).structures] == [PLAIN.pairs, ()]


def test_ct_titles_and_numbering_of_any_source(tmp_path):
    path = tmp_path / "some.ct"
    path.write_text(
        "# made elsewhere\n  4 ENERGY = -1.0  tRNA\n1 G 0 2 4 73\n2 A 1 3 0 74\n3 C 2 4 0 75\n4 C 3 0 1 76\n"
    )
    found = read_structures(path).structures[0]
    assert (found.name, found.pairs) == ("ENERGY = -1.0 tRNA", ((0, 3),))


def test_bpseq_takes_its_name_from_the_file_and_skips_the_header(tmp_path):
    path = tmp_path / "5s_some-1.bpseq"
    path.write_text("# Citation\n#\n1 G 3\n2 A 0\n3 C 1\n")
    assert read_structures(path).structures[0] == Structure("5s_some-1", "GAC", [(0, 2)])


WRONG = [
    ("a.bpseq", "# x\n1 G 3\n2 A 0\n3 C 0\n", "line 2: base 1 names base 3 as its partner, which says .*line 4"),
    ("a.bpseq", "1 G 3\n2 A 3\n3 C 1\n", "line 2: base 2 names base 3 as its partner, which is paired with base 1"),
    ("a.bpseq", "1 G 9\n2 A 0\n", "line 1: base 1 names base 9 .* out of range"),
    ("a.bpseq", "1 G 1\n2 A 0\n", "line 1: base 1 names itself"),
    ("a.bpseq", "1 G 0\n3 A 0\n", "line 2: base 3 stands where base 2 should"),
    ("a.bpseq", "1 G 0\n2 E 0\n", "line 2: letter 'E'"),
    ("a.bpseq", "1 G\n", "line 1: '1 G' is not a base"),
    ("a.bpseq", "1 G x\n", "line 1: '1 G x' is not a base"),
    ("a.bpseq", "# nothing\n", "no bases"),
    ("a.ct", "tRNA 4\n", "line 1: 'tRNA' is not a number of bases"),
    ("a.ct", "3 x\n1 G 0 2 0 1\n2 G 1 3 0 2\n", "line 1: 3 bases are announced, but 2 lines follow"),
    ("a.ct", "1 x\n1 G 0 2 0 1\n2 G 1 3 0 2\n1 A 0 0 0 1\n", "line 3: 2 bases are announced, but 1 lines follow"),
    ("a.ct", "2 x\n1 G 0 2 2 1\n2 C 1 3 0 2\n", "line 2: base 1 names base 2 .*line 3"),
    ("a.ct", "2 x\n1 G 0 2 0 1\n3 C 1 3 0 2\n", "line 3: base 3 stands where base 2 should"),
    ("a.dbn", ">x\nGAC\n(.(\n", "line 3: '.' at position 3 is never closed: .*2 more are opened"),
    ("a.dbn", ">x\nGAC\n.))\n", "line 3: '.' at position 2 closes nothing"),
    ("a.dbn", ">x\nGAC\n(.]\n", "line 3: ']' at position 3 closes nothing"),
    ("a.dbn", ">x\nGACC\n(.)\n", "line 3: the structure of 'x' has 3 signs, but its sequence has 4 letters"),
    ("a.dbn", ">x\nGA\nEC\n(..)\n", "line 3: letter 'E' at position 1"),
    ("a.dbn", ">x\nGAC\n(-)\n", "line 3: '-' at position 2 is no sign"),
    ("a.dbn", ">x\nGAC\n", "line 1: record 'x' has no structure"),
    ("a.dbn", "GAC\n...\n", "line 1: needed is a line '>name'"),
    ("a.txt", "x\n2 0 1\n3 0 1\n1 0 1\n\ny\n2 0\n0 0 0\n0 0\n\n", "line 8: 3 partners, but the sequence has 2"),
    ("a.txt", "x\n2 0 1\n3 0 1\n1 0\n\n", "line 4: 2 flags, but the sequence has 3"),
    ("a.txt", "x\n2 0 1\n3 0 1\n1 1 1\n\n", "line 4: base 2 has the flag 1 and the partner 0"),
    ("a.txt", "x\n2 0 5\n3 0 1\n1 0 1\n\n", "line 2: a base has a code"),
    ("a.txt", "x\n2 0 1\n3 0 0\n1 0 0\n\n", "line 3: base 1 names base 3"),
    ("a.txt", "x\n2 0 A\n3 0 0\n1 0 0\n\n", "line 2: 'A' is not a whole number"),
    ("a.txt", "x\n2 0 1\n3 0 1\n1 0 1\ny\n", "line 1: not a record of five lines"),
    ("a.tsv", "sequence\tpairs_1based\nGAC\t\nGAC\t1-4\n", "line 3: the pair 1-4 is out of range"),
    ("a.tsv", "sequence\tpairs_1based\nGAC\t1-3,2-3\n", "line 2: base 3 is paired twice"),
    ("a.tsv", "sequence\tpairs_1based\nGAC\t1:3\n", "line 2: '1:3' is no pair"),
    ("a.tsv", "sequence\tdot_bracket\nGAC\t(..)\n", "line 2: the structure has 4 signs, but the sequence has 3"),
    ("a.tsv", "sequence\tdot_bracket\nGAC\t(..\n", "line 2: .* never closed"),
    ("a.tsv", "sequence\tdot_bracket\tpairs_1based\nGAC\t(.)\t1-2\n", "line 2: pairs and brackets disagree"),
    ("a.tsv", "sequence\tdot_bracket\tlength\nGAC\t...\t4\n", "line 2: length 4 is given"),
    ("a.tsv", "sequence\tdot_bracket\nGEC\t...\n", "line 2: letter 'E'"),
    ("a.tsv", "sequence\tsplit\nGAC\ttrain\n", "Needed are sequence, and pairs_1based"),
    ("a.tsv", "sequence\tdot_bracket\tsplit\nGAC\t...\tdev\n", "split 'dev' is none of train, valid, test"),
    ("a.xyz", "GAC", "Needed is one of .bpseq .ct"),
]


@pytest.mark.parametrize(("name", "text", "said"), WRONG, ids=[f"{w[0]}-{n}" for n, w in enumerate(WRONG)])
def test_errors_name_file_and_line(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_structures(path)
    assert str(path) in str(caught.value)


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds one structure, not 2"):
        write_structures(tmp_path / "a.bpseq", [PLAIN, ALONE])
    with pytest.raises(InputError, match="Needed is one of"):
        write_structures(tmp_path / "a.csv", [PLAIN])
    with pytest.raises(InputError, match="plain text"):
        write_structures(tmp_path / "a.ct.gz", [PLAIN])


def test_sequences_without_structure(tmp_path):
    path = tmp_path / "seqs.fa"
    path.write_text(">one\nACGU\nacgt\n>two\nGGN\n")
    assert [(one.name, one.sequence) for one in read_rna_fasta(path)] == [("one", "ACGUacgt"), ("two", "GGN")]
    path.write_text(">one\nACGU\n>two\nGEG\n")
    with pytest.raises(InputError, match=r"seqs.fa line 3 .two.: letter 'E' at position 2"):
        read_rna_fasta(path)
