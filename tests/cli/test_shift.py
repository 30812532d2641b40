"""The command ``palindra shift``: table, summary, page and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from palindra.report.shift_page import Shift, render
from palindra.sequences import reverse_complement


def columns(path: Path) -> dict[str, list[str]]:
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Repeats and their reverse complements."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("ACGT"), 3)) * 10 for _ in range(12)]
    path = tmp_path_factory.mktemp("new") / "repeats.fa"
    path.write_text("".join(f">r{i}\n{w}\n>t{i}\n{reverse_complement(w)}\n" for i, w in enumerate(words)))
    return path


@pytest.mark.parametrize("strategy", ["regular", "none"])
def test_table_summary_and_page(palindra, trained, files, new, tmp_path, strategy):
    run, output = trained("binary", strategy), tmp_path / "deep" / "shift.tsv"
    result = palindra(
        "shift", run, new, "--reference", files / "binary.tsv", "--level", "synthetic", "-o", output, "--ruggedness", 3
    )
    assert result.code == 0, result.err
    assert "declared as synthetic" in result.out
    found = columns(output)
    assert found["name"][:2] == ["r0", "t0"]
    assert len(found["name"]) == 24
    for name, values in found.items():
        if name.startswith("ood_"):  # both strands of a sequence
            given, turned = np.array(values[::2], dtype=float), np.array(values[1::2], dtype=float)
            assert np.allclose(given, turned, rtol=1e-5), name
    assert np.mean(np.array(found["ood_percentile"], dtype=float)) > 80
    assert found["ruggedness_slope"][2] != ""
    assert found["ruggedness_slope"][3] == ""
    summary = json.loads(output.with_suffix(".json").read_text())
    assert summary["level"] == "synthetic"
    assert summary["reference"]["held_out"] == 19
    assert [row["k"] for row in summary["sets"]] == list(range(1, 9))
    assert summary["sets"][3]["js_new"] > summary["sets"][3]["js_held_out"]
    page = output.with_suffix(".html").read_text()
    assert "Declared level of shift" in page
    assert "designed sequences" in page
    assert "<script" not in page
    assert "http" not in page.split("Content-Security")[1].split(">", 1)[1].split("<pre>")[0]
    assert not list(tmp_path.glob("**/*.partial"))


def test_a_reference_without_splits_holds_families_out(palindra, trained, files, new, tmp_path):
    rows = [line.split("\t") for line in (files / "binary.tsv").read_text().splitlines()[1:]]
    table = tmp_path / "loci.tsv"
    table.write_text("sequence\tlocus\n" + "".join(f"{row[0]}\tl{n // 4}\n" for n, row in enumerate(rows)))
    words = ["shift", trained("binary", "regular"), new, "--reference", table, "--level", "individual"]
    assert palindra(*words, "--group-column", "locus", "-o", tmp_path / "a.tsv").code == 0
    held = json.loads((tmp_path / "a.json").read_text())["reference"]["held_out"]
    assert held % 4 == 0
    assert held > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--level", "sinthetic"], "Did you mean 'synthetic'"),
        (["--level", "synthetic", "--label", "other", "--ruggedness", 2], "--label 'other'"),
        (["--level", "synthetic", "--group-column", "label"], "leave out --group-column"),
        (["--level", "synthetic", "--sequence-column", "nothing"], "nothing"),
    ],
)
def test_bad_options_are_named(palindra, trained, files, new, tmp_path, words, message):
    reference = ["--reference", files / "binary.tsv", "-o", tmp_path / "x.tsv"]
    result = palindra("shift", trained("binary", "regular"), new, *reference, *words)
    assert result.code == 2
    assert message in result.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">a\nACGT\n", "line 1: 4 letters, but .* reads 30: extend"),
        (">a\n" + "ACGTZ" * 6 + "\n", "letter 'Z' at position 5"),
        ("", "empty|no FASTA"),
    ],
)
def test_sequences_that_do_not_fit_are_named(palindra, trained, files, tmp_path, text, message):
    import re

    (tmp_path / "bad.fa").write_text(text)
    reference = ["--reference", files / "binary.tsv", "--level", "disease", "-o", tmp_path / "x.tsv"]
    result = palindra("shift", trained("binary", "regular"), tmp_path / "bad.fa", *reference)
    assert result.code == 2
    assert re.search(message, result.err), result.err


def test_a_fasta_reference_has_no_columns(palindra, trained, files, new, tmp_path):
    words = ["shift", trained("binary", "regular"), new, "--reference", files / "positives.fa", "--level", "population"]
    result = palindra(*words, "--group-column", "locus", "-o", tmp_path / "x.tsv")
    assert result.code == 2
    assert "no column 'locus'" in result.err
    assert palindra(*words, "-o", tmp_path / "x.tsv").code == 0


def test_names_of_users_are_escaped():
    page = render(Shift("<script>", "synthetic", ["a & b"], [], [50.0, float("nan")], [], {"command": "<x>"}))
    assert "<script>" not in page
    assert "a &amp; b" in page
