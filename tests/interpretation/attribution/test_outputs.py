"""What is explained: values, totals, shapes of profiles, entries of maps, and what cannot be chosen."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from palindra.errors import InputError
from palindra.interpretation.attribution import (
    SALIENCY,
    DeepLiftShap,
    DinucleotideShuffles,
    InSilicoMutagenesis,
    attribute,
    delta_entropy,
    full_passes,
    language_model_map,
    map_entries,
    profile_shape,
    total,
    value,
)
from palindra.nn import Conv2d
from palindra.symmetry import DNA_STRAND, Position, Rep, Target


def tracks(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv1d(4, 6, 5, padding=2), nn.ReLU(), nn.Conv1d(6, 3, 5, padding=2)).eval()


def test_the_total_of_a_stretch_is_the_sum_of_its_bins(make_sequences):
    model, x = tracks(), make_sequences(2, 20)
    found = attribute(model, x, output=total(1, start=4, end=9), method=SALIENCY)
    each = [attribute(model, x, output=total(1, start=k, end=k + 1), method=SALIENCY).values for k in range(4, 9)]
    assert torch.allclose(found.values, torch.stack(each).sum(0), atol=1e-6)
    assert torch.allclose(found.outputs, model(x)[:, 1, 4:9].sum(-1), atol=1e-6)
    assert found.positions[0, 14:].abs().max() == 0  # nothing reaches so far


def test_the_shape_of_a_profile_does_not_know_its_height(make_sequences):
    class Taller(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tracks, self.height = tracks(), nn.Conv1d(4, 1, 3)

        def forward(self, x):
            return self.tracks(x) + 5 * self.height(x).relu().mean(-1, keepdim=True)  # the same at every position

    model, x = Taller(), make_sequences(2, 20)
    for method in (DeepLiftShap(), SALIENCY):
        found, without = (attribute(m, x, output=profile_shape(2), method=method) for m in (model, model.tracks))
        assert torch.allclose(found.values, without.values, atol=1e-5)
        assert (attribute(model, x, output=total(2), method=method).values - found.values).abs().max() > 0.1


def test_the_weights_of_a_profile_are_those_of_the_sequence(make_sequences):
    """So contributions add up: with weights of its own for each reference, as published, they miss the change."""
    model, x = tracks(), make_sequences(2, 20)
    found = attribute(model, x, output=profile_shape(0))
    logits = model(x)[:, 0]
    expected = ((logits - logits.mean(-1, keepdim=True)) * logits.softmax(-1)).sum(-1)
    assert torch.allclose(found.outputs, expected, atol=1e-5)
    references = DinucleotideShuffles()(x)
    theirs = model(references.flatten(0, 1))[:, 0].view(2, 20, -1)
    mean = ((theirs - theirs.mean(-1, keepdim=True)) * logits.softmax(-1)[:, None]).sum(-1).mean(1)
    assert torch.allclose(found.values.sum((1, 2)), expected - mean, atol=1e-5)
    assert found.delta.max() < 1e-4


def test_the_shape_of_coverage_is_that_of_its_logarithm(make_sequences):
    x, logits = make_sequences(2, 20), tracks()
    coverage = nn.Sequential(logits, _Softmax())
    given = attribute(coverage, x, output=profile_shape(0, logits=False), method=SALIENCY)
    assert torch.allclose(
        given.values, attribute(logits, x, output=profile_shape(0), method=SALIENCY).values, atol=1e-5
    )
    assert attribute(coverage, x, output=profile_shape(0, logits=False)).delta.max() < 1e-3


class _Softmax(nn.Module):
    def forward(self, x):
        return 7 * x.softmax(-1)


class Pairs(nn.Module):
    """Maps over pairs that are transposed, and reversed along both axes, on the other strand."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv1d(4, 5, 3, padding=1)
        self.last = Conv2d(Rep(even=5), Rep(even=2), 3, padding="same")

    def forward(self, x):
        y = self.first(x).relu()
        return self.last(y[..., :, None] * y[..., None, :])


@pytest.mark.parametrize("method", [SALIENCY, DeepLiftShap(), InSilicoMutagenesis()], ids=lambda m: type(m).__name__)
def test_entries_of_maps_over_pairs(method, make_sequences):
    model, x = Pairs(), make_sequences(2, 12)
    chosen = [attribute(model, x, output=map_entries([p], channel=1), method=method) for p in [(2, 8), (8, 2)]]
    assert torch.allclose(chosen[0].values, chosen[1].values, atol=1e-6)  # a symmetric map
    both = attribute(model, x, output=map_entries([(2, 8), (5, 5)], channel=1), method=method)
    assert torch.allclose(both.outputs, (model(x)[:, 1, 2, 8] + model(x)[:, 1, 5, 5]) / 2, atol=1e-6)
    assert chosen[0].positions[:, [5, 11]].abs().max() < 1e-6  # letters that no entry reads
    if both.delta is not None:
        assert both.delta.max() < 1e-4


def test_the_number_on_the_other_strand_is_the_same_one(make_sequences):
    target = Target.paired([1, 0], Position.REVERSE)
    y = torch.randn(2, 2, 9)
    output = total(0, start=2, end=5)
    turned = output.turned(target)
    assert torch.allclose((y * output.weights(y)).sum(), (target.act(y) * turned.weights(target.act(y))).sum())
    assert turned.weights(y)[0, 1].nonzero().flatten().tolist() == [4, 5, 6]


def test_mutants_by_full_passes_and_by_what_a_mutation_reaches(make_sequences):
    model, x = tracks(), make_sequences(2, 20)
    fast = attribute(model, x, output=profile_shape(1), method=InSilicoMutagenesis())
    full = attribute(model, x, output=profile_shape(1), method=InSilicoMutagenesis(full_passes))
    assert torch.allclose(full.values, fast.values, atol=1e-5)
    assert torch.allclose(fast.hypothetical.sum(1), torch.zeros(2, 20), atol=1e-5)
    assert (fast.values[x == 1] == 0).all()
    mutant = x.clone()
    mutant[1, :, 3] = torch.eye(4)[2]
    weights = profile_shape(1).weights(model(x))
    expected = ((model(mutant) - model(x)) * weights)[1].sum()
    assert torch.allclose(fast.values[1, 2, 3], expected, atol=1e-5)


def test_a_mutant_computes_what_it_reaches_only(make_sequences):
    """Convolutions see every mutant of a long sequence as a few positions, so far fewer than in full passes."""
    seen = []

    class Counting(nn.Conv1d):
        def forward(self, x):
            y = super().forward(x)
            seen.append(y.numel() if type(y) is torch.Tensor else 0)
            return y

    torch.manual_seed(0)
    model = nn.Sequential(Counting(4, 6, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    x = make_sequences(1, 200)
    counted = []
    for method in (InSilicoMutagenesis(), InSilicoMutagenesis(full_passes)):
        seen.clear()
        attribute(model, x, output=value(0), method=method)
        counted.append(sum(seen))
    assert counted[0] < counted[1] / 20


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (None, "say which is explained"),
        (value(0), "values"),
        (total(3), "output 3 is asked for, and the model gives 3"),
        (total(0, start=5, end=30), "no stretch of a track of 20 bins"),
        (map_entries([(0, 0)]), "maps"),
        (total(0, field="profile"), "choose one of them"),
    ],
)
def test_what_the_model_does_not_give_is_named(output, message, make_sequences):
    with pytest.raises(InputError, match=message):
        attribute(tracks(), make_sequences(1, 20), output=output)


def test_entries_outside_the_map_are_named(make_sequences):
    for pairs, message in (([(0, 12)], "none at"), ([], "no entries")):
        with pytest.raises(InputError, match=message):
            attribute(Pairs(), make_sequences(1, 12), output=map_entries(pairs))


def test_certainty_of_a_language_model_is_that_of_each_sequence_alone():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 10, generator=generator)
    found = delta_entropy(logits)
    assert torch.equal(found.amin(1), torch.zeros(3))
    assert torch.allclose(delta_entropy(logits[1:2]), found[1:2])  # published code takes the maximum over a batch
    probabilities = logits.softmax(1)
    entropy = -(probabilities * probabilities.log()).sum(1)
    assert torch.allclose(found, entropy.amax(1, keepdim=True) - entropy, atol=1e-6)

    class Model:
        def masked_logits(self, one_hot):
            return 3 * one_hot

    x = DNA_STRAND.act(torch.eye(4)[None])
    assert torch.allclose(language_model_map(Model(), x.repeat(5, 1, 1), batch_size=2), torch.zeros(5, 4), atol=1e-6)
