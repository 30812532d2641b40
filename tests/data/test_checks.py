import numpy as np
import pytest

from palindra.data import Check, LabelledSequences, check_data, format_checks
from palindra.sequences import PROTEIN

nan = np.nan


def findings(sequences, labels, splits=None, **options):
    data = LabelledSequences.from_arrays(sequences, labels, splits=splits, source="t.tsv", **options)
    return {check.name: check for check in check_data(data)}


CLEAN = ["AACA", "AACC", "AAGA", "AAGC"]


def test_clean_data_have_nothing_to_report():
    found = findings(CLEAN, [0, 1, 0, 1], ["train", "train", "test", "test"])
    assert {check.level for check in found.values()} == {"ok"}
    assert "train 2, test 2" in found["sizes"].message
    assert "train: 0 1, 1 1; test: 0 1, 1 1" in found["class balance"].message


def test_duplicates_are_told_from_leaks():
    found = findings(["AACA", "AACA", "AACA", "AACC"], [1, 1, 1, 0], ["train", "train", "test", "test"])
    assert (found["duplicates"].level, found["duplicates"].count) == ("note", 1)
    assert found["duplicates"].examples == ("t.tsv row 1 (train) = t.tsv row 2 (train)",)
    across = found["duplicates across splits"]
    assert (across.level, across.count) == ("warning", 1)
    assert across.examples == ("t.tsv row 1 (train) = t.tsv row 3 (test)",)
    assert "train-test 1" in across.message
    assert found["reverse complements"].level == "ok"
    assert found["conflicting labels"].level == "ok"


def test_reverse_complements_are_found_within_and_across():
    # AACA and TGTT, AACC and GGTT
    found = findings(["AACA", "TGTT", "AACC", "GGTT"], [1, 1, 0, 0], ["train", "train", "train", "valid"])
    assert found["duplicates"].level == found["duplicates across splits"].level == "ok"
    within, across = found["reverse complements"], found["reverse complements across splits"]
    assert (within.level, within.count) == ("note", 1)
    assert within.examples == ("t.tsv row 1 (train) = reverse complement of t.tsv row 2 (train)",)
    assert (across.level, across.count) == ("warning", 1)
    assert across.examples == ("t.tsv row 3 (train) = reverse complement of t.tsv row 4 (valid)",)


def test_palindromes_are_noted_and_are_not_their_own_leak():
    found = findings(["ACGT", "AACC", "AATT", "NNNN"], [1, 0, 1, 0])
    assert (found["self-reverse-complements"].level, found["self-reverse-complements"].count) == ("note", 3)
    assert found["self-reverse-complements"].examples[0] == "t.tsv row 1"
    assert found["reverse complements"].level == "ok"


def test_conflicting_labels_name_labels_and_places():
    found = findings(["AACA", "AACC", "AACA", "GGTT"], [1, 0, 0, 1])["conflicting labels"]
    assert (found.level, found.count) == ("warning", 2)
    assert found.examples == (
        "t.tsv row 1 (label 1) = t.tsv row 3 (label 0)",
        "t.tsv row 2 (label 0) = reverse complement of t.tsv row 4 (label 1)",
    )


def test_conflicts_name_classes_and_leave_out_missing_values():
    found = findings(["AACA", "TGTT", "CC"[:1] * 4], [0, 2, 1], class_names=("x", "y", "z"))["conflicting labels"]
    assert found.examples == ("t.tsv row 1 (label x) = reverse complement of t.tsv row 2 (label z)",)
    rows = [[1, nan], [nan, 0], [1, 1]]
    assert findings(["AACA", "TGTT", "CCCC"], rows)["conflicting labels"].level == "ok"
    rows = [[1, nan], [nan, 0], [0, 0]]
    found = findings(["AACA", "TGTT", "AACA"], rows)["conflicting labels"]
    assert (found.level, found.examples) == ("warning", ("t.tsv row 1 (label 1, nan) = t.tsv row 3 (label 0, 0)",))


def test_repeated_measurements_are_a_note():
    found = findings(["AACA", "AACA", "CCCC"], [0.5, 0.7, 1.5])
    assert found["conflicting labels"].level == "note"
    assert "mean 0.9" in found["label spread"].message


@pytest.mark.parametrize(
    ("labels", "level"),
    [([0, 1] * 20, "ok"), ([0] * 39 + [1], "note"), ([0] * 40, "warning")],
)
def test_class_balance(labels, level):
    sequences = ["".join("ACGT"[(n >> 2 * p) & 3] for p in range(4)) for n in range(40)]
    assert findings(sequences, labels)["class balance"].level == level


def test_a_class_missing_in_one_split_is_named():
    found = findings(CLEAN, [0, 1, 2, 1], ["train", "train", "test", "test"])["class balance"]
    assert found.level == "warning"
    assert "test: 0 0, 1 1, 2 1 (none of 0)" in found.message


def test_multilabel_columns_that_do_not_vary_are_named():
    labels = [[0, 1], [1, 1], [nan, 0], [1, 1]]
    found = findings(CLEAN, labels, target_names=["liver", "brain"])
    assert found["class balance"].level == "ok"
    assert (found["missing labels"].level, found["missing labels"].examples) == ("note", ("t.tsv row 3",))
    found = findings(CLEAN, labels, ["train", "train", "test", "test"], target_names=["liver", "brain"])[
        "class balance"
    ]
    assert (found.level, found.count) == ("warning", 2)
    assert found.examples == ("brain in train", "liver in test")


def test_ambiguous_letters_are_counted():
    found = findings(["AACA" * 10, "A" * 39 + "N", "C" * 40], [0, 1, 0])["ambiguous letters"]
    assert (found.level, found.count, found.examples) == ("note", 1, ("t.tsv row 2: 1 of 40",))
    assert "1 letters (0.83%)" in found.message
    assert findings(["NNCA", "AACR"], [0, 1])["ambiguous letters"].level == "warning"


def test_protein_has_no_other_strand():
    found = findings(["MKWV", "MKWV", "LLLL"], [1, 0, 0], alphabet=PROTEIN)
    assert "reverse complements" not in found
    assert found["conflicting labels"].count == 1
    assert found["duplicates"].count == 1


def test_the_text_is_readable():
    checks = [
        Check("sizes", "ok", "4 rows."),
        Check("duplicates", "note", "2 found.", 2, ("a = b", "c = d")),
        Check("leaks", "warning", "9 found.", 9, ("a = b",)),
    ]
    assert format_checks(checks).split("\n") == [
        "ok       sizes: 4 rows.",
        "note     duplicates: 2 found.",
        "           a = b",
        "           c = d",
        "warning  leaks: 9 found.",
        "           a = b",
        "           and 8 more",
    ]


def test_many_equal_rows_are_fast():
    found = findings(["ACGA"] * 20_000 + ["TCGT"] * 20_000, [1, 0] * 20_000, ["train", "test"] * 20_000)
    assert found["duplicates across splits"].count == 2
    assert found["reverse complements across splits"].count == 1
