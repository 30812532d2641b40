"""Language models and encoders that transformers reads, as sources of representations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from palindra.errors import InputError
from palindra.probing.source import Embedded
from palindra.probing.sources.bases import at_bases, batches, joined, require_finite, require_letters, single_bases
from palindra.probing.sources.hugging_face_loading import Loaded, load
from palindra.probing.sources.language import copied_at
from palindra.probing.sources.letters import LetterTable
from palindra.probing.sources.strands import other_strands
from palindra.probing.sources.tiles import MaxLength, read_tiles, refusal, tile_size
from palindra.probing.sources.tokens import PROBE, BaseTokenizer, Tokens, padded_ids
from palindra.probing.sources.weights import hash_weights

LARGEST_LOGITS = 2**26  # numbers that a batch of questions may have


class HuggingFaceSource:
    """Features after a layer of a model of transformers, for the tokens that stand for bases.

    Sequences of one number of tokens are read together and none is padded, so that no sequence feels another one
    whatever the model does with padding. ``cls`` is given where the tokenizer has such a token and the model is not
    causal. Sequences that are read in tiles have one token per base, whatever the tokens of the model, and the mean of
    the ``cls`` of their tiles.

    Args:
        loaded: model and tokenizer.
        name: as reports print it.
        device: where to compute.
        batch_size: sequences at a time.
        max_length: see :func:`palindra.probing.sources.open_source`.
    """

    def __init__(self, loaded: Loaded, name: str, *, device: str, batch_size: int, max_length: MaxLength) -> None:
        self.name, self.loaded, self.device = name, loaded, device
        self.batch_size, self.max_length = batch_size, max_length
        self.model = loaded.model.to(device).eval()
        self.tokens = BaseTokenizer(loaded.tokenizer, name)
        self.limit: int | None = loaded.limit
        fitting = (self.tokens.read(PROBE[:size]).ids for size in range(len(PROBE), 0, -1))
        ids = next((ids for ids in fitting if self.limit is None or len(ids) <= self.limit), None)
        if ids is None:
            raise InputError(f"{name}: the model reads {self.limit} tokens at most, not even those of one letter.")
        shown_layers = self._hidden(torch.tensor([ids]))
        self.layers = list(range(len(shown_layers))) if len(shown_layers) > 1 else [0]
        self.layer = self.layers[-1]
        self.width = int(shown_layers[-1].shape[-1])

    @property
    def parameters(self) -> int:
        """All weights of the model, each once."""
        return sum(weight.numel() for weight in self.model.parameters())

    @cached_property
    def _content(self) -> str:
        config = {
            key: value
            for key, value in self.loaded.config.items()
            if key not in ("_name_or_path", "transformers_version")
        }
        backend: Any = getattr(self.loaded.tokenizer, "backend_tokenizer", None)
        described = [
            json.dumps(config, sort_keys=True, default=str),
            json.dumps(self.loaded.tokenizer.get_vocab(), sort_keys=True),
            type(self.loaded.tokenizer).__name__ if backend is None else str(backend.to_str()),
            self.loaded.code,
            f"{self.tokens.before} {self.tokens.after} {self.tokens.size} {self.limit}",
        ]
        return hash_weights(self.model, *described)

    @property
    def fingerprint(self) -> str:
        """Of weights, configuration, tokenizer, layer and what is done with long sequences."""
        text = f"{self._content} layer={self.layer} {self.max_length} 1"
        return hashlib.sha256(text.encode()).hexdigest()

    def at_layer(self, layer: int) -> HuggingFaceSource:
        """The same model with features of another layer."""
        _ = self._content  # shared by all layers
        return copied_at(self, layer)

    @torch.no_grad()
    def embed(self, sequences: Sequence[str]) -> Embedded:
        """Features of tokens; see the class."""
        require_letters(sequences)
        rows, long = self._read(sequences)
        features: dict[int, Tensor] = {}
        spans: dict[int, Tensor] = {}
        cls: dict[int, Tensor] = {}
        at = self._cls_place
        short = list(rows)
        for group in batches([len(rows[row].ids) for row in short], self.batch_size):
            some = [short[place] for place in group]
            hidden = self._layer(some, [rows[row] for row in some], sequences)
            for row, found in zip(some, hidden, strict=True):
                start, places = rows[row].first, rows[row].spans
                features[row], spans[row] = found[start : start + len(places)], torch.from_numpy(places)
                if at is not None:
                    cls[row] = found[at]
        for row in long:
            features[row], spans[row], summary = self._tiled(sequences[row])
            if summary is not None:
                cls[row] = summary
        order = range(len(sequences))
        return joined(
            [features[row] for row in order],
            [spans[row] for row in order],
            [cls[row] for row in order] if at is not None else None,
        )

    def _read(self, sequences: Sequence[str]) -> tuple[dict[int, Tokens], list[int]]:
        """Tokens of the sequences that fit, and the rows of those that are to be tiled."""
        rows, long = {}, []
        for row, text in enumerate(sequences):
            tokens = self.tokens.read(text, row)
            if self.limit is None or len(tokens.ids) <= self.limit:
                rows[row] = tokens
            elif self.max_length == "tile":
                long.append(row)
            else:
                what = f"{self.limit:,} tokens ({self.tokens.special} of them special), and it has {len(tokens.ids):,}"
                raise refusal(row, text, self.name, what)
        return rows, long

    def _tile(self, text: str) -> int:
        return tile_size(text, self.limit or 0, self.tokens.count, lambda part: other_strands([part])[0])

    def _tiled(self, text: str) -> tuple[Tensor, Tensor, Tensor | None]:
        tile, summaries = self._tile(text), []

        def read(parts: Sequence[str]) -> Tensor:
            found = self.embed(parts)
            summaries.append(found.cls)
            return at_bases(found, tile)

        features = read_tiles(read, text, tile)
        summary = None if summaries[0] is None else summaries[0].mean(0)
        return features, single_bases(len(text)), summary

    @property
    def _cls_place(self) -> int | None:
        number = self.loaded.tokenizer.cls_token_id
        if self.loaded.causal or number is None or number not in self.tokens.before:
            return None
        return self.tokens.before.index(number)

    def _layer(self, rows: Sequence[int], tokens: Sequence[Tokens], sequences: Sequence[str]) -> Tensor:
        hidden = self._hidden(torch.from_numpy(padded_ids(tokens)))
        for layer in range(self.layer + 1):  # the first that is not finite is where it went wrong
            require_finite(hidden[layer], rows, sequences, self.name, f"layer {layer}")
        return hidden[self.layer].float().cpu()

    @torch.no_grad()
    def _hidden(self, ids: Tensor) -> list[Tensor]:
        """Features after every layer; the last alone of a model that gives no others."""
        found = self.loaded.encoder(ids.to(self.device), output_hidden_states=True)
        states = getattr(found, "hidden_states", None)
        if states is not None:
            return list(states)
        last = getattr(found, "last_hidden_state", None)
        return [found[0] if last is None else last]


class HuggingFaceLanguageSource(HuggingFaceSource):
    """The same of a model with a head that says how probable tokens are; see ``LanguageSource``."""

    @cached_property
    def _table(self) -> LetterTable:
        return LetterTable(self.tokens.words)

    @torch.no_grad()
    def log_probabilities(
        self, sequences: Sequence[str], places: Sequence[Sequence[int]] | None = None
    ) -> Float[Tensor, "batch length 4"]:
        """Log-probabilities of A, C, G, T at every base; those of tiles are averaged by their weights."""
        require_letters(sequences)
        rows, long = self._read(sequences)
        found = torch.full((len(sequences), max(map(len, sequences)), 4), torch.nan)
        for row, tokens in rows.items():
            length = len(sequences[row])
            wanted = set(range(length) if places is None else places[row])
            found[row, :length] = (
                self._left_to_right(tokens, length) if self.loaded.causal else self._masked(tokens, length, wanted)
            )
        for row in long:
            mixed = read_tiles(self.log_probabilities, sequences[row], self._tile(sequences[row]))
            found[row, : len(sequences[row])] = mixed.log_softmax(-1)
        return found

    def _left_to_right(self, tokens: Tokens, length: int) -> Tensor:
        found = torch.full((length, 4), torch.nan)
        logits = self._logits(torch.tensor([tokens.ids]))[0]
        sizes = tokens.spans[:, 1] - tokens.spans[:, 0]
        if self.tokens.overlapping:
            return found  # all but the last letter of a token are known from the one before
        for size in set(sizes.tolist()):
            places = [place for place in range(len(sizes)) if sizes[place] == size and place + tokens.first > 0]
            if places:
                letters = self._table.log_probabilities(logits[[tokens.first + place - 1 for place in places]], size)
                for place, values in zip(places, letters, strict=True):
                    found[tokens.spans[place, 0] : tokens.spans[place, 1]] = values
        return found

    def _masked(self, tokens: Tokens, length: int, wanted: set[int]) -> Tensor:
        found = torch.full((length, 4), torch.nan)
        ids = torch.tensor(tokens.ids)
        for questions in self._questions(tokens, length, wanted):
            asked = ids.repeat(len(questions), 1)
            for row, (hidden, _, _) in enumerate(questions):
                asked[row, [tokens.first + place for place in hidden]] = self.loaded.tokenizer.mask_token_id
            logits = self._logits(asked)
            for row, (_, place, bases) in enumerate(questions):
                start, stop = tokens.spans[place].tolist()
                letters = self._table.log_probabilities(logits[row, tokens.first + place][None], stop - start)[0]
                found[bases] = letters[[base - start for base in bases]]
        return found

    def _questions(
        self, tokens: Tokens, length: int, wanted: set[int]
    ) -> Iterator[list[tuple[list[int], int, list[int]]]]:
        """Batches of which tokens are masked together, which of them is read, and for which bases."""
        spans = tokens.spans.tolist()
        asked: list[tuple[list[int], int, list[int]]]
        if self.tokens.overlapping:
            size, last = self.tokens.size or 1, len(spans) - 1
            holders = [list(range(max(0, base - size + 1), min(base, last) + 1)) for base in range(length)]
            asked = [(hidden, hidden[len(hidden) // 2], [base]) for base, hidden in enumerate(holders)]
        else:
            asked = [([place], place, list(range(start, stop))) for place, (start, stop) in enumerate(spans)]
        asked = [question for question in asked if not wanted.isdisjoint(question[2])]
        most = max(1, min(self.batch_size, LARGEST_LOGITS // (len(tokens.ids) * len(self.tokens))))
        yield from (asked[start : start + most] for start in range(0, len(asked), most))

    def _logits(self, ids: Tensor) -> Tensor:
        found = self.model(ids.to(self.device))
        logits = getattr(found, "logits", None)
        return (found[0] if logits is None else logits).float().cpu()


def open_hugging_face(
    text: str,
    *,
    trust_remote_code: bool,
    device: str,
    batch_size: int,
    max_length: MaxLength,
    seed: int | None = None,
) -> HuggingFaceSource:
    """A model of transformers from a folder or the hub.

    Args:
        text: folder, or name on the hub.
        trust_remote_code: let it run the code in its folder.
        device: where to compute.
        batch_size: sequences at a time.
        max_length: see :func:`palindra.probing.sources.open_source`.
        seed: of new weights instead of those that were saved.

    Raises:
        InputError: if it cannot be read.
    """
    loaded = load(text, trust_remote_code=trust_remote_code, seed=seed)
    kind = HuggingFaceLanguageSource if loaded.has_head else HuggingFaceSource
    name = f"hf:{text}" if seed is None else f"hf-random:{text}"
    return kind(loaded, name, device=device, batch_size=batch_size, max_length=max_length)
