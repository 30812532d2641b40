"""What the configurations of all models of windows and tracks have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from palindra.errors import InputError
from palindra.models.activations import require_activation
from palindra.symmetry import Position, Rep, Target


@dataclass(frozen=True)
class WindowConfig:
    """Sizes and types of a model of DNA windows that gives one row of logits per window.

    Widths are numbers of channels, the same with and without symmetry. ``channel_type`` says what the channels are:
    a width is filled with as many copies as fit, and even channels for the rest. ``Rep(regular=1)`` is a regular type
    throughout, ``Rep(even=1, odd=1)`` half even and half odd, ``Rep(regular=1, even=1, odd=1)`` a mixture.
    ``involution=None`` gives the standard model from the same lines, with nothing tied.
    """

    length: int  # of the one-hot input
    target: Target = field(default_factory=lambda: Target.invariant(1))
    outputs: int = 1
    first_activation: str = "relu"  # "exponential" makes first-layer filters interpretable (Koo & Ploenzke, 2021)
    activation: str = "relu"
    channel_type: Rep = field(default=Rep(regular=1))
    involution: Position | None = Position.REVERSE

    def __post_init__(self) -> None:
        """Check what can be checked without building the model.

        Raises:
            InputError: saying which field to change.
        """
        require_activation(self.first_activation)
        require_activation(self.activation)
        if self.involution not in (None, Position.REVERSE):
            raise InputError(
                f"involution {self.involution.value!r} is not one of DNA windows: 'reverse' makes the model "
                "equivariant to the reverse complement, 'none' gives the standard one."
            )
        if self.target.rep is not None and self.target.rep.channels != self.outputs:
            raise InputError(
                f"the target declares {self.target.rep.channels} outputs ({self.target.rep}), but {self.outputs} are "
                "asked: make the two equal."
            )
        wanted = Position.REVERSE if self.gives_tracks else Position.IDENTITY
        if self.target.rep is not None and self.target.position is not wanted:
            what = "tracks along the window" if self.gives_tracks else "one row of values per window"
            raise InputError(
                f"this model gives {what}, but its target declares positions that move by "
                f"{self.target.position.value!r}: declare Position.{wanted.name}."
            )

    @property
    def gives_tracks(self) -> bool:
        """Whether outputs lie along the window (else one row of logits per window)."""
        return False

    @property
    def position(self) -> Position:
        """The action on positions; identity without symmetry."""
        return self.involution or Position.IDENTITY

    @property
    def tied_target(self) -> Target:
        """The target that ties the head: the declared one with symmetry; without, nothing is tied."""
        return self.target if self.involution else Target.strand_specific()

    @property
    def dna(self) -> Rep:
        """The type of one-hot letters."""
        return self.filled(4) if self.involution is None else Rep(regular=2)

    def filled(self, width: int) -> Rep:
        """The type of ``width`` channels: copies of ``channel_type``, and even channels for the rest.

        Examples:
            >>> config = WindowConfig(length=100, channel_type=Rep(regular=1, odd=1))
            >>> print(config.filled(8), "|", WindowConfig(length=100, involution=None).filled(8))
            2 regular + 2 even + 2 odd | 8 even
        """
        if self.involution is None:
            return Rep(even=width)
        kind = self.channel_type
        copies, rest = divmod(width, kind.channels)
        return Rep(copies * kind.regular, copies * kind.even + rest, copies * kind.odd)


@dataclass(frozen=True)
class TrackConfig(WindowConfig):
    """Sizes and types of a model of tracks along DNA windows, or (``binary``) of one row of logits per window."""

    target: Target = field(default_factory=lambda: Target.invariant(1, Position.REVERSE))
    bin_size: int = 1  # base pairs per bin; the window's length gives one bin
    head: Literal["single", "task"] = "single"  # one map for all tracks, or a small network for each
    head_width: int = 64  # channels per track of the task heads
    output: Literal["softplus", "linear"] = "softplus"  # softplus for coverage; linear for values of any sign
    binary: bool = False  # one row of logits per window instead of tracks: the same trunk as a classifier

    def __post_init__(self) -> None:
        """Check what can be checked without building the model.

        Raises:
            InputError: saying which field to change.
        """
        super().__post_init__()
        if self.bin_size < 1 or self.length % self.bin_size:
            raise InputError(
                f"bins of {self.bin_size} do not fill a window of {self.length}: choose a bin size that divides the "
                f"length, or a length of {max(self.length // max(self.bin_size, 1), 1) * max(self.bin_size, 1)}."
            )
        for name, value, known in (
            ("head", self.head, ("single", "task")),
            ("output", self.output, ("softplus", "linear")),
        ):
            if value not in known:
                raise InputError(f"{name} = {value!r} is given and one of {', '.join(known)} needed.")
        if self.binary and self.head == "task":
            raise InputError("a binary model has one linear map to its logits: task heads belong to tracks.")
        if self.gives_tracks and self.output == "softplus" and self.target.rep is not None and self.target.rep.odd:
            raise InputError(
                f"softplus gives positive values, but {self.target.rep.odd} of the declared tracks change sign with "
                'the strand: use output = "linear".'
            )

    @property
    def gives_tracks(self) -> bool:
        """Whether outputs lie along the window (else one row of logits per window)."""
        return not self.binary

    @property
    def bins(self) -> int:
        """Number of bins of a window."""
        return self.length // self.bin_size
