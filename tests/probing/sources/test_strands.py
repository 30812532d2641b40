"""Both strands of any source: the reverse complement gives the same features, mirrored."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from palindra.probing.sources import LanguageSource, LayeredSource, at_layer, layers_of, open_source
from palindra.probing.sources.bases import token_rows
from palindra.sequences import reverse_complement

TEXTS = ["ACGTTGCANGATTACAGG", "GGGTTTACAAAC", "CCATTAGGACCATTGACATTACCCAGGA"]
MODELS = ["hf_bert", "hf_kmer", "hf_bpe", "hf_gpt", "hf_mamba"]


@pytest.fixture(params=["one-hot", "kmers:3", "palindra:default", *MODELS])
def text(request: pytest.FixtureRequest) -> str:
    return f"hf:{request.getfixturevalue(request.param)}" if request.param in MODELS else request.param


def test_averaged_strands_mirror_exactly(text: str):
    source = open_source(text, strands="averaged")
    given = source.embed(TEXTS)
    other = source.embed([reverse_complement(one) for one in TEXTS])
    for row, (one, two) in enumerate(zip(token_rows(given), token_rows(other), strict=True)):
        assert torch.equal(one[0], two[0].flip(0))
        assert torch.equal(one[1], (len(TEXTS[row]) - two[1]).flip(0, 1))
    if given.cls is not None and other.cls is not None:
        assert torch.equal(given.cls, other.cls)


def test_concatenated_strands_mirror_with_their_halves_exchanged(text: str):
    source = open_source(text, strands="concatenated")
    given = source.embed(TEXTS)
    other = source.embed([reverse_complement(one) for one in TEXTS])
    half = source.width // 2
    assert given.features.shape[-1] == source.width == 2 * open_source(text).width
    for one, two in zip(token_rows(given), token_rows(other), strict=True):
        assert torch.equal(one[0], two[0].flip(0).roll(half, dims=1))


def test_concatenated_strands_start_with_the_given_one(hf_bert: Path):
    as_is, both = open_source(f"hf:{hf_bert}"), open_source(f"hf:{hf_bert}", strands="concatenated")
    assert torch.equal(both.embed(TEXTS).features[..., :16], as_is.embed(TEXTS).features)


def test_tokens_that_do_not_mirror_are_spread_to_bases(hf_kmer: Path):
    source = open_source(f"hf:{hf_kmer}", strands="averaged")
    found = source.embed(["ACGTTGCATTAC", "ACGTTGCATTACC"])  # 6 + 6, and 6 + 6 + 1
    assert found.mask.sum(1).tolist() == [2, 13]


def test_wrapped_sources_keep_layers_and_probabilities(hf_bert: Path):
    source = open_source(f"hf:{hf_bert}", strands="averaged")
    assert isinstance(source, LanguageSource)
    assert isinstance(source, LayeredSource)
    assert layers_of(source) == [0, 1, 2]
    inner = at_layer(source, 1)
    assert isinstance(inner, LanguageSource)
    assert inner.fingerprint != source.fingerprint
    given = source.log_probabilities(TEXTS[:2])
    other = source.log_probabilities([reverse_complement(one) for one in TEXTS[:2]])
    for row, one in enumerate(TEXTS[:2]):
        torch.testing.assert_close(given[row, : len(one)], other[row, : len(one)].flip(0, 1))
    torch.testing.assert_close(given[0].exp().sum(-1), torch.ones(18))
    assert not isinstance(open_source("one-hot", strands="averaged"), LayeredSource)
