"""Letters and counts of words."""

from __future__ import annotations

import pytest
import torch

from palindra.errors import InputError
from palindra.probing.source import Embedded, Source
from palindra.probing.sources import at_bases, layers_of, open_source

TEXTS = ["ACGTTGCA", "acgNUa", "AAAAAAA"]


def test_one_hot_is_the_sequence():
    found = open_source("one-hot").embed(TEXTS)
    assert found.features.shape == (3, 8, 4)
    assert found.features.argmax(-1)[0].tolist() == [0, 1, 2, 3, 3, 2, 1, 0]
    assert found.features[1, 3].tolist() == [0, 0, 0, 0]
    assert found.features[1, 4].tolist() == [0, 0, 0, 1]
    assert found.mask.sum(1).tolist() == [8, 6, 7]


@pytest.mark.parametrize(("text", "k"), [("nucleotides", 1), ("dinucleotides", 2), ("kmers:3", 3)])
def test_counts_are_shares_of_words(text: str, k: int):
    found = open_source(text).embed(TEXTS)
    for row, sequence in enumerate(TEXTS):
        letters = sequence.upper().replace("U", "T")
        words = [letters[i : i + k] for i in range(len(letters) - k + 1)]
        words = [word for word in words if "N" not in word]
        expected = torch.zeros(4**k)
        for word in words:
            expected[sum("ACGT".index(letter) * 4 ** (k - 1 - i) for i, letter in enumerate(word))] += 1 / len(words)
        torch.testing.assert_close(found.features[row, 0], expected)
        assert found.spans[row].tolist() == [[0, len(sequence)]]


@pytest.mark.parametrize("text", ["one-hot", "nucleotides", "dinucleotides", "kmers:4"])
def test_sources_keep_the_protocol(text: str):
    source = open_source(text)
    assert isinstance(source, Source)
    assert layers_of(source) == []
    assert source.parameters == 0
    assert source.embed(TEXTS).features.shape[-1] == source.width


def test_fingerprints_differ():
    texts = ["one-hot", "nucleotides", "dinucleotides", "kmers:3"]
    found = {open_source(text, strands=strands).fingerprint for text in texts for strands in ("as is", "averaged")}
    assert len(found) == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("onehot", "no such source. There are one-hot"),
        ("one-hot:3", "no such source"),
        ("kmers", "no such source"),
        ("kmers:x", "a number of 1 to 8"),
        ("kmers:9", "1 to 8 letters"),
        ("hf:", "no such source"),
        ("hf:./missing", "no such folder"),
    ],
)
def test_bad_texts_are_refused(text: str, message: str):
    with pytest.raises(InputError, match=message):
        open_source(text)


def test_bad_options_and_sequences_are_refused():
    with pytest.raises(InputError, match="choose as is, averaged or concatenated"):
        open_source("one-hot", strands="both")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="choose refuse or tile"):
        open_source("one-hot", max_length="cut")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no layers to choose from"):
        open_source("one-hot", layer=1)
    with pytest.raises(InputError, match="sequence 2 is empty"):
        open_source("one-hot").embed(["A", ""])
    with pytest.raises(InputError, match="sequence 2: letter 'X' at position 3"):
        open_source("one-hot").embed(["ACGT", "ACXT"])
    with pytest.raises(InputError, match="shorter than the words"):
        open_source("kmers:4").embed(["ACGT", "ACG"])


def test_at_bases_averages_overlapping_tokens_and_leaves_gaps_zero():
    spans = torch.tensor([[[0, 3], [1, 4], [6, 7]]])
    features = torch.tensor([[[3.0], [6.0], [9.0]]])
    assert at_bases(Embedded(features, spans), 8)[0, :, 0].tolist() == [3, 4.5, 4.5, 6, 0, 0, 9, 0]
    with pytest.raises(ValueError, match="end at base 7"):
        at_bases(Embedded(features, spans), 6)


def test_at_bases_copies_apart_tokens_exactly():
    features = torch.randn(1, 3, 5, generator=torch.Generator().manual_seed(0))
    spans = torch.tensor([[[0, 2], [3, 4], [4, 7]]])
    found = at_bases(Embedded(features, spans), 7)[0]
    owners = [0, 0, None, 1, 2, 2, 2]
    for base, owner in enumerate(owners):
        assert torch.equal(found[base], torch.zeros(5) if owner is None else features[0, owner])
