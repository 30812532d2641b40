from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.probing.psi import deviations
from palindra.probing.readouts import CNNS
from palindra.probing.tasks import (
    TASKS,
    ProbeTask,
    Rows,
    VariantTask,
    divided,
    downsampled,
    leaks,
    open_task,
    saturation_mutagenesis,
    shuffled_labels,
    splicing_psi,
    variant_table,
    with_validation,
)
from palindra.probing.tasks.leaks import canonical, other_strand
from palindra.sequences import reverse_complement

SPLITS = ["train"] * 6 + ["valid"] * 3 + ["test"] * 3


def letters(rows: int, length: int, seed: int = 0) -> list[str]:
    codes = np.random.default_rng(seed).integers(0, 4, (rows, length))
    return ["".join("ACGT"[c] for c in row) for row in codes]


def table(path: Path, columns: dict[str, list[object]]) -> Path:
    lines = ["\t".join(columns), *("\t".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    text = "\n".join(lines) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def toy(labels: list[float] | np.ndarray, splits: list[str], kind: str = "regression", **options: object) -> ProbeTask:
    rows = Rows.from_arrays([letters(len(splits), 12)], labels, splits=splits, class_names=["a", "b"])
    return ProbeTask("toy", kind, rows, **options)  # type: ignore[arg-type]


# ---- definitions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "symmetric", "cnn"),
    [
        ("lenti-mpra", "regression", None, "lenti-mpra"),
        ("tf-binding", "binary", True, "binding"),
        ("rna-regression", "regression", False, "insert"),
        ("rbp-binding", "binary", False, "binding"),
        ("tf", "binary", True, "binding"),
        ("splice-sites", "multiclass", False, "binding"),
    ],
)
def test_tasks_of_one_sequence_read_the_users_table(name, kind, symmetric, cnn, tmp_path):
    label = {"regression": [0.5 * n for n in range(12)], "binary": [0, 1, 1] * 4, "multiclass": [0, 1, 2] * 4}[kind]
    path = table(tmp_path / "MINE.tsv.gz", {"split": SPLITS, "label": label, "sequence": letters(12, 20)})
    task = open_task(f"{name}:{path}")
    assert (task.kind, task.symmetric, task.cnn) == (kind, symmetric, cnn)
    assert [len(task.split(split)) for split in ("train", "valid", "test")] == [6, 3, 3]
    assert task.outputs == (3 if kind == "multiclass" else 1)
    assert task.cnn in CNNS


def test_every_task_is_named_in_the_message_for_an_unknown_one():
    with pytest.raises(InputError, match=r"task 'chip' is not known: .*lenti-mpra.*satmut are"):
        open_task("chip:x.tsv")
    assert list(TASKS)[:6] == ["lenti-mpra", "tf-binding", "variants", "splicing-psi", "rna-regression", "rbp-binding"]


def test_a_table_without_splits_is_divided_with_both_orientations_together(tmp_path):
    given = letters(60, 24)
    both = given + [reverse_complement(text) for text in given]
    path = table(tmp_path / "a.tsv", {"sequence": both, "label": [float(n) for n in range(120)]})
    task = open_task(f"lenti-mpra:{path}")
    assert leaks(task).warning is None
    assert (task.rows.splits[:60] == task.rows.splits[60:]).all()
    assert "no splits" in task.notes[0]
    assert 60 < len(task.split("train")) < 105


def test_a_table_without_validation_rows_takes_them_from_training_without_a_leak(tmp_path):
    given = letters(40, 20)
    splits = ["train"] * 80 + ["test"] * 40
    path = table(
        tmp_path / "a.tsv",
        {"split": splits, "label": [0, 1, 2] * 40, "sequence": given * 2 + letters(40, 20, seed=1)},
    )
    task = open_task(f"splice-sites:{path}")
    assert 0 < len(task.split("valid")) < 30
    assert leaks(task).same["train", "valid"] == 0
    assert len(task.split("test")) == 40


def test_crx_rows_are_grouped_by_locus_and_a_locus_in_two_splits_is_told(tmp_path):
    columns: dict[str, list[object]] = {
        "split": list(SPLITS),
        "locus": [f"chr1-{n // 2}" for n in range(12)],
        "variant": ["WT", "MUT-allCrxSites"] * 6,
        "sequence": list(letters(12, 30)),
        "expression": [1.0] * 12,
        "expression_log2": [0.1 * n for n in range(11)] + [""],
    }
    task = open_task(f"crx-mpra:{table(tmp_path / 'crx.tsv', columns)}")
    assert len(task.rows) == 11  # one has no activity
    assert task.labels[3, 0] == pytest.approx(0.3)
    assert task.groups[:2].tolist() == ["chr1-0", "chr1-0"]
    assert "rows of one group in test and valid" in leaks(task).warning
    assert len(leaks(task).test_rows) == 0


def test_utr_rows_are_filtered_by_reads_grouped_by_gene_and_stand_at_the_start_codon(tmp_path):
    columns: dict[str, list[object]] = {
        "split": list(SPLITS),
        "utr_name": [f"YAL{n:03d}W:38:0" for n in range(12)],
        "sequence": [text[: 30 - n] if n < 11 else "ACGTA" for n, text in enumerate(letters(12, 30))],
        "t0": [10, 9] + [50] * 10,
        "t1": [1] * 12,
        "growth_rate": [0.1 * n for n in range(12)],
    }
    task = open_task(f"yeast-utr:{table(tmp_path / 'utr.tsv.gz', columns)}")
    assert len(task.rows) == 10
    assert task.rows.lines.tolist()[:2] == [2, 4]
    assert task.groups[0] == "YAL000W"
    assert (task.symmetric, task.align) == (False, "right")
    assert len({len(text) for text in task.inputs[0]}) > 5
    assert leaks(task).warning is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"growth_rate": ["fast"] * 12}, "line 2: 'fast' in column 'growth_rate' is not a number"),
        ({"split": ["train"] * 11 + ["exam"]}, "line 13: split 'exam'"),
        ({"sequence": ["ACGX"] + ["ACGT"] * 11}, "line 2: letter 'X'"),
        ({"sequence": ["NA"] + ["ACGT"] * 11}, "line 2: the sequence in column 'sequence' is missing"),
        ({"split": None}, "rows of one group may not be in two splits"),
        ({"t0": None}, "no column 't0'"),
        ({"t0": [1] * 12}, "none of its 12 rows passes"),
        ({"split": ["train"] * 12}, "split is needed"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(change, message, tmp_path):
    columns: dict[str, list[object]] = {
        "split": list(SPLITS),
        "utr_name": [f"G{n}:0" for n in range(12)],
        "sequence": list(letters(12, 10)),
        "t0": [20] * 12,
        "growth_rate": [0.1 * n for n in range(12)],
    }
    columns = {name: column for name, column in (columns | change).items() if column is not None}
    with pytest.raises(InputError, match=message):
        open_task(f"yeast-utr:{table(tmp_path / 'utr.tsv', columns)}")


# ---- splicing --------------------------------------------------------------------------------------------------------


def exons(tmp_path: Path, psi: np.ndarray, **more: list[object]) -> Path:
    rows = len(psi)
    columns: dict[str, list[object]] = {"acceptor": list(letters(rows, 8)), "donor": list(letters(rows, 8, seed=1))}
    columns |= more or {"split": ["train"] * (rows - 2) + ["valid", "test"]}
    columns |= {f"tissue{n}": ["" if np.isnan(v) else v for v in column] for n, column in enumerate(psi.T)}
    return table(tmp_path / "exons.tsv", columns)


def test_exons_have_two_inputs_and_scores_over_tissues(tmp_path):
    psi = np.random.default_rng(0).uniform(size=(40, 12))
    psi[:, 3] = np.where(np.arange(40) % 2, np.nan, psi[:, 3])
    task = splicing_psi(exons(tmp_path, psi, split=["train"] * 10 + ["valid"] * 5 + ["test"] * 25), length=8)
    assert (task.kind, task.outputs, len(task.inputs), task.symmetric) == ("psi", 12, 2, False)
    scored = task.scored
    perfect = task.score(np.nan_to_num(deviations(task.labels[scored])), scored)
    assert perfect["Spearman"] == pytest.approx(1)
    assert perfect["Pearson"] == pytest.approx(1)
    opposite = task.score(-np.nan_to_num(deviations(task.labels[scored])), scored)
    assert opposite["Spearman"] == pytest.approx(-1)


def test_spearman_of_psi_is_taken_within_each_tissue_and_averaged(tmp_path):
    from scipy.stats import spearmanr

    random = np.random.default_rng(0)
    task = splicing_psi(exons(tmp_path, random.uniform(size=(30, 11)), split=["train"] * 2 + ["test"] * 28), length=8)
    predictions = random.normal(size=(28, 11))
    truth = deviations(task.labels[task.scored])
    expected = np.mean([spearmanr(predictions[:, t], truth[:, t])[0] for t in range(11)])
    assert task.score(predictions, task.scored)["Spearman"] == pytest.approx(expected)


def test_exons_that_do_not_vary_are_not_scored_but_trained_on(tmp_path):
    psi = np.random.default_rng(0).uniform(size=(12, 11))
    psi[9] = 0.5
    psi[10, 5:] = np.nan
    task = splicing_psi(exons(tmp_path, psi, split=["train"] * 3 + ["test"] * 9), length=8)
    assert set(task.split("test")) - set(task.scored) == {9, 10}
    assert "7 of 9 test exons are scored" in task.notes[-1]


def test_percent_and_missing_are_understood_and_chromosomes_make_the_published_split(tmp_path):
    psi = np.array([[10.0, -1.0], [50.0, 100.0], [0.0, 70.0], [20.0, 30.0]])
    path = exons(tmp_path, psi, chrom=["chr4", "chr7", "5", "chrX"], exon=["a", "b", "c", "d"])
    task = splicing_psi(path, length=8)
    np.testing.assert_allclose(task.labels[0], [0.1, np.nan])
    assert task.rows.splits.tolist() == ["train", "valid", "test", "train"]
    assert task.rows.target_names == ("tissue0", "tissue1")


@pytest.mark.parametrize(
    ("psi", "length", "message"),
    [
        ([[0.5, -0.2], [0.1, 0.2]], 8, "line 2: PSI -0.2 of 'tissue1' is not between 0 and 1"),
        ([[0.5, 0.2], [-1, -1]], 8, "line 3: PSI of this exon is measured in no tissue"),
        ([[0.5, 0.2], [0.1, 0.2]], 400, "line 2: acceptor has 8 letters, but 400 are needed"),
    ],
)
def test_exons_that_cannot_be_used_are_refused(psi, length, message, tmp_path):
    with pytest.raises(InputError, match=message):
        splicing_psi(exons(tmp_path, np.array(psi), split=["train", "test"]), length=length)


# ---- variants --------------------------------------------------------------------------------------------------------


def mutagenesis(folder: Path, **change: list[object]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "elements.fa").write_text(">F9 chrX:1-8\nACGTACGT\n>SORT1 other\nGGGTTT\n")
    columns: dict[str, list[object]] = {
        "element": ["F9", "F9", "F9", "SORT1", "F9"],
        "pos_in_element": [1, 1, 8, 3, 2],
        "ref": ["A", "A", "T", "G", "C"],
        "alt": ["G", "-", "C", "A", "A"],
        "barcodes": [20, 20, 20, 30, 9],
        "log2_effect": [-0.5, 0.1, 0.2, 0.3, 0.4],
    }
    table(folder / "variants.tsv.gz", columns | change)
    return folder


def test_saturation_mutagenesis_puts_each_letter_into_its_element(tmp_path):
    task = saturation_mutagenesis(mutagenesis(tmp_path / "m"))
    assert isinstance(task, VariantTask)
    assert list(zip(task.elements, task.alternate, task.effects, strict=True)) == [
        ("F9", "GCGTACGT", -0.5),
        ("F9", "ACGTACGC", 0.2),
        ("SORT1", "GGATTT", 0.3),
    ]
    assert task.notes[0].startswith("3 single-letter variants; left out: 1 with fewer than 10 barcodes")
    assert len(saturation_mutagenesis(tmp_path / "m", elements=["SORT1"])) == 1


def test_a_variant_that_is_not_in_its_element_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"line 2: reference 'C' at position 1 of F9 is 'A' in its sequence"):
        saturation_mutagenesis(mutagenesis(tmp_path / "m", ref=["C", "A", "T", "G", "C"]))
    with pytest.raises(InputError, match="no element 'TERT'"):
        saturation_mutagenesis(tmp_path / "m", elements=["TERT"])
    with pytest.raises(InputError, match=r"neither variants\.tsv\.gz nor"):
        saturation_mutagenesis(tmp_path)


def test_a_users_table_of_variants_is_read(tmp_path):
    columns: dict[str, list[object]] = {"reference": ["ACGT", "ACGT"], "alternate": ["ACTT", "CCGT"], "effect": [1, -2]}
    task = variant_table(table(tmp_path / "v.csv", columns))
    assert task.positions.tolist() == [2, 0]
    assert task.effects.tolist() == [1, -2]
    columns["alternate"] = ["ACTT", "ACGT"]
    with pytest.raises(InputError, match="line 3: reference and alternate are the same"):
        variant_table(table(tmp_path / "v.tsv", columns))


# ---- leaks -----------------------------------------------------------------------------------------------------------


def test_leaks_are_counted_by_kind_and_test_rows_named():
    given = ["AACCA", "ACGTC", "TGGTT", "AACCA", "GACGT", "TTTTT"]
    rows = Rows.from_arrays([given], range(6), splits=["train", "train", "valid", "test", "test", "test"])
    found = leaks(ProbeTask("toy", "regression", rows))
    assert found.opposite["train", "valid"] == 1
    assert found.same["train", "test"] == 1
    assert found.opposite["train", "test"] == 1
    assert found.opposite["valid", "test"] == 1
    assert found.test_rows.tolist() == [3, 4]
    assert "2 of 3 test rows are affected" in found.warning


def test_one_shared_end_of_an_exon_is_a_leak():
    ends = [["AAAAC", "CCCCA", "GTTTT"], ["AGAGA", "TCTTC", "AATAA"]]
    found = leaks(ProbeTask("toy", "regression", Rows.from_arrays(ends, range(3), splits=["train", "train", "test"])))
    assert found.opposite["train", "test"] == 1
    assert found.test_rows.tolist() == [2]


def test_rna_and_dna_letters_are_the_same_molecule():
    assert canonical("AACGU") == canonical("ACGTT") == canonical("aacgt")
    for text in letters(20, 9):
        assert other_strand(text) == reverse_complement(text)


# ---- subsets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_smaller_training_sets_are_parts_of_larger_ones_and_keep_the_classes(kind):
    labels = [float(n % 5 == 0) for n in range(100)] + [0.0, 1.0]
    task = toy(labels, ["train"] * 100 + ["test"] * 2, kind)
    sets = [set(downsampled(task, fraction, seed=2).tolist()) for fraction in (0.05, 0.1, 0.25, 0.5, 1)]
    assert [len(one) for one in sets] == [5, 10, 25, 50, 100]
    assert all(small < large for small, large in pairwise(sets))
    assert sets[1] != set(downsampled(task, 0.1, seed=3).tolist())
    if kind == "binary":
        assert [sum(labels[row] for row in one) for one in sets] == [1, 2, 5, 10, 20]
    with pytest.raises(InputError, match="above 0, up to 1"):
        downsampled(task, 0, seed=0)
    with pytest.raises(InputError, match=r"leaves 1 of 100"):
        downsampled(toy(range(101), ["train"] * 100 + ["test"]), 0.001, seed=0)


def test_shuffled_labels_stay_in_their_split_and_test_labels_stay():
    task = toy(np.arange(90.0), ["train"] * 60 + ["valid"] * 20 + ["test"] * 10)
    found = shuffled_labels(task, seed=0)[:, 0]
    assert sorted(found[:60]) == list(range(60))
    assert sorted(found[60:80]) == list(range(60, 80))
    assert found[80:].tolist() == list(range(80, 90))
    assert (found[:60] != np.arange(60)).mean() > 0.8
    assert (shuffled_labels(task, seed=1)[:, 0] != found).any()


def test_the_place_of_a_row_stays_when_others_are_removed():
    rows = Rows.from_arrays([letters(200, 15)], range(200), splits=["train"] * 200)
    whole, half = divided(rows).splits, divided(rows.take(range(0, 200, 2))).splits
    assert (whole[::2] == half).all()
    kept = with_validation(rows).splits
    assert set(kept.tolist()) == {"train", "valid"}
    assert (divided(rows, seed=1).splits != whole).any()


# ---- tasks -----------------------------------------------------------------------------------------------------------


def test_labelled_sequences_are_rows():
    data = LabelledSequences.from_arrays(["AC", "GT", "TT"], [0, 1, 0], splits=["train", "train", "test"])
    task = ProbeTask("toy", "binary", data)
    assert task.inputs == (["AC", "GT", "TT"],)
    assert task.rows.where(2) == "sequences row 3"


def test_the_fingerprint_follows_everything_that_changes_a_result():
    one = toy([1.0, 2.0, 3.0], ["train", "train", "test"])
    assert one.fingerprint == toy([1.0, 2.0, 3.0], ["train", "train", "test"]).fingerprint
    others = [
        toy([1.0, 2.0, 4.0], ["train", "train", "test"]),
        toy([1.0, 2.0, 3.0], ["train", "valid", "test"]),
        toy([1.0, 2.0, 3.0], ["train", "train", "test"], align="right"),
        ProbeTask(
            "toy", "regression", Rows.from_arrays([["A", "C", "G"]], [1, 2, 3], splits=["train", "train", "test"])
        ),
    ]
    assert len({task.fingerprint for task in [one, *others]}) == 5


def test_a_task_needs_a_known_kind_and_training_and_test_rows():
    with pytest.raises(InputError, match="kind 'ranking' is not known"):
        toy([1.0, 2.0], ["train", "test"], "ranking")
    with pytest.raises(InputError, match="no row is in split 'test'"):
        toy([1.0, 2.0], ["train", "train"])
