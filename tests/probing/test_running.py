from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.errors import InputError
from palindra.evaluation import metric
from palindra.probing.cells import Cell, CellStore
from palindra.probing.controls import REFERENCE, control_sources
from palindra.probing.readouts import CnnConfig, ConvSize, MlpConfig, Training
from palindra.probing.results import load_results
from palindra.probing.running import Heads, base_name, probe
from palindra.probing.source import Embedded
from palindra.probing.tasks import ProbeTask, Rows
from palindra.sequences import reverse_complement

QUICK = Training(learning_rates=(1e-2,), batch_size=32, epochs=8)
HEADS = Heads(
    cnn=CnnConfig(blocks=(ConvSize(8, 5, 4),), dense=(8,), dense_dropout=0.0, projection=8),
    mlp=MlpConfig(widths=(8,), dropout=0.0),
    trainings={"cnn": QUICK, "mlp": QUICK},
)
LENGTH = 24


class Letters:
    """One-hot, with the failures of other people's models where they are asked for."""

    parameters = 11

    def __init__(self, name: str = "letters", *, longest: int = 1000, broken: str = "", pooled: bool = False) -> None:
        self.name, self.width = name, 4
        self.longest, self.broken, self.pooled = longest, broken, pooled
        self.calls = 0

    @property
    def fingerprint(self) -> str:
        return f"{self.name} {self.longest} {self.broken}"

    def embed(self, sequences: Sequence[str]) -> Embedded:
        self.calls += len(sequences)
        for text in sequences:
            if len(text) > self.longest:
                raise InputError(f"a sequence of {len(text)} letters is longer than {self.longest}.")
        if self.broken == "index":
            raise IndexError("index out of range in self")
        tokens = max(map(len, sequences))
        features, spans = torch.zeros(len(sequences), tokens, 4), torch.zeros(len(sequences), tokens, 2, dtype=int)
        for row, text in enumerate(sequences):
            for place, letter in enumerate(text):
                features[row, place, "ACGT".index(letter)] = torch.nan if self.broken == "nan" else 1.0
                spans[row, place] = torch.tensor([place, place + 1])
        if self.pooled:
            whole = torch.tensor([[[0, len(text)]] for text in sequences])
            return Embedded(features.mean(1, keepdim=True), whole)
        return Embedded(features, spans)


class Averaged:
    """Both strands of a source, base by base."""

    strands = "averaged"

    def __init__(self, source: Letters) -> None:
        self.source = source
        self.name, self.width, self.parameters = f"{source.name}, strands averaged", 4, source.parameters
        self.fingerprint = f"{source.fingerprint} averaged"

    def embed(self, sequences: Sequence[str]) -> Embedded:
        one = self.source.embed(sequences)
        two = self.source.embed([reverse_complement(text) for text in sequences])
        return one._replace(features=(one.features + two.features.flip(1)) / 2)


def letters(rows: int, seed: int, length: int = LENGTH) -> list[str]:
    codes = np.random.default_rng(seed).integers(0, 4, (rows, length))
    return ["".join("ACGT"[c] for c in row) for row in codes]


def strand_task(rows: int = 150, *, symmetric: bool | None = False, name: str = "strand") -> ProbeTask:
    """How much A there is less how much T: the other strand says the opposite."""
    given = letters(rows, 0)
    labels = [text.count("A") - text.count("T") for text in given]
    splits = ["train"] * (rows - 70) + ["valid"] * 20 + ["test"] * 50
    return ProbeTask(name, "regression", Rows.from_arrays([given], labels, splits=splits), symmetric=symmetric)


def motif_task(rows: int = 160, name: str = "motif") -> ProbeTask:
    given, labels = [], []
    for row, text in enumerate(letters(rows, 1)):
        labels.append(row % 2)
        given.append(text[:8] + "GATTACA" + text[15:] if row % 2 else text)
    splits = ["train"] * (rows - 80) + ["valid"] * 30 + ["test"] * 50
    return ProbeTask(name, "binary", Rows.from_arrays([given], labels, splits=splits), symmetric=True)


def test_every_cell_is_scored_stored_and_kept_with_its_predictions(tmp_path):
    task = motif_task()
    results = probe(
        [Letters()], [task], folder=tmp_path, readouts=("linear", "mlp", "cnn"), summaries=("mean", "max"), heads=HEADS
    )
    assert [(c.readout, c.summary) for c in results.cells] == [
        ("linear", "mean"),
        ("linear", "mean"),
        ("linear", "max"),
        ("mlp", "mean"),
        ("mlp", "max"),
        ("cnn", "full"),
    ]
    assert results.cells[0].source == REFERENCE
    assert results.failures == []
    for cell in results.cells:
        kept = results.predictions(cell)
        assert kept["rows"].tolist() == task.split("test").tolist()
        assert cell.value == pytest.approx(metric("binary", "AUROC")(kept["predictions"], kept["labels"]))
        assert cell.test_rows == 50
        assert cell.readout_parameters > 0
        assert cell.seconds_per_1000 > 0
    (cnn,) = results.select(readout="cnn")
    assert (cnn.parameters, cnn.strands, cnn.layer, cnn.metric) == (11, "as is", None, "AUROC")
    assert cnn.value > 0.8
    assert sorted(path.suffix for path in (tmp_path / "cells").iterdir()) == [".json"] * 6 + [".npz"] * 6
    again = load_results(tmp_path)
    assert {c.name: c for c in again.cells} == {c.name: c for c in results.cells}


def test_a_run_goes_on_where_it_stopped_and_ends_the_same(tmp_path):
    def run(folder: Path, seeds: Sequence[int], said: list[str]) -> list[Cell]:
        return probe(
            [Letters()],
            [strand_task()],
            folder=folder,
            readouts=("mlp", "cnn"),
            seeds=seeds,
            heads=HEADS,
            kmers=False,
            say=said.append,
        ).cells

    whole: list[str] = []
    expected = run(tmp_path / "whole", (0, 1), whole)
    first, second, third = [], [], []
    run(tmp_path / "parts", (0,), first)
    lost = next((tmp_path / "parts" / "cells").glob("*cnn*.json"))
    lost.unlink()  # killed after its predictions were written
    found = run(tmp_path / "parts", (0, 1), second)
    run(tmp_path / "parts", (0, 1), third)
    assert (len(whole), len(first), len(second), len(third)) == (4, 2, 3, 0)
    assert [replace(c, seconds_per_1000=0.0) for c in found] == [replace(c, seconds_per_1000=0.0) for c in expected]
    assert not list(tmp_path.rglob("*.partial"))


def test_cells_of_other_settings_or_files_are_refused(tmp_path):
    def run(source: Letters, task: ProbeTask, heads: Heads) -> None:
        probe([source], [task], folder=tmp_path, readouts=("mlp",), heads=heads, kmers=False)

    task = strand_task()
    run(Letters(), task, HEADS)
    with pytest.raises(InputError, match="another source"):
        run(Letters(longest=999), task, HEADS)
    with pytest.raises(InputError, match="another head"):
        run(Letters(), task, replace(HEADS, mlp=MlpConfig(widths=(9,))))
    with pytest.raises(InputError, match="another training"):
        run(Letters(), task, replace(HEADS, trainings={}))
    with pytest.raises(InputError, match=r"another task.*Give another folder"):
        run(Letters(), strand_task(151), HEADS)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (Letters("bad", longest=10), "a sequence of 24 letters is longer than 10"),
        (Letters("bad", broken="nan"), "(NaN|no numbers)"),
        (Letters("bad", broken="index"), "IndexError: index out of range"),
    ],
    ids=["too long", "NaN", "index"],
)
def test_a_failure_stays_in_the_results_and_stops_nothing(source, reason, tmp_path):
    options = {"folder": tmp_path, "readouts": ("linear", "cnn"), "heads": HEADS, "kmers": False}
    results = probe([source, Letters()], [strand_task()], **options)
    assert [c.failed for c in results.cells] == [True, True, False, False]
    for cell in results.failures:
        assert cell.metrics == {}
        assert math.isnan(cell.value)
        assert cell.warnings[-1].startswith("failed: ")
    import re

    assert re.search(reason, results.failures[0].warnings[-1])
    assert [c.failed for c in load_results(tmp_path).cells] == [
        c.failed for c in sorted(results.cells, key=lambda c: c.name)
    ]
    said: list[str] = []
    probe([source, Letters()], [strand_task()], **options, say=said.append)
    assert len(said) == 2  # failures are tried again, nothing else


def test_a_leak_stays_beside_every_score_with_scores_without_it(tmp_path):
    task = strand_task()
    given = list(task.inputs[0])
    given[-1], given[-2] = given[0], reverse_complement(given[1])
    task = task.with_rows(replace(task.rows, inputs=(given,)))
    results = probe([Letters()], [task], folder=tmp_path, readouts=("linear",))
    assert results.leaks["strand"].test_rows.tolist() == [148, 149]
    assert any("2 of 50 test rows are affected" in text for text in results.warnings)
    for cell in results.cells:
        kept = results.predictions(cell)
        assert kept["leaked"].sum() == cell.leaked_rows == 2
        without = ~kept["leaked"]
        expected = metric("regression", "Pearson")(kept["predictions"][without], kept["labels"][without])
        assert cell.metrics_without_leaks["Pearson"] == pytest.approx(expected)
        assert cell.metrics["Pearson"] != cell.metrics_without_leaks["Pearson"]


def test_averaging_strands_hurts_where_the_label_depends_on_the_strand_and_the_results_say_so(tmp_path):
    results = probe([Letters(), Averaged(Letters())], [strand_task()], folder=tmp_path, readouts=("linear",))
    (plain,) = results.select(source="letters", strands="as is")
    (averaged,) = results.select(source="letters", strands="averaged")
    assert plain.value > 0.99
    assert averaged.value < 0.5 or math.isnan(averaged.value)
    (finding,) = results.findings
    assert "negative control, strand (strand-specific), letters read by linear" in finding
    assert "it hurts, as it must" in finding
    assert load_results(tmp_path).findings == results.findings
    symmetric = strand_task(symmetric=True, name="declared symmetric")
    assert not probe([Letters(), Averaged(Letters())], [symmetric], folder=tmp_path, readouts=("linear",)).findings


def test_shuffled_labels_know_nothing(tmp_path):
    results = probe([Letters()], [strand_task(300)], folder=tmp_path, readouts=("linear",), shuffled=True, kmers=False)
    true, shuffled = results.cells
    assert (true.control, shuffled.control) == ("", "shuffled labels")
    assert true.value > 0.99
    assert not abs(shuffled.value) > 0.5


def test_seeds_and_fractions_are_run_where_they_matter(tmp_path):
    results = probe(
        [Letters()],
        [strand_task()],
        folder=tmp_path,
        readouts=("linear", "mlp"),
        seeds=(3, 4),
        fractions=(0.25, 1.0),
        heads=HEADS,
        kmers=False,
    )
    ran = [(c.readout, c.fraction, c.seed) for c in results.cells]
    assert ran == [
        ("linear", 0.25, 3),
        ("linear", 0.25, 4),
        ("linear", 1.0, 3),
        ("mlp", 0.25, 3),
        ("mlp", 0.25, 4),
        ("mlp", 1.0, 3),
        ("mlp", 1.0, 4),
    ]
    curve = results.curve("fraction", readout="mlp")
    assert [at for at, _ in curve] == [0.25, 1.0]
    assert curve[1][1].value == pytest.approx(np.mean([c.value for c in results.select(readout="mlp", fraction=1.0)]))


def test_embeddings_are_computed_once_for_all_readouts(tmp_path):
    source = Letters()
    probe(
        [source],
        [strand_task()],
        folder=tmp_path,
        readouts=("linear", "mlp"),
        seeds=(0, 1, 2),
        heads=HEADS,
        kmers=False,
    )
    assert source.calls < 150 + 80  # the rows once, some test rows again for the time


def test_shorter_sequences_stand_where_the_task_says_and_every_split_fits(tmp_path, monkeypatch):
    from palindra.probing import computing

    task = strand_task()
    given = [text[: 20 if row < 149 else LENGTH] for row, text in enumerate(task.inputs[0])]
    task = replace(task.with_rows(replace(task.rows, inputs=(given,))), align="right")
    asked: list[dict[str, object]] = []
    plain = computing.fit_readout
    monkeypatch.setattr(computing, "fit_readout", lambda *a, **more: asked.append(more) or plain(*a, **more))
    results = probe([Letters()], [task], folder=tmp_path, readouts=("cnn",), heads=HEADS, kmers=False)
    assert results.failures == []
    assert (asked[0]["align"], asked[0]["tokens"]) == ("right", LENGTH)  # the longest is a test row


def test_large_embeddings_stay_on_disk_and_give_the_same(tmp_path, monkeypatch):
    from palindra.probing import features
    from palindra.probing.cache import FullRows

    options = {"readouts": ("cnn",), "heads": HEADS, "kmers": False}
    kept = probe([Letters()], [strand_task()], folder=tmp_path / "memory", **options)
    read: list[int] = []
    plain = FullRows.__getitem__
    monkeypatch.setattr(FullRows, "__getitem__", lambda self, row: read.append(row) or plain(self, row))
    monkeypatch.setattr(features, "_IN_MEMORY", 0)
    streamed = probe([Letters()], [strand_task()], folder=tmp_path / "disk", **options)
    assert streamed.cells[0].metrics == kept.cells[0].metrics
    assert len(read) > QUICK.epochs * 80  # every training row again in every epoch


def test_one_vector_a_sequence_is_no_matter_for_the_cnn(tmp_path):
    results = probe([Letters(pooled=True)], [strand_task()], folder=tmp_path, readouts=("linear", "cnn"), kmers=False)
    assert [c.readout for c in results.cells] == ["linear"]
    assert any("one vector a sequence" in note for note in results.notes)


def test_layers_are_probed_beside_the_sources_own_choice(tmp_path):
    class Layered(Letters):
        layers = (0, 1, 2)
        layer = 2

        def at_layer(self, layer: int) -> Layered:
            other = Layered(self.name)
            other.layer = layer
            return other

        @property
        def fingerprint(self) -> str:
            return f"{self.name} layer {self.layer}"

        def embed(self, sequences: Sequence[str]) -> Embedded:
            found = super().embed(sequences)
            return found._replace(features=found.features * (self.layer > 0))

    options = {"folder": tmp_path, "readouts": ("linear",), "kmers": False}
    results = probe([Layered()], [strand_task()], layers="all", **options)
    assert [c.layer for c in results.cells] == [None, 0, 1, 2]
    curve = results.curve("layer", readout="linear")
    assert [at for at, _ in curve] == [1, 2]  # before the first layer nothing is known: there is no correlation
    assert math.isnan(results.cells[1].value)
    assert [c.layer for c in probe([Layered()], [strand_task()], layers=[1], **options).cells] == [None, 1]


def test_two_inputs_are_embedded_and_read_together(tmp_path):
    random = np.random.default_rng(0)
    ends = [letters(90, 0), letters(90, 1)]
    psi = 1 / (1 + np.exp(-random.normal(size=(90, 11))))
    splits = ["train"] * 50 + ["valid"] * 10 + ["test"] * 30
    task = ProbeTask("exons", "psi", Rows.from_arrays(ends, psi, splits=splits), symmetric=False)
    config = replace(HEADS.cnn, towers=2, tower_block=ConvSize(8, 3, 4))
    results = probe([Letters()], [task], folder=tmp_path, readouts=("linear", "cnn"), heads=replace(HEADS, cnn=config))
    assert results.failures == []
    assert [c.readout for c in results.cells] == ["linear", "cnn"]  # words of one sequence are no reference here
    for cell in results.cells:
        assert set(cell.metrics) >= {"Spearman", "Pearson"}
        assert cell.metric == "Spearman"
        kept = results.predictions(cell)
        assert kept["labels"].shape == kept["predictions"].shape
        assert cell.value == pytest.approx(metric(cell.score_kind, "Spearman")(kept["predictions"], kept["labels"]))


def test_validation_rows_are_taken_from_training_where_there_are_none(tmp_path):
    task = strand_task()
    rows = replace(task.rows, splits=np.where(task.rows.splits == "valid", "train", task.rows.splits))
    results = probe([Letters()], [task.with_rows(rows)], folder=tmp_path, readouts=("linear",), kmers=False)
    assert results.failures == []
    assert any("no validation rows" in note for note in results.notes)


def test_controls_stand_beside_every_source():
    assert control_sources(["hf:models/a", "palindra:default"]) == [
        "one-hot",
        "dinucleotides",
        "nucleotides",
        "hf-random:models/a",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"readouts": ("forest",)}, "readout 'forest' is not known: linear, mlp, cnn"),
        ({"summaries": ("median",)}, "summary 'median' is not known: mean, max, cls"),
        ({"seeds": ()}, "at least one source, task, readout, seed"),
        ({"sources": [Letters(), Letters()]}, "two sources are named 'letters, strands as is'"),
        ({"tasks": [strand_task(), strand_task()]}, "two tasks are named 'strand'"),
    ],
)
def test_what_cannot_be_run_is_refused(change, message, tmp_path):
    given = {"sources": [Letters()], "tasks": [strand_task()], "folder": tmp_path} | change
    with pytest.raises(InputError, match=message):
        probe(**given)


def test_a_damaged_cell_is_refused_and_numbers_that_are_none_are_stored(tmp_path):
    store = CellStore(tmp_path)
    cell = Cell("a", "t", "mlp", 0, 1.0, {"Pearson": math.nan, "MSE": 1.0}, metric="Pearson")
    store.write(cell, {"source": "x"}, None)
    assert json.loads((store.folder / f"{cell.name}.json").read_text())["cell"]["metrics"]["Pearson"] is None
    read = store.read(cell.name, {"source": "x"})
    assert math.isnan(read.metrics["Pearson"])
    assert read.metrics["MSE"] == 1.0
    with pytest.raises(InputError, match="predictions of this cell were not kept"):
        store.predictions(cell)
    (store.folder / f"{cell.name}.json").write_text("{")
    with pytest.raises(InputError, match="is no cell of a probing run"):
        store.read(cell.name, {"source": "x"})


def test_names_of_cells_differ_wherever_the_cells_do():
    cell = Cell("a b", "t", "mlp", 0, 1.0, {})
    others = [
        replace(cell, source="a-b"),
        replace(cell, task="u"),
        replace(cell, readout="cnn"),
        replace(cell, seed=1),
        replace(cell, fraction=0.5),
        replace(cell, layer=3),
        replace(cell, strands="averaged"),
        replace(cell, summary="max"),
        replace(cell, control="shuffled labels"),
    ]
    assert len({one.name for one in [cell, *others]}) == 10
    assert base_name(Averaged(Letters())) == "letters"
