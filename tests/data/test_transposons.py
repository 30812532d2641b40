"""Benchmarks of transposable elements: what is held out, what leaks, what is refused."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from palindra.data import read_labelled
from palindra.data.transposons import (
    Family,
    WindowConfig,
    build_windows,
    leaks_between_splits,
    read_families,
    relatives_of,
)
from palindra.errors import InputError
from palindra.sequences import reverse_complement

SIZES = {"Gypsy": 7, "Jockey": 5, "Copia": 3, "P": 1}


def letters(rng: np.random.Generator, count: int) -> str:
    return "".join(rng.choice(list("ACGT"), count))


def mutated(text: str, share: float, rng: np.random.Generator) -> str:
    return "".join(str(rng.choice(list("ACGT"))) if rng.random() < share else letter for letter in text)


def families(seed: int = 0, length: int = 600) -> list[Family]:
    """Random families; Gypsy0 to Gypsy2 are copies of each other, Gypsy1 on the other strand."""
    rng = np.random.default_rng(seed)
    found = []
    for kind, count in SIZES.items():
        for number in range(count):
            text = letters(rng, length)
            if kind == "Gypsy" and number in (1, 2):
                text = mutated(found[0].sequence, 0.03, rng)
                text = reverse_complement(text) if number == 1 else text
            order = "DNA" if kind == "P" else "LINE" if kind == "Jockey" else "LTR"
            found.append(Family(f"{kind}{number}", "I", order, kind, text, f"te.tsv line {len(found) + 2}"))
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("te") / "families.tsv.gz"
    rows = ["name\tte_class\torder\tsuperfamily\tlength\tsequence"]
    rows += ["\t".join([f.name, f.te_class, f.order, f.superfamily, "600", f.sequence]) for f in families()]
    path.write_bytes(gzip.compress(("\n".join(rows) + "\n").encode()))
    return path


CONFIG = WindowConfig(length=100, step=50)


def of_split(made, split: str) -> set[str]:
    return {window.family.name for window in made.windows if window.split == split}


@pytest.mark.parametrize("seed", range(6))
def test_families_are_held_out_whole_with_their_relatives(seed):
    made = build_windows(families(seed), WindowConfig(length=100, step=50, seed=seed))
    splits = [of_split(made, name) for name in ("train", "valid", "test")]
    assert sum(map(len, splits)) == len(set.union(*splits))
    assert set.union(*splits) == {f.name for f in families() if f.superfamily != "P"}
    for part in splits:
        assert len({"Gypsy0", "Gypsy1", "Gypsy2"} & part) in (0, 3)
        assert {name.rstrip("0123456789") for name in part} == {"Gypsy", "Jockey", "Copia"}
    assert made.report["left_out_classes"] == ["P"]
    assert made.report["relatives"] == [["Gypsy0", "Gypsy1", "Gypsy2"]]
    assert set(leaks_between_splits(made.data).values()) == {0}


def test_windows_come_from_where_they_say():
    made = build_windows(families(), CONFIG)
    for window in made.windows:
        text = window.family.sequence[window.start : window.start + 100]
        assert window.sequence == (text if window.strand == "+" else reverse_complement(text))
    strands = [window.strand for window in made.windows]
    assert 0.4 < strands.count("-") / len(strands) < 0.6
    straight = build_windows(families(), WindowConfig(length=100, step=50, strands=False))
    assert {window.strand for window in straight.windows} == {"+"}


def test_the_same_settings_give_the_same_bytes():
    assert build_windows(families(), CONFIG).to_tsv() == build_windows(families(), CONFIG).to_tsv()
    other = WindowConfig(length=100, step=50, seed=1)
    assert build_windows(families(), CONFIG).to_tsv() != build_windows(families(), other).to_tsv()


def test_a_superfamily_against_a_background():
    made = build_windows(families(), WindowConfig(task="background", superfamily="Jockey", length=100, step=50))
    data = made.data
    assert data.task == "binary"
    for split in ("train", "valid", "test"):
        labels = data.rows(split).labels[:, 0]
        assert labels.mean() == 0.5
    assert all((w.label == "Jockey") == (w.family.superfamily == "Jockey") for w in made.windows)


def test_a_shuffled_background_keeps_dinucleotides():
    config = WindowConfig(
        task="background", superfamily="Jockey", background="shuffled", length=100, step=100, strands=False
    )
    made = build_windows(families(), config)
    by = {
        label: {(w.family.name, w.start): w.sequence for w in made.windows if (w.label == "Jockey") == label}
        for label in (True, False)
    }
    assert by[True].keys() == by[False].keys()
    for key, text in by[True].items():
        other = by[False][key]
        assert text != other
        assert sorted(map("".join, pairwise(text))) == sorted(map("".join, pairwise(other)))


def test_families_as_classes_hold_ends_out_and_drop_repeated_ends():
    """Elements with the same long terminal repeat at both ends would leak it from train to test."""
    rng = np.random.default_rng(5)
    repeat = letters(rng, 200)
    some = [
        Family(f"f{n}", "I", "LTR", "Gypsy", own + letters(rng, 800) + last, f"te.tsv line {n}")
        for n, (own, last) in enumerate([(repeat, repeat), *[(letters(rng, 200), letters(rng, 200))] * 3])
    ]
    made = build_windows(some, WindowConfig(task="family", length=100, step=100))
    for window in made.windows:
        assert (window.start + 100 <= 720) == (window.split == "train")
    assert made.report["removed_as_leaks"]["test"] > 0
    assert set(leaks_between_splits(made.data).values()) == {0}


def test_short_families_are_padded_on_both_sides():
    rng = np.random.default_rng(0)
    some = [Family(f"{k}{n}", "I", "LTR", k, letters(rng, 60), "-") for k in ("A", "B") for n in range(3)]
    made = build_windows(some, WindowConfig(length=71, step=10, strands=False))
    assert all(w.sequence == "N" * 5 + w.family.sequence + "N" * 6 for w in made.windows)


def test_windows_of_a_family_can_be_limited():
    made = build_windows(families(), WindowConfig(length=100, step=10, most=4))
    counts = {name: sum(w.family.name == name for w in made.windows) for name in of_split(made, "train")}
    assert set(counts.values()) == {4}


def test_leaks_are_found():
    rng = np.random.default_rng(1)
    text, other, third = (letters(rng, 100) for _ in range(3))
    from palindra.data import LabelledSequences

    def leaks(rows: list[str]) -> dict[str, int]:
        splits = ["train", "test", "train"]
        return leaks_between_splits(LabelledSequences.from_arrays(rows, [0, 1, 1], splits=splits))

    assert leaks([text, other, third]) == {"same": 0, "reverse complement": 0, "near copy": 0}
    assert leaks([text, text, third]) == {"same": 1, "reverse complement": 0, "near copy": 1}
    assert leaks([text, reverse_complement(text), third]) == {"same": 0, "reverse complement": 1, "near copy": 1}
    assert leaks([text, mutated(text, 0.04, rng), third]) == {"same": 0, "reverse complement": 0, "near copy": 1}


def test_relatives_are_found_over_others_and_from_the_other_strand():
    rng = np.random.default_rng(2)
    one, two = letters(rng, 900), letters(rng, 900)
    texts = [one, reverse_complement(one[:500]) + two[:500], two, letters(rng, 900)]
    some = [Family(str(n), "I", "LTR", "Gypsy", text, "-") for n, text in enumerate(texts)]
    assert relatives_of(some, threshold=0.1) == [0, 0, 0, 3]


def test_a_class_with_one_member_is_refused_with_its_line():
    with pytest.raises(
        InputError, match=r"te\.tsv line 17: superfamily 'P' has 1 family \(P0\); three that are no rel"
    ):
        build_windows(families(), WindowConfig(task="background", superfamily="P", length=100))
    with pytest.raises(InputError, match="there are Copia, Gypsy, Jockey, P"):
        build_windows(families(), WindowConfig(task="background", superfamily="Gipsy", length=100))
    few = [family for family in families() if family.superfamily in ("Gypsy", "P")]
    with pytest.raises(InputError, match=r"te\.tsv line 17: superfamily 'P' has 1 member, and 1 class is left of 2"):
        build_windows(few, CONFIG)
    with pytest.raises(InputError, match="no family has room"):
        build_windows(families(), WindowConfig(task="family", length=500))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name\tsequence\na\tACGT\n", "no column 'te_class'"),
        ("name\tte_class\torder\tsuperfamily\tsequence\na\tI\tLTR\t\tACGT\n", r"line 2: the field 'superfamily' is em"),
        (
            "name\tte_class\torder\tsuperfamily\tsequence\na\tI\tLTR\tP\tACGT\na\tI\tLTR\tP\tACGT\n",
            r"line 3: family 'a' stands at .*line 2 already",
        ),
        ("name\tte_class\torder\tsuperfamily\tsequence\na\tI\tLTR\tP\tAC!T\n", r"line 2: letter '!' at position 3"),
    ],
)
def test_broken_tables_name_file_and_line(tmp_path, text, says):
    path = tmp_path / "te.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_families(path)


def test_fasta_has_no_classification(tmp_path):
    with pytest.raises(InputError, match="FASTA has no classification"):
        read_families(tmp_path / "te.fa")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"task": "background"}, "a superfamily is needed"),
        ({"superfamily": "P"}, "a superfamily is needed"),
        ({"background": "genome"}, "choose 'others' or 'shuffled'"),
        ({"length": 10}, "24, 1 and 0 are the least"),
        ({"fractions": (0.5, 0.5, 0.0)}, "three positive numbers"),
    ],
)
def test_settings_out_of_range(change, says):
    with pytest.raises(InputError, match=says):
        WindowConfig(**change)


def test_the_table_is_read_for_training(source, tmp_path):
    made = build_windows(read_families(source), CONFIG)
    path = tmp_path / "windows.tsv"
    path.write_text(made.to_tsv())
    data = read_labelled(path)
    assert data.sequences == made.data.sequences
    assert (data.splits == made.data.splits).all()
    assert data.class_names == made.data.class_names == ("Copia", "Gypsy", "Jockey")
    assert json.loads(json.dumps(dict(made.report))) == made.report
