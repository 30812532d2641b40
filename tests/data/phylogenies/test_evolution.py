"""Sequences along trees: substitution processes, indels and their true alignment, labelled data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from palindra.data import check_data
from palindra.data.phylogenies import (
    Alignment,
    Indels,
    PhylogenyConfig,
    Substitution,
    evolve,
    hky,
    jc69,
    jc69_difference,
    k80,
    make_phylogeny,
    read_alignment,
    star_tree,
    yule_tree,
)
from palindra.data.phylogenies.evolving import _branch, _Order, _State
from palindra.errors import InputError

MODELS = {"jc69": jc69(), "k80": k80(4.0), "hky": hky(3.0, [0.4, 0.1, 0.2, 0.3])}
SITES = 40_000


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("time", [0.0, 0.03, 0.7, 5.0])
def test_probabilities_are_the_exponential_of_the_rates(name, time):
    model = MODELS[name]
    assert np.allclose(model.probabilities(time), expm(model.rates * time), atol=1e-12)
    stationary = np.array(model.frequencies)
    assert np.isclose(-(stationary * np.diag(model.rates)).sum(), 1.0)  # one substitution per site and unit of time
    flow = stationary[:, None] * model.probabilities(time)
    assert np.allclose(flow, flow.T)  # reversible


@pytest.mark.parametrize("time", [0.05, 0.4, 1.5])
def test_jc69_differences_follow_the_formula(time):
    found = evolve(star_tree(2).scaled(time / 2), SITES, seed=1).codes
    share = float((found[0] != found[1]).mean())
    expected = 0.75 * (1 - np.exp(-4 * time / 3))
    assert np.isclose(expected, jc69_difference(time))
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / SITES)


def test_k80_transitions_and_transversions():
    time, kappa = 0.6, 4.0
    one, other = evolve(star_tree(2).scaled(time / 2), SITES, substitution=k80(kappa), seed=2).codes.astype(int)
    transitions = float(((one != other) & ((one + other) % 2 == 0)).mean())
    transversions = float(((one + other) % 2 == 1).mean())
    beta = 1 / (kappa + 2)  # Kimura (1980), alpha = kappa beta, alpha + 2 beta = 1
    expected = 0.25 + np.exp(-4 * beta * time) / 4 - np.exp(-2 * (kappa + 1) * beta * time) / 2
    assert abs(transitions - expected) < 0.01
    assert abs(transversions - (0.5 - np.exp(-4 * beta * time) / 2)) < 0.01


def test_hky_keeps_its_frequencies():
    model = MODELS["hky"]
    codes = evolve(yule_tree(3, 0).scaled(1.0), SITES, substitution=model, seed=3).codes
    for row in codes:
        assert np.allclose(np.bincount(row, minlength=4) / SITES, model.frequencies, atol=0.012)
    assert np.allclose(model.probabilities(500.0), model.frequencies)


def test_sites_with_gamma_rates_differ_less_often():
    """With rates of shape a the share is 3/4 (1 - (1 + 4d/3a)^-a) (Jin and Nei, 1990)."""
    time, shape = 1.0, 0.5
    one, other = evolve(star_tree(2).scaled(time / 2), SITES, gamma_shape=shape, seed=4).codes
    expected = 0.75 * (1 - (1 + 4 * time / (3 * shape)) ** -shape)
    assert abs(float((one != other).mean()) - expected) < 0.012


def test_the_true_alignment_holds_the_sequences():
    """Homologous letters share a column: without substitutions, columns hold one letter besides gaps."""
    frozen = Substitution(frequencies=(0.25, 0.25, 0.25, 0.25))
    tree = yule_tree(8, 1).scaled(1.0)
    indels = Indels(insertions=0.1, deletions=0.1, mean_length=4)
    found = evolve(tree, 300, substitution=frozen, gamma_shape=1e-9, indels=indels, seed=5)  # rates of nearly 0
    assert found.codes.shape[1] > 300
    assert (found.codes == 4).any()
    for column in found.codes.T:
        assert len(set(column[column < 4].tolist())) == 1
    for row, text in zip(found.rows(), found.sequences(), strict=True):
        assert row.replace("-", "") == text
    assert len(set(map(len, found.sequences()))) > 1


def test_gaps_come_from_single_events():
    """One long branch with deletions only: the other sequence has every letter, in order."""
    found = evolve(star_tree(2).scaled(0.3), 500, indels=Indels(deletions=0.05, mean_length=5), seed=6)
    assert found.codes.shape[1] <= 500
    longer = evolve(star_tree(2).scaled(0.3), 500, indels=Indels(insertions=0.05, mean_length=5), seed=6)
    assert min(map(len, longer.sequences())) >= 500
    assert ((longer.codes == 4).sum(axis=0) < 2).all()  # no column without letters
    inserted = (longer.codes == 4).sum()
    assert longer.codes.shape[1] - 500 == inserted


def test_rates_of_indels():
    """Insertions and deletions at equal rates: length grows by about rate x time x mean of one more slot only."""
    lengths = [
        len(evolve(star_tree(2).scaled(1.0), 400, indels=Indels(0.02, 0.02, 3.0), seed=seed).sequences()[0])
        for seed in range(60)
    ]
    assert abs(np.mean(lengths) - 400) < 4 * np.std(lengths) / np.sqrt(60) + 1
    # 0.02 * 400 events of each kind, geometric lengths: the second moment of 3 is 15
    assert 0.6 < np.std(lengths) / np.sqrt(2 * 0.02 * 400 * 15) < 1.5


def test_insertions_grow_at_their_rate():
    """A length L grows by rate x (L + 1) x mean: to (L + 1) exp(rate x mean x time) - 1 on average."""
    lengths = [
        len(text)
        for seed in range(40)
        for text in evolve(star_tree(2), 400, indels=Indels(insertions=0.02, mean_length=3), seed=seed).sequences()
    ]
    assert abs(np.mean(lengths) - (401 * np.exp(0.06) - 1)) < 5


def test_short_branches_seldom_have_an_event():
    tree, indels = star_tree(2).scaled(0.1), Indels(insertions=0.01, mean_length=1)
    found = [len(text) > 100 for seed in range(300) for text in evolve(tree, 100, indels=indels, seed=seed).sequences()]
    assert abs(np.mean(found) - (1 - np.exp(-0.101))) < 0.045


def test_a_sequence_lies_in_the_order_of_its_columns():
    """Also after insertions into insertions and next to what was deleted."""
    rng, order = np.random.default_rng(0), _Order(40)
    root = _State(np.arange(40), np.zeros(40, dtype=np.int64), np.ones(40))
    states = [root]
    for _ in range(6):
        states.append(_branch(states[-1], 1.0, jc69(), Indels(0.2, 0.2, 4), None, order=order, rng=rng))
    states.append(_branch(root, 2.0, jc69(), Indels(0.2, 0.2, 4), None, order=order, rng=rng))
    ranks = order.ranks()
    assert sorted(ranks) == list(range(len(order.following)))
    for state in states:
        assert (np.diff(ranks[state.columns]) > 0).all()


def test_the_seed_decides_everything():
    tree, kind = yule_tree(5, 0), {"gamma_shape": 0.7, "indels": Indels(0.05, 0.05)}
    assert evolve(tree, 50, seed=3, **kind).rows() == evolve(tree, 50, seed=3, **kind).rows()
    assert evolve(tree, 50, seed=3, **kind).rows() != evolve(tree, 50, seed=4, **kind).rows()


@pytest.mark.parametrize("shape", ["yule", "coalescent", "caterpillar", "star"])
def test_labelled_data_of_clades(shape):
    config = PhylogenyConfig(shape=shape, clades=3, train=5, held_out=2, length=60, seed=1, indels=Indels(0.05, 0.05))
    made = make_phylogeny(config)
    data = made.data
    assert data.length == 60
    for split, count in (("train", 5), ("valid", 2), ("test", 2)):
        assert np.bincount(data.rows(split).labels[:, 0].astype(int)).tolist() == [count] * 3
    assert make_phylogeny(config).data.sequences == data.sequences
    for row, text in enumerate(made.alignment.sequences()):
        assert data.sequences[row].rstrip("N") == text[:60]
    check_data(data)


def test_one_member_is_no_class():
    with pytest.raises(InputError, match="a class with one member"):
        PhylogenyConfig(train=1)
    with pytest.raises(InputError, match="choose from yule"):
        PhylogenyConfig(shape="bush")
    with pytest.raises(InputError, match="positive height"):
        PhylogenyConfig(height=0)
    with pytest.raises(InputError, match="deleted whole"):
        make_phylogeny(PhylogenyConfig(length=3, height=40, indels=Indels(0, 1, 3)))


def test_settings_out_of_range():
    with pytest.raises(ValueError, match="kappa is 0"):
        k80(0)
    with pytest.raises(ValueError, match="add up to 1"):
        hky(2, [0.5, 0.5, 0.5, 0.5])
    with pytest.raises(ValueError, match="0 or more"):
        Indels(-1)
    with pytest.raises(ValueError, match="positive numbers"):
        evolve(star_tree(2), 0, seed=0)


def test_alignments_are_read(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(">one\nAC-GT\n>two\nacnuA\n")
    found = read_alignment(path)
    assert found.rows() == ["AC-GT", "ACNTA"]
    assert read_alignment_text(tmp_path, found.to_fasta()).rows() == found.rows()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (">a\nACGT\n>b\nACG\n", r"a\.fa line 3: 'b' has 3 columns, but 'a' \(.*a\.fa line 1\) has 4"),
        (">a\nACGT\n>a\nACGA\n", r"line 3: 'a' stands in line 1 already"),
        (">a\nACGT\n>b\nAC!T\n", r"line 3: letter '!' in column 3 of 'b'"),
        (">a\nACGT\n>b\nACÄT\n", r"line 3: letter 'Ä' in column 3 of 'b'"),
        (">a\nAC?T\n", r"letter '\?'"),
    ],
)
def test_broken_alignments_name_file_and_line(tmp_path, text, says):
    with pytest.raises(InputError, match=says):
        read_alignment_text(tmp_path, text)


def read_alignment_text(folder, text: str) -> Alignment:
    path = folder / "a.fa"
    path.write_text(text)
    return read_alignment(path)
