"""A probing shared among workers: the same cells and verdicts, whatever breaks on the way."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from palindra.cli.probing import sharing
from palindra.cli.probing.plan import Plan, make_plan
from palindra.cli.probing.running import run
from palindra.engine import make_engine
from palindra.errors import InputError
from palindra.probing.cells import CellStore

LENGTH, MOTIF = 24, "TGACTCA"
TIMED = ("seconds_per_1000",)


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """Sequences of which every second one holds a word."""
    folder, rng = tmp_path_factory.mktemp("tables"), np.random.default_rng(0)
    lines = ["sequence\tlabel\tsplit"]
    for row, split in enumerate(["train"] * 30 + ["valid"] * 14 + ["test"] * 26):
        text = "".join(rng.choice(list("ACGT"), LENGTH))
        if row % 2:
            start = int(rng.integers(0, LENGTH - len(MOTIF) + 1))
            text = text[:start] + MOTIF + text[start + len(MOTIF) :]
        lines.append(f"{text}\t{row % 2}\t{split}")
    (folder / "bound.tsv").write_text("\n".join(lines) + "\n")
    return folder / "bound.tsv"


def plan_of(table: Path, *sources: str, readouts: str = "linear,mlp,cnn") -> Plan:
    return make_plan(
        sources=sources or ("one-hot", "kmers:3"),
        tasks=[f"tf={table}"],
        readouts=readouts,
        summaries="mean",
        strands="as is,averaged",
        layers=None,
        seeds="0",
        fractions="0.5,1",
        controls=False,
        attribution=False,
        aligned=(),
        rows=None,
        too_long="refuse",
        trust_remote_code=False,
        epochs=1,
        batch_size=64,
    )


@pytest.fixture
def plan(table) -> Plan:
    return plan_of(table)


@pytest.fixture(scope="module")
def alone(table, tmp_path_factory) -> Path:
    """The probing of one process without an engine; not to be changed."""
    folder = tmp_path_factory.mktemp("alone") / "p"
    run(plan_of(table), folder, progress=False)
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.tsv").open() as file:
        return [{k: v for k, v in row.items() if k not in TIMED} for row in csv.DictReader(file, delimiter="\t")]


def assert_same(one: Path, other: Path) -> None:
    """The same cells with the same predictions and scores; times differ."""
    names = [
        sorted(
            p.relative_to(f).as_posix() for p in f.rglob("*") if p.is_file() and p.parent.parent.name != "embeddings"
        )
        for f in (one, other)
    ]
    assert [n for n in names[0] if "embeddings" not in n] == [n for n in names[1] if "embeddings" not in n]
    assert rows(one) == rows(other)
    stores = CellStore(one), CellStore(other)
    cells = [store.all() for store in stores]
    assert [c.name for c in cells[0]] == [c.name for c in cells[1]]
    for first, second in zip(*cells, strict=True):
        assert first.metrics == second.metrics
        assert first.settings == second.settings
        a, b = (store.predictions(cell) for store, cell in zip(stores, (first, second), strict=True))
        assert all(np.array_equal(a[key], b[key]) for key in a)


def test_two_workers_give_what_one_process_gives(palindra, table, alone, tmp_path):
    words = ["probe", "--sources", "one-hot", "--sources", "kmers:3", "--tasks", f"tf={table}", "--seeds", "0"]
    words += ["--fractions", "0.5,1", "--strands", "as is,averaged", "--epochs", "1", "--no-progress"]
    result = palindra(*words, "-o", tmp_path / "p", "--workers", "2")
    assert (result.code, result.err) == (0, "")
    assert_same(alone, tmp_path / "p")
    cells = {path: path.stat().st_mtime_ns for path in (tmp_path / "p" / "cells").iterdir()}
    lost = next(path for path in cells if path.suffix == ".json" and "mlp" in path.name and "-f1-" in path.name)
    lost.unlink()
    assert palindra(*words, "-o", tmp_path / "p", "--engine", "local").code == 0
    assert_same(alone, tmp_path / "p")
    assert all(path.stat().st_mtime_ns == cells[path] for path in cells if path.stem != lost.stem)


@pytest.fixture(scope="module")
def with_maps(table, tmp_path_factory) -> Plan:
    """A plan with every kind of work: cells, scores of variants with and without training, and maps."""
    folder, rng = tmp_path_factory.mktemp("variants"), np.random.default_rng(1)
    texts = ["".join(rng.choice(list("ACGT"), LENGTH)) for _ in range(46)]
    splits = ["train"] * 20 + ["valid"] * 12 + ["test"] * 14
    lines = [f"{text}\t{text.count('G')}\t{split}" for text, split in zip(texts, splits, strict=True)]
    (folder / "activity.tsv").write_text("\n".join(["sequence\tlabel\tsplit", *lines]) + "\n")
    changed = [texts[0][:n] + "ACGT"["CGTA".index(texts[0][n])] + texts[0][n + 1 :] for n in range(8)]
    lines = [f"{texts[0]}\t{text}\t{rng.normal()}" for text in changed]
    (folder / "variants.tsv").write_text("\n".join(["reference\talternate\teffect", *lines]) + "\n")
    plan = plan_of(table, "one-hot", "palindra:default", readouts="linear,cnn")
    tasks = (("rna-regression", str(folder / "activity.tsv")), ("variants", str(folder / "variants.tsv")))
    few = {"seeds": (0,), "fractions": (1.0,), "strands": ("as is",)}
    return replace(plan, tasks=tasks, variants_by=(tasks[::-1],), attribution=True, maps=2, **few)


def test_maps_and_scores_of_variants_are_the_same_by_workers(with_maps, tmp_path):
    """One unit for each source and task, or table of variants, opening again what it needs."""
    alone = tmp_path / "alone"
    run(with_maps, alone, progress=False)
    run(with_maps, tmp_path / "p", engine=make_engine(), progress=False)
    assert_same(alone, tmp_path / "p")
    for name in ("zero_shot.tsv", "trained_variants.tsv", "patterns.tsv", "transplants.tsv"):
        assert (alone / name).read_text() == (tmp_path / "p" / name).read_text()
        assert len((alone / name).read_text().splitlines()) > 1
    pieces = sorted(p.relative_to(alone) for name in ("attribution", "zero_shot") for p in (alone / name).iterdir())
    assert len(pieces) == 2 * 2 + 1  # maps of two models with their numbers, scores of one table
    for path in pieces:
        assert (alone / path).read_bytes() == (tmp_path / "p" / path).read_bytes()
    assert not (tmp_path / "p" / ".units").exists()


def test_a_killed_command_goes_on(table, plan, alone, tmp_path):
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from engine_probe_of_cli import plan_of\n"
        "from palindra.cli.probing import sharing\n"
        "from palindra.cli.probing.running import run\n"
        "from palindra.engine import make_engine\n"
        "original, done = sharing.probe, []\n"
        "def probe(*given, **options):\n"
        "    if len(done) == 4:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    done.append(0)\n    return original(*given, **options)\n"
        "sharing.probe = probe\n"
        "run(plan_of(Path(sys.argv[2])), Path(sys.argv[3]), engine=make_engine(), progress=False)\n"
    )
    (tmp_path / "engine_probe_of_cli.py").write_text(Path(__file__).read_text())
    words = [sys.executable, "-c", script, str(tmp_path), str(table), str(tmp_path / "p")]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "p" / "cells").iterdir()}
    assert before
    run(plan, tmp_path / "p", engine=make_engine(), progress=False)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    assert_same(alone, tmp_path / "p")


def test_a_source_that_fails_says_so_in_its_rows_and_is_tried_once(table, tmp_path, monkeypatch):
    """As without an engine: the others go on, the reason stands in the table, the next call tries again."""
    module = tmp_path / "failing_sources_of_probe.py"
    module.write_text("def broken(x):\n    raise RuntimeError('no such layer')\nbroken.width = 4\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plan = plan_of(table, "one-hot", "call:failing_sources_of_probe:broken", readouts="linear")
    run(plan, tmp_path / "alone", progress=False)
    run(plan, tmp_path / "p", engine=make_engine(), progress=False)
    assert rows(tmp_path / "alone") == rows(tmp_path / "p")
    failed = [row for row in rows(tmp_path / "p") if "no such layer" in row["warnings"]]
    assert failed
    assert {row["verdict"] for row in failed if row["fraction"] == "1" and not row["control"]} == {"not tested"}
    fitted: list[str] = []
    original = sharing.probe

    def probe(*given, only, **options):
        fitted.extend(only)
        return original(*given, only=only, **options)

    monkeypatch.setattr(sharing, "probe", probe)
    run(plan, tmp_path / "p", engine=make_engine(), progress=False)
    assert fitted
    assert all("broken" in name for name in fitted)


def test_plans_come_to_workers_as_they_are(plan):
    import json
    from dataclasses import asdict

    for one in (plan, replace(plan, layers=(1, 2), rows=30, aligned=(("one-hot", "tf"),)), replace(plan, layers="all")):
        assert sharing.plan_from(json.dumps(asdict(one))) == one


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "dask"], "--engine dask: choose local or"),
        (["--workers", "0"], "--workers"),
        (["--address", "auto"], "the local engine has no address"),
    ],
)
def test_what_is_refused(palindra, table, tmp_path, words, said):
    result = palindra("probe", "--sources", "one-hot", "--tasks", f"tf={table}", "-o", tmp_path / "p", *words)
    assert result.code == 2
    assert said in result.err
    assert not (tmp_path / "p").exists()


def test_other_settings_in_the_same_folder_are_refused(table, alone):
    with pytest.raises(InputError, match="a run with other settings lies here"):
        run(plan_of(table, "one-hot"), alone, engine=make_engine(), progress=False)
