"""Language models and trained networks of this library as sources."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from palindra.data.task import Task
from palindra.errors import InputError
from palindra.models import KmerLinear, KmerLinearConfig, Predictor, StrandCNN, StrandCNNConfig
from palindra.models.caduceus import Caduceus, CaduceusConfig, CaduceusLanguageModel
from palindra.models.saving import save_run, seal
from palindra.models.strand_lm import StrandLM, StrandLMConfig
from palindra.models.strand_lm.hub import save_pretrained
from palindra.models.strand_lm.opening import is_equivariant
from palindra.models.strand_resnet import StrandResNet, StrandResNetConfig
from palindra.models.track_models import TRACK_MODELS
from palindra.models.track_saving import save_track_run
from palindra.probing.sources import LanguageSource, at_bases, at_layer, layers_of, open_source
from palindra.probing.sources.bases import token_rows
from palindra.probing.sources.palindra_models import StrandLanguageSource
from palindra.probing.sources.trunks import TrunkSource
from palindra.sequences import one_hot, reverse_complement
from palindra.sequences.vocabulary import VOCABULARY
from palindra.symmetry import Position, Rep, Target

TEXTS = ["ACGTTGCANGATTACAGGACCA", "ggguuuacaaac", "CCATTAGGACCATTGACA"]
LENGTH = 40
LABEL = Target.invariant(1)


def small(**options: Any) -> StrandLM:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"width": 8, "depth": 3, "heads": 2, "key_size": 4, "window": 8, "bridge_every": 2}
    model = StrandLM(StrandLMConfig(**sizes | options)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return model


def caduceus(*, equivariant: bool) -> nn.Module:
    torch.manual_seed(1)
    config = CaduceusConfig(width=4, depth=2, state_size=2, equivariant=equivariant, swapped=equivariant)
    return CaduceusLanguageModel(Caduceus(config)).eval()


MODELS = {
    "tied": small,
    "untied": lambda: small(mixer="untied"),
    "bidirectional": lambda: small(mixer="bidirectional"),
    "caduceus-ps": lambda: caduceus(equivariant=True),
    "caduceus-ph": lambda: caduceus(equivariant=False),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> nn.Module:
    return MODELS[request.param]()


def test_features_are_those_of_the_model(model: nn.Module):
    source = StrandLanguageSource(model, "mine")
    found = source.embed(TEXTS)
    for text, (features, spans) in zip(TEXTS, token_rows(found), strict=True):
        tokens = torch.from_numpy(VOCABULARY.encode(text.replace("u", "t"))).long()[None]
        with torch.no_grad():
            said = model(tokens, None)
        expected = said.strands[0, 0] if is_equivariant(model) else said.hidden[0]
        torch.testing.assert_close(features, expected)
        assert spans.tolist() == [[base, base + 1] for base in range(len(text))]
    assert found.cls is None


def test_every_layer_can_be_asked_for(model: nn.Module):
    source = StrandLanguageSource(model, "mine")
    layers = layers_of(source)
    assert len(layers) == (4 if isinstance(model, StrandLM) else 3)
    found = [at_layer(source, layer).embed(TEXTS).features for layer in layers]
    for one, other in pairwise(found):
        assert not torch.allclose(one, other)
    assert len({at_layer(source, layer).fingerprint for layer in layers}) == len(layers)
    assert torch.equal(found[-1], source.embed(TEXTS).features)


def test_the_cut_model_goes_on_to_the_whole_one():
    from palindra.probing.sources.depth import strands_at

    model = small()
    tokens = torch.randint(4, (2, 30), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(strands_at(model, tokens, 3), model(tokens).strands)
        two = strands_at(model, tokens, 2)
        for weight in model.encoder.stages[1].parameters():  # of the third layer and what follows it
            weight.zero_()
        assert torch.equal(strands_at(model, tokens, 2), two)
    whole = caduceus(equivariant=True)
    with torch.no_grad():
        torch.testing.assert_close(strands_at(whole, tokens, 2), whole(tokens, None).strands)


def test_a_batch_equals_one_at_a_time(model: nn.Module):
    source = StrandLanguageSource(model, "mine", batch_size=2)
    found = source.embed(TEXTS)
    for row, text in enumerate(TEXTS):
        torch.testing.assert_close(found.features[row, : len(text)], source.embed([text]).features[0])


def test_probabilities_are_masked(model: nn.Module):
    source = StrandLanguageSource(model, "mine", batch_size=5)
    assert isinstance(source, LanguageSource)
    one, other = source.log_probabilities(["ACGTTGCATTAC", "ACGTTGCACTAC"])
    torch.testing.assert_close(one[8], other[8])
    torch.testing.assert_close(one.exp().sum(-1), torch.ones(12))
    tokens = torch.from_numpy(VOCABULARY.encode("ACGTTGCATTAC")).long()[None]
    tokens[0, 8] = VOCABULARY.mask
    with torch.no_grad():
        torch.testing.assert_close(one[8], model(tokens, None).logits[0, 8].log_softmax(-1))


def test_long_sequences_are_refused_or_tiled():
    source = StrandLanguageSource(small(), "mine", longest=15)
    with pytest.raises(InputError, match=r"sequence 1 .*22 letters\): mine reads 15 letters at most"):
        source.embed(TEXTS)
    tiled = StrandLanguageSource(small(), "mine", longest=15, max_length="tile")
    whole = StrandLanguageSource(small(), "mine")
    assert tiled.embed(TEXTS).features.shape == (3, 22, 8)
    stem, whole_stem = at_layer(tiled, 0).embed(TEXTS).features, at_layer(whole, 0).embed(TEXTS).features
    torch.testing.assert_close(stem[1], whole_stem[1])
    assert tiled.log_probabilities(TEXTS).shape == (3, 22, 4)


def test_nan_is_refused():
    source = StrandLanguageSource(small(), "mine")
    source.model.stems[0].conv.bias.data[0] = torch.nan
    with pytest.raises(InputError, match=r"sequence 1 \(ACGTTGCANGAT..., 22 letters\): layer 3 of mine"):
        source.embed(TEXTS)


def test_folders_of_language_models(tmp_path: Path):
    save_pretrained(small(), tmp_path / "lm")
    source = open_source(f"palindra:{tmp_path / 'lm'}", layer=1)
    expected = at_layer(StrandLanguageSource(small(), "x"), 1)
    assert torch.equal(source.embed(TEXTS).features, expected.embed(TEXTS).features)
    assert source.parameters == sum(weight.numel() for weight in small().parameters())
    with pytest.raises(InputError, match="holds no language model"):
        open_source(f"palindra:{tmp_path}")


def resnet(**options: Any) -> StrandResNet:
    sizes: dict[str, Any] = {"stem_size": 5, "block_size": 3, "dilations": (1, 2), "length": LENGTH}
    torch.manual_seed(0)
    return StrandResNet(StrandResNetConfig(hidden=Rep(regular=4), target=LABEL, **sizes | options)).eval()


def run_folder(folder: Path, networks: dict[str, nn.Module], *, both: bool = False, alphabet: str = "DNA") -> str:
    members = list(networks.values())
    predictor = Predictor(members, both_strands=[both] * len(members), task=Task.BINARY, target=LABEL)
    models = [{"model": name} for name in networks]
    save_run(folder, predictor.eval(), models=models, config={"data": {"length": LENGTH, "alphabet": alphabet}})
    seal(folder)
    return f"palindra:{folder}"


def test_a_trained_network_gives_what_its_pools_read(tmp_path: Path):
    text = run_folder(tmp_path, {"strand_resnet": resnet()})
    source = open_source(text)
    sequence = (TEXTS[0] + TEXTS[2])[:LENGTH]
    found = source.embed([sequence])
    network = resnet()
    with torch.no_grad():
        expected = network.blocks(network.stem(one_hot([sequence], dtype=torch.float32)))
    torch.testing.assert_close(found.features[0], expected[0].T)
    assert found.spans[0].tolist() == [[2 * token, 2 * token + 2] for token in range(20)]
    assert source.width == 8
    assert layers_of(source) == []


def test_strands_of_an_equivariant_trunk_agree(tmp_path: Path):
    source = open_source(run_folder(tmp_path, {"strand_resnet": resnet()}))
    sequence = (TEXTS[0] + TEXTS[2])[:LENGTH]
    one, other = source.embed([sequence]).features, source.embed([reverse_complement(sequence)]).features
    torch.testing.assert_close(one, other.flip(1, 2))  # pairs of channels change places


def test_shorter_sequences_stand_in_the_middle(tmp_path: Path):
    source = open_source(run_folder(tmp_path, {"strand_resnet": resnet()}))
    text = TEXTS[2]
    found = source.embed([text])
    padded = source.embed(["N" * 11 + text + "N" * 11])
    torch.testing.assert_close(at_bases(found, 18)[0], at_bases(padded, 40)[0, 11:29])
    assert found.spans[0, 0].tolist() == [0, 1]
    assert found.spans[0, -1].tolist() == [17, 18]


def test_longer_sequences_are_refused_or_tiled(tmp_path: Path):
    text = run_folder(tmp_path, {"strand_resnet": resnet()})
    with pytest.raises(InputError, match=r"60 letters\): palindra:.* reads 40 letters at most"):
        open_source(text).embed(["ACGTT" * 12])
    source = open_source(text, max_length="tile", strands="averaged")
    sequence = "ACGTTGCAGATTACAGG" * 4
    one, other = source.embed([sequence]).features, source.embed([reverse_complement(sequence)]).features
    assert one.shape == (1, 68, 8)
    assert torch.equal(one, other.flip(1))


def test_an_ensemble_without_common_positions_is_pooled(tmp_path: Path):
    torch.manual_seed(0)
    cnn = StrandCNN(StrandCNNConfig(length=LENGTH, hidden=Rep(even=3, odd=1), kernel_sizes=(5, 4))).eval()
    kmers = KmerLinear(KmerLinearConfig(LENGTH, k=4)).eval()
    found = open_source(run_folder(tmp_path, {"strand_resnet": resnet(), "strand_cnn": cnn, "kmer_linear": kmers}))
    sequence = (TEXTS[0] + TEXTS[2])[:LENGTH]
    features = found.embed([sequence])
    assert features.spans.tolist() == [[[0, LENGTH]]]
    assert found.width == 8 + 4 + 136
    assert not found.positional


def test_both_strands_of_the_run_do_not_change_its_features(tmp_path: Path):
    one = open_source(run_folder(tmp_path / "one", {"strand_resnet": resnet(involution=None)}))
    both = open_source(run_folder(tmp_path / "both", {"strand_resnet": resnet(involution=None)}, both=True))
    sequence = (TEXTS[0] + TEXTS[2])[:LENGTH]
    assert torch.equal(one.embed([sequence]).features, both.embed([sequence]).features)


def test_models_of_tracks(tmp_path: Path):
    torch.manual_seed(0)
    build, kind = TRACK_MODELS["track_resnet"]
    target = Target.paired([1, 0], Position.REVERSE)
    network = build(kind(length=60, bin_size=5, target=target, outputs=2, width=6, dilations=(1,))).eval()
    common: dict[str, Any] = {"strategy": "regular", "tracks": ("a", "b"), "target": target, "both_strands": False}
    save_track_run(tmp_path, network, model="track_resnet", loss="poisson", config={}, **common)
    seal(tmp_path)
    found = open_source(f"palindra:{tmp_path}").embed([("ACGTTGCAAT" * 6), "ACGTA"])
    assert found.mask[0].sum() > 1
    assert found.spans[0][found.mask[0]][-1, 1] == 60


def test_networks_of_protein_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="was trained on protein"):
        TrunkSource([resnet()], LENGTH, "mine", alphabet="protein")
    assert open_source(run_folder(tmp_path, {"strand_resnet": resnet()}, alphabet="rna")).width == 8
