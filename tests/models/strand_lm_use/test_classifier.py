"""A head on a language model: declared targets hold, N counts nothing, frozen weights stay."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from palindra.errors import InputError
from palindra.models.plain import from_plain, to_plain
from palindra.models.strand_lm.classifier import LanguageModelClassifier, LanguageModelClassifierConfig
from palindra.models.strand_lm.opening import describe
from palindra.models.strand_lm.reading import read_both, tokens_of
from palindra.sequences import one_hot
from palindra.symmetry import DNA_STRAND, Target

LETTERS = ["ACGTTGCNACC", "TTTACGNNNAC", "GATTACAGATT"]


def classifier(model: nn.Module, target: Target, outputs: int, **changes: object) -> LanguageModelClassifier:
    config = LanguageModelClassifierConfig(
        length=11,
        language_model=describe(model),
        target=target,
        outputs=outputs,
        **changes,  # type: ignore[arg-type]
    )
    found = LanguageModelClassifier(config)
    found.language_model.load_state_dict(model.state_dict())
    return found.double().eval()


TARGETS = {
    "invariant": (Target.invariant(3), 3),
    "pair": (Target.paired([1, 0]), 2),
    "pair and one": (Target.paired([2, 1, 0]), 3),
}


@pytest.mark.parametrize("bins", [1, 4])
@pytest.mark.parametrize(("target", "outputs"), TARGETS.values(), ids=TARGETS)
def test_outputs_follow_the_declared_target(model: nn.Module, target: Target, outputs: int, bins: int):
    network, x = classifier(model, target, outputs, bins=bins), one_hot(LETTERS).double()
    given, other = network(x), network(DNA_STRAND.act(x))
    assert given.shape == (3, outputs)
    torch.testing.assert_close(target.act(other), given, rtol=1e-10, atol=1e-10)


def test_a_strand_specific_target_sees_the_strands_apart(model: nn.Module):
    network, x = classifier(model, Target.strand_specific(), 1), one_hot(LETTERS).double()
    assert (network(x) - network(DNA_STRAND.act(x))).abs().min() > 1e-3


@pytest.mark.parametrize(("bins", "parts"), [(1, [(0, 11)]), (2, [(0, 6), (5, 11)]), (3, [(0, 4), (3, 8), (7, 11)])])
def test_features_are_means_over_letters_of_bins_and_not_over_n(make, bins: int, parts: list[tuple[int, int]]):
    network, x = classifier(make("tied"), Target.invariant(1), 1, bins=bins), one_hot(LETTERS).double()
    strands = read_both(network.language_model, tokens_of(x)).strands[1]
    means = []
    for start, end in parts:
        letters = [place for place in range(start, end) if LETTERS[1][place] != "N"]
        means.append(nn.functional.layer_norm(strands[:, letters].mean(1), (8,)))
    given = [mean[0] for mean in means]
    other = [mean[1].flip(0) for mean in means]  # bins in the order of the other strand, twice turned
    torch.testing.assert_close(network.embed(x)[1], torch.cat([*given, *other]))


@pytest.mark.parametrize("bins", [0, 12])
def test_a_bin_holds_a_letter_at_least(make, bins: int):
    with pytest.raises(InputError, match=rf"bins {bins}: must be from 1 to 11, the letters of a sequence"):
        classifier(make("tied"), Target.invariant(1), 1, bins=bins)


def test_a_frozen_language_model_stays_as_it_is_without_dropout(make):
    network = classifier(make("tied"), Target.invariant(1), 1, frozen=True).train()
    assert network.dropout.training
    assert not any(part.training for part in network.language_model.modules())
    network(one_hot(LETTERS).double()).sum().backward()
    assert all(p.grad is None for p in network.language_model.parameters())
    assert all(p.grad is not None for p in network.head.parameters())


def test_the_configuration_survives_a_run_folder(model: nn.Module):
    network = classifier(model, Target.paired([1, 0]), 2, frozen=True)
    assert from_plain(LanguageModelClassifierConfig, to_plain(network.config)) == network.config


def test_gradients_of_letters_and_mixtures_are_refused(make):
    network, x = classifier(make("tied"), Target.invariant(1), 1), one_hot(LETTERS).double()
    with pytest.raises(InputError, match="no gradient with respect to the sequence: use mutagenesis"):
        network(x.clone().requires_grad_())
    with pytest.raises(InputError, match="mixture of letters"):
        network(0.6 * x + 0.4 * x.roll(1, 1))


def test_a_sequence_without_letters_gives_a_number(make):
    network = classifier(make("tied"), Target.invariant(1), 1)
    assert bool(network(torch.zeros(1, 4, 11).double()).isfinite().all())
