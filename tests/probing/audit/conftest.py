"""A source made of one small function, and sequences to read with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from palindra.probing.source import Embedded


class Toy:
    """Features of words of one length side by side (the rest letter by letter), from the letters of each word."""

    def __init__(self, feature: Callable[[str], Sequence[float]], size: int = 1, cls: bool = False) -> None:
        self.feature, self.size, self.has_cls = feature, size, cls
        self.name, self.parameters, self.fingerprint = f"toy {size}", 0, f"toy {size}"
        self.width = len(feature("A" * size))

    def embed(self, sequences: Sequence[str]) -> Embedded:
        spans = [self.places(len(sequence)) for sequence in sequences]
        features = [
            [list(self.feature(text[a:b])) for a, b in places] for text, places in zip(sequences, spans, strict=True)
        ]
        summary = torch.tensor([row[0] for row in features]) if self.has_cls else None
        return Embedded(torch.tensor(features), torch.tensor(spans), summary)

    def places(self, length: int) -> list[tuple[int, int]]:
        whole = length - length % self.size
        return [(at, at + self.size) for at in range(0, whole, self.size)] + [
            (at, at + 1) for at in range(whole, length)
        ]


class ToyLanguage(Toy):
    """The same, which also says how probable letters are."""

    def __init__(self, letters: Callable[[str], Tensor]) -> None:
        super().__init__(lambda word: [float("ACGT".find(letter)) for letter in word])
        self.letters = letters

    def log_probabilities(self, sequences: Sequence[str]) -> Tensor:
        return torch.stack([self.letters(text) for text in sequences])


@pytest.fixture(scope="session")
def toy() -> type[Toy]:
    return Toy


@pytest.fixture(scope="session")
def toy_language() -> type[ToyLanguage]:
    return ToyLanguage


@pytest.fixture(scope="session")
def random_sequences() -> Callable[..., list[str]]:
    def draw(rows: int, length: int, seed: int = 0) -> list[str]:
        codes = torch.randint(4, (rows, length), generator=torch.Generator().manual_seed(seed))
        return ["".join("ACGT"[code] for code in row) for row in codes.tolist()]

    return draw
