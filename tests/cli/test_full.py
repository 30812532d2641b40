"""A full evaluation: everything on its page is measured, on rows that the model was not trained on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from palindra.cli.labelled.full_measuring import measure_all, read_effects
from palindra.data import read_labelled
from palindra.errors import InputError
from palindra.models.saving import load_run
from palindra.report.full_page import FullEvaluation
from palindra.sequences import reverse_complement

QUICK = ["--epochs", 1, "--width", 4, "--batch-size", 32, "--precision", "float32", "--no-progress"]
QUICK += ["--set", "model.dilations=[1]", "--set", "model.stem_size=5", "--set", "model.block_size=3"]
LENGTH, ROWS = 30, 1000


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sequences whose label is their GC content, written on either strand at random."""
    rng = np.random.default_rng(0)
    lines = ["sequence\tlabel\tsplit"]
    for row in range(ROWS):
        text = "".join(rng.choice(list("ACGT"), LENGTH))
        rich = sum(letter in "GC" for letter in text) > LENGTH / 2
        split = ("train", "train", "valid", "test")[row % 4]
        lines.append(f"{text}\t{int(rich)}\t{split}")
    path = tmp_path_factory.mktemp("full") / "gc.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import sys

    from palindra.cli.main import main

    folder = tmp_path_factory.mktemp("full-run") / "run"
    before, sys.argv = sys.argv, ["palindra", "train", str(table), "-o", str(folder), *map(str, QUICK)]
    try:
        with pytest.raises(SystemExit) as end:
            main()
    finally:
        sys.argv = before
    assert not end.value.code
    return folder


def test_the_page_and_its_numbers_hold_every_question(run: Path, table: Path, tmp_path: Path, palindra: Callable):
    page = tmp_path / "full.html"
    found = palindra("evaluate", run, table, "--full", "--level", "population", "-o", page)
    assert found.code == 0
    full = FullEvaluation.from_json(page.with_suffix(".json").read_text())
    assert len(full.findings) == 9
    text = page.read_text()
    for question, verdict, sentence in full.findings:
        assert question in text
        assert f"{verdict:12s} {question} {sentence}" in found.out
    assert "declared as population" in found.out
    assert {part.kind for part in full.parts} == {"GC content", "strangeness"}
    assert len(full.strangeness) == ROWS // 4
    verdicts = {question: verdict for question, verdict, _ in full.findings}
    assert verdicts["Does it give one answer for both strands?"] == "yes"
    assert verdicts["Can its effects of variants be believed?"] == "unknown"


def test_both_strands_of_the_rows_measure_the_same(run: Path, table: Path, tmp_path: Path):
    head, *lines = table.read_text().splitlines()
    turned = [line.split("\t") for line in lines]
    other = tmp_path / "other.tsv"
    rows = "\n".join("\t".join([reverse_complement(text), *rest]) for text, *rest in turned)
    other.write_text(head + "\n" + rows + "\n")
    loaded = load_run(run)
    found = []
    for path in (table, other):
        data = read_labelled(path)
        found.append(measure_all(loaded, run, data.rows("test"), read_labelled(table)))
    one, two = found
    np.testing.assert_allclose(one.errors, two.errors, atol=1e-6)
    np.testing.assert_allclose(one.strangeness, two.strangeness, atol=1e-9)
    assert one.measured.coverage == two.measured.coverage
    assert one.measured.trivial == pytest.approx(two.measured.trivial)
    assert [part.rows for part in one.measured.parts] == [part.rows for part in two.measured.parts]


def test_coverage_is_counted_from_validation_rows_alone(run: Path, table: Path):
    data, loaded = read_labelled(table), load_run(run)
    measured = measure_all(loaded, run, data.rows("test"), data, coverage=0.8).measured
    assert measured.coverage is not None
    assert measured.coverage.rows == ROWS // 4
    assert 0.65 < measured.coverage.rate < 0.95
    parts = [part for part in measured.parts if part.kind == "GC content"]
    assert sum(part.rows for part in parts) == ROWS // 4
    assert sum(part.coverage.rate * part.rows for part in parts if part.coverage) == pytest.approx(
        measured.coverage.rate * measured.coverage.rows
    )


def test_without_training_rows_what_needs_them_is_unknown_and_a_reference_makes_up_for_it(
    run: Path, table: Path, tmp_path: Path, palindra: Callable
):
    rows = [line.split("\t")[:2] for line in table.read_text().splitlines()[1:] if line.endswith("test")]
    alone = tmp_path / "alone.tsv"
    alone.write_text("sequence\tlabel\n" + "\n".join("\t".join(row) for row in rows) + "\n")
    found = palindra("evaluate", run, alone, "--full", "-o", tmp_path / "a.html")
    assert found.code == 0
    assert "unknown      Were these sequences like its training data?" in found.out
    assert "unknown      Has it learned more than composition?" in found.out
    found = palindra("evaluate", run, alone, "--full", "--reference", table, "-o", tmp_path / "b.html")
    assert found.code == 0
    assert "unknown      Were these sequences" not in found.out


def test_effects_of_variants_are_compared_with_measured_ones(run: Path, table: Path, tmp_path: Path):
    data, loaded = read_labelled(table), load_run(run)
    texts = data.rows("test").sequences[:60]
    path = tmp_path / "effects.tsv"
    rows = [f"{text}\t{'G' if n % 2 else 'A'}{text[1:]}" for n, text in enumerate(texts)]
    gained = [(a.split("\t")[1][0] in "GC") - float(a[0] in "GC") for a in rows]
    path.write_text("sequence\talternate\teffect\n" + "\n".join(f"{a}\t{g}" for a, g in zip(rows, gained, strict=True)))
    effects = measure_all(loaded, run, data.rows("test"), data, effects=path).measured.effects
    assert effects is not None
    assert effects.pairs == 60
    assert effects.low <= effects.pearson <= effects.high


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sequence\talt\teffect\n", "column 'alternate' is missing"),
        ("sequence\talternate\teffect\nACG\tACT\t1\n", "line 2: sequence has 3 letters, the model reads 30"),
        (f"sequence\talternate\teffect\n{'A' * 30}\t{'C' * 30}\tlarge\n", "line 2: effect 'large' is not a number"),
        (f"sequence\talternate\teffect\n{'A' * 30}\t{'C' * 30}\t1\n", "1 effects; at least 10"),
    ],
)
def test_effects_that_cannot_be_used_are_named_by_line(table: Path, tmp_path: Path, text: str, said: str):
    path = tmp_path / "effects.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_effects(path, read_labelled(table))


def test_options_of_a_full_evaluation_need_it(run: Path, table: Path, tmp_path: Path, palindra: Callable):
    found = palindra("evaluate", run, table, "--level", "population", "-o", tmp_path / "a.html")
    assert (found.code, "--level needs --full" in found.err) == (2, True)
    found = palindra("evaluate", run, table, "--full", "--level", "populaton", "-o", tmp_path / "a.html")
    assert (found.code, "Did you mean 'population'" in found.err) == (2, True)
    found = palindra("evaluate", run, table, "--full", "--coverage", 1.5, "-o", tmp_path / "a.html")
    assert (found.code, "--coverage 1.5" in found.err) == (2, True)
    assert not (tmp_path / "a.html").exists()


def test_rows_that_the_model_has_seen_are_refused(run: Path, table: Path, tmp_path: Path, palindra: Callable):
    found = palindra("evaluate", run, table, "--full", "--rows", "train", "-o", tmp_path / "a.html")
    assert (found.code, "the model has seen them" in found.err) == (2, True)


def test_the_json_is_strict(run: Path, table: Path, tmp_path: Path, palindra: Callable):
    assert palindra("evaluate", run, table, "--full", "-o", tmp_path / "a.html").code == 0
    assert json.loads((tmp_path / "a.json").read_text())["metric"] == "AUROC"
