from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from palindra.errors import InputError
from palindra.probing.audit import audit_source
from palindra.probing.audit.auditing import LEAST
from palindra.probing.audit.downstream import parts
from palindra.probing.sources import both_strands, open_source
from palindra.sequences import reverse_complement


def labelled(sequences, rule):
    values = np.array([rule(sequence) for sequence in sequences])
    return (values > np.median(values)).astype(float)


def test_one_hot_is_equivariant_but_not_invariant(random_sequences):
    found = audit_source(open_source("one-hot"), random_sequences(20, 15))
    assert not found.strands.alike
    assert found.strands.exchanged
    assert found.strands.after_map < 1e-3
    assert found.language is found.downstream is None
    assert "Nothing is lost" in found.verdict()[0]


def test_averaging_is_the_cure(random_sequences):
    sequences = random_sequences(20, 15)
    given = audit_source(open_source("one-hot"), sequences)
    cured = audit_source(open_source("one-hot", strands="averaged"), sequences)
    assert given.averaged.alike
    assert cured.strands.alike
    assert cured.averaged is None
    assert cured.strand_setting == "averaged"
    assert 'strands="averaged"' in " ".join(given.verdict())


def test_a_source_that_reads_one_strand_is_unlike_and_no_map_helps(toy, random_sequences):
    purine = toy(lambda word: [float(word == "A"), float(word == "A" or word == "C")])
    lost = toy(lambda word: [float(word == "A")])
    assert audit_source(purine, random_sequences(30, 40)).strands.after_map > 0.05
    assert not audit_source(lost, random_sequences(30, 40)).strands.equivariant


def test_strands_by_hand(toy):
    sequences = ["AAC", "ACG", "CCT", "GTT"]
    found = audit_source(toy(lambda word: [float(word == "A")], cls=True), sequences).strands
    a = np.array([s.count("A") / 3 for s in sequences])
    t = np.array([s.count("T") / 3 for s in sequences])
    pairs = np.mean([(x - y) ** 2 for i, x in enumerate(a) for j, y in enumerate(a) if i != j])
    assert found.mean.relative == pytest.approx(np.sqrt(((a - t) ** 2).mean() / pairs))
    first = np.array([s[0] == "A" for s in sequences], float)  # the CLS of the toy is its first token
    other = np.array([reverse_complement(s)[0] == "A" for s in sequences], float)
    assert found.cls.distance == pytest.approx(np.sqrt(((first - other) ** 2).mean()))


def test_the_other_strand_is_turned_back_to_the_same_bases(toy):
    weak = toy(lambda word: [float(word in "AT")])  # the same for a letter and its complement
    found = audit_source(weak, ["AACCA", "CGTAC", "TTTAC", "GGGAC"])
    assert found.strands.alike
    assert found.strands.full.relative == 0


def test_a_label_of_one_strand_must_not_be_averaged(random_sequences):
    sequences = random_sequences(600, 30)
    labels = labelled(sequences, lambda s: s.count("AC") + 0.01 * s.count("A"))
    found = audit_source(open_source("dinucleotides"), sequences, labels, "binary")
    refitted = found.downstream.cures[1]
    assert refitted.effect.high < 0
    assert refitted.left.largest == pytest.approx(0, abs=1e-5)
    assert found.verdict()[1].startswith("Do not average here")
    assert found.downstream.score_given > found.downstream.score_other + 0.2


def test_a_label_of_both_strands_is_not_harmed(random_sequences):
    sequences = random_sequences(600, 30)
    labels = labelled(sequences, lambda s: s.count("AC") + s.count("GT") + 0.01 * s.count("A"))
    found = audit_source(open_source("dinucleotides"), sequences, labels, "binary")
    assert found.downstream.cures[1].effect.high >= 0
    assert not any(sentence.startswith("Do not average here") for sentence in found.verdict())
    assert found.verdict()[1].startswith("What to do")


def test_a_given_split_is_kept(random_sequences):
    rows = [random_sequences(n, 20, seed) for n, seed in ((60, 1), (30, 2), (40, 3))]
    train, valid, test = ((part, labelled(part, lambda s: s.count("G"))) for part in rows)
    found = audit_source(open_source("nucleotides"), *test, "binary", train=train, valid=valid)
    assert found.sequences == 40
    assert found.downstream.fitted_on == 60
    assert found.notes == ()
    without = audit_source(open_source("nucleotides"), *test, "binary", train=train)
    assert "no validation rows" in without.notes[0]


def test_copies_on_either_strand_get_the_same_part(random_sequences):
    sequences = random_sequences(200, 12)
    given = parts(sequences)
    assert (given == parts([reverse_complement(s) for s in sequences])).all()
    assert {"train", "valid", "test"} == set(given)
    assert abs((given == "train").mean() - 0.6) < 0.1


def test_too_few_rows_are_no_audit_of_predictions(random_sequences):
    sequences = random_sequences(LEAST + 5, 12)
    found = audit_source(open_source("nucleotides"), sequences, labelled(sequences, lambda s: s.count("A")), "binary")
    assert found.downstream is None
    assert f"fewer than {LEAST}" in found.verdict()[-1]


@pytest.mark.parametrize("task", ["regression", "multiclass", "multilabel"])
def test_other_tasks(random_sequences, task):
    sequences = random_sequences(300, 20)
    counts = np.array([[s.count(x) for x in "ACG"] for s in sequences], float)
    labels = {"regression": counts[:, :1], "multiclass": counts.argmax(1), "multilabel": (counts > 5).astype(float)}
    found = audit_source(open_source("nucleotides"), sequences, labels[task], task)
    assert found.downstream.score_given > 0.8
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_language_model_that_reads_one_strand(toy_language, random_sequences):
    def letters(text):  # sure of A wherever the letter before is A
        table = torch.zeros(len(text), 4)
        table[[place for place in range(1, len(text)) if text[place - 1] == "A"], 0] = 3.0
        return table.log_softmax(-1)

    source = toy_language(letters)
    found = audit_source(source, random_sequences(12, 14))
    assert found.language.unlike > 0.1
    assert found.language.sequences == 12
    assert audit_source(source, random_sequences(12, 14), language_sequences=0).language is None


def test_shifts_that_do_not_fit_are_left_out(random_sequences):
    found = audit_source(open_source("one-hot"), random_sequences(5, 6))
    assert [shift.letters for shift in found.moved.shifts] == [1, 2]


def test_predictions_under_shifts_and_the_source_beside(random_sequences):
    sequences = random_sequences(300, 20)
    labels = labelled(sequences, lambda s: s.count("AC"))
    found = audit_source(
        open_source("dinucleotides"), sequences, labels, "binary", beside=open_source("one-hot"), shifts=(1,)
    )
    (shift,) = found.moved.shifts
    assert shift.prediction.flipped is not None
    assert shift.mean.relative > 0  # one pair of letters is another one
    assert found.beside.shifts[0].mean.relative < 1e-6  # the letters are the same
    assert found.beside.shifts[0].prediction is None


@pytest.mark.parametrize(
    ("sequences", "labels", "task", "words"),
    [
        (["ACGT"], None, None, "1 sequences of 4 to 4 letters"),
        (["ACGT", "ACG"], None, None, "3 to 4 letters"),
        (["ACGT", "ACGA"], [0, 1], None, "labels come with task None"),
        (["ACGT", "ACGA"], [0, 1, 1], "binary", "2 sequences come with labels of shape"),
    ],
)
def test_bad_input(sequences, labels, task, words):
    with pytest.raises(InputError, match=words):
        audit_source(open_source("one-hot"), sequences, labels, task)


def test_features_that_are_no_numbers(toy):
    with pytest.raises(InputError, match="NaN or infinite"):
        audit_source(toy(lambda word: [float("nan")]), ["ACGT", "ACGA"])


def test_concatenated_strands_only_change_places(random_sequences):
    found = audit_source(both_strands(open_source("dinucleotides"), "concatenated"), random_sequences(20, 15))
    assert found.strands.exchanged
    assert not found.strands.alike
