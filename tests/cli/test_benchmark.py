"""The command ``palindra benchmark``: what is there is run, published figures stand beside, nothing is hidden."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from palindra.report.benchmark_page import Benchmark

QUICK = ("--readouts", "linear", "--seeds", "0", "--no-progress")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def gue(tmp_path_factory) -> Path:
    """Two tasks that counts of letters solve: sequences rich in C and G are bound."""
    folder = tmp_path_factory.mktemp("suites") / "GUE"
    rng = np.random.default_rng(0)
    leaked = "".join(rng.choice(list("ACGT"), 20, p=[0.1, 0.4, 0.4, 0.1]))
    for place in ("tf/0", "prom/prom_core_tata"):
        for split, count in (("train", 60), ("dev", 20), ("test", 30)):
            lines = ["sequence,label"]
            for row in range(count):
                label = row % 2
                chances = [0.1, 0.4, 0.4, 0.1] if label else [0.4, 0.1, 0.1, 0.4]
                lines.append(f"{''.join(rng.choice(list('ACGT'), 20, p=chances))},{label}")
            if split != "dev":
                lines[2] = f"{leaked},1"
            write(folder / place / f"{split}.csv", "\n".join(lines) + "\n")
    return folder.parent


def table(path: Path) -> list[dict[str, str]]:
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_ours_stand_beside_the_published_figures(palindra, gue, tmp_path):
    output = tmp_path / "run"
    command = ("benchmark", "gue", "--data", gue, "--sources", "one-hot", "--sources", "dinucleotides", "-o", output)
    result = palindra(*command, *QUICK)
    assert result.code == 0, result.err
    assert "2 of 28 tasks of GUE were there and were run; 26 are missing (emp_H3, " in result.out
    assert "DNABERT-2 71.99 %" in result.out
    assert "! human_tf_0: train has 60 rows, 32,378 are published" in result.out
    assert "test and train share sequences: 1 rows of test occur in train" in result.out
    assert "Published models were fine-tuned whole" in result.out
    rows = table(output / "results.tsv")
    assert {row["task"] for row in rows} == {"human_tf_0", "prom_core_tata"}
    ours = [row for row in rows if row["by"] == "ours" and row["metric"] == "MCC"]
    assert {row["model"] for row in ours} == {"one-hot", "dinucleotides", "6-mers of both strands"}
    assert all(float(row["value"]) > 0.5 for row in ours if row["model"] == "one-hot")
    assert all(row["without_leaks"] for row in ours)
    published = [row for row in rows if row["by"] == "published" and row["task"] == "human_tf_0"]
    assert len(published) == 4 + 4 + 5
    assert all(row["source"] and row["warning"] and row["as_printed"] for row in published)
    page = (output / "index.html").read_text()
    for text in ("whole models fine-tuned", "71.99 %", "without leaked rows", "What was not there", "emp_H4ac"):
        assert text in page
    assert "<script" not in page
    stored = Benchmark.from_json((output / "results.json").read_text())
    assert [len(table.rows) for table in stored.tables] == [2, 2, 2, 1]
    assert not list(output.rglob("*.partial"))

    before = (output / "results.tsv").read_bytes()
    cells = {path: path.stat().st_mtime_ns for path in (output / "cells").glob("*.json")}
    again = palindra(*command, *QUICK)  # everything is there already
    assert again.code == 0
    assert (output / "results.tsv").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in (output / "cells").glob("*.json")} == cells

    other = palindra(*command, *QUICK, "--rows", 20)
    assert other.code == 2
    assert "a run with other settings lies here (rows: None then, 20 now)" in other.err


def test_some_tasks_and_rows(palindra, gue, tmp_path):
    result = palindra(
        "benchmark", "GUE", "--data", gue, "--tasks", "prom_*", "--rows", 20, "-o", tmp_path / "r", *QUICK
    )
    assert result.code == 0, result.err
    assert "1 of 6 tasks of GUE were there" in result.out
    assert "only 20 rows of each split are used" in result.out
    assert "these numbers are a trial" in result.out
    settings = json.loads((tmp_path / "r" / "settings.json").read_text())
    assert settings["rows"] == "20"


def test_variants_are_scored_without_training(palindra, tmp_path):
    rng = np.random.default_rng(0)
    first, last = 138612622, 138612924
    letters = "".join(rng.choice(list("ACGT"), last - first + 1))
    write(tmp_path / "data" / "elements.fa", f">F9 chrX:{first}-{last}\n{letters}\n")
    lines = ["#Chrom\tPos\tRef\tAlt\tValue\tConfidence"]
    for place in range(0, 300, 10):
        other = "CGTA"["ACGT".index(letters[place])]
        lines.append(f"X\t{first + place}\t{letters[place]}\t{other}\t{rng.normal():.3f}\t0.3")
    write(tmp_path / "data" / "challenge_F9.tsv", "\n".join(lines) + "\n")
    output = tmp_path / "run"
    command = ("benchmark", "cagi5", "--data", tmp_path / "data", "--sources", "dinucleotides", "--no-progress")
    result = palindra(*command, "-o", output)
    assert result.code == 0, result.err
    rows = table(output / "results.tsv")
    assert {row["task"] for row in rows} == {"F9"}  # the mean of HepG2 needs LDLR and SORT1 as well
    ours = {row["reading"]: float(row["value"]) for row in rows if row["by"] == "ours"}
    assert {"cosine against effect", "cosine against |effect|", "l2 against effect"} <= set(ours)
    assert all(-1 <= value <= 1 for value in ours.values())
    assert any(value < 0 for value in ours.values())  # signs are kept
    assert "replicate correlation 0.61" in result.out
    assert "test has 30 rows, 897 are published" in result.out


@pytest.mark.parametrize("name", ["GUE", "Genomic Benchmarks", "nucleotide-transformer", "teb", "cagi5"])
def test_listing_needs_no_data(palindra, name):
    result = palindra("benchmark", name, "--list")
    assert result.code == 0, result.err
    assert "Before comparing:" in result.out
    assert "warning" in result.out


def test_listing_of_one_task(palindra):
    result = palindra("benchmark", "GUE", "--list", "--tasks", "human_tf_0")
    assert (
        "human_tf_0: human transcription factor 0 (32,378 train, 1,000 valid, 1,000 test, 101 letters, MCC)"
        in result.out
    )
    assert "MCC: DNABERT 3-mer 67.95 %, NT-2500M multi 66.64 %, DNABERT-2 71.99 %" in result.out
    assert "mouse" not in result.out.split("\n\n")[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("glue", "--list"), "there is no suite 'glue'"),
        (("GUE",), "--data: give the folder with the files of GUE"),
        (("GUE", "--data", "nowhere"), "--data nowhere: there is no such folder"),
        (("GUE", "--data", "."), "no task of GUE lies there"),
        (("GUE", "--data", ".", "--tasks", "tf"), "GUE has no task 'tf'"),
        (("GUE", "--data", ".", "--readouts", "ridge"), "--readouts 'ridge' is not known"),
        (("TEB", "--data", ".", "--download"), "TEB is not on the hub: fetch it from its authors"),
        (("CAGI5", "--data", ".", "--centre", "variant"), "say how many letters are read"),
        (("GUE", "--data", ".", "--genome", "x.fa"), "--genome x.fa: say which assembly it is"),
    ],
)
def test_bad_input_in_one_line(palindra, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    result = palindra("benchmark", *words)
    assert result.code == 2
    assert says in result.err
    assert result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
