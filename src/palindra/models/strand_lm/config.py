"""Sizes and switches of a language model of both strands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from palindra.errors import InputError
from palindra.models.strand_lm.rows import Blocks

Mixer = Literal["tied", "untied", "siamese", "bidirectional", "single"]
Recurrence = Literal["comba", "mamba2"]


@dataclass(frozen=True)
class StrandLMConfig:
    """Sizes of a :class:`StrandLM` and a switch for each thing that can be left out of it.

    ``mixer`` says who reads what:

    - ``"tied"``: one branch reads both strands, which exchange information; exactly equivariant.
    - ``"untied"``: two branches with their own weights (CrossDNA, 2026); not equivariant.
    - ``"siamese"``: one branch reads both strands, which meet in the average before the head (as Caduceus-PS).
    - ``"bidirectional"``: one branch reads the given strand from both ends; the usual model without symmetry.
    - ``"single"``: one branch reads the given strand once, so that a position knows what precedes it alone.

    Raises:
        InputError: for sizes or switches that do not go together, saying which to change.
    """

    mixer: Mixer = "tied"
    width: int = 128
    depth: int = 6
    heads: int = 8  # of the attention and of the recurrence
    key_size: int = 64  # of the state, per head of the recurrence; the attention has width / heads
    feed_forward: float = 4.0  # hidden channels per channel of SwiGLU; 0 leaves it out
    recurrence: Recurrence = "comba"
    attention: bool = True
    window: int | None = 512  # positions that the attention looks back, itself included; None is everything
    residual: bool = False  # x + recurrence(norm(x)) where the published layer has the recurrence alone
    stem_kernel: int = 9
    dropout: float = 0.15  # after the stem
    bridge: bool = True  # exchange between the strands after the branch (tied, untied, bidirectional)
    bridge_every: int = 0  # further bridges inside the branch, after every so many layers
    block: int | None = None  # positions after which everything starts anew; None is the whole window
    carry_state: bool = False  # the recurrence and the bridge run on across blocks, the attention does not
    alternating: bool = False  # untied: the branches swap strands in every second block
    exact_blocks: bool = False  # untied, alternating: equivariant when the number of blocks is even
    published: bool = False  # the released letters: five symbols of which N is the mask, five logits

    def __post_init__(self) -> None:
        for name in ("width", "depth", "heads", "key_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} = {getattr(self, name)} is given and at least 1 needed.")
        for name, kinds in (("mixer", Mixer), ("recurrence", Recurrence)):
            if (given := getattr(self, name)) not in get_args(kinds):
                raise InputError(f"{name} = {given!r} is given and one of {', '.join(get_args(kinds))} needed.")
        if self.attention and self.width % (2 * self.heads):
            raise InputError(
                f"{self.heads} heads of whole rotary planes do not share a width of {self.width}: choose a multiple of "
                f"{2 * self.heads}."
            )
        if self.recurrence == "mamba2" and 2 * self.width % self.heads:
            raise InputError(
                f"{self.heads} heads do not share {2 * self.width} channels: choose heads that divide them."
            )
        for name, value in (("block", self.block), ("window", self.window)):
            if value is not None and value < 1:
                raise InputError(f"{name} = {value} is given and at least 1 position needed, or none.")
        if self.stem_kernel < 1 or self.stem_kernel % 2 == 0:
            raise InputError(f"stem_kernel = {self.stem_kernel} is given; it must be odd to be centred on a position.")
        if self.feed_forward < 0 or self.bridge_every < 0 or not 0 <= self.dropout < 1:
            raise InputError("feed_forward and bridge_every are at least 0, and dropout is from 0 to below 1.")
        self._check_blocks()

    def _check_blocks(self) -> None:
        if self.mixer != "untied" and (self.alternating or self.exact_blocks or self.published):
            raise InputError(
                f"alternating, exact_blocks and published belong to mixer = 'untied', not {self.mixer!r}: one branch "
                "has nobody to swap strands with."
            )
        if self.block is None and (self.alternating or self.carry_state):
            raise InputError(
                "alternating and carry_state need blocks: without them there is one block, in which nothing alternates "
                "and the state is carried anyway. Give block, e.g. 1024."
            )
        if self.alternating and self.carry_state:
            raise InputError(
                "a state cannot be carried across blocks that branches with other weights read in turn: choose "
                "alternating or carry_state."
            )
        if self.exact_blocks and not self.alternating:
            raise InputError("exact_blocks needs alternating = True: the branches must swap strands to be equivariant.")

    @classmethod
    def crossdna(cls, **changes: object) -> StrandLMConfig:
        """The released model of 8,129,413 parameters (CrossDNA, 2026) on aligned blocks.

        The released windows have one block, in which nothing alternates; give ``alternating=True`` for longer ones.
        """
        released: dict[str, object] = {"mixer": "untied", "block": 1024, "published": True}
        return cls(**released | changes)  # type: ignore[arg-type]

    @classmethod
    def crossdna_small(cls, **changes: object) -> StrandLMConfig:
        """The released small model of 408,845 parameters, without bridge, alternating in blocks of 1024."""
        released: dict[str, object] = {
            "width": 48,
            "depth": 3,
            "heads": 4,
            "key_size": 12,
            "feed_forward": 256 / 48,  # the released ratio 2 means 2/3 x 2 x 48, rounded up to a multiple of 256
            "bridge": False,
            "alternating": True,
        }
        return cls.crossdna(**released | changes)

    @property
    def readings(self) -> int:
        """How many times a window is read: 2, or 1 for a single strand."""
        return 1 if self.mixer == "single" else 2

    @property
    def equivariant(self) -> bool:
        """Whether both strands give the same answer by construction, for every weight."""
        return self.mixer in ("tied", "siamese") or self.exact_blocks

    @property
    def exchanges(self) -> bool:
        """Whether there are bridges between the strands."""
        return self.bridge and self.mixer not in ("siamese", "single")

    @property
    def stages(self) -> tuple[int, ...]:
        """Numbers of layers between bridges.

        Examples:
            >>> StrandLMConfig(depth=5, bridge_every=2).stages, StrandLMConfig(depth=5).stages
            ((2, 2, 1), (5,))
        """
        every = self.bridge_every if self.exchanges and self.bridge_every else self.depth
        return tuple(min(every, self.depth - start) for start in range(0, self.depth, every))

    def blocks(self, length: int) -> Blocks:
        """Where the blocks of a window lie: symmetrically, so that both strands have the same ones."""
        return Blocks.placed(length, self.block or length)
