"""Filters to motifs: alignment against a plain loop, edges, counts, both strands, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from palindra.data.task import Task
from palindra.errors import InputError
from palindra.interpretation.motifs import consensus, filter_motifs, first_layer, trim
from palindra.models import Predictor, StrandCNN, StrandCNNConfig, StrandResNet, StrandResNetConfig
from palindra.nn import Activation, Conv1d, Kmers, Sequential, StrandMean
from palindra.sequences import one_hot
from palindra.symmetry import Position, Rep, Target

RNG = np.random.default_rng(0)
X = one_hot(RNG.integers(0, 4, (40, 70)).astype(np.uint8))


def plain(size: int = 7, filters: int = 5) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(4, filters, size, padding="same"), nn.ReLU(), nn.Flatten(), nn.Linear(70 * filters, 1)
    )


def word_network(word: str) -> nn.Sequential:
    """One filter that is 1 where a word is and 0 elsewhere."""
    network = nn.Sequential(nn.Conv1d(4, 1, len(word)), nn.ReLU())
    with torch.no_grad():
        network[0].weight.copy_(one_hot([word]))  # type: ignore[union-attr, operator]
        network[0].bias.fill_(1 - len(word))  # type: ignore[union-attr, operator]
    return network


def by_hand(activations: np.ndarray, x: np.ndarray, width: int, limit: int) -> list[tuple[np.ndarray, int]]:
    """The published procedure as a loop, for filters that keep the length."""
    motifs = []
    for channel in range(activations.shape[1]):
        cut = 0.5 * activations[:, channel].max()
        seen = []
        for row, values in enumerate(activations[:, channel]):
            for position in np.flatnonzero(values > cut):
                left = position - width // 2
                if left >= 0 and left + width <= x.shape[-1]:
                    seen.append(x[row, :, left : left + width].T)
        seen = seen[:limit]
        motifs.append((np.mean(seen, axis=0), len(seen)))
    return motifs


@pytest.mark.parametrize(("limit", "batch_size"), [(10_000, 256), (23, 7)])
def test_motifs_are_those_of_a_plain_loop(limit, batch_size):
    network = plain()
    found = filter_motifs(network, X, limit=limit, batch_size=batch_size)
    with torch.no_grad():
        activations = network[:2](X.float()).numpy()
    expected = by_hand(activations, X.numpy(), 24, limit)
    assert len(found) == 5
    for number, (one, (chances, sites)) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_allclose(one.motif.chances, chances, atol=1e-12)
        assert one.motif.sites == sites > 20
        assert one.maximum == pytest.approx(activations[:, number].max())
        assert one.places.sum() == (activations[:, number] > 0.5 * activations[:, number].max()).sum()


def test_a_hit_at_the_edge_does_not_end_the_scan():
    """Published code leaves a sequence at its first hit near an end, and would find no site here."""
    word = "TGACG"
    x = one_hot([word + "A" * 40 + word + "A" * 30 + word])
    (found,) = filter_motifs(word_network(word), x)
    assert found.motif.sites == 1
    assert consensus(trim(found.motif, pad=0)).strip("A") == word
    assert found.places.nonzero()[0].tolist() == [2, 47, 82]


def test_the_number_of_sites_is_not_the_width():
    (found,) = filter_motifs(word_network("TGACG"), one_hot(["A" * 30 + "TGACG" + "A" * 30] * 3))
    assert (found.motif.sites, found.motif.width) == (3, 24)


def test_a_filter_that_nothing_activates_is_uniform():
    (found,) = filter_motifs(word_network("TGACG"), one_hot(["A" * 60]))
    assert found.motif.sites == 0
    assert (found.motif.chances == 0.25).all()


def test_letters_that_are_not_known_are_not_counted():
    word = "TGACG"
    (found,) = filter_motifs(word_network(word), one_hot(["A" * 30 + word + "N" * 30, "C" * 30 + word + "A" * 30]))
    np.testing.assert_allclose(found.motif.chances[:5], [[0.5, 0.5, 0, 0]] * 5)
    np.testing.assert_allclose(found.motif.chances[-5:], [[1, 0, 0, 0]] * 5)


def stem(hidden: Rep, size: int) -> Sequential:
    torch.manual_seed(1)
    layer = Conv1d(Rep(regular=2), hidden, size, padding="same" if size % 2 else size // 2)
    return Sequential(layer, Activation(hidden, torch.relu))


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("hidden", [Rep(regular=3), Rep(even=2), Rep(odd=2), Rep(regular=2, even=3, odd=1)], ids=str)
def test_sequences_on_the_other_strand_give_the_same_motifs(hidden, size):
    network = stem(hidden, size)
    some = torch.randperm(len(X), generator=torch.Generator().manual_seed(2))[:20]
    mixed = X.clone()
    mixed[some] = X[some].flip(1, 2)
    here, there = filter_motifs(network, X), filter_motifs(network, mixed)
    assert len(here) == hidden.regular + hidden.even + hidden.odd
    assert sorted(c for one in here for c in one.channels) == list(range(hidden.channels))
    for one, other in zip(here, there, strict=True):
        assert one.motif.sites == other.motif.sites > 20
        np.testing.assert_allclose(one.motif.chances, other.motif.chances, atol=1e-12)


def test_a_pair_is_one_motif_and_its_second_filter_is_read_on_the_other_strand():
    network = Sequential(Conv1d(Rep(regular=2), Rep(regular=1), 5), Activation(Rep(regular=1)))
    with torch.no_grad():
        weight = one_hot(["TGACG"]).float()
        network[0].parametrizations.weight.original.copy_(weight.flatten())
        network[0].parametrizations.bias.original.fill_(-4)
    x = one_hot(["A" * 30 + "TGACG" + "A" * 30, "A" * 30 + "CGTCA" + "A" * 30])
    (found,) = filter_motifs(network, x)
    assert found.channels == (0, 1)
    assert found.motif.sites == 2
    expected = np.full((24, 4), [0.5, 0, 0, 0.5])
    expected[10:15] = one_hot(["TGACG"])[0].T
    np.testing.assert_array_equal(found.motif.chances, expected)


def test_channels_of_a_network_without_symmetry_are_not_collapsed():
    """Its layers say that all channels are even, which they are not on the other strand."""
    network = StrandResNet(StrandResNetConfig(length=70, hidden=Rep(regular=3), involution=None))
    assert len(filter_motifs(network, X)) == 6
    with pytest.raises(ValueError, match="do not change on the other strand"):
        filter_motifs(network, X, rep=Rep(regular=3))


@pytest.mark.parametrize(
    ("network", "field"),
    [
        (plain(), (-3, 7, 1)),
        (nn.Sequential(nn.Conv1d(4, 3, 6, padding=2), nn.SiLU()), (-2, 6, 1)),
        (nn.Sequential(nn.Conv1d(4, 3, 4, stride=2, dilation=2), nn.ELU()), (0, 7, 2)),
        (Sequential(Kmers(3), Conv1d(Kmers(3).out_rep, Rep(regular=2), 5), Activation(Rep(regular=2))), (0, 7, 1)),
        (StrandResNet(StrandResNetConfig(length=70, hidden=Rep(regular=2))), (-7, 15, 1)),
    ],
)
def test_the_receptive_field_is_measured(network, field):
    with first_layer(network, X) as found:
        assert found.field == field


def test_the_field_of_a_pooled_layer_is_that_of_all_its_windows():
    network = nn.Sequential(nn.Conv1d(4, 3, 5), nn.ReLU(), nn.MaxPool1d(4))
    with first_layer(network, X, layer="2") as found:
        assert found.field == (0, 8, 4)


def test_the_network_inside_a_predictor_is_looked_at_and_left_as_it_was():
    network = plain().train()
    target = Target.invariant(1)
    predictor = Predictor([network], both_strands=[True], task=Task.BINARY, target=target)
    found = filter_motifs(predictor, X)
    assert [one.motif.sites for one in found] == [one.motif.sites for one in filter_motifs(network, X)]
    assert isinstance(predictor.members[0], StrandMean)
    assert all(part.training for part in network.modules())


def test_double_precision_and_the_published_network():
    network = StrandCNN(StrandCNNConfig(length=70, hidden=Rep(even=3, odd=2), k=2, kernel_sizes=(7, 6, 5))).double()
    assert [one.channels for one in filter_motifs(network, X)] == [(n,) for n in range(5)]


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (plain(), {"layer": "7"}, "no layer '7'; it has 0, 1, 2, 3"),
        (plain(), {"layer": "3"}, "no axis of positions"),
        (plain(), {"width": 72}, "72 bp do not fit into sequences of 70"),
        (nn.Sequential(nn.Conv1d(4, 3, 5)), {}, "no activation that is a module"),
        (nn.Sequential(nn.Flatten(), nn.Linear(280, 3), nn.ReLU()), {}, "no axis of positions"),
        (nn.Sequential(nn.Conv1d(4, 3, 70), nn.ReLU()), {}, "sees all 70 letters"),
    ],
)
def test_what_has_no_filters_is_refused(network, options, message):
    with pytest.raises(InputError, match=message):
        filter_motifs(network, X, **options)


def test_other_inputs_are_refused():
    with pytest.raises(InputError, match="one-hot DNA"):
        filter_motifs(plain(), torch.zeros(3, 20, 70))
    with pytest.raises(ValueError, match="even width"):
        filter_motifs(plain(), X, width=7)


def test_a_position_of_a_stock_layer_that_has_a_type_is_its_own():
    network = Sequential(
        Conv1d(Rep(even=4), Rep(even=2), 5, padding="same", position=Position.IDENTITY), Activation(Rep(even=2))
    )
    assert [one.channels for one in filter_motifs(network, X)] == [(0,), (1,)]
