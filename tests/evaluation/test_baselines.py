from __future__ import annotations

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.evaluation import fit_baseline, kmer_table, score
from palindra.evaluation import kmers as kmers_module

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def reverse_complement(sequence):
    return sequence.translate(COMPLEMENT)[::-1]


def random_sequences(rows, seed, letters="ACGT", shortest=30, longest=41):
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list(letters), random.integers(shortest, longest))) for _ in range(rows)]


def planted(rows, seed, word="GATTACA"):
    """Sequences that hold a word, on either strand, when their label is 1."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, rows)
    sequences = []
    for sequence, label in zip(random_sequences(rows, seed + 1), labels, strict=True):
        start = random.integers(0, len(sequence) - len(word))
        inserted = word if random.random() < 0.5 else reverse_complement(word)
        sequences.append(sequence[:start] + inserted + sequence[start + len(word) :] if label else sequence)
    return sequences, labels


@pytest.mark.parametrize(("k", "columns"), [(1, 2), (2, 10), (3, 32), (4, 136), (5, 512), (6, 2080)])
def test_number_of_words_that_both_strands_share(k, columns):
    assert kmer_table(["ACGTAC"], k).shape == (1, columns)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_counts_are_those_of_counting_one_by_one(k):
    sequences = [*random_sequences(7, 0, "ACGTN"), "", "A" * k, "N" * 9]
    words = sorted({min(w, reverse_complement(w)) for w in _all_words(k)})
    expected = np.zeros((len(sequences), len(words)))
    for row, sequence in enumerate(sequences):
        for start in range(len(sequence) - k + 1):
            word = sequence[start : start + k]
            if "N" not in word:
                expected[row, words.index(min(word, reverse_complement(word)))] += 1
    assert (kmer_table(sequences, k).toarray() == expected).all()


def _all_words(k):
    return [""] if k == 0 else [letter + word for letter in "ACGT" for word in _all_words(k - 1)]


def test_counts_do_not_depend_on_blocks_case_or_alphabet(monkeypatch):
    sequences = random_sequences(50, 3)
    whole = kmer_table(sequences, 4).toarray()
    assert (kmer_table([s.lower().replace("t", "u") for s in sequences], 4).toarray() == whole).all()
    monkeypatch.setattr(kmers_module, "_LETTERS_AT_ONCE", 100)
    assert (kmer_table(sequences, 4).toarray() == whole).all()


@pytest.mark.parametrize("sequences", [[], ["ACG", ""], ["MKVLLEEE"]])
def test_sequences_without_words_are_refused(sequences):
    with pytest.raises(InputError, match="6 letters"):
        kmer_table(sequences, 6)


def labels_for(task, labels):
    random = np.random.default_rng(0)
    if task == "multiclass":
        return labels + (random.random(len(labels)) < 0.3) * (labels == 0) * 2
    if task == "multilabel":
        columns = np.stack([labels, 1 - labels, np.zeros(len(labels))], 1).astype(float)
        columns[random.random(columns.shape) < 0.1] = np.nan
        return columns
    if task == "regression":
        values = np.stack([labels + random.normal(0, 0.1, len(labels)), -3.0 * labels + 40], 1)
        values[::7, 1] = np.nan
        return values
    return labels


@pytest.mark.parametrize("name", ["composition", "kmer"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_both_strands_get_the_same_prediction_to_the_last_bit(name, task):
    (train, y), (valid, y_valid) = planted(150, 0), planted(60, 10)
    baseline = fit_baseline(name, task, (train, labels_for(task, y)), (valid, labels_for(task, y_valid)), k=4)
    test = [*random_sequences(37, 20, "ACGTN"), "ACGT"]
    predictions = baseline.predict(test)
    assert predictions.shape == (38, {"binary": 1, "multiclass": 3, "multilabel": 3, "regression": 2}[task])
    assert np.ptp(predictions[:, 0]) > 0
    assert (baseline.predict([reverse_complement(s) for s in test]) == predictions).all()
    assert (baseline.predict(test[:5]) == predictions[:5]).all()


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_words_find_a_planted_word_and_composition_does_not(task):
    splits = [(s, labels_for(task, y)) for s, y in (planted(600, 0), planted(200, 10), planted(300, 20))]
    key = {"multiclass": "accuracy", "regression": "R2"}.get(task, "AUROC")
    words, composition = (
        score(task, fit_baseline(name, task, *splits[:2]).predict(splits[2][0]), splits[2][1])[key]
        for name in ("kmer", "composition")
    )
    assert words > 0.7
    assert words > composition + 0.15


def test_probabilities_add_up_and_an_unseen_class_gets_none():
    sequences, labels = planted(80, 0)
    baseline = fit_baseline("kmer", "multiclass", (sequences, 2 * labels), (sequences, labels), k=3)
    p = baseline.predict(sequences)
    assert p.sum(1) == pytest.approx(1)
    assert (p[:, 1] == 0).all()
    assert score("binary", p[:, 2], labels)["AUROC"] > 0.7


def test_a_column_with_one_class_gets_its_frequency():
    sequences, labels = planted(40, 0)
    columns = np.stack([labels, np.ones(40)], 1)
    baseline = fit_baseline("composition", "multilabel", (sequences, columns), (sequences, columns))
    assert baseline.predict(sequences)[:, 1] == pytest.approx(40.5 / 41)


def test_two_fits_are_the_same():
    train, valid = planted(100, 0), planted(50, 1)
    one, other = (fit_baseline("kmer", "binary", train, valid) for _ in range(2))
    assert (one.predict(valid[0]) == other.predict(valid[0])).all()


def test_the_validation_split_chooses_the_penalty():
    train, valid = planted(200, 0), planted(100, 10)
    assert fit_baseline("kmer", "binary", train, valid, strengths=[1.0]).strength == 1
    noise = np.random.default_rng(0).integers(0, 2, 100)
    weak = fit_baseline("kmer", "binary", train, valid).strength
    strong = fit_baseline("kmer", "binary", train, (valid[0], noise)).strength
    assert strong < weak


@pytest.mark.parametrize(
    ("name", "task", "labels", "says"),
    [
        ("gkm", "binary", [0, 1, 1], "no baseline 'gkm'"),
        ("kmer", "ranking", [0, 1, 1], "ranking"),
        ("kmer", "binary", [0, 1], "one row of labels per sequence"),
        ("kmer", "binary", [1, 1, 1], "at least two classes"),
        ("kmer", "binary", [0, 1, np.nan], "without gaps"),
        ("kmer", "regression", [np.nan] * 3, "at least one value"),
    ],
)
def test_unfit_input_is_refused_with_a_reason(name, task, labels, says):
    split = (["ACGTACGTA", "CCGTTTTAG", "GGGATATTT"], labels)
    with pytest.raises(InputError, match=says):
        fit_baseline(name, task, split, split)
