"""Probabilities of letters against readings of the model written out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from palindra.probing.sources import LanguageSource, open_source
from palindra.probing.sources.letters import LetterTable
from palindra.sequences import reverse_complement

TEXTS = ["ACGTTGCANGATTACAGG", "GGGTTTACAAAC"]


@pytest.mark.parametrize("name", ["hf_bert", "hf_kmer", "hf_bpe", "hf_gpt", "hf_mamba", "default"])
def test_probabilities_add_up_to_one(name: str, request: pytest.FixtureRequest):
    text = "palindra:default" if name == "default" else f"hf:{request.getfixturevalue(name)}"
    source = open_source(text)
    assert isinstance(source, LanguageSource)
    found = source.log_probabilities(TEXTS)
    assert found.shape == (2, 18, 4)
    said = ~found.isnan().any(-1)
    torch.testing.assert_close(found.exp().sum(-1)[said], torch.ones(int(said.sum())))
    assert not said[1, 12:].any()
    assert said[0, 1:].float().mean() > 0.6
    for row, one in enumerate(TEXTS):  # a batch equals one at a time
        alone = source.log_probabilities([one])[0]
        torch.testing.assert_close(found[row, : len(one)], alone, equal_nan=True)


def test_no_masked_position_sees_itself(hf_bert: Path, hf_kmer: Path):
    for place in (hf_bert, hf_kmer):
        source = open_source(f"hf:{place}")
        one, other = source.log_probabilities(["ACGTTGCATTAC", "ACGTTGCACTAC"])
        torch.testing.assert_close(one[8], other[8])
        assert not torch.allclose(one[3], other[3])


@torch.no_grad()
def test_masked_letters_against_the_model(hf_bert: Path):
    from transformers import AutoModelForMaskedLM

    model = AutoModelForMaskedLM.from_pretrained(hf_bert, local_files_only=True).eval()
    found = open_source(f"hf:{hf_bert}").log_probabilities(["ACGNT"])[0]
    ids = [2, 5, 6, 7, 9, 8, 3]
    for base in range(5):
        asked = torch.tensor([ids])
        asked[0, base + 1] = 4
        expected = model(asked).logits[0, base + 1, 5:9].log_softmax(-1)
        torch.testing.assert_close(found[base], expected)


@torch.no_grad()
def test_six_mers_are_marginalised_onto_letters(hf_kmer: Path):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    model = AutoModelForMaskedLM.from_pretrained(hf_kmer, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(hf_kmer, local_files_only=True)
    found = open_source(f"hf:{hf_kmer}").log_probabilities(["ACGTTGCATTACG"])[0]
    words = tokenizer.get_vocab()
    asked = torch.tensor([[3, words["ACGTTG"], 2, words["G"]]])
    logits = model(asked).logits[0, 2]
    names = [word for word in words if len(word) == 6 and set(word) <= set("ACGT")]
    shares = logits[[words[word] for word in names]].softmax(0)
    for base in range(6):
        for column, letter in enumerate("ACGT"):
            total = sum(share for word, share in zip(names, shares.tolist(), strict=True) if word[base] == letter)
            assert found[6 + base, column].exp().item() == pytest.approx(total, rel=1e-4)


@torch.no_grad()
def test_causal_letters_against_the_model(hf_gpt: Path, hf_mamba: Path):
    from transformers import AutoModelForCausalLM

    for place, before in ((hf_gpt, [2]), (hf_mamba, [])):
        model = AutoModelForCausalLM.from_pretrained(place, local_files_only=True).eval()
        found = open_source(f"hf:{place}").log_probabilities(["GATTACA"])[0]
        ids = [*before, 7, 5, 8, 8, 5, 6, 5]
        for base in range(7):
            read = ids[: base + len(before)]
            if not read:
                assert found[base].isnan().all()
                continue
            expected = model(torch.tensor([read])).logits[0, -1, 5:9].log_softmax(-1)
            torch.testing.assert_close(found[base], expected)


@torch.no_grad()
def test_overlapping_words_hide_every_word_with_the_base(tmp_path: Path):
    from itertools import product

    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    names = [*special, *map("".join, product("ACGT", repeat=3))]
    tokenizer = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    keys = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **dict(zip(keys, special, strict=True))).save_pretrained(
        tmp_path
    )
    config = BertConfig(
        vocab_size=len(names),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    BertForMaskedLM(config).eval().save_pretrained(tmp_path)
    source = open_source(f"hf:{tmp_path}")
    spans = source.embed(["ACGTTGCA"]).spans[0]
    assert spans.tolist() == [[start, start + 3] for start in range(6)]
    one, other = source.log_probabilities(["ACGTTGCA", "ACGTAGCA"])
    torch.testing.assert_close(one[4], other[4])
    assert not torch.allclose(one[0], other[0])
    torch.testing.assert_close(one.exp().sum(-1), torch.ones(8))
    averaged = open_source(f"hf:{tmp_path}", strands="averaged")
    assert averaged.embed(["ACGTTGCA"]).spans[0].tolist() == spans.tolist()


def test_tiles_answer_for_every_base(hf_bert: Path, hf_kmer: Path):
    text = "ACGTTGCAAGATTACAGG" * 8
    found = open_source(f"hf:{hf_bert}", max_length="tile").log_probabilities([text])[0]
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(144))
    source = open_source(f"hf:{hf_kmer}", max_length="tile")
    source.limit = 12
    assert source.log_probabilities([text[:90]]).isfinite().all()


def test_probabilities_of_the_shipped_model_mirror():
    source = open_source("palindra:default")
    given = source.log_probabilities(TEXTS[:1])[0]
    other = source.log_probabilities([reverse_complement(TEXTS[0])])[0]
    torch.testing.assert_close(given, other.flip(0, 1), atol=1e-4, rtol=1e-4)


def test_letters_that_no_word_has_give_nan():
    table = LetterTable({0: "AC", 1: "CC", 2: "GC", 3: "TG"})
    found = table.log_probabilities(torch.zeros(1, 4), 2)[0]
    torch.testing.assert_close(found[0].exp(), torch.full((4,), 0.25))
    assert found[1].isnan().all()


@pytest.mark.parametrize("strands", ["as is", "averaged"])
@pytest.mark.parametrize("kind", ["hf_bert", "hf_kmer"])
def test_some_places_get_the_numbers_that_they_have_among_all(request, kind, strands):
    source = open_source(f"hf:{request.getfixturevalue(kind)}", strands=strands)
    places = [[0, 7], [5]]
    every, some = source.log_probabilities(TEXTS[:2]), source.log_probabilities(TEXTS[:2], places)
    for row, asked in enumerate(places):
        torch.testing.assert_close(some[row, asked], every[row, asked], rtol=1e-5, atol=1e-6, equal_nan=True)
    if strands == "as is":
        assert some.isnan().sum() > every.isnan().sum()  # the others were not computed
