"""Tokenizers: bases of tokens are exact, or the tokenizer is refused with token and place."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from palindra.errors import InputError
from palindra.probing.sources.tokens import BaseTokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def wrapped(model: Any, *, normalizer: Any = None, pre: Any = None, ends: bool = True) -> Any:
    from tokenizers import Tokenizer, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre is not None:
        tokenizer.pre_tokenizer = pre
    if ends:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def letters(normalizer: Any = None, *, words: tuple[str, ...] = ("A", "C", "G", "T", "N")) -> BaseTokenizer:
    from tokenizers import Regex, models, pre_tokenizers

    vocabulary = {token: number for number, token in enumerate((*SPECIAL, *words))}
    pre = pre_tokenizers.Split(Regex("."), behavior="isolated")
    return BaseTokenizer(
        wrapped(models.WordLevel(vocabulary, unk_token="[UNK]"), normalizer=normalizer, pre=pre), "mine"
    )


def dnabert(size: int = 3, *, ends: bool = True) -> BaseTokenizer:
    """Overlapping words with spaces between them, as DNABERT was trained on."""
    from tokenizers import models, pre_tokenizers

    words = ["".join(word) for word in product("ACGT", repeat=size)]
    vocabulary = {token: number for number, token in enumerate((*SPECIAL, *words))}
    model = models.WordLevel(vocabulary, unk_token="[UNK]")
    return BaseTokenizer(wrapped(model, pre=pre_tokenizers.WhitespaceSplit(), ends=ends), "dnabert")


def test_overlapping_words():
    tokenizer = dnabert()
    assert tokenizer.overlapping
    found = tokenizer.read("ACGNAC")
    names = tokenizer.tokenizer.convert_ids_to_tokens(found.ids)
    assert names == ["[CLS]", "ACG", "[UNK]", "[UNK]", "[UNK]", "[SEP]"]
    assert found.spans.tolist() == [[0, 3], [1, 4], [2, 5], [3, 6]]
    assert found.first == 1
    with pytest.raises(InputError, match="shorter than the 3-mers"):
        tokenizer.read("AC")


def test_letters_that_need_spaces():
    tokenizer = dnabert(1)
    assert not tokenizer.overlapping
    assert tokenizer.read("ACNG").spans.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]


def test_vocabularies_in_small_letters_and_of_rna():
    small = letters(words=("a", "c", "g", "t", "n"))
    assert small.tokenizer.convert_ids_to_tokens(small.read("ACgN").ids)[1:-1] == ["a", "c", "g", "n"]
    rna = letters(words=("A", "C", "G", "U", "N"))
    assert rna.tokenizer.convert_ids_to_tokens(rna.read("ATU").ids)[1:-1] == ["A", "U", "U"]
    assert sorted(rna.words.values()) == ["A", "C", "G", "T"]


def test_unknown_letters_keep_their_places():
    tokenizer = letters(words=("A", "C", "G", "T"))
    assert tokenizer.read("ANNRA").spans.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]


def test_a_tokenizer_that_drops_letters_is_refused():
    from tokenizers import Regex, normalizers

    tokenizer = letters(normalizers.Replace(Regex("N"), ""))
    with pytest.raises(InputError, match=r"sequence 3: the tokenizer of mine gives the token 'G' at bases 3 to 4"):
        tokenizer.read("ACNNGT", 2)
    with pytest.raises(InputError, match="'the end' at bases 3 to 3, where the sequence has 'N'"):
        tokenizer.read("ACN")


def test_a_tokenizer_that_merges_letters_is_refused():
    from tokenizers import Regex, normalizers

    tokenizer = letters(normalizers.Replace(Regex("AAA+"), "A"))
    with pytest.raises(InputError, match=r"the token 'A' at bases 3 to 5.*cannot be mapped back"):
        tokenizer.read("CCAAAAG")


def test_a_tokenizer_that_changes_letters_is_refused():
    from tokenizers import Regex, normalizers

    tokenizer = letters(normalizers.Replace(Regex("R"), "A"))
    with pytest.raises(InputError, match=r"the token 'A' at bases 2 to 2, where the sequence has 'R'"):
        tokenizer.read("CRG")


def test_a_tokenizer_of_something_else_is_refused():
    with pytest.raises(InputError, match="does not know the letters A, C, G, T"):
        letters(words=("x", "y"))


class Slow:
    """A tokenizer without offsets."""

    is_fast, unk_token, unk_token_id = False, "[UNK]", 1
    all_special_ids = (0, 1)

    def __init__(self, tokens: dict[str, list[str]]) -> None:
        self.tokens = tokens
        self.names = ["[PAD]", "[UNK]", "A", "C", "G", "T", "ACG", "##TT"]

    def get_vocab(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def tokenize(self, text: str) -> list[str]:
        return self.tokens.get(text, list(text))

    def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]:
        return [self.names.index(token) if token in self.names else 1 for token in tokens]

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        return [self.names[number] for number in ids]

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": self.convert_tokens_to_ids(self.tokenize(text))}


@pytest.mark.parametrize(
    ("tokens", "edges"),
    [
        (["ACG", "##TT", "A"], [0, 3, 5, 6]),
        (["ACG", "[UNK]", "A"], [0, 3, 5, 6]),  # one alone stands for what is missing
        (["[UNK]", "C", "G", "##TT", "[UNK]"], [0, 1, 2, 3, 5, 6]),
    ],
)
def test_texts_of_tokens_are_found_in_the_sequence(tokens: list[str], edges: list[int]):
    found = BaseTokenizer(Slow({"ACGTTA": tokens}), "slow").read("ACGTTA")
    assert found.spans[:, 0].tolist() == edges[:-1]
    assert found.spans[:, 1].tolist() == edges[1:]


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["ACG", "A"], "token 'A' at bases 4 to 4, where the sequence has 'T'"),
        (["ACG", "##TT"], r"token '##TT' at bases 6 to 6.*dropped"),
        (["[UNK]", "C", "[UNK]", "A"], "token 'A' at bases 4 to 4"),
        (["ACG", "##TT", "A", "[UNK]"], "token .\\[UNK\\]. at bases 7 to 6"),
    ],
)
def test_texts_that_are_not_the_sequence_are_refused(tokens: list[str], message: str):
    with pytest.raises(InputError, match=message):
        BaseTokenizer(Slow({"ACGTTA": tokens}), "slow").read("ACGTTA")


def test_the_six_mers_of_a_slow_tokenizer(hf_kmer: Path):
    from transformers import AutoTokenizer

    tokenizer = BaseTokenizer(AutoTokenizer.from_pretrained(hf_kmer, local_files_only=True), "kmer")
    found = tokenizer.read("ACGTTGNNACGTTGRYA")
    assert found.spans[:, 0].tolist() == [0, 6, 7, 8, 14, 16]
    assert len(tokenizer.words) == 4**6 + 4
    assert tokenizer.count("ACGTTGNN") == 4
