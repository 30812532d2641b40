"""Self-attention that commutes with reverse complementation, for every type of channels."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from jaxtyping import Bool, Float
from torch import Tensor

from palindra.nn.attention.full import full_attention
from palindra.nn.attention.heads import ClosedHeads, StrandHeads, default_head, require_planes
from palindra.nn.attention.local import local_attention
from palindra.nn.attention.positions import alibi_bias, alibi_slopes, centred_positions, rotary
from palindra.nn.attention.strand import require_window
from palindra.nn.printed import OneLine
from palindra.symmetry import Position, Rep

Positions = Literal["rotary", "alibi"] | None


class Attention(OneLine):
    """Softmax attention of sequences ``(batch, channels, length)``: read from the other strand, it gives the image.

    Weights of the reverse complement at ``(L-1-i, L-1-j)`` are those of the sequence at ``(i, j)``. Rotary positions
    turn planes made of one regular pair, or of one even and one odd channel, on which the other strand acts as a
    reflection, so they are exact without running the strands one by one; ALiBi and windows are even in the distance.
    What would break the law cannot be built: causal masks, positions with a sign, planes of two even or two odd
    channels, heads that share a pair.

    Args:
        rep: type of the channels, unchanged. Normalisation and the residual sum stay outside.
        heads: number of heads (of each strand, within and across, with ``cross_strand``).
        window: positions seen to each side, the own one included; all by default.
        positions: ``"rotary"`` (Su et al., 2021), ``"alibi"`` (Press et al., 2022) or None, which knows sets only.
        cross_strand: read regular channels as two strands with a head for each: attention within each strand, and with
            a second set of weights from each strand to the other.
        head: type of each head; see :func:`default_head`. Not with ``cross_strand``.
        rotary_base: of the wavelengths.
        position: ``Position.IDENTITY`` with even channels is the layer without symmetry, for baselines.

    Raises:
        ValueError: for what would break the symmetry, saying why.

    Examples:
        >>> import torch
        >>> from palindra.symmetry import assert_equivariant
        >>> layer = Attention(Rep(regular=4, even=3, odd=2), heads=2, window=4)
        >>> assert_equivariant(layer)
        >>> layer
        Attention(4 regular + 3 even + 2 odd, heads=2, window=4)
        >>> mask = torch.arange(20) < torch.tensor([[20], [13]])    # padding is reflected with the sequence
        >>> layer(torch.randn(2, 13, 20), mask).shape
        torch.Size([2, 13, 20])
    """

    keeps_type: ClassVar[bool] = True
    shown: ClassVar[dict[str, Any]] = {"heads": None, "window": None, "positions": "rotary", "cross_strand": False}

    def __init__(
        self,
        rep: Rep,
        heads: int,
        *,
        window: int | None = None,
        positions: Positions = "rotary",
        cross_strand: bool = False,
        head: Rep | None = None,
        rotary_base: float = 1e4,
        position: Position = Position.REVERSE,
    ) -> None:
        super().__init__()
        if positions not in ("rotary", "alibi", None):
            raise ValueError(f"positions are 'rotary', 'alibi' or None, not {positions!r}.")
        if position is Position.TRANSPOSE or (
            position is Position.IDENTITY and (cross_strand or rep.regular + rep.odd)
        ):
            raise ValueError(
                f"attention of ({rep}) moves positions by Position.REVERSE; without symmetry, Position.IDENTITY, it "
                "takes even channels and no cross_strand. Maps over pairs have palindra.nn.pair.PairAttention."
            )
        if cross_strand and head is not None:
            raise ValueError("heads of single strands have no type: leave out head or cross_strand.")
        require_window(window)
        self.in_rep = self.out_rep = rep
        self.heads, self.window, self.positions, self.cross_strand = heads, window, positions, cross_strand
        self.rotary_base, self.position = rotary_base, position
        if head is None:
            head = default_head(rep, heads, rotary=positions == "rotary", position=position)
        if positions == "rotary" and not cross_strand:
            require_planes(head, position)
        self.parts: ClosedHeads | StrandHeads = (
            StrandHeads(rep, heads) if cross_strand else ClosedHeads(rep, head, heads, position)
        )
        repeats = len(self.parts.turns) // heads  # strands that are exchanged fall off with distance alike
        slopes = alibi_slopes(heads).repeat(repeats) if positions == "alibi" else None
        self.slopes: Tensor | None
        self.register_buffer("slopes", slopes, persistent=False)

    def forward(
        self, x: Float[Tensor, "batch channels length"], mask: Bool[Tensor, "batch length"] | None = None
    ) -> Float[Tensor, "batch channels length"]:
        q, k, v = self.parts.split(x)
        length = x.shape[-1]
        if self.positions == "rotary":
            places = self.parts.turns * centred_positions(length, x.device)  # (heads, length)
            q, k = rotary(q, places, self.rotary_base), rotary(k, places, self.rotary_base)
        bias = None if self.slopes is None else alibi_bias(self.slopes, self.window or length)
        if self.window is None:
            y = full_attention(q, k, v, mask=mask, bias=bias)
        else:
            y = local_attention(q, k, v, window=self.window, mask=mask, bias=bias)
        return self.parts.join(y)
