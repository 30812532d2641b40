"""Trimming, Tomtom, q-values, hit ratios, tables, JASPAR."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from palindra.errors import InputError
from palindra.interpretation.motifs import (
    FilterMotif,
    Matches,
    Motif,
    consensus,
    filter_rows,
    hit_ratio,
    information,
    jaspar,
    known_names,
    match_rows,
    q_values,
    tomtom,
    trim,
)
from palindra.sequences import one_hot

RNG = np.random.default_rng(0)
UNIFORM = np.full((24, 4), 0.25)


def word(name: str, letters: str, certainty: float = 0.97) -> Motif:
    return Motif(name, certainty * one_hot([letters])[0].T.numpy() + (1 - certainty) / 4, 100)


def motif_at(start: int, letters: str) -> Motif:
    chances = UNIFORM.copy()
    chances[start : start + len(letters)] = one_hot([letters])[0].T
    return Motif("m", chances)


DATABASE = [
    *(Motif(f"MA{n:04d}.1 random{n}", RNG.dirichlet(np.full(4, 0.3), int(RNG.integers(6, 15)))) for n in range(40)),
    word("MA0050.2 IRF1", "GAAAGTGAAAGT"),
    word("MA1929.1 CTCF", "CTGCAGTGCCCTCT"),
    word("MA0615.1 Gmeb1", "TTACGTAACA"),
]


def test_information_is_two_bits_less_the_entropy():
    chances = RNG.dirichlet(np.ones(4), 9)
    np.testing.assert_allclose(information(chances), 2 + (chances * np.log2(chances)).sum(axis=1), atol=1e-5)


@pytest.mark.parametrize(
    ("start", "letters", "first", "last"), [(10, "ACG", 7, 16), (0, "ACGT", 0, 7), (22, "AC", 19, 24), (1, "A", 0, 5)]
)
def test_a_motif_is_trimmed_to_what_it_says_and_three_positions_more(start, letters, first, last):
    motif = motif_at(start, letters)
    np.testing.assert_array_equal(trim(motif).chances, motif.chances[first:last])


def test_trimming_keeps_the_sites_and_motifs_that_say_nothing():
    assert trim(Motif("m", motif_at(9, "ACG").chances, 17)).sites == 17
    assert trim(Motif("m", UNIFORM)).width == 24
    assert trim(motif_at(0, "A")).width == 4  # one telling position at the very start counts as well


def test_trimming_commutes_with_the_other_strand():
    motif = motif_at(4, "ACG")
    one, two = trim(motif.reverse_complement()), trim(motif).reverse_complement()
    np.testing.assert_array_equal(one.chances, two.chances)
    assert consensus(one) == "aaaCGTaaa"


def test_q_values_are_those_of_benjamini_and_hochberg():
    p = RNG.random((3, 50)) ** 3
    for row, found in zip(p, q_values(p), strict=True):
        order = np.argsort(row)
        scaled = row[order] * 50 / np.arange(1, 51)
        expected = np.minimum.accumulate(scaled[::-1])[::-1].clip(max=1)
        np.testing.assert_allclose(found[order], expected)


def matches(p: np.ndarray) -> Matches:
    queries = [Motif(f"filter_{n}", motif_at(3, "ACGTA").chances, 5) for n in range(len(p))]
    known = [Motif(f"MA{n:04d}.1 F{n}", UNIFORM) for n in range(p.shape[1])]
    return Matches(queries, known, p, q_values(p), np.zeros(p.shape, np.int64), np.zeros(p.shape, bool))


def test_hit_ratios_by_hand():
    found = matches(np.array([[0.004, 1.0], [0.02, 0.9], [0.3, 0.8], [0.2, 0.6]]))
    assert hit_ratio(found, 0.05)[:4] == (0.05, 2, 4, 0.5)
    assert hit_ratio(found, 0.05).mean_q == pytest.approx((0.008 + 0.04) / 2)
    assert hit_ratio(found, 0.5)[:4] == (0.5, 3, 4, 0.75)
    assert hit_ratio(found, 0.5).mean_q == pytest.approx((0.008 + 0.04 + 0.4) / 3)
    assert hit_ratio(found, 1e-9)[:4] == (1e-9, 0, 4, 0.0)
    assert np.isnan(hit_ratio(found, 1e-9).mean_q)


def test_the_surest_motif_is_the_first_row_and_unsure_names_are_not_said():
    found = matches(np.array([[0.3, 0.8], [0.9, 0.001], [0.02, 0.9]]))
    rows = match_rows(found, threshold=0.05)
    assert [row["motif"] for row in rows] == ["filter_1", "filter_2", "filter_0"]
    assert [(row["known"], row["factor"]) for row in rows] == [("MA0001.1", "F1"), ("MA0000.1", "F0"), ("", "")]
    assert known_names(found) == ["", "MA0001.1 F1", "MA0000.1 F0"]
    filters = [FilterMotif(one, (n, 5 - n), 1.5, np.zeros(9)) for n, one in enumerate(found.queries)]
    assert [row["channels"] for row in filter_rows(filters, found)] == [[1, 4], [2, 3], [0, 5]]


def test_tomtom_finds_the_motif_that_was_hidden_on_either_strand():
    pytest.importorskip("memelite")
    hidden = word("query", "TTGAAAGTGAAAGTCC", 0.8)
    queries = [hidden, hidden.reverse_complement(), Motif("dead", UNIFORM), word("ctcf", "CTGCAGTGCCCTCT")]
    said: list[str] = []
    before = torch.get_num_threads()
    found = tomtom(queries, DATABASE, threads=1, say=said.append)
    assert torch.get_num_threads() == before  # numba shares its threads with torch
    names = [motif.name for motif in found.known]
    assert len(names) == 41
    assert not {"MA1929.1 CTCF", "MA0615.1 Gmeb1"} & set(names)
    assert [names[best] for best in found.best[:2]] == ["MA0050.2 IRF1"] * 2
    assert found.best_q[:2].max() < 1e-4
    assert [bool(found.other_strand[n, found.best[n]]) for n in (0, 1)] == [False, True]
    assert [int(found.offset[n, found.best[n]]) for n in (0, 1)] == [-2, -2]
    np.testing.assert_allclose(found.p[0], found.p[1], rtol=0.05)  # scores are binned
    assert (found.p[2] == 1).all()
    assert found.best_q[3] > 1e-4  # what it is was left out
    assert found.p.shape == found.q.shape == (4, 41)
    assert all("compiled" in line for line in said)
    said.clear()
    again = tomtom(queries, DATABASE, threads=1, excluded=(), say=said.append)
    assert again.known[again.best[3]].name == "MA1929.1 CTCF"
    assert said == []


def test_nothing_is_compared_where_no_motif_says_anything():
    found = tomtom([Motif("dead", UNIFORM)], DATABASE)
    assert (found.q == 1).all()
    assert hit_ratio(found, 0.5).ratio == 0


def test_a_small_collection_is_refused():
    with pytest.raises(InputError, match=r"24 known motifs.*whole collection"):
        tomtom([word("q", "ACGTA")], DATABASE[:24])


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "memelite.tomtom", None)
    with pytest.raises(InputError, match=r"palindra\[motifs\]"):
        tomtom([word("q", "ACGTA")], DATABASE)
    monkeypatch.setitem(sys.modules, "pyjaspar", None)
    with pytest.raises(InputError, match=r"palindra\[jaspar\].*MEME"):
        jaspar()


def test_motifs_of_jaspar_become_chances(monkeypatch):
    class Database:
        def __init__(self, release):
            self.conn = SimpleNamespace(close=lambda: None)

        def fetch_motifs(self, *, collection, tax_group, all_versions):
            assert (tax_group, all_versions) == (["vertebrates"], False)
            counts = {"A": [8, 0], "C": [0, 5], "G": [0, 5], "T": [2, 0]}
            return [SimpleNamespace(counts=counts, matrix_id="MA1.1", name="F")] if collection == ["CORE"] else []

    monkeypatch.setitem(
        sys.modules, "pyjaspar", SimpleNamespace(jaspardb=Database, jaspar_releases={"JASPAR2022": "x"})
    )
    (found,) = jaspar()
    assert (found.name, found.sites, found.chances.tolist()) == ("MA1.1 F", 10, [[0.8, 0, 0, 0.2], [0, 0.5, 0.5, 0]])
    with pytest.raises(InputError, match="no release 'JASPAR1'; it has JASPAR2022"):
        jaspar(release="JASPAR1")
    with pytest.raises(InputError, match="no motifs in CNE"):
        jaspar(collection="CNE")
