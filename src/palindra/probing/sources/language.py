"""What some sources can do beyond features: probabilities of letters, and a choice of layers."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from palindra.probing.source import Source


@runtime_checkable
class LanguageSource(Source, Protocol):
    """A source that also says how probable each letter is at each place."""

    def log_probabilities(
        self, sequences: Sequence[str], places: Sequence[Sequence[int]] | None = None
    ) -> Float[Tensor, "batch length 4"]:
        """Log-probabilities of A, C, G, T at every base, in nats, given that the base is one of them.

        With ``places`` those bases of each sequence are asked for, at least, which spares a masked model a pass for
        every other one; what was not computed is NaN.

        A masked model hides one token at a time (of overlapping k-mers all that hold the base), a causal one reads
        what lies before. For tokens of several letters the probabilities of all tokens of as many letters are added
        up by the letter that they have at the base, the other letters of the token being unknown as well. NaN where
        nothing can be said: the first token of a causal model that has none before it, tokens of a length at which
        the vocabulary lacks a letter, and beyond the end of a shorter sequence.
        """
        ...


@runtime_checkable
class LayeredSource(Source, Protocol):
    """A source whose features can be taken after any of its layers."""

    @property
    def layers(self) -> list[int]:
        """The layers in their order; 0 is before the first, unless the model gives nothing before it."""
        ...

    @property
    def layer(self) -> int:
        """The one whose features are given."""
        ...

    def at_layer(self, layer: int) -> Source:
        """The same model with features of another layer; nothing is read again."""
        ...


Layered = TypeVar("Layered", bound=LayeredSource)


def layers_of(source: Source) -> list[int]:
    """The layers of a source, or none where it has but one kind of features.

    Examples:
        >>> from palindra.probing.sources.counts import OneHot
        >>> layers_of(OneHot())
        []
    """
    return source.layers if isinstance(source, LayeredSource) else []


def at_layer(source: Source, layer: int) -> Source:
    """A source with features of one of :func:`layers_of`.

    Raises:
        ValueError: for a source without layers.
    """
    if not isinstance(source, LayeredSource):
        raise ValueError(f"{source.name} has no layers to choose from.")
    return source.at_layer(layer)


def copied_at(source: Layered, layer: int) -> Layered:
    """A copy of a source that shares its model and gives features of another layer.

    Raises:
        ValueError: for a layer that it does not have.
    """
    if layer not in source.layers:
        raise ValueError(f"{source.name} has layers {source.layers[0]} to {source.layers[-1]}, not {layer}.")
    other = copy.copy(source)
    other.layer = layer
    return other
