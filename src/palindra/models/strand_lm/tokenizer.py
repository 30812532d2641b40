"""The vocabulary as a tokenizer of transformers: one token per letter, and a complement for every token."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedTokenizer

from palindra.errors import InputError
from palindra.sequences import DNA
from palindra.sequences.vocabulary import VOCABULARY

COMPLEMENTS = {
    token: VOCABULARY.symbols[other] for token, other in zip(VOCABULARY.symbols, VOCABULARY.complement, strict=True)
}


class StrandTokenizer(PreTrainedTokenizer):
    """Characters of DNA as tokens, with the table of complements in its own configuration.

    Nothing is added at either end, because it would not move with the strand. Ambiguity codes are read as N; any
    other sign is refused instead of becoming an unknown token.

    Examples:
        >>> tokenizer = StrandTokenizer()
        >>> tokenizer("aacgR")["input_ids"]
        [0, 0, 1, 2, 4]
        >>> tokenizer.decode(tokenizer.reverse_complement([0, 0, 1, 2, 4]))
        'NCGTT'
    """

    vocab_files_names: dict[str, str] = {}  # noqa: RUF012  (as the base class has it)
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(self, complement: dict[str, str] | None = None, **options: Any) -> None:
        if complement is not None and complement != COMPLEMENTS:
            raise InputError(
                f"the tokenizer was saved with the complements {complement}, but the vocabulary has {COMPLEMENTS}: it "
                "belongs to another model."
            )
        options = {"mask_token": "[MASK]", "pad_token": "[PAD]", **options}
        options["special_tokens_pattern"] = "none"
        super().__init__(complement=COMPLEMENTS, **options)  # type: ignore[no-untyped-call]

    @property
    def complement(self) -> dict[str, str]:
        """The token that each token becomes on the other strand."""
        return dict(COMPLEMENTS)

    @property
    def vocab_size(self) -> int:
        """Number of tokens."""
        return len(VOCABULARY)

    def get_vocab(self) -> dict[str, int]:
        """The id of every token."""
        return {token: number for number, token in enumerate(VOCABULARY.symbols)}

    def reverse_complement(self, ids: list[int]) -> list[int]:
        """The ids of the other strand, read in its own direction."""
        return [VOCABULARY.complement[number] for number in reversed(ids)]

    def _tokenize(self, text: str, **_: Any) -> list[str]:
        return [VOCABULARY.symbols[code] for code in VOCABULARY.encode(text, name="the text")] if text else []

    def _convert_token_to_id(self, token: str) -> int:
        if token in VOCABULARY.symbols:
            return VOCABULARY.symbols.index(token)
        raise InputError(f"{token!r} is not a token: the vocabulary is {VOCABULARY}. " + DNA.refusal(token[:1]))

    def _convert_id_to_token(self, index: int) -> str:
        return VOCABULARY.symbols[index]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The tokens one after the other, without spaces."""
        return "".join(tokens)

    def build_inputs_with_special_tokens(self, first: list[int], second: list[int] | None = None) -> list[int]:
        """The ids as they are.

        Raises:
            InputError: for two sequences, which this vocabulary has no token to part.
        """
        if second:
            raise InputError(
                "a pair of sequences is given: the vocabulary has no token to part them. Give them one by one."
            )
        return first

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Nothing: the vocabulary is that of the library, and its complements are in the configuration."""
        return ()
