"""``palindra mutagenesis``: a region and sequences, the table, HDF5 and the page."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from palindra.cli.main import app
from palindra.sequences import one_hot

MODEL = """
import torch

torch.manual_seed(0)


def load():
    return torch.nn.Sequential(
        torch.nn.Conv1d(4, 4, 5, padding=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool1d(1), torch.nn.Flatten(),
        torch.nn.Linear(4, 2),
    )
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    letters = np.array(list("ACGT"))[np.random.default_rng(0).integers(0, 4, 300)]
    (tmp_path / "genome.fa").write_text(">one\n" + "".join(letters) + "\n")
    (tmp_path / "mutated_model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> str:
    found = CliRunner().invoke(app, ["mutagenesis", "mutated_model:load", *words], catch_exceptions=True)
    return found.output if found.exit_code == 0 else str(found.exception)


def table(folder: Path) -> list[dict[str, str]]:
    head, *lines = (folder / "scores.tsv").read_text().splitlines()
    return [dict(zip(head.split("\t"), line.split("\t"), strict=True)) for line in lines]


def load() -> nn.Module:
    import importlib.util

    spec = importlib.util.spec_from_file_location("mutated_model", "mutated_model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()  # type: ignore[no-any-return]


def test_a_region_has_the_differences_of_full_passes(place: Path):
    said = run("genome.fa", "one:100-130", "--window", "80", "--given-strand", "-o", "out")
    assert "30 positions" in said
    rows = table(place / "out")
    assert len(rows) == 3 * 30
    assert (rows[0]["name"], rows[0]["position"]) == ("one", "101")
    sequence = (place / "genome.fa").read_text().split("\n")[1]
    window = sequence[115 - 40 : 115 + 40]
    model = load()
    row = rows[7]
    at = int(row["position"]) - 1 - 75
    assert window[at] == row["ref"]
    with torch.no_grad():
        ref, alt = (model(one_hot([text]).float()) for text in (window, window[:at] + row["alt"] + window[at + 1 :]))
    found: Tensor = alt - ref
    assert [float(row["difference_output1"]), float(row["difference_output2"])] == pytest.approx(
        found[0].tolist(), abs=1e-6
    )
    with h5py.File(place / "out" / "scores.h5") as file:
        assert file["00000/difference"].shape == (4, 30, 2)
        assert file["00000"].attrs["start"] == 100
    page = (place / "out" / "page.html").read_text()
    assert "<svg" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_a_long_region_is_read_in_pieces_and_edges_hold_n(place: Path):
    run("genome.fa", "one:0-200", "--window", "80", "-o", "out")
    assert {int(row["position"]) for row in table(place / "out")} == set(range(1, 201))


def test_sequences_of_a_file(place: Path):
    (place / "some.fa").write_text(">a\n" + "ACGTN" * 16 + "\n>b\n" + "GGATC" * 16 + "\n")
    run("some.fa", "--window", "80", "-o", "out")
    rows = table(place / "out")
    assert len(rows) == 80 * 3 + 16 + 80 * 3  # every N has four mutants
    assert {row["name"] for row in rows} == {"a", "b"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["genome.fa", "two:1-5", "--window", "80"], "its chromosomes are one"),
        (["genome.fa", "one:290-301", "--window", "80"], "has 300 letters"),
        (["genome.fa", "--window", "80"], "cut the sequences"),
        (["genome.fa", "one:1-5"], "--window"),
        (["genome.fa", "one:1-5", "--window", "80", "-o", "genome.fa"], "exists already"),
    ],
)
def test_bad_input_is_said_in_one_line(place: Path, words: list[str], said: str):
    assert said in run(*words)
    assert not (place / "mutagenesis").exists()
