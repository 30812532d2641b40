"""Lower case and gaps of a FASTA, kept as runs."""

from __future__ import annotations

import gzip
import re

import numpy as np

from palindra.data.genome import Genome
from palindra.data.language import SoftMasked, language_data, soft_masked


def test_runs_are_those_of_the_text(genome, texts):
    found = SoftMasked.of(genome)
    for name, text in texts.items():
        spans = [list(match.span()) for match in re.finditer("[acgtn]+", text)]
        assert found.spans.get(name, np.empty((0, 2))).tolist() == spans
        lower = np.array([letter.islower() for letter in text])
        assert (found.inside(name, 3, len(text)) == lower[3:]).all()
        assert abs(found.share(name, 1, len(text)) - lower[1:].mean()) < 1e-12
    assert found.positions == 27
    assert not found.gaps  # three N are no gap


def test_runs_are_found_again_and_made_anew_for_another_content(genome, tmp_path, monkeypatch):
    path = tmp_path / "a.fa"
    path.write_text(">a\nACgt\n")
    assert SoftMasked.of(Genome.open(path)).spans["a"].tolist() == [[2, 4]]
    monkeypatch.setattr(soft_masked, "_runs", lambda fasta: 1 / 0)
    assert SoftMasked.of(Genome.open(path)).spans["a"].tolist() == [[2, 4]]  # not read again
    monkeypatch.undo()
    (tmp_path / "cache").mkdir()
    path.write_text(">a\nacGTTTT\n")
    assert SoftMasked.of(Genome.open(path, cache=tmp_path / "cache")).spans["a"].tolist() == [[0, 2]]


def test_pieces_of_reading_do_not_cut_runs(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    text = "".join(rng.choice(list("acgtACGTN"), 500))
    path = tmp_path / "a.fa.gz"
    with gzip.open(path, "wt") as file:
        file.write(f">a b\r\n{text[:77]}\r\n{text[77:]}\n>b\nAA\n")
    whole = SoftMasked.of(Genome.open(path)).spans["a"]
    monkeypatch.setattr(soft_masked, "_PIECE", 13)
    assert soft_masked._runs(path)[0]["a"].tolist() == whole.tolist()
    assert whole.tolist() == [list(m.span()) for m in re.finditer("[acgt]+", text)]


def test_gaps_are_no_place_for_windows(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(">a\n" + "ACGT" * 10 + "N" * 64 + "ACGT" * 5 + "N" * 63 + "AC\n>b\nACGT\n")
    data = language_data(Genome.open(path), valid=["b"])
    assert data.pieces("train") == [("a", 0, 40), ("a", 104, 104 + 20 + 65)]
