"""Embeddings: the same for both strands, of the right layer, of every kind of model."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from palindra.data.task import Task
from palindra.models import (
    KmerLinear,
    KmerLinearConfig,
    Predictor,
    StrandCNN,
    StrandCNNConfig,
    StrandResNet,
    StrandResNetConfig,
)
from palindra.models.embeddings import embeddings
from palindra.models.track_resnet import TrackResNet, TrackResNetConfig
from palindra.symmetry import Rep, Target

X = torch.nn.functional.one_hot(torch.randint(0, 4, (7, 60), generator=torch.Generator().manual_seed(0)), 4).mT.float()
OTHER = X.flip(1, 2)


def plain() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(4, 8, 5), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 56, 3), nn.ReLU(), nn.BatchNorm1d(3), nn.Linear(3, 2)
    )


MODELS = {
    "regular": (lambda: StrandResNet(StrandResNetConfig(length=60)), 32, True),
    "all types": (lambda: StrandResNet(StrandResNetConfig(length=60, hidden=Rep(2, 3, 5))), 10, True),
    "positions": (lambda: StrandCNN(StrandCNNConfig(length=60, hidden=Rep(4, 3, 2))), 9, True),
    "pair": (lambda: StrandResNet(StrandResNetConfig(length=60, outputs=2, target=Target.paired([1, 0]))), 32, True),
    "k-mers": (lambda: KmerLinear(KmerLinearConfig(length=60, k=4)), 136, True),
    "tracks": (lambda: TrackResNet(TrackResNetConfig(length=60, bin_size=20, width=12)), 6, True),
    "none": (lambda: StrandResNet(StrandResNetConfig(length=60, involution=None)), 64, False),
    "anybody's": (plain, 3, False),
}


@pytest.mark.parametrize("name", MODELS)
def test_both_strands_have_one_embedding(name):
    build, size, equivariant = MODELS[name]
    torch.manual_seed(0)
    model = build()
    one, two = embeddings(model, X), embeddings(model, OTHER)
    assert one.shape == (7, size)
    assert one.dtype == torch.float32
    assert torch.allclose(one, two, atol=1e-6)
    given, turned = (embeddings(model, x, both_strands=False) for x in (X, OTHER))
    assert torch.allclose(given, turned, atol=1e-5) == equivariant
    assert one.std(0).max() > 0


def test_it_is_the_input_of_the_last_map():
    model = plain().eval()
    assert torch.allclose(embeddings(model, X, both_strands=False), model[:-1](X))
    first = embeddings(model, X, layer="3", both_strands=False)
    assert torch.allclose(first, model[:3](X))


def test_of_an_embedding_the_pairs_are_averaged_and_odd_channels_lose_their_sign():
    model = StrandResNet(StrandResNetConfig(length=60, hidden=Rep(2, 3, 5))).eval()
    features = model.embed(X).detach()
    expected = [(features[:, :2] + features[:, 2:4].flip(1)) / 2, features[:, 4:7], features[:, 7:].abs()]
    assert torch.allclose(embeddings(model, X, both_strands=False), torch.cat(expected, 1), atol=1e-6)


@pytest.mark.parametrize("both", [True, False])
def test_members_of_an_ensemble_stand_side_by_side(both):
    networks = [StrandResNet(StrandResNetConfig(length=60)) for _ in range(2)]
    model = Predictor(networks, both_strands=[both, both], task=Task.BINARY, target=Target.invariant(1))
    found = embeddings(model, X)
    assert torch.allclose(found, torch.cat([embeddings(n, X) for n in networks], 1), atol=1e-6)


def test_batches_and_modes_change_nothing():
    model = plain().train()
    model[5].eval()
    assert torch.allclose(embeddings(model, X.to(torch.int8), batch_size=3), embeddings(model, X), atol=1e-6)
    assert [part.training for part in model] == [True, True, True, True, True, False, True]
    assert not any(part._forward_pre_hooks for part in model.modules())


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [(nn.Flatten(), {}, "no layer with a weight"), (plain(), {"layer": "9"}, "no layer '9'")],
)
def test_a_model_without_the_layer_is_refused(model, options, message):
    with pytest.raises(ValueError, match=message):
        embeddings(model, X, **options)
