"""``palindra explain`` with workers: the same maps, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.cli.explain import sharing
from palindra.cli.explain.methods import METHODS
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.subject import open_subject
from palindra.engine import make_engine
from palindra.errors import InputError
from palindra.interpretation.attribution import attribute
from palindra.sequences import one_hot

FIELDS = ("one_hot", "values", "hypothetical", "positions", "outputs")


@pytest.fixture
def codes() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 5, (70, 30)).astype(np.uint8)  # more than are read at a time, and N


@pytest.mark.parametrize("method", ["deeplift", "smoothgrad", "input-x-gradient"])
@pytest.mark.parametrize("both", [False, True])
def test_blocks_have_the_maps_of_the_whole(trained, codes, tmp_path: Path, monkeypatch, method: str, both: bool):
    run = trained("binary", "none")
    settings = Settings(method=method, both_strands=both, seed=3)
    subject = open_subject(run, name=None, contribution="total", both_strands=both)
    whole = subject.maps(one_hot(codes).float(), METHODS[method].make(3))
    found = sharing.maps(subject, codes, settings, make_engine(), tmp_path / "units", say=lambda _: None)
    for name in FIELDS:
        assert torch.equal(getattr(found, name), getattr(whole, name)), name
    assert (found.delta is None) is (whole.delta is None)
    monkeypatch.setattr(sharing, "attribute", None)  # what is done is not done again
    again = sharing.maps(subject, codes, settings, make_engine(), tmp_path / "units", say=lambda _: None)
    assert torch.equal(again.values, whole.values)


def test_rows_are_explained_by_their_number(trained, codes):
    subject = open_subject(trained("binary", "none"), name=None, contribution="total", both_strands=False)
    x, method = one_hot(codes[:6]).float(), METHODS["deeplift"].make(0)
    whole = attribute(subject.network, x, method=method, output=subject.output)
    for first, close in ((4, True), (0, False)):
        part = attribute(subject.network, x[4:], method=method, output=subject.output, first_row=first)
        assert torch.allclose(part.values, whole.values[4:], atol=1e-6) is close


def test_a_run_that_was_changed_is_refused(trained, codes, tmp_path: Path, monkeypatch):
    subject = open_subject(trained("binary", "none"), name=None, contribution="total", both_strands=False)
    hashes = iter(("of the run", "of another one"))
    monkeypatch.setattr(sharing, "hash_file", lambda path: next(hashes))
    with pytest.raises(InputError, match="is not the run that the command began with"):
        sharing.maps(subject, codes[:3], Settings(), make_engine(), tmp_path / "units", say=lambda _: None)


def test_the_command_writes_the_same_folder(palindra, trained, files, tmp_path: Path):
    torch.set_num_threads(1)
    given = ["explain", trained("binary", "regular"), "--input", files / "binary.tsv", "--all", "--no-motifs"]
    given += ["--max-sequences", 8, "--compare-methods", "corrected-gradient", "--method", "input-x-gradient"]
    for name, more in (("one", []), ("two", ["--workers", 2])):
        result = palindra(*given, "-o", tmp_path / name, *more)
        assert result.code == 0, result.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    for path in sorted((tmp_path / "one").glob("*.tsv")):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    result = palindra(*given, "-o", tmp_path / "three", "--address", "auto")
    assert result.code == 2
    assert "the local engine has no address" in result.err
