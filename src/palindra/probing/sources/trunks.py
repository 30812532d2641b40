"""What a network that was trained on labels knows before its head, along the sequence where it has positions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from palindra.errors import InputError
from palindra.models.flatten import Flatten
from palindra.nn import GlobalAvgPool, GlobalMaxPool
from palindra.probing.source import Embedded
from palindra.probing.sources.bases import (
    at_bases,
    batches,
    even_windows,
    joined,
    require_finite,
    require_letters,
    single_bases,
)
from palindra.probing.sources.counts import as_dna
from palindra.probing.sources.tiles import MaxLength, read_tiles, refusal
from palindra.probing.sources.weights import hash_weights
from palindra.sequences import one_hot

SUMMARIES = (GlobalAvgPool, GlobalMaxPool, Flatten)  # what turns positions into one vector


class TrunkSource:
    """Features of networks trained on labels: the input of the head, or what is pooled or flattened before it.

    Where positions are left, tokens are those positions, each standing for the window of bases that it was pooled
    from; otherwise there is one token for the whole sequence. Those of several networks stand side by side.

    A network reads sequences of the one length it was trained on. Shorter ones stand in the middle of it, with zeros
    around them as unknown letters, and tokens of zeros alone are left out; longer ones are refused or read in tiles.

    Args:
        networks: one-hot ``(batch, 4, length)`` to predictions.
        length: letters that they read.
        name: as reports print it.
        alphabet: of the sequences that they were trained on.
        device: where to compute.
        batch_size: sequences at a time.
        max_length: see :func:`palindra.probing.sources.open_source`.

    Raises:
        InputError: for networks of protein, or without features before a head.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        length: int,
        name: str,
        *,
        alphabet: str = "DNA",
        device: str = "cpu",
        batch_size: int = 64,
        max_length: MaxLength = "refuse",
    ) -> None:
        if alphabet.upper() not in ("DNA", "RNA"):
            raise InputError(f"{name}: was trained on {alphabet}, and representations of DNA or RNA are asked for.")
        self.networks = nn.ModuleList(networks).to(device).eval()
        self.length, self.name, self.device = length, name, device
        self.batch_size, self.max_length = batch_size, max_length
        shape = self._features(torch.zeros(1, 4, length)).shape
        self.width, self.positional = int(shape[-1]), shape[1] > 1

    @property
    def parameters(self) -> int:
        """All weights of the networks."""
        return sum(weight.numel() for weight in self.networks.parameters())

    @cached_property
    def fingerprint(self) -> str:
        """Of weights, architecture and what is done with long sequences."""
        text = f"{hash_weights(self.networks, str(self.networks))} {self.length} {self.max_length} 1"
        return hashlib.sha256(text.encode()).hexdigest()

    def embed(self, sequences: Sequence[str]) -> Embedded:
        """Features of positions, or of whole sequences; see the class."""
        require_letters(sequences)
        features: dict[int, Tensor] = {}
        spans: dict[int, Tensor] = {}
        short = [row for row, text in enumerate(sequences) if len(text) <= self.length]
        for group in batches([len(sequences[row]) for row in short], self.batch_size):
            rows = [short[place] for place in group]
            letters = one_hot(
                [as_dna(sequences[row]) for row in rows],
                dtype=torch.float32,
                names=[f"sequence {row + 1}" for row in rows],
            )
            before = (self.length - letters.shape[-1]) // 2
            after = self.length - letters.shape[-1] - before
            found = self._features(functional.pad(letters, (before, after)))
            require_finite(found, rows, sequences, self.name, "the last layer before the head")
            places = (even_windows(found.shape[1], self.length) - before).clamp(0, letters.shape[-1])
            real = places[:, 1] > places[:, 0]
            for row, values in zip(rows, found, strict=True):
                features[row], spans[row] = values[real], places[real]
        for row in set(range(len(sequences))) - set(short):
            features[row], spans[row] = self._tiled(row, sequences[row])
        order = range(len(sequences))
        return joined([features[row] for row in order], [spans[row] for row in order])

    def _tiled(self, row: int, text: str) -> tuple[Tensor, Tensor]:
        if self.max_length == "refuse":
            raise refusal(row, text, self.name, f"{self.length:,} letters")
        found = read_tiles(lambda parts: at_bases(self.embed(parts), self.length), text, self.length)
        if self.positional:
            return found, single_bases(len(text))
        return found.mean(0, keepdim=True), torch.tensor([[0, len(text)]])

    @torch.no_grad()
    def _features(self, x: Tensor) -> Tensor:
        """``(batch, tokens, width)`` on the CPU."""
        parts = [_before_head(network, x.to(self.device)) for network in self.networks]
        tokens = {part.shape[2] for part in parts}
        if len(tokens) > 1:  # of networks with other positions each: what they have in common is the whole
            parts = [part.mean(2, keepdim=True) for part in parts]
        return torch.cat(parts, dim=1).transpose(1, 2).float().cpu()


def _before_head(network: nn.Module, x: Tensor) -> Tensor:
    """Features ``(batch, width, positions)`` that the head reads, or that are pooled or flattened before it."""
    seen: dict[str, Tensor] = {}

    def look(kind: str, inputs: tuple[Tensor, ...]) -> None:
        if kind == "head" or inputs[0].dim() == 3:
            seen[kind] = inputs[0]

    heads = [module for name, module in network.named_modules() if name.rpartition(".")[2] == "head"][:1]
    summaries = [module for module in network.modules() if isinstance(module, SUMMARIES)]
    handles = [part.register_forward_pre_hook(lambda _, inputs: look("head", inputs)) for part in heads]
    handles += [part.register_forward_pre_hook(lambda _, inputs: look("summary", inputs)) for part in summaries]
    try:
        network(x)
    finally:
        for handle in handles:
            handle.remove()
    if "head" in seen and seen["head"].dim() == 3:
        return seen["head"]
    if "summary" in seen:
        return seen["summary"]
    if "head" not in seen:
        raise InputError(f"{type(network).__name__} has no features before a head that could be read.")
    return seen["head"].flatten(1)[:, :, None]
