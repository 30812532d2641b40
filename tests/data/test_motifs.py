"""Motifs in MEME files: reading, writing, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from palindra.data.motifs import Motif, read_meme, write_meme
from palindra.errors import InputError

FILE = """MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.25 C 0.25 G 0.25 T 0.25

MOTIF MA1.1 first
letter-probability matrix: alength= 4 w= 3 nsites= 10 E= 0
  1.0  0.0  0.0  0.0
  0.0  1.0  0.0  0.0
  0.25 0.25 0.25 0.25
URL http://example.org

MOTIF second
letter-probability matrix: alength= 4 w= 1
 0.5 0.5 0 0
"""


def write(tmp_path, text):
    path = tmp_path / "motifs.meme"
    path.write_text(text)
    return path


def test_a_meme_file_is_read(tmp_path):
    first, second = read_meme(write(tmp_path, FILE))
    assert (first.name, first.width, second.name, second.width) == ("MA1.1 first", 3, "second", 1)
    assert first.chances[2].tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("MEME version 4", "MAST"), "not a MEME file"),
        (("ALPHABET= ACGT", "ALPHABET= ACDEFGHIKLMNPQRSTVWY"), "line 3.*motifs of DNA"),
        (("1.0  0.0  0.0  0.0", "1.0  0.9  0.0  0.0"), "line 12.*add up to 1"),
        (("1.0  0.0  0.0  0.0", "1.0  0.0  0.0"), "line 12.*four chances"),
        (("MOTIF MA1.1 first", ""), "line 11.*MOTIF name"),
        (("letter-probability matrix:", "log-odds matrix:"), "holds no motif"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        read_meme(write(tmp_path, FILE.replace(*change)))


def test_the_number_of_sites_is_read_where_it_is_given(tmp_path):
    assert [motif.sites for motif in read_meme(write(tmp_path, FILE))] == [10, None]


def test_motifs_are_read_back_as_they_were_written(tmp_path):
    rng = np.random.default_rng(0)
    motifs = [Motif("filter_3", rng.dirichlet(np.ones(4), 7), 4321), Motif("MA1.1 a b", rng.dirichlet(np.ones(4), 2))]
    write_meme(tmp_path / "out.meme", motifs)
    found = read_meme(tmp_path / "out.meme")
    assert [(one.name, one.sites, one.width) for one in found] == [("filter_3", 4321, 7), ("MA1.1 a b", None, 2)]
    for one, two in zip(motifs, found, strict=True):
        np.testing.assert_allclose(one.chances, two.chances, atol=2e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["out.meme"]


def test_nsites_is_the_number_of_sites_and_not_the_width(tmp_path):
    write_meme(tmp_path / "out.meme", [Motif("one", np.full((19, 4), 0.25), 312)])
    assert "alength= 4 w= 19 nsites= 312\n" in (tmp_path / "out.meme").read_text()


@pytest.mark.parametrize("motifs", [[], [Motif(" ", np.eye(4))], [Motif("a\nMOTIF b", np.eye(4))]])
def test_what_would_not_be_a_meme_file_is_not_written(tmp_path, motifs):
    with pytest.raises(ValueError, match="motif"):
        write_meme(tmp_path / "out.meme", motifs)
    assert not list(tmp_path.iterdir())


def test_the_other_strand_of_the_other_strand_is_the_motif():
    motif = Motif("AAC", np.eye(4)[[0, 0, 1]], 5)
    assert motif.reverse_complement().chances.argmax(axis=1).tolist() == [2, 3, 3]
    assert np.array_equal(motif.reverse_complement().reverse_complement().chances, motif.chances)
