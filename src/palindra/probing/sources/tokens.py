"""Tokenizers of transformers, with the bases that each token stands for, exactly or not at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.probing.sources.bases import shown
from palindra.probing.sources.counts import as_dna
from palindra.sequences import check_letters

PROBE = "ACGTTGCAAGCTTACGGATC"  # every letter, and no repeats that tokens could hide
LETTERS = "ACGT"
_MARKS = re.compile(r"^(##|Ġ|▁)+|(</w>|@@)+$")  # by which tokenizers tell beginnings and continuations of words


class Tokens(NamedTuple):
    """One sequence as a model reads it."""

    ids: list[int]  # with special tokens
    first: int  # place of the first token that stands for bases
    spans: NDArray[np.int64]  # (tokens, 2), of those alone


class BaseTokenizer:
    """A tokenizer that says which bases its tokens stand for.

    Fast tokenizers report offsets; of others the text of each token is found in the sequence. Either way the tokens
    must be the letters of the sequence from the first to the last. A vocabulary of words of one length that reads no
    plain sequence gets the overlapping words written with spaces between them, as DNABERT was trained; its spans
    overlap. Sequences are given in the case and with the T or U that the vocabulary has.

    Args:
        tokenizer: of transformers.
        source: its name in errors.

    Raises:
        InputError: for one that cannot read letters of DNA.
    """

    def __init__(self, tokenizer: Any, source: str) -> None:
        self.tokenizer, self.source = tokenizer, source
        vocabulary = {str(token): int(number) for token, number in tokenizer.get_vocab().items()}
        special = set(tokenizer.all_special_ids)
        words = {number: plain(token) for token, number in vocabulary.items() if number not in special}
        letters = [word for word in words.values() if word and not set(word.upper()) - set(LETTERS + "UN")]
        self.lower = bool(letters) and not any(word.isupper() for word in letters)
        self.rna = any("U" in word.upper() for word in letters) and not any("T" in word.upper() for word in letters)
        self.words: dict[int, str] = {
            number: word.upper().replace("U", "T")
            for number, word in words.items()
            if word and not set(word.upper()) - set("ACGU" if self.rna else LETTERS)
        }  # by id, the letters of tokens that are nothing but letters
        self.before: list[int] = []
        self.after: list[int] = []
        lengths = {len(word) for word in self.words.values()}
        self.size = self._chosen_size([None, *lengths] if len(lengths) == 1 else [None])
        written = self._written(PROBE)
        whole = self._ids(written, special=True)
        inner = self._ids(written, special=False)
        first = next((i for i in range(len(whole)) if whole[i : i + len(inner)] == inner), None)
        if first is None:
            raise InputError(f"{source}: its tokenizer reads a sequence otherwise when special tokens are added.")
        self.before, self.after = whole[:first], whole[first + len(inner) :]

    @property
    def overlapping(self) -> bool:
        """Whether neighbouring tokens share bases."""
        return self.size is not None and self.size > 1

    @property
    def special(self) -> int:
        """Number of special tokens around a sequence."""
        return len(self.before) + len(self.after)

    def __len__(self) -> int:
        return len(self.tokenizer)

    def count(self, text: str) -> int:
        """Tokens of a sequence, special ones included."""
        return len(self._ids(self._written(text), special=False)) + self.special

    def read(self, text: str, row: int = 0) -> Tokens:
        """Tokens and their bases.

        Raises:
            InputError: naming the token and its place, where they are not the letters of the sequence.
        """
        check_letters([as_dna(text)], names=[f"sequence {row + 1}"])
        written = self._written(text)
        if self.size is not None:
            ids, spans = self._spaced(text, written, row)
        elif self.tokenizer.is_fast:
            ids, spans = self._by_offsets(written, row)
        else:
            ids, spans = self._by_texts(written, row)
        return Tokens([*self.before, *ids, *self.after], len(self.before), spans)

    def _chosen_size(self, sizes: Sequence[int | None]) -> int | None:
        """The first way of writing a sequence that the tokenizer reads: plain, or as words of this length."""
        errors = []
        for size in sizes:
            self.size = size
            try:
                self._probe()
            except InputError as error:
                errors.append(error)
            else:
                return size
        raise errors[0]

    def _probe(self) -> None:
        ids = self.read(PROBE).ids
        if self.tokenizer.unk_token_id is not None and self.tokenizer.unk_token_id in ids:
            raise InputError(
                f"{self.source}: its tokenizer does not know the letters A, C, G, T: {PROBE} has unknown tokens "
                f"({' '.join(self.tokenizer.convert_ids_to_tokens(ids))}). It is no model of DNA."
            )

    def _written(self, text: str) -> str:
        text = text.upper().replace("T", "U") if self.rna else text.upper().replace("U", "T")
        text = text.lower() if self.lower else text
        if self.size is None:
            return text
        return " ".join(text[start : start + self.size] for start in range(len(text) - self.size + 1))

    def _ids(self, written: str, *, special: bool) -> list[int]:
        found = self.tokenizer(written, add_special_tokens=special, truncation=False, padding=False, verbose=False)
        return [int(number) for number in found["input_ids"]]

    def _by_offsets(self, written: str, row: int) -> tuple[list[int], NDArray[np.int64]]:
        found = self.tokenizer(
            written,
            add_special_tokens=False,
            truncation=False,
            padding=False,
            verbose=False,
            return_offsets_mapping=True,
        )
        ids = [int(number) for number in found["input_ids"]]
        spans = np.array(found["offset_mapping"], dtype=np.int64).reshape(len(ids), 2)
        end = 0
        for token, (start, stop) in zip(self.tokenizer.convert_ids_to_tokens(ids), spans.tolist(), strict=True):
            if start != end:
                raise self._refusal(row, written, token, min(start, end), max(start, end), "not covered once")
            self._require_same(row, written, token, start, stop)
            end = stop
        if end != len(written):
            raise self._refusal(row, written, "the end", end, len(written), "dropped")
        return ids, spans

    def _by_texts(self, written: str, row: int) -> tuple[list[int], NDArray[np.int64]]:
        tokens = [str(token) for token in self.tokenizer.tokenize(written)]
        ids = [int(number) for number in self.tokenizer.convert_tokens_to_ids(tokens)]
        unknown = [token == self.tokenizer.unk_token for token in tokens]
        known = sum(len(plain(token)) for token, hidden in zip(tokens, unknown, strict=True) if not hidden)
        # What unknown tokens stand for is not said: it is sure where each has one letter, or there is but one.
        missing, hidden_tokens = len(written) - known, sum(unknown)
        each = missing if hidden_tokens == 1 else 1
        spans, end = [], 0
        for token, hidden in zip(tokens, unknown, strict=True):
            size = each if hidden else len(plain(token))
            self._require_same(row, written, token, end, end + size)
            spans.append((end, end + size))
            end += size
        if end != len(written):
            raise self._refusal(row, written, tokens[-1] if tokens else "the end", end, len(written), "dropped")
        return ids, np.array(spans, dtype=np.int64)

    def _spaced(self, text: str, written: str, row: int) -> tuple[list[int], NDArray[np.int64]]:
        size = self.size or 1
        if len(text) < size:
            raise InputError(f"{shown(row, text)} is shorter than the {size}-mers of {self.source}: leave it out.")
        tokens = [str(token) for token in self.tokenizer.tokenize(written)]
        words = written.split(" ")
        for place, (token, word) in enumerate(zip(tokens, words, strict=False)):
            if token != self.tokenizer.unk_token and plain(token).upper() != word.upper():
                raise self._refusal(row, word, token, 0, size, f"read otherwise from base {place + 1} on")
        if len(tokens) != len(words):
            raise self._refusal(row, written, tokens[-1] if tokens else "the end", 0, len(written), "split or merged")
        start = np.arange(len(words))
        return self.tokenizer.convert_tokens_to_ids(tokens), np.stack([start, start + size], axis=1)

    def _require_same(self, row: int, written: str, token: str, start: int, stop: int) -> None:
        word = written[start:stop]
        if not word or (token != self.tokenizer.unk_token and plain(token).upper() != word.upper()):
            raise self._refusal(row, written, token, start, stop, "dropped, merged or changed")

    def _refusal(self, row: int, written: str, token: str, start: int, stop: int, what: str) -> InputError:
        letters = written[start:stop]
        return InputError(
            f"sequence {row + 1}: the tokenizer of {self.source} gives the token {token!r} at bases {start + 1} to "
            f"{stop}, where the sequence has {letters[:20]!r}: letters are {what}, so features cannot be mapped back "
            "to bases. Give a model whose tokens are the letters of the sequence."
        )


def plain(token: str) -> str:
    """The letters of a token without the marks of beginnings and continuations.

    Examples:
        >>> plain("##ACG"), plain("ĠTT"), plain("GA</w>")
        ('ACG', 'TT', 'GA')
    """
    return _MARKS.sub("", token)


def padded_ids(rows: Sequence[Tokens]) -> NDArray[np.int64]:
    """Ids of sequences with one number of tokens ``(rows, tokens)``."""
    return np.array([row.ids for row in rows], dtype=np.int64)
