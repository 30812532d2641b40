"""What a source makes of both strands: as it is, averaged, or side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from palindra.errors import InputError
from palindra.probing.source import Embedded, Source
from palindra.probing.sources.bases import at_bases, joined, require_letters, single_bases, token_rows
from palindra.probing.sources.counts import as_dna
from palindra.probing.sources.language import LanguageSource, LayeredSource
from palindra.sequences import reverse_complement

Strands = Literal["as is", "averaged", "concatenated"]
STRANDS: tuple[str, ...] = get_args(Strands)


class BothStrands:
    """A source that reads the reverse complement as well and brings what it finds back to the given positions.

    Averaged features of the reverse complement are those of the sequence in reverse order; concatenated ones are so as
    well with their two halves exchanged. Where the tokens of one strand do not mirror those of the other, the features
    of both are spread to bases first.

    Args:
        source: reads one strand.
        strands: ``"averaged"`` or ``"concatenated"``.

    Examples:
        >>> from palindra.probing.sources.counts import OneHot
        >>> BothStrands(OneHot(), "averaged").embed(["AC"]).features[0].tolist()
        [[0.5, 0.0, 0.0, 0.5], [0.0, 0.5, 0.5, 0.0]]
    """

    def __init__(self, source: Source, strands: Strands) -> None:
        if strands not in STRANDS[1:]:
            raise ValueError(f"strands are {' or '.join(STRANDS[1:])} here, not {strands!r}.")
        self.source, self.strands = source, strands

    @property
    def name(self) -> str:
        """As reports print it."""
        return f"{self.source.name}, strands {self.strands}"

    @property
    def width(self) -> int:
        """Features of a token."""
        return self.source.width * (2 if self.strands == "concatenated" else 1)

    @property
    def parameters(self) -> int:
        """Those of the source."""
        return self.source.parameters

    @property
    def fingerprint(self) -> str:
        """Of the source and of what is done with its strands."""
        return f"{self.source.fingerprint} {self.strands} 1"

    def embed(self, sequences: Sequence[str]) -> Embedded:
        """Features of both strands at the positions of the given one."""
        require_letters(sequences)
        given = self.source.embed(sequences)
        other = self.source.embed(other_strands(sequences))
        features, spans = [], []
        for text, one, two in zip(sequences, token_rows(given), token_rows(other), strict=True):
            (here, places), (there, turned) = one, (two[0].flip(0), (len(text) - two[1]).flip(0, 1))
            if places.shape != turned.shape or not bool((places == turned).all()):
                here = at_bases(Embedded(here[None], places[None]), len(text))[0]
                there = at_bases(Embedded(there[None], turned[None]), len(text))[0]
                places = single_bases(len(text))
            features.append(self._together(here, there))
            spans.append(places)
        cls = None if given.cls is None or other.cls is None else self._together(given.cls, other.cls)
        return joined(features, spans)._replace(cls=cls)

    def _together(self, given: Tensor, other: Tensor) -> Tensor:
        return torch.cat([given, other], dim=-1) if self.strands == "concatenated" else (given + other) / 2


class BothStrandsLayered(BothStrands):
    """The same of a source with layers."""

    source: LayeredSource

    @property
    def layers(self) -> list[int]:
        """Those of the source."""
        return self.source.layers

    @property
    def layer(self) -> int:
        """That of the source."""
        return self.source.layer

    def at_layer(self, layer: int) -> Source:
        """Both strands of another layer."""
        return both_strands(self.source.at_layer(layer), self.strands)


class BothStrandsLanguage(BothStrandsLayered):
    """The same of a language model: its probabilities are averaged over the strands."""

    source: LanguageSource  # type: ignore[assignment]

    def log_probabilities(self, sequences: Sequence[str], places: Sequence[Sequence[int]] | None = None) -> Tensor:
        """Mean log-probabilities of both strands, which add up to one again: those of a base pair."""
        turned = places and [[len(s) - 1 - n for n in some] for s, some in zip(sequences, places, strict=True)]
        given = self.source.log_probabilities(sequences, places)
        other = self.source.log_probabilities(other_strands(sequences), turned)
        for row, text in enumerate(sequences):
            other[row, : len(text)] = other[row, : len(text)].flip(0, 1)
        return ((given + other) / 2).log_softmax(-1)


def both_strands(source: Source, strands: Strands) -> Source:
    """A source with its strands handled as declared.

    Raises:
        InputError: for a handling that there is not.
    """
    if strands not in STRANDS:
        raise InputError(f"strands {strands!r}: choose {', '.join(STRANDS[:-1])} or {STRANDS[-1]}.")
    if strands == "as is":
        return source
    if isinstance(source, LanguageSource) and isinstance(source, LayeredSource):
        return BothStrandsLanguage(source, strands)
    return BothStrandsLayered(source, strands) if isinstance(source, LayeredSource) else BothStrands(source, strands)


def other_strands(sequences: Sequence[str]) -> list[str]:
    """Reverse complements; U is read as T."""
    return [reverse_complement(as_dna(text)) for text in sequences]
