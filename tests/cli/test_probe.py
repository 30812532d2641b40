"""palindra probe: from tables and models to verdicts on a page, resumed with the same settings only."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from palindra.report.probe_page import Probe, render
from palindra.sequences import reverse_complement

LENGTH, MOTIF = 24, "TGACTCA"
QUICK = ("--seeds", "0-1", "--epochs", "2", "--readouts", "linear,mlp")


def models_of_probing():
    """The tiny language models of the tests of probing."""
    path = Path(__file__).parents[1] / "probing" / "conftest.py"
    spec = importlib.util.spec_from_file_location("conftest_of_probing_for_cli", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def letters(rng, planted=""):
    text = "".join(rng.choice(list("ACGT"), LENGTH))
    start = int(rng.integers(0, LENGTH - len(planted) + 1))
    return text[:start] + planted + text[start + len(planted) :]


def write(path, rows, header=("sequence", "label", "split")):
    path.write_text("\n".join("\t".join(map(str, row)) for row in (header, *rows)) + "\n")
    return path


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    """Binding either way round, binding of one strand, a table that leaks, and variants."""
    folder, rng = tmp_path_factory.mktemp("tables"), np.random.default_rng(0)
    splits = ["train"] * 30 + ["valid"] * 14 + ["test"] * 26
    both = [
        (letters(rng, [MOTIF, reverse_complement(MOTIF)][n % 4 // 2] * (n % 2)), n % 2, s) for n, s in enumerate(splits)
    ]
    write(folder / "both.tsv", both)
    one = [(letters(rng, MOTIF if n % 2 else reverse_complement(MOTIF)), n % 2, s) for n, s in enumerate(splits)]
    write(folder / "one.tsv", one)
    leaky = [*both[:-3], *((reverse_complement(both[n][0]), both[n][1], "test") for n in range(3))]
    write(folder / "leaky.tsv", leaky)
    wild = letters(rng)
    changed = [(wild, wild[:n] + "ACGT"["CGTA".index(wild[n])] + wild[n + 1 :], rng.normal()) for n in range(LENGTH)]
    write(folder / "variants.tsv", changed, ("reference", "alternate", "effect"))
    measured = [(text := letters(rng), text.count("G") + rng.normal() / 9, split) for split in splits]
    write(folder / "activity.tsv", measured)
    longer = letters(rng) + letters(rng)
    more = [(longer[:n] + a + longer[n + 1 :], n, a) for n, a in enumerate("GGAAGGAA" * 6) if a != longer[n]]
    effects = [(longer, text, float((a == "G") - (longer[n] == "G")), "AB"[n % 2]) for text, n, a in more]
    write(folder / "assay.tsv", effects, ("reference", "alternate", "effect", "element"))
    return folder


@pytest.fixture(scope="module")
def hugging_face(tmp_path_factory) -> dict[str, Path]:
    """Randomly initialised BERT, GPT and Mamba configurations, saved as their users save them."""
    pytest.importorskip("transformers")
    models = models_of_probing()
    return {name: getattr(models, f"hf_{name}").__wrapped__(tmp_path_factory) for name in ("bert", "gpt", "mamba")}


def read(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_foreign_models_are_probed_end_to_end(palindra, tables, hugging_face, tmp_path):
    words = [word for path in hugging_face.values() for word in ("--sources", f"hf:{path}")]
    tasks = ["--tasks", f"tf={tables / 'both.tsv'}", "--tasks", f"variants={tables / 'variants.tsv'}"]
    output = tmp_path / "run"
    options = ["--seeds", "0", "--readouts", "linear,cnn", "--epochs", "1", "--layers", "1", "--no-progress"]
    result = palindra("probe", "--sources", "one-hot", *words, *tasks, *options, "-o", output)
    assert result.code == 0, result.err
    rows = read(output / "results.tsv")
    for name, path in hugging_face.items():
        own = [row for row in rows if row["source"] == f"hf:{path}"]
        assert {(row["readout"], row["layer"]) for row in own} == {
            ("linear", ""), ("cnn", ""), ("linear", "1")
        }  # fmt: skip
        assert all(0 <= float(row["mean"]) <= 1 for row in own), name
        assert {row["kind"] for row in own} == {"language model"}
        assert all(row["verdict"] in ("better", "worse", "no difference shown") for row in own if not row["layer"])
    scores = {(row["source"], row["score"].split()[0]) for row in read(output / "zero_shot.tsv")}
    assert scores == {(f"hf:{path}", s) for path in hugging_face.values() for s in ("cosine", "l2", "dot", "log-ratio")}
    page = (output / "index.html").read_text()
    for heading in ("Sources and tasks", "Layer by layer", "Variant effects without training", "Published claims"):
        assert heading in page
    assert render(Probe.from_json((output / "probe.json").read_text())) == page
    assert "page        " in result.out
    assert result.err == ""


def test_controls_say_that_forcing_invariance_hurts_a_strand_specific_task(palindra, tables, tmp_path):
    words = ["--sources", "one-hot", "--sources", "kmers:3", "--tasks", f"rbp-binding={tables / 'one.tsv'}"]
    result = palindra("probe", *words, *QUICK, "--readouts", "linear", "--controls", "-o", tmp_path / "run")
    assert result.code == 0, result.err
    assert "Negative control, RBP binding (one) (strand-specific)" in result.out
    assert "forcing invariance hurts, as it must" in result.out
    assert "With shuffled training labels" in result.out
    rows = read(tmp_path / "run" / "results.tsv")
    assert {row["source"] for row in rows} >= {"nucleotides", "dinucleotides"}
    averaged = [row for row in rows if row["strands"] == "averaged" and row["source"] == "3-mers"]
    assert averaged
    assert all("depends on the strand" in row["warnings"] for row in averaged)
    assert "the label depends on the strand" in (tmp_path / "run" / "index.html").read_text()


def test_a_leak_stays_on_the_page(palindra, tables, tmp_path):
    words = ["--sources", "dinucleotides", "--tasks", f"tf={tables / 'leaky.tsv'}", "--no-progress"]
    result = palindra("probe", *words, *QUICK, "-o", tmp_path / "run")
    assert result.code == 0, result.err
    warning = "3 rows with the reverse complement in test and train"
    assert all(warning in row["warnings"] for row in read(tmp_path / "run" / "results.tsv"))
    page = (tmp_path / "run" / "index.html").read_text()
    assert warning in page
    assert "all sources on TF binding (leaky)" in page
    assert {row["score_without_leaks"] for row in read(tmp_path / "run" / "scores.tsv")} != {""}


def test_a_model_too_short_is_refused_or_tiled_and_says_so(palindra, tables, tmp_path, hugging_face):
    models = models_of_probing()
    short = models.saved(tmp_path / "short", models.tiny_bert(10, positions=24), models.character_tokenizer(ends=True))
    words = ["--sources", "one-hot", "--sources", f"hf:{short}", "--tasks", f"tf={tables / 'both.tsv'}"]
    words += ["--seeds", "0", "--readouts", "linear", "--no-progress"]
    assert palindra("probe", *words, "-o", tmp_path / "refused").code == 0
    rows = [row for row in read(tmp_path / "refused" / "results.tsv") if row["source"].startswith("hf:")]
    assert [row["mean"] for row in rows] == [""]
    assert rows[0]["verdict"] == "not tested"
    assert "failed: " in rows[0]["warnings"]
    assert "failed: " in (tmp_path / "refused" / "index.html").read_text()
    assert palindra("probe", *words, "--too-long", "tile", "-o", tmp_path / "tiled").code == 0
    rows = [row for row in read(tmp_path / "tiled" / "results.tsv") if row["source"].startswith("hf:")]
    assert float(rows[0]["mean"]) >= 0
    assert "overlapping tiles" in rows[0]["warnings"]
    others = [row for row in read(tmp_path / "tiled" / "results.tsv") if row["source"] == "one-hot"]
    assert "overlapping tiles" not in others[0]["warnings"]


def test_it_goes_on_where_it_was_with_the_same_settings_only(palindra, tables, tmp_path):
    words = ["probe", "--sources", "one-hot", "--tasks", f"tf={tables / 'both.tsv'}", *QUICK, "-o", tmp_path / "run"]
    first = palindra(*words)
    assert first.code == 0, first.err
    assert "seed 1" in first.err  # progress
    cells = tmp_path / "run" / "cells"
    written = {path: path.stat().st_mtime_ns for path in cells.iterdir()}
    lost = next(path for path in written if "mlp" in path.name and path.suffix == ".json" and "-s1-" in path.name)
    table = (tmp_path / "run" / "results.tsv").read_text()
    lost.unlink()
    again = palindra(*words)
    assert again.code == 0
    assert len(again.err.strip().splitlines()) == 1  # one cell was missing
    kept = [path for path in written if path.stem != lost.stem]
    assert all(path.stat().st_mtime_ns == written[path] for path in kept)
    fixed = ["mean", "low", "high", "verdict", "p"]
    before = list(csv.DictReader(table.splitlines(), delimiter="\t"))
    for one, two in zip(before, read(tmp_path / "run" / "results.tsv"), strict=True):
        assert [one[name] for name in fixed] == [two[name] for name in fixed]
    other = palindra(*words[:-4], "--epochs", "3", "-o", tmp_path / "run", "--seeds", "0-2")
    assert other.code == 2
    assert "a run with other settings lies here" in other.err
    assert "seeds: 0, 1 then, 0, 1, 2 now" in other.err
    assert [path for path in (tmp_path / "run").rglob("*") if "partial" in path.name] == []


def test_rows_and_fractions(palindra, tables, tmp_path):
    words = ["--sources", "dinucleotides", "--tasks", f"tf={tables / 'both.tsv'}", "--seeds", "0-1"]
    options = ["--readouts", "linear", "--rows", "20", "--fractions", "0.5", "--no-progress"]
    assert palindra("probe", *words, *options, "-o", tmp_path / "run").code == 0
    rows = read(tmp_path / "run" / "results.tsv")
    assert {row["fraction"] for row in rows} == {"0.5", "1"}
    assert {row["test_rows"] for row in rows} == {"20"}
    assert {row["verdict"] for row in rows if row["fraction"] == "0.5"} == {""}
    page = json.loads((tmp_path / "run" / "probe.json").read_text())
    assert page["fractions"][0]["lines"][0]["x"] == [10, 20]
    assert "54 of 70 rows were used" in page["facts"]["TF binding (both)"]


def test_maps_and_trained_readouts_from_command_to_page(palindra, tables, hugging_face, tmp_path):
    tasks = ["--tasks", f"rna-regression={tables / 'activity.tsv'}", "--tasks", f"variants={tables / 'assay.tsv'}"]
    words = ["--sources", "one-hot", "--sources", f"hf:{hugging_face['bert']}", *tasks]
    options = ["--readouts", "linear,cnn", "--seeds", "0-1", "--epochs", "1", "--attribution", "--maps", "3"]
    options += ["--variants-by", "variants=rna-regression"]
    command = ["probe", *words, *options, "-o", tmp_path / "run"]
    result = palindra(*command)
    assert result.code == 0, result.err
    output, bert = tmp_path / "run", f"hf:{hugging_face['bert']}"
    shown = json.loads((output / "probe.json").read_text())
    verdicts = {claim["id"]: claim for claim in shown["claims"]}
    assert "not tested" not in (verdicts[name]["verdict"] for name in ("C14a", "C14b", "C16a", "C16b"))
    assert len(verdicts["C14a"]["evidence"]) == len(verdicts["C14b"]["evidence"]) == 4  # scores that no label has seen
    trained = "trained on RNA regression (INSERT-seq) (activity), alt - ref against effect"
    scores = [row for row in read(output / "zero_shot.tsv") if row["score"].endswith(trained)]
    assert {(row["source"], row["score"].split()[0], row["seeds"]) for row in scores} == {
        (source, *what) for source in ("one-hot", bert) for what in (("CNN", "2"), ("linear", "1"))
    }
    linear = next(row for row in scores if row["source"] == "one-hot" and row["score"].startswith("linear"))
    assert float(linear["pearson"]) > 0.9
    assert linear["elements"] == "mean of 2 elements"
    by_element = read(output / "trained_variants.tsv")
    assert {(row["seed"], row["element"]) for row in by_element if row["readout"] == "cnn"} == {
        (seed, element) for seed in "01" for element in ("A", "B", "mean of 2 elements")
    }
    assert [row[0].rsplit(", ", 1)[1] for row in shown["maps"]] == ["frozen", "downstream"]
    maps = ("delta entropy", "gradient x delta entropy")
    patterns = read(output / "patterns.tsv")
    assert {(row["source"], row["map"], row["model"]) for row in patterns} == {
        ("one-hot", "one-hot", "one-hot CNN"),
        *((bert, name, model) for name in maps for model in ("one-hot CNN", "own readout")),
    }
    assert all(len(row["pattern"]) == 10 for row in patterns)
    moved = read(output / "transplants.tsv")
    assert [row["map"] for row in moved] == [*maps, "one-hot", "positions elsewhere"]
    assert [row["difference"] == "" for row in moved] == [False, False, False, True]
    page = (output / "index.html").read_text()
    for said in ("Patterns that maps find", "Top positions of maps", "patterns that maps of pretrained", trained):
        assert said in page
    assert "were read in the 24 letters around them" in page
    assert render(Probe.from_json((output / "probe.json").read_text())) == page
    kept = {
        path: path.stat().st_mtime_ns for name in ("attribution", "zero_shot") for path in (output / name).iterdir()
    }
    assert {path.suffix for path in kept} == {".json", ".safetensors"}
    tables_before = {name: (output / name).read_text() for name in ("zero_shot.tsv", "patterns.tsv", "transplants.tsv")}
    again = palindra(*command)
    assert (again.code, again.err) == (0, "")  # nothing is computed again
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert {name: (output / name).read_text() for name in tables_before} == tables_before


def test_maps_that_cannot_be_made_stay_on_the_page(palindra, tables, tmp_path, monkeypatch):
    (tmp_path / "broken_maps_of_probe.py").write_text(
        "from palindra.sequences import one_hot\n"
        "def embed(texts):\n"
        "    if len(texts) == 3:\n        raise RuntimeError('three are too many')\n"
        "    return one_hot(texts).float().mT\n"
        "embed.width = 4\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    words = ["--sources", "one-hot", "--sources", "call:broken_maps_of_probe:embed"]
    options = ["--readouts", "cnn", "--seeds", "0", "--epochs", "1", "--attribution", "--maps", "3", "--no-progress"]
    task = ["--tasks", f"tf={tables / 'both.tsv'}"]
    assert palindra("probe", *words, *task, *options, "-o", tmp_path / "run").code == 0
    rows = {row["source"]: row["warnings"] for row in read(tmp_path / "run" / "results.tsv") if row["readout"] == "cnn"}
    assert "three are too many" in rows["call:broken_maps_of_probe:embed"]
    assert "three are too many" not in rows["one-hot"]
    assert "three are too many" in (tmp_path / "run" / "index.html").read_text()
    assert [row["map"] for row in read(tmp_path / "run" / "patterns.tsv")] == ["one-hot"] * 3


def test_what_cannot_be_probed(palindra, tables, tmp_path):
    task = f"tf={tables / 'both.tsv'}"
    assay = ("--tasks", f"variants={tables / 'assay.tsv'}")
    two = [word for name in ("activity", "both") for word in ("--tasks", f"rna-regression={tables / name}.tsv")]
    for words, message in (
        (("--sources", "one-cold", "--tasks", task), "one-cold"),
        (("--sources", "hf:" + str(tmp_path / "none"), "--tasks", task), "none"),
        (("--sources", "one-hot", "--tasks", "tf"), "--tasks tf: write KIND=PATH"),
        (("--sources", "one-hot", "--tasks", f"yeast-utrs={tables}"), "Did you mean 'yeast-utr'"),
        (("--sources", "one-hot", "--tasks", f"tf={tmp_path / 'none.tsv'}"), "none.tsv"),
        (("--sources", "one-hot", "--tasks", f"variants={tables / 'variants.tsv'}"), "at least one task with labels"),
        (("--sources", "one-hot", "--tasks", task, "--readouts", "forest"), "--readouts 'forest' is not known"),
        (("--sources", "one-hot", "--tasks", task, "--strands", "one"), "--strands 'one' is not known"),
        (("--sources", "one-hot", "--tasks", task, "--fractions", "2"), "--fractions 2"),
        (("--sources", "one-hot", "--tasks", task, "--layers", "1"), "none of the sources has layers"),
        (("--sources", "one-hot", "--tasks", task, "--too-long", "cut"), "--too-long 'cut' is not known"),
        (("--sources", "one-hot", "--tasks", task, "--aligned", "x=tf"), "--aligned x=tf"),
        (("--sources", "one-hot", "--tasks", task, "--readouts", "mlp", "--attribution"), "add cnn to --readouts"),
        (("--sources", "one-hot", "--tasks", task, "--variants-by", "variants"), "write TABLE=TASK"),
        (("--sources", "one-hot", "--tasks", task, "--variants-by", "variants=tf"), "no --tasks is 'variants'"),
        (("--sources", "one-hot", "--tasks", task, *assay, "--variants-by", "variants=mpra"), "no --tasks is 'mpra'"),
        (("--sources", "one-hot", "--tasks", task, *assay, "--variants-by", "variants=tf"), "no regression"),
        (("--sources", "one-hot", *two, *assay, "--variants-by", "variants=rna-regression"), "name the path of one"),
    ):
        result = palindra("probe", *words, "-o", tmp_path / "run")
        assert result.code == 2, words
        assert message in result.err
        assert len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()
