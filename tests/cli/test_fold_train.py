"""The command ``palindra fold-train``: families held out, copies said first, a run folder that folds."""

from __future__ import annotations

import csv
import tomllib

import numpy as np
import pytest

from palindra.data.rna import read_structures

pytest.importorskip("RNA")
PARTNER = {"G": "C", "C": "G", "A": "U", "U": "A"}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Hairpins of two families with stems of 5 and 7, and one copy across families."""
    rng = np.random.default_rng(0)
    lines = ["split\tid\tfamily\tsequence\tdot_bracket"]
    for family, stem in (("short", 5), ("long", 7)):
        for number, split in enumerate(["train"] * 6 + ["valid"] * 3 + ["test"] * 3):
            left = "".join(rng.choice(list("GCAU"), stem))
            sequence = left + "GAAA" + "".join(PARTNER[letter] for letter in reversed(left))
            if (family, number) == ("long", 11):
                sequence, stem = lines[1].split("\t")[3], 5
            lines.append(f"{split}\t{family}{number}\t{family}\t{sequence}\t{'(' * stem}....{')' * stem}")
    path = tmp_path_factory.mktemp("known") / "known.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_each_family_is_held_out_and_the_run_folds(palindra, known, tmp_path):
    run = tmp_path / "run"
    result = palindra("fold-train", known, "-o", run, "--epochs", 1)
    assert result.code == 0, result.err
    said = result.out.splitlines()
    audit = next(n for n, line in enumerate(said) if line.startswith("test in train: 1 of 3 exact"))
    assert audit < next(n for n, line in enumerate(said) if "F1 " in line)  # copies are said before training
    with (run / "scores.tsv").open() as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert [(row["family"], row["molecules"]) for row in rows] == [("long", "3"), ("short", "3")]
    described = tomllib.loads((run / "weights.toml").read_text())
    assert described["settings"]["training"]["families"] == ["long", "short"]
    assert described["settings"]["training"]["longest"] == 18
    folded = palindra("fold", run, known, "--split", "test", "-o", tmp_path / "out", "--no-progress")
    assert folded.code == 0, folded.err
    assert "long and short were in training" in folded.out
    assert len(read_structures(tmp_path / "out" / "structures.dbn")) == 6
    assert not list(tmp_path.glob("**/*.partial"))


def test_one_family_held_out_is_never_trained_on(palindra, known, tmp_path):
    words = ["fold-train", known, "-o", tmp_path / "run", "--epochs", 1, "--held-out", "long", "--remove-copies"]
    result = palindra(*words)
    assert result.code == 0, result.err
    assert "without copies: " in result.out
    training = tomllib.loads((tmp_path / "run" / "weights.toml").read_text())["settings"]["training"]
    assert training["families"] == ["short"]
    assert training["longest"] == 14
    again = palindra(*words)
    assert again.code == 2
    assert "exists already" in again.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--held-out", "tRNA"], "no structure is of family 'tRNA'; the families are long, short"),
        (["--energies", "turner"], "--energies 'turner' is not known"),
    ],
)
def test_options_that_cannot_be_used(palindra, known, tmp_path, options, said):
    result = palindra("fold-train", known, "-o", tmp_path / "run", *options)
    assert result.code == 2
    assert said in result.err
    assert list(tmp_path.iterdir()) == []


def test_one_family_alone_cannot_be_held_out(palindra, tmp_path):
    path = tmp_path / "one.tsv"
    path.write_text("id\tfamily\tsequence\tdot_bracket\na\tx\tGGGAAACCC\t(((...)))\n")
    result = palindra("fold-train", path, "-o", tmp_path / "run")
    assert result.code == 2
    assert "two or more are needed; there are x" in result.err
