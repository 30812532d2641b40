"""Models of this library as sources: language models of DNA, and the features before the head of trained networks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.models.saving import CONFIG, TRACKS, load_run, read_config
from palindra.models.strand_lm.classifier import LanguageModelClassifier
from palindra.models.strand_lm.opening import describe, is_equivariant, open_language_model
from palindra.models.strand_lm.shipped import folder_of
from palindra.models.track_saving import load_track_run
from palindra.nn import StrandMean
from palindra.probing.source import Embedded, Source
from palindra.probing.sources.bases import batches, joined, require_finite, require_letters, single_bases
from palindra.probing.sources.counts import as_dna
from palindra.probing.sources.depth import depth_of, strands_at
from palindra.probing.sources.language import copied_at
from palindra.probing.sources.tiles import MaxLength, read_tiles, refusal
from palindra.probing.sources.trunks import TrunkSource
from palindra.probing.sources.weights import hash_weights
from palindra.sequences.vocabulary import VOCABULARY

LONGEST = 131_072  # letters that are read in one piece
LETTERS_TOGETHER = 65_536  # in a batch


class StrandLanguageSource:
    """A language model of this library, or Caduceus: one token per base.

    Features are those of the given strand. An equivariant model has them for both strands and gives those of the first,
    so that averaged strands are its features of the molecule; of any other one they are what it says when the strand is
    given. After layers before the last of a model that is not equivariant, they are the mean of its two readings.

    Args:
        model: ``model(tokens, mask) -> LMOutput``.
        name: as reports print it.
        device: where to compute.
        batch_size: sequences at a time.
        max_length: see :func:`palindra.probing.sources.open_source`.
        longest: letters that are read in one piece.
    """

    def __init__(
        self,
        model: nn.Module,
        name: str,
        *,
        device: str = "cpu",
        batch_size: int = 64,
        max_length: MaxLength = "refuse",
        longest: int = LONGEST,
    ) -> None:
        self.model, self.name, self.device = model.to(device).eval(), name, device
        self.batch_size, self.max_length, self.longest = batch_size, max_length, longest
        self.layers = list(range(depth_of(model) + 1))
        self.layer = self.layers[-1]
        self.width = int(model.hidden_width)  # type: ignore[arg-type]

    @property
    def parameters(self) -> int:
        """All weights of the model, each once."""
        return sum(weight.numel() for weight in self.model.parameters())

    @cached_property
    def _content(self) -> str:
        return hash_weights(self.model, describe(self.model))

    @property
    def fingerprint(self) -> str:
        """Of weights, sizes, layer and what is done with long sequences."""
        text = f"{self._content} layer={self.layer} {self.max_length} {self.longest} 1"
        return hashlib.sha256(text.encode()).hexdigest()

    def at_layer(self, layer: int) -> StrandLanguageSource:
        """The same model with features of another layer."""
        _ = self._content  # shared by all layers
        return copied_at(self, layer)

    def embed(self, sequences: Sequence[str]) -> Embedded:
        """Features of every base."""
        require_letters(sequences)
        features: dict[int, Tensor] = {}
        for rows in self._batches(sequences):
            found = self._features(_tokens(sequences, rows).to(self.device)).float().cpu()
            require_finite(found, rows, sequences, self.name, f"layer {self.layer}")
            features |= dict(zip(rows, found, strict=True))
        for row in self._long(sequences):
            features[row] = read_tiles(lambda parts: self.embed(parts).features, sequences[row], self.longest)
        order = range(len(sequences))
        return joined([features[row] for row in order], [single_bases(len(text)) for text in sequences])

    @torch.no_grad()
    def log_probabilities(
        self, sequences: Sequence[str], places: Sequence[Sequence[int]] | None = None
    ) -> Float[Tensor, "batch length 4"]:
        """Log-probabilities of A, C, G, T at every base while it alone is masked; see ``LanguageSource``."""
        require_letters(sequences)
        found = torch.full((len(sequences), max(map(len, sequences)), 4), torch.nan)
        for rows in self._batches(sequences):
            for row, tokens in zip(rows, _tokens(sequences, rows), strict=True):
                asked = range(len(tokens)) if places is None else places[row]
                found[row, list(asked)] = self._masked(tokens, torch.tensor([*asked], dtype=torch.long))
        for row in self._long(sequences):
            mixed = read_tiles(self.log_probabilities, sequences[row], self.longest)
            found[row, : len(sequences[row])] = mixed.log_softmax(-1)
        return found

    def _masked(self, tokens: Tensor, wanted: Tensor) -> Tensor:
        parts = [torch.zeros(0, VOCABULARY.letters)]
        together = max(1, min(self.batch_size, LETTERS_TOGETHER // len(tokens)))
        for places in torch.split(wanted, together):
            asked = tokens.repeat(len(places), 1)
            asked[torch.arange(len(places)), places] = VOCABULARY.mask
            logits = self.model(asked.to(self.device), None).logits[torch.arange(len(places)), places]
            parts.append(logits[:, : VOCABULARY.letters].float().cpu().log_softmax(-1))
        return torch.cat(parts)

    def _batches(self, sequences: Sequence[str]) -> list[list[int]]:
        short = [row for row, text in enumerate(sequences) if len(text) <= self.longest]
        found = []
        for group in batches([len(sequences[row]) for row in short], self.batch_size):
            together = max(1, LETTERS_TOGETHER // len(sequences[short[group[0]]]))
            found += [[short[place] for place in group[i : i + together]] for i in range(0, len(group), together)]
        return found

    def _long(self, sequences: Sequence[str]) -> list[int]:
        long = [row for row, text in enumerate(sequences) if len(text) > self.longest]
        if long and self.max_length == "refuse":
            raise refusal(long[0], sequences[long[0]], self.name, f"{self.longest:,} letters")
        return long

    @torch.no_grad()
    def _features(self, tokens: Tensor) -> Float[Tensor, "batch length width"]:
        if self.layer == self.layers[-1]:
            found = self.model(tokens, None)
            return found.strands[:, 0] if is_equivariant(self.model) else found.hidden
        strands = strands_at(self.model, tokens, self.layer)
        return strands[:, 0] if is_equivariant(self.model) else strands.mean(1)


def _tokens(sequences: Sequence[str], rows: Sequence[int]) -> Tensor:
    found = [VOCABULARY.encode(as_dna(sequences[row]), name=f"sequence {row + 1}") for row in rows]
    return torch.from_numpy(np.stack(found)).long()


def open_palindra(text: str, *, device: str, batch_size: int, max_length: MaxLength) -> Source:
    """A language model of this library, or the trunk of a trained network.

    Args:
        text: folder, or ``default`` for the language model that ships with the package.
        device: where to compute.
        batch_size: sequences at a time.
        max_length: see :func:`palindra.probing.sources.open_source`.

    Raises:
        InputError: for a folder of neither.
    """
    folder, name = folder_of(text), f"palindra:{text}"
    if not (folder / CONFIG).is_file():
        return StrandLanguageSource(
            open_language_model(folder), name, device=device, batch_size=batch_size, max_length=max_length
        )
    members, length, alphabet = _networks(folder)
    if len(members) == 1 and isinstance(members[0], LanguageModelClassifier):
        model = members[0].language_model
        return StrandLanguageSource(model, name, device=device, batch_size=batch_size, max_length=max_length)
    return TrunkSource(
        members,
        length,
        name,
        alphabet=alphabet,
        device=device,
        batch_size=batch_size,
        max_length=max_length,
    )


def _networks(folder: Path) -> tuple[list[nn.Module], int, str]:
    """The networks of a run folder, the letters that they read, and their alphabet."""
    if read_config(folder).get("palindra", {}).get("kind") == TRACKS:
        tracks = load_track_run(folder)
        return [tracks.network], tracks.length, "DNA"
    run = load_run(folder)
    members = [member.module if isinstance(member, StrandMean) else member for member in run.predictor.members]
    return members, run.length, str(run.config["data"].get("alphabet", "DNA"))
