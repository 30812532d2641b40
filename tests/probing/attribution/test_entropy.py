from __future__ import annotations

import math

import pytest
import torch

from palindra.errors import InputError
from palindra.probing.attribution import entropy_maps, over_bases, token_entropies
from palindra.probing.attribution.entropy import below_highest, entropy
from palindra.probing.sources import open_source


def sequences(rows=3, length=19, seed=0):
    codes = torch.randint(4, (rows, length), generator=torch.Generator().manual_seed(seed))
    return ["".join("ACGT"[code] for code in row) for row in codes.tolist()]


def test_entropy_is_in_nats():
    even = torch.full((1, 4), 0.25).log()
    assert entropy(even).item() == pytest.approx(math.log(4))
    assert entropy(torch.tensor([0.0, -torch.inf])).item() == 0


def test_the_highest_entropy_is_that_of_the_sequence_itself(hf_bert):
    source = open_source(f"hf:{hf_bert}")
    texts = sequences()
    together = entropy_maps(source, texts)
    alone = torch.cat([entropy_maps(source, [text]) for text in texts])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert (together.amin(1) == 0).all()
    by_hand = entropy(source.log_probabilities(texts))
    whole_batch = by_hand.max() - by_hand  # as published: every map but one would be lifted
    assert (whole_batch.amin(1) > 0).sum() == len(texts) - 1


def test_letters_are_masked_one_at_a_time(hf_bert):
    source = open_source(f"hf:{hf_bert}")
    (text,) = sequences(1, 11)
    tokens = source.tokens.read(text)
    found = []
    for place in range(len(text)):
        ids = torch.tensor([tokens.ids])
        ids[0, tokens.first + place] = source.loaded.tokenizer.mask_token_id
        with torch.no_grad():
            logits = source.model(ids).logits[0, tokens.first + place]
        letters = torch.tensor([source.loaded.tokenizer.convert_tokens_to_ids(letter) for letter in "ACGT"])
        p = logits[letters].softmax(0)
        found.append(-(p * p.log()).sum())
    expected = max(found) - torch.stack(found)
    torch.testing.assert_close(entropy_maps(source, [text])[0], expected, rtol=1e-4, atol=1e-5)


def test_words_have_one_score_at_all_their_letters_and_the_rest_its_own(hf_kmer):
    source = open_source(f"hf:{hf_kmer}")
    texts = sequences(2, 20)  # three words of six and two letters
    values, spans = token_entropies(source, texts)
    assert spans[0].tolist() == [[0, 6], [6, 12], [12, 18], [18, 19], [19, 20]]  # no CLS
    found = entropy_maps(source, texts)
    for start, end in spans[0].tolist():
        assert (found[:, start:end] == found[:, start : start + 1]).all()
    expected = values.amax(1, keepdim=True) - values
    torch.testing.assert_close(found[:, [0, 6, 12, 18, 19]], expected)
    vocabulary = len(source.tokens)
    assert vocabulary == 4105
    assert math.log(4) < values.max() <= math.log(vocabulary)  # over the whole vocabulary


def test_words_by_hand(hf_kmer):
    source = open_source(f"hf:{hf_kmer}")
    (text,) = sequences(1, 12)
    tokens = source.tokens.read(text)
    ids = torch.tensor([tokens.ids])
    ids[0, tokens.first + 1] = source.loaded.tokenizer.mask_token_id
    with torch.no_grad():
        p = source.model(ids).logits[0, tokens.first + 1].softmax(0)
    values, _ = token_entropies(source, [text])
    assert values[0, 1].item() == pytest.approx(float(-(p * p.log()).sum()), rel=1e-5)


def test_letters_of_words_can_be_asked_for(hf_kmer):
    found = entropy_maps(open_source(f"hf:{hf_kmer}"), sequences(1, 12), of="letters")
    assert found.max() <= math.log(4)
    assert len(found[0].unique()) > 2


def test_tokens_of_several_lengths(hf_bpe):
    found = entropy_maps(open_source(f"hf:{hf_bpe}"), sequences(2, 30))
    assert found.isfinite().all()
    assert (found.amin(1) == 0).all()


@pytest.mark.parametrize("kind", ["gpt", "mamba"])
def test_causal_models_say_what_comes_next(request, kind):
    source = open_source(f"hf:{request.getfixturevalue(f'hf_{kind}')}")
    found = entropy_maps(source, sequences(2, 9))
    assert found[:, 0].isnan().all() == (kind == "mamba")  # nothing stands before the first letter
    assert found[:, 1:].isfinite().all()
    assert (found[:, 1:] >= 0).all()


def test_unknown_positions_are_no_maximum():
    found = below_highest(torch.tensor([[torch.nan, 1.0, 3.0]]))
    assert found[0, 1:].tolist() == [2.0, 0.0]
    assert found[0, 0].isnan()


def test_overlapping_tokens_share_their_bases():
    found = over_bases(torch.tensor([[1.0, 3.0, 7.0]]), torch.tensor([[[0, 2], [1, 3], [0, 0]]]), 4)
    assert found[0, :3].tolist() == [1.0, 2.0, 3.0]
    assert found[0, 3].isnan()


def test_what_has_no_entropy(hf_bert, hf_kmer):
    with pytest.raises(InputError, match="gives no probabilities"):
        entropy_maps(open_source("one-hot"), ["ACGT"])
    with pytest.raises(InputError, match="has no tokens of several letters"):
        entropy_maps(open_source(f"hf:{hf_bert}"), ["ACGT"], of="tokens")
    with pytest.raises(InputError, match="Cut the sequences"):
        entropy_maps(open_source(f"hf:{hf_kmer}"), sequences(1, 600))
