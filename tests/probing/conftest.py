"""Tiny language models with random weights, in the files of transformers, made once per session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = ("A", "C", "G", "T", "N")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def character_tokenizer(*, ends: bool, begins: bool = False) -> Any:
    """One token for each letter; CLS and SEP around them, or CLS alone before them, or nothing."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    vocabulary = {token: number for number, token in enumerate((*SPECIAL, *LETTERS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), behavior="isolated")
    return wrapped(tokenizer, ends=ends, begins=begins)


def wrapped(tokenizer: Any, *, ends: bool, begins: bool = False) -> Any:
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    if ends or begins:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]" if ends else "[CLS] $A", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def saved(folder: Path, model: Any, tokenizer: Any) -> Path:
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_bert(vocabulary: int, *, positions: int = 128) -> Any:
    from transformers import BertConfig, BertForMaskedLM

    with seeded(1):
        return BertForMaskedLM(
            BertConfig(
                vocab_size=vocabulary,
                hidden_size=16,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=24,
                max_position_embeddings=positions,
                pad_token_id=0,
                initializer_range=0.2,
            )
        )


@pytest.fixture(scope="session")
def hf_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked model of letters with CLS and SEP; at most 128 tokens."""
    return saved(tmp_path_factory.mktemp("hf") / "bert", tiny_bert(10), character_tokenizer(ends=True))


@pytest.fixture(scope="session")
def hf_short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, of at most 8 tokens."""
    return saved(tmp_path_factory.mktemp("hf") / "short", tiny_bert(10, positions=8), character_tokenizer(ends=True))


@pytest.fixture(scope="session")
def hf_kmer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked model of 6-mers, with single letters where none fits, like the Nucleotide Transformer; CLS first."""
    from transformers import EsmConfig, EsmForMaskedLM, EsmTokenizer

    folder = tmp_path_factory.mktemp("hf") / "kmer"
    folder.mkdir()
    words = ["<unk>", "<pad>", "<mask>", "<cls>", *map("".join, product("ATCG", repeat=6)), "A", "T", "C", "G", "N"]
    (folder / "vocab.txt").write_text("\n".join(words))
    with seeded(2):
        model = EsmForMaskedLM(
            EsmConfig(
                vocab_size=len(words),
                hidden_size=16,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=24,
                max_position_embeddings=66,
                pad_token_id=1,
                mask_token_id=2,
                token_dropout=False,
                emb_layer_norm_before=False,
                initializer_range=0.2,
            )
        )
    return saved(folder, model, EsmTokenizer(folder / "vocab.txt", eos_token=None))


@pytest.fixture(scope="session")
def hf_bpe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked model of byte-pair tokens with CLS and SEP, like DNABERT-2."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=40, special_tokens=list(SPECIAL), show_progress=False)
    generator = torch.Generator().manual_seed(3)
    texts = ["".join("ACGT"[int(code)] for code in torch.randint(4, (60,), generator=generator)) for _ in range(40)]
    tokenizer.train_from_iterator(texts, trainer)
    wrapper = wrapped(tokenizer, ends=True)
    return saved(tmp_path_factory.mktemp("hf") / "bpe", tiny_bert(len(wrapper)), wrapper)


@pytest.fixture(scope="session")
def hf_gpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal model of letters with a token before the first; at most 128 tokens."""
    from transformers import GPT2Config, GPT2LMHeadModel

    with seeded(4):
        config = GPT2Config(
            vocab_size=10,
            n_positions=128,
            n_embd=16,
            n_layer=2,
            n_head=2,
            bos_token_id=2,
            eos_token_id=3,
            pad_token_id=0,
            initializer_range=0.2,
        )
        model = GPT2LMHeadModel(config)
    return saved(tmp_path_factory.mktemp("hf") / "gpt", model, character_tokenizer(ends=False, begins=True))


@pytest.fixture(scope="session")
def hf_mamba(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal model of letters without special tokens and without a longest length."""
    from transformers import MambaConfig, MambaForCausalLM

    with seeded(5):
        config = MambaConfig(
            vocab_size=10,
            hidden_size=8,
            state_size=4,
            num_hidden_layers=2,
            expand=2,
            conv_kernel=4,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=3,
            initializer_range=0.2,
        )
        model = MambaForCausalLM(config)
    return saved(tmp_path_factory.mktemp("hf") / "mamba", model, character_tokenizer(ends=False))
