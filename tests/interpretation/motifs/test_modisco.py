"""TF-MoDISco: what it is given, what is made of its patterns, and the files."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch

from palindra.errors import InputError
from palindra.interpretation.motifs import (
    FilterMotif,
    Matches,
    Motif,
    discover_patterns,
    modisco,
    pattern_rows,
    seqlet_rows,
    write_filters,
    write_patterns,
)
from palindra.sequences import one_hot

RNG = np.random.default_rng(0)
X = one_hot(RNG.integers(0, 4, (6, 101)).astype(np.uint8))
MAPS = torch.randn(X.shape, generator=torch.Generator().manual_seed(0))
WIDTH = 11


def cut(letters, maps, row, start, other):
    """A seqlet as the library gives it, with its attributions on the strand of the pattern."""
    window = np.s_[row, start : start + WIDTH]
    turn = np.s_[::-1, ::-1] if other else np.s_[:, :]
    hypothetical, here = maps[window][turn], letters[window][turn]
    return SimpleNamespace(
        example_idx=row,
        start=start,
        end=start + WIDTH,
        is_revcomp=other,
        sequence=here,
        hypothetical_contribs=hypothetical,
        contrib_scores=here * hypothetical,
    )


def stand_in(places):
    given = {}

    def find(letters, maps, **options):
        torch.set_num_threads(torch.get_num_threads() + 1)  # as numba does
        given.update(letters=letters, maps=maps, options=options)
        seqlets = [cut(letters, maps, *place) for place in places]
        means = {
            name: np.mean([getattr(one, name) for one in seqlets], axis=0)
            for name in ("sequence", "contrib_scores", "hypothetical_contribs")
        }
        return [SimpleNamespace(seqlets=seqlets, **means)], None

    return find, given


@pytest.fixture
def found(monkeypatch):
    find, given = stand_in([(4, 3, True), (0, 5, False), (0, 30, False)])
    monkeypatch.setattr(modisco, "_tfmodisco", lambda: find)
    threads = torch.get_num_threads()
    patterns = discover_patterns(X, MAPS, window=61, seqlets=500, n_leiden_runs=3)
    assert torch.get_num_threads() == threads
    return patterns, given


def test_the_library_gets_the_middle_of_letters_and_maps(found):
    _, given = found
    assert given["letters"].shape == given["maps"].shape == (6, 61, 4)
    assert given["letters"].dtype == given["maps"].dtype == np.float32
    np.testing.assert_array_equal(given["maps"], MAPS[:, :, 20:81].transpose(1, 2))
    assert given["options"] == {
        "max_seqlets_per_metacluster": 500,
        "target_seqlet_fdr": 0.2,
        "n_leiden_runs": 3,
    }


def test_patterns_are_the_means_of_their_seqlets_in_whole_sequences(found):
    (pattern,), _ = found
    assert (pattern.motif.name, pattern.sign, pattern.motif.sites) == ("pos_0", 1, 3)
    assert [one[:4] for one in pattern.seqlets] == [(0, 25, 36, "+"), (0, 50, 61, "+"), (4, 23, 34, "-")]
    letters, maps = [], []
    for one in pattern.seqlets:
        here, values = X[one.row, :, one.start : one.end], MAPS[one.row, :, one.start : one.end]
        assert one.attribution == pytest.approx(float((here * values).sum()), abs=1e-5)
        turned = [part.flip(0, 1) if one.strand == "-" else part for part in (here, values)]
        letters.append(turned[0].T.numpy())
        maps.append(turned[1].T.numpy())
    np.testing.assert_allclose(pattern.motif.chances, np.mean(letters, axis=0), atol=1e-6)
    np.testing.assert_allclose(pattern.hypothetical, np.mean(maps, axis=0), atol=1e-6)
    np.testing.assert_allclose(pattern.contributions, np.mean(np.multiply(letters, maps), axis=0), atol=1e-6)


def test_a_pattern_is_trimmed_by_its_contributions():
    contributions = np.zeros((20, 4))
    contributions[8, 1], contributions[11, 2], contributions[14, 0] = 1, -0.5, 0.2
    pattern = modisco.Pattern(Motif("neg_0", np.full((20, 4), 0.25), 9), -1, contributions, contributions, [])
    assert pattern.trimmed().width == 12
    assert pattern.trimmed(pad=0).width == 4
    assert pattern.trimmed().sites == 9


def test_seqlets_carry_the_name_of_what_they_look_like(found):
    patterns, _ = found
    rows = seqlet_rows(patterns, ["MA0050.2 IRF1"])
    assert [(row["row"], row["strand"], row["pattern"], row["known"]) for row in rows] == [
        (0, "+", "pos_0", "MA0050.2 IRF1"),
        (0, "+", "pos_0", "MA0050.2 IRF1"),
        (4, "-", "pos_0", "MA0050.2 IRF1"),
    ]
    assert seqlet_rows(patterns)[0]["known"] == ""
    known = [Motif("MA0050.2 IRF1", np.full((9, 4), 0.25))]
    one = np.full((1, 1), 0.001)
    matches = Matches([patterns[0].motif], known, one, one, one.astype(int), one > 1)
    (row,) = pattern_rows(patterns, matches)
    assert (row["sign"], row["factor"]) == (1, "IRF1")
    assert row["attribution"] == pytest.approx(patterns[0].contributions.sum())


def test_patterns_are_written_as_modisco_lite_reads_them(found, tmp_path):
    patterns, _ = found
    write_patterns(tmp_path / "p.h5", patterns, window=61)
    with h5py.File(tmp_path / "p.h5") as file:
        group = file["pos_patterns/pattern_0"]
        np.testing.assert_array_equal(group["sequence"], patterns[0].motif.chances)
        np.testing.assert_array_equal(group["contrib_scores"], patterns[0].contributions)
        assert group["seqlets/n_seqlets"][:].tolist() == [3]
        assert group["seqlets/start"][:].tolist() == [25, 50, 23]
        assert group["seqlets/is_revcomp"][:].tolist() == [False, False, True]
        assert file.attrs["window_size"] == 61
    assert [path.name for path in tmp_path.iterdir()] == ["p.h5"]


def test_filters_are_written_in_their_order(tmp_path):
    filters = [
        FilterMotif(Motif(f"filter_{n}", RNG.dirichlet(np.ones(4), 24), 7 * n), (n, 21 - n), 0.5 * n, np.arange(9))
        for n in range(11)
    ]
    write_filters(tmp_path / "f.h5", filters)
    with h5py.File(tmp_path / "f.h5") as file:
        group = file["filter_10"]
        np.testing.assert_array_equal(group["chances"], filters[10].motif.chances)
        assert (group.attrs["sites"], group.attrs["channels"].tolist(), group.attrs["maximum"]) == (70, [10, 11], 5.0)
        assert sorted(file, key=lambda name: file[name].attrs["order"]) == [one.motif.name for one in filters]


@pytest.mark.parametrize(
    ("x", "maps", "message"),
    [
        (X, MAPS[:, :, 1:], "both have to be"),
        (X, MAPS.sum(1), "both have to be"),
        (X, MAPS * np.nan, "not all finite"),
        (X, MAPS * 0, "all zero"),
        (X[:, :, :41], MAPS[:, :, :41], "too short for seqlets of 41"),
    ],
)
def test_what_holds_no_patterns_is_refused(x, maps, message):
    with pytest.raises(InputError, match=message):
        discover_patterns(x, maps)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "modiscolite.tfmodisco", None)
    with pytest.raises(InputError, match=r"palindra\[motifs\]"):
        discover_patterns(X, MAPS)
