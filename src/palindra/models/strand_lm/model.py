"""A language model of both strands of DNA: tokens in, logits of the letters and features of each strand out."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from palindra.errors import InputError
from palindra.models.strand_lm.config import StrandLMConfig
from palindra.models.strand_lm.encoder import Encoder
from palindra.models.strand_lm.heads import TiedHead, UntiedHead
from palindra.models.strand_lm.layer import SEGMENT, Branch
from palindra.models.strand_lm.rows import in_parts
from palindra.sequences.vocabulary import VOCABULARY


class LMOutput(NamedTuple):
    """What a language model says of every position; all of it is zero at padding."""

    logits: Float[Tensor, "batch length 4"]  # of A, C, G, T: reversed and complemented with the strand
    hidden: Float[Tensor, "batch length width"]  # of the molecule: reversed with the strand
    strands: Float[Tensor, "batch strands length width"]  # of each strand, in the coordinates of the first
    gate: Float[Tensor, "batch length gates"] | None = None  # logits of the share of the first strand (untied: branch)


class Stem(nn.Module):
    """One-hot symbols through one wide convolution and GELU; padding is like the end of the window."""

    table: Tensor

    def __init__(self, config: StrandLMConfig) -> None:
        super().__init__()
        symbols = len(VOCABULARY) - (2 if config.published else 1)
        shown = torch.eye(len(VOCABULARY))
        shown[VOCABULARY.padding] = 0
        if config.published:
            shown[VOCABULARY.mask] = shown[VOCABULARY.unknown]
        self.register_buffer("table", shown[:, :symbols], persistent=False)
        self.conv = nn.Conv1d(symbols, config.width, config.stem_kernel, padding=config.stem_kernel // 2)

    def forward(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length width"]:
        halo = self.conv.kernel_size[0] // 2
        return in_parts(self._convolved, tokens[:, :, None], positions=SEGMENT, halo=halo)

    def _convolved(self, tokens: Tensor) -> Tensor:
        symbols = functional.embedding(tokens[:, :, 0], self.table)
        return functional.gelu(self.conv(symbols.transpose(1, 2))).transpose(1, 2)


class StrandLM(nn.Module):
    """A language model of DNA that reads both strands.

    Each strand is read in its own direction by causal layers (see :class:`StrandLayer`); bridges let the strands talk,
    a gate fuses them. Tied and siamese models are exactly equivariant at every length: on the reverse complement, with
    padding on the other side, logits are reversed and complemented, hidden features reversed, strands exchanged.

    Args:
        config: sizes and switches.

    Attributes:
        hidden_width: channels of ``hidden`` and of each strand.

    Examples:
        >>> model = StrandLM(StrandLMConfig(width=16, depth=1, heads=2, key_size=8, window=8)).eval()
        >>> tokens = torch.from_numpy(VOCABULARY.encode("ACGTTNACCA")).long()[None]
        >>> straight, other = model(tokens), model(VOCABULARY.reverse_complement(tokens))
        >>> torch.allclose(other.logits, straight.logits.flip(1, 2), atol=1e-5)
        True

    Sources: CrossDNA (2026) and, for ``"siamese"``, Caduceus-PS (Schiff et al., 2024).
    """

    def __init__(self, config: StrandLMConfig) -> None:
        super().__init__()
        self.config, self.hidden_width = config, config.width
        stems = 2 if config.mixer == "untied" and not config.exact_blocks else 1
        self.stems = nn.ModuleList(Stem(config) for _ in range(stems))
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = Encoder(config)
        self.head = UntiedHead(config) if config.mixer == "untied" else TiedHead(config)

    @property
    def checkpointing(self) -> bool:
        """Whether layers are computed again in the backward pass instead of being kept; may be set."""
        return any(module.checkpointing for module in self.encoder.modules() if isinstance(module, Branch))

    @checkpointing.setter
    def checkpointing(self, on: bool) -> None:
        for module in self.encoder.modules():
            if isinstance(module, Branch):
                module.checkpointing = on

    def forward(
        self,
        tokens: Int[Tensor, "batch length"],
        mask: Bool[Tensor, "batch length"] | None = None,
        *,
        fixed_gate: bool = False,
    ) -> LMOutput:
        """Read windows.

        Args:
            tokens: ids of :data:`palindra.sequences.vocabulary.VOCABULARY`; padding on either side.
            mask: True at real positions; padding tokens are not real whatever it says.
            fixed_gate: weigh both strands alike, as at the beginning of training.

        Raises:
            InputError: for unknown tokens, or padding between letters.
        """
        tokens, mask = self._checked(tokens, mask)
        swapped = self._held_by_second(tokens)
        states = self._states(tokens, mask)
        complemented = swapped if self.config.exact_blocks else None
        logits, hidden, gate = self.head(states, fixed_gate=fixed_gate, complemented=complemented)
        strands = by_strand(states, swapped)
        if mask is not None:
            real = mask[:, :, None]
            logits, hidden, gate = (x.where(real, 0) for x in (logits, hidden, gate))
            strands = strands.where(real[:, None], 0)
        return LMOutput(logits, hidden, strands, gate)

    def strands(
        self,
        tokens: Int[Tensor, "batch length"],
        mask: Bool[Tensor, "batch length"] | None = None,
        *,
        encoder: Encoder | None = None,
    ) -> Float[Tensor, "batch strands length width"]:
        """Features of each strand alone, of this model's encoder or, without dropout, of another one (a teacher's)."""
        tokens, mask = self._checked(tokens, mask)
        return by_strand(self._states(tokens, mask, encoder), self._held_by_second(tokens))

    def _states(
        self, tokens: Tensor, mask: Tensor | None, encoder: Encoder | None = None
    ) -> Float[Tensor, "readings batch length width"]:
        """Features by branch in forward coordinates."""
        drop = self.dropout if encoder is None else nn.Identity()
        second = None
        if self.config.readings == 2:
            complements = self.config.mixer != "bidirectional"
            other = VOCABULARY.reverse_complement(tokens) if complements else tokens.flip(1)
            second = drop(self.stems[-1](other)).flip(1)
        first = drop(self.stems[0](tokens))
        return (encoder or self.encoder)(first, second, mask, self.config.blocks(tokens.shape[1]))

    def _held_by_second(self, tokens: Tensor) -> Bool[Tensor, " length"] | None:
        """At which positions the second branch holds the given strand; None when at none."""
        if not self.config.alternating:
            return None
        blocks = self.config.blocks(tokens.shape[1])
        if self.config.exact_blocks and blocks.count % 2:
            raise InputError(
                f"windows of {tokens.shape[1]} have {blocks.count} blocks of at most {self.config.block}, and "
                "exact_blocks needs an even number: choose a length that is an even multiple of the block."
            )
        if blocks.count == 1:
            warnings.warn(
                f"alternating branches have nothing to alternate: windows of {tokens.shape[1]} are one block of "
                f"{self.config.block}. Read longer windows, choose smaller blocks, or set alternating = False.",
                stacklevel=3,
            )
        sizes = torch.tensor(blocks.sizes, device=tokens.device)
        return (torch.arange(blocks.count, device=tokens.device) % 2 == 1).repeat_interleave(sizes)

    def _checked(self, tokens: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Tokens with padding wherever the mask says so, and a mask unless all is real."""
        if tokens.ndim != 2 or tokens.shape[1] == 0 or tokens.is_floating_point():
            raise InputError(
                f"tokens are integers of shape (batch, length) with at least one position, not {tokens.dtype} of shape "
                f"{tuple(tokens.shape)}."
            )
        if mask is not None and (mask.shape != tokens.shape or mask.dtype is not torch.bool):
            raise InputError(
                f"the mask is True or False for each token, of shape {tuple(tokens.shape)}, not {mask.dtype} of shape "
                f"{tuple(mask.shape)}."
            )
        tokens = tokens.long()
        VOCABULARY.check(tokens)
        real = tokens != VOCABULARY.padding
        if mask is not None:
            real = real & mask
        if bool(real.all()):
            return tokens, None
        starts = real & ~functional.pad(real, (1, 0))[:, :-1]
        if bool((torn := starts.sum(1) > 1).any()):
            raise InputError(
                f"row {int(torn.int().argmax())} has padding between letters: padding belongs to the ends of a window. "
                "Give windows of different contigs in rows of their own, and write unknown letters as N."
            )
        return tokens.masked_fill(~real, VOCABULARY.padding), real


def by_strand(
    states: Float[Tensor, "readings batch length width"], swapped: Bool[Tensor, " length"] | None
) -> Float[Tensor, "batch readings length width"]:
    """Features by branch brought into the order of the strands."""
    if swapped is not None:
        states = torch.where(swapped[:, None], states.flip(0), states)
    return states.transpose(0, 1)
