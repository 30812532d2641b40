import numpy as np
import pytest

from palindra.data import (
    LabelledSequences,
    require_splits,
    similarity_clusters,
    split_by_chromosome,
    split_by_similarity,
    split_random,
)
from palindra.data.similarity import _jaccard, _sketch
from palindra.errors import InputError
from palindra.sequences import PROTEIN, RNA, encode, reverse_complement


def random_sequences(rows, length, seed=0):
    letters = np.random.default_rng(seed).integers(0, 4, (rows, length))
    return ["".join(row) for row in np.array(list("ACGT"))[letters]]


def mutated(sequence, share, seed):
    """Exactly that share of the letters changed, each to another one."""
    generator = np.random.default_rng(seed)
    letters = np.array(["ACGT".index(letter) for letter in sequence])
    places = generator.choice(len(letters), round(share * len(letters)), replace=False)
    letters[places] = (letters[places] + generator.integers(1, 4, len(places))) % 4
    return "".join("ACGT"[letter] for letter in letters)


@pytest.fixture(scope="module")
def related():
    """Ten relatives of each of 200 sequences of 400 letters, in a shuffled order, with the number of the ancestor."""
    longer = random_sequences(200, 430)
    rows = []
    for family, long in enumerate(longer):
        whole = long[:400]
        copies = [whole, whole, reverse_complement(whole), long[30:], reverse_complement(long[30:])]
        copies += [mutated(whole, 0.05, 10 * family + n) for n in range(4)]
        copies += [reverse_complement(mutated(whole, 0.05, 10 * family + 9))]
        rows += [(family, copy) for copy in copies]
    order = np.random.default_rng(1).permutation(len(rows))
    return np.array([rows[row][0] for row in order]), [rows[row][1] for row in order]


def test_relatives_are_in_one_cluster_and_strangers_are_not(related):
    family, sequences = related
    clusters = similarity_clusters(sequences)
    assert len(np.unique(clusters)) == 200
    assert len({*zip(family.tolist(), clusters.tolist(), strict=True)}) == 200
    assert clusters[0] == 0
    assert clusters.max() == 199


@pytest.mark.parametrize("length", [100, 200, 1000])
def test_relatives_of_other_lengths(length):
    longer = random_sequences(100, length + 30)
    whole = [s[:length] for s in longer]
    copies = [whole, [reverse_complement(s[30:]) for s in longer], [mutated(s, 0.03, 5) for s in whole]]
    clusters = similarity_clusters([s for some in copies for s in some]).reshape(3, -1)
    assert (clusters == np.arange(100)).all()


def test_clusters_agree_with_all_pairs_compared():
    """An independent implementation: exact Jaccard indices of sets of k-mers, all pairs, linked by hand."""
    base = random_sequences(12, 60, seed=3)
    sequences = base + [mutated(s, share, 4) for s in base for share in (0.02, 0.1, 0.3)]

    def sets(s):
        return {min(s[i : i + 8], reverse_complement(s[i : i + 8])) for i in range(len(s) - 7)}

    kmers = [sets(s) for s in sequences]
    group = list(range(len(sequences)))
    for a in range(len(sequences)):
        for b in range(a):
            if len(kmers[a] & kmers[b]) / len(kmers[a] | kmers[b]) >= 0.2:
                group = [group[b] if g == group[a] else g for g in group]
    expected = [sorted(set(group), key=group.index).index(g) for g in group]
    assert similarity_clusters(sequences, threshold=0.2, k=8).tolist() == expected  # 53 k-mers: the sketch is exact
    assert 12 < len(set(expected)) < 48


def test_the_index_is_estimated_without_bias():
    whole = random_sequences(300, 400, seed=5)
    copies = [mutated(s, 0.04, n) for n, s in enumerate(whole)]

    def kmers(s):
        return {min(s[i : i + 12], reverse_complement(s[i : i + 12])) for i in range(len(s) - 11)}

    exact = [len(kmers(a) & kmers(b)) / len(kmers(a) | kmers(b)) for a, b in zip(whole, copies, strict=True)]
    estimated = _jaccard(_sketch(encode(whole), 12), _sketch(encode(copies), 12))
    errors = estimated - np.array(exact)
    assert abs(errors.mean()) < 0.01  # three standard errors of the mean of 300
    assert errors.std() < 0.07


def test_the_cluster_does_not_depend_on_strand_or_order(related):
    _, sequences = related
    some = sequences[:300]
    clusters = similarity_clusters(some)
    assert (similarity_clusters([reverse_complement(s) for s in some]) == clusters).all()
    backwards = similarity_clusters(some[::-1])[::-1]
    assert len({*zip(clusters.tolist(), backwards.tolist(), strict=True)}) == len(set(clusters)) == len(set(backwards))


def test_a_repeat_in_every_sequence_joins_them_all():
    repeat = random_sequences(1, 300)[0]
    sequences = [repeat + tail for tail in random_sequences(500, 100, seed=8)]
    assert similarity_clusters(sequences).max() == 0


def test_sequences_of_few_kmers():
    rows = ["A" * 30, "T" * 30, "N" * 30, "N" * 30, "AC" * 15, "CA" * 15, "ACGT" * 7 + "AC"]
    assert similarity_clusters(rows).tolist() == [0, 0, 1, 1, 2, 2, 3]


def test_whole_clusters_are_split(related):
    family, sequences = related
    data = LabelledSequences.from_arrays(sequences, np.arange(len(sequences)) % 2)
    split = split_by_similarity(data, seed=3)
    assert len({*zip(family.tolist(), split.splits.tolist(), strict=True)}) == 200
    assert [(split.splits == name).sum() for name in ("train", "valid", "test")] == [1600, 200, 200]
    assert (split_by_similarity(data, seed=3).splits == split.splits).all()
    assert (split_by_similarity(data, seed=4).splits != split.splits).any()
    assert set(split_by_similarity(data, fractions=(0.7, 0.3, 0), seed=0).splits) == {"train", "valid"}


def test_one_large_cluster_is_refused():
    base = random_sequences(1, 100)[0]
    rows = [mutated(base, 0.01, n) for n in range(45)] + random_sequences(5, 100, seed=9)
    data = LabelledSequences.from_arrays(rows, [0, 1] * 25, source="t.tsv")
    with pytest.raises(InputError, match=r"t.tsv: .* less than half .* holds 45 of 50 rows at threshold 0.1: raise"):
        split_by_similarity(data, fractions=(0.6, 0.2, 0.2), seed=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0}, "threshold 0"),
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"k": 3}, "k = 3"),
        ({"k": 32}, "k = 32"),
        ({"k": 20}, "sequences of 10 letters have no 20-mers"),
        ({"alphabet": PROTEIN}, "needs DNA or RNA, not protein"),
    ],
)
def test_clusters_that_cannot_be_made(options, message):
    with pytest.raises(InputError, match=message):
        similarity_clusters(["ACGACGACGA"], **options)


def test_rna():
    assert similarity_clusters(["ACGUUGCAAU", "AUUGCAACGU"], k=5, alphabet=RNA).tolist() == [0, 0]


def test_random_split_keeps_the_classes_in_proportion():
    labels = np.repeat([0, 1, 2], [700, 200, 100])
    data = LabelledSequences.from_arrays(random_sequences(1000, 5), labels)
    split = split_random(data, seed=1)
    counts = [np.bincount(split.rows(name).labels[:, 0].astype(int)).tolist() for name in ("train", "valid", "test")]
    assert counts == [[560, 160, 80], [70, 20, 10], [70, 20, 10]]
    assert (split_random(data, seed=1).splits == split.splits).all()
    assert (split_random(data, seed=2).splits != split.splits).any()
    assert split.sequences == data.sequences


def test_random_split_of_measurements():
    data = LabelledSequences.from_arrays(random_sequences(50, 5), np.linspace(0, 1, 50))
    split = split_random(data, fractions=(0.5, 0.3, 0.2), seed=1)
    assert [len(split.rows(name)) for name in ("train", "valid", "test")] == [25, 15, 10]


@pytest.mark.parametrize("split", [split_random, split_by_similarity])
@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.2), (0, 0.5, 0.5), (1.2, -0.1, -0.1), (0.5, 0.5)])
def test_fractions_that_do_not_fit(split, fractions):
    data = LabelledSequences.from_arrays(random_sequences(20, 50), [0, 1] * 10)
    with pytest.raises(InputError, match=r"add up to 1"):
        split(data, fractions=fractions, seed=0)


def test_too_few_rows_to_split():
    data = LabelledSequences.from_arrays(["AC", "GT", "TT"], [0, 1, 1], source="t.tsv")
    with pytest.raises(InputError, match=r"t.tsv: 3 rows leave split 'valid' empty"):
        split_random(data, fractions=(0.98, 0.01, 0.01), seed=0)


@pytest.fixture
def on_chromosomes():
    return LabelledSequences.from_arrays(
        ["AC", "AG", "TC", "GG"], [1, 0, 1, 0], chromosomes=["chr1", "chr8", "chr9", "chr8"], source="t.tsv"
    )


def test_split_by_chromosome(on_chromosomes):
    split = split_by_chromosome(on_chromosomes, valid=["chr9"], test=["chr8"])
    assert split.splits.tolist() == ["train", "test", "valid", "test"]
    assert split_by_chromosome(on_chromosomes, valid="chr9", test="chr8").splits.tolist() == split.splits.tolist()


@pytest.mark.parametrize(
    ("valid", "test", "message"),
    [
        (["chr7"], ["chr8"], "t.tsv: no row is on 'chr7'; the chromosomes are chr1, chr8, chr9"),
        (["chr8"], ["chr8"], "'chr8' is named twice"),
        (["chr8"], ["chr1", "chr9"], "t.tsv: all chromosomes are named"),
    ],
)
def test_chromosomes_that_do_not_fit(on_chromosomes, valid, test, message):
    with pytest.raises(InputError, match=message):
        split_by_chromosome(on_chromosomes, valid=valid, test=test)


def test_chromosomes_that_are_not_known():
    data = LabelledSequences.from_arrays(["AC", "GT"], [0, 1], source="t.tsv")
    with pytest.raises(InputError, match=r"t.tsv: the chromosomes .* not known.*chromosome_column"):
        split_by_chromosome(data, valid=["chr8"], test=["chr9"])


def test_required_splits_are_named(on_chromosomes):
    with pytest.raises(
        InputError, match=r"t.tsv: no row is in split 'valid' \(there are train 4\).*split_by_similarity"
    ):
        require_splits(on_chromosomes)
    split = split_by_chromosome(on_chromosomes, valid=["chr9"], test=["chr8"])
    with pytest.raises(InputError, match=r"t.tsv: split 'test' holds only one class \(0, 2 rows\)"):
        require_splits(split)
    require_splits(on_chromosomes, ["train"])
