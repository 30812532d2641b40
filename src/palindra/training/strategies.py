"""What is done about the other strand: one value that model, batches, loss and prediction all read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from palindra.errors import InputError
from palindra.symmetry import Position, Rep

TypeKind = Literal["regular", "irreps", "mixed"]


@dataclass(frozen=True)
class Strategy:
    """A way to treat the two strands, from nothing to exact equivariance in every layer.

    Args:
        name: as on the command line.
        description: one sentence for reports.
        kind: type of the hidden channels of an equivariant model; None for the unconstrained model.
        k: overlapping k-mers that the model reads.
        augment: replace each training sequence by its reverse complement with probability 1/2.
        conjoin_training: average the outputs of both strands in training and prediction.
        conjoin_prediction: average the outputs of both strands in prediction only.
        consistency: weight of the penalty on differing outputs of the two strands.
        even_share: share of even channels among even and odd ones, in types that have them.
        trained_as: another strategy whose trained networks this one uses.
        linear: not a network but a linear model of k-mer counts, fitted to its optimum.
    """

    name: str
    description: str
    kind: TypeKind | None = None
    k: int = 1
    augment: bool = False
    conjoin_training: bool = False
    conjoin_prediction: bool = False
    consistency: float = 0.0
    even_share: float = 0.75
    trained_as: str | None = None
    linear: bool = False

    @property
    def needs_target(self) -> bool:
        """Whether the target must say what it is on the other strand (a strand-specific one does not)."""
        return self != NONE

    @property
    def both_strands(self) -> bool:
        """Whether predictions average both strands."""
        return self.conjoin_training or self.conjoin_prediction

    @property
    def position(self) -> Position | None:
        """The involution of the model's layers: reversal, or None for the unconstrained model."""
        return Position.REVERSE if self.kind else None

    def hidden(self, channels: int) -> Rep:
        """The type of ``channels`` hidden channels; every strategy gets the same number of them.

        Raises:
            InputError: if the number cannot be shared out.
        """
        if channels < 4 or channels % 4:
            raise InputError(f"a width of {channels} channels cannot be shared out: give a multiple of 4, at least 4.")
        if self.kind is None:
            return Rep(even=channels)
        if self.kind == "regular":
            return Rep(regular=channels // 2)
        single = channels if self.kind == "irreps" else channels // 2
        even = round(single * self.even_share)
        return Rep(regular=(channels - single) // 2, even=even, odd=single - even)


NONE = Strategy("none", "An ordinary network that reads the given strand only.")

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        NONE,
        Strategy("augment", "An ordinary network trained on either strand at random.", augment=True),
        Strategy(
            "conjoined",
            "An ordinary network whose outputs for both strands are averaged, in training too.",
            conjoin_training=True,
        ),
        Strategy(
            "post-hoc",
            "Trained on either strand at random, outputs averaged over both strands at prediction.",
            augment=True,
            conjoin_prediction=True,
            trained_as="augment",
        ),
        Strategy(
            "consistency",
            "An ordinary network penalised for differing outputs on the two strands (RCCR).",
            augment=True,
            consistency=0.1,  # chosen on validation: at 1.0 a short training hardly leaves the constant answer
        ),
        Strategy("regular", "Equivariant in every layer, channels in pairs that swap (RCPS).", kind="regular"),
        Strategy("irreps", "Equivariant in every layer, even and odd channels 3:1.", kind="irreps"),
        Strategy("mixed", "Equivariant in every layer, half pairs, half even and odd channels.", kind="mixed"),
        Strategy("regular-k3", "Equivariant, pairs, reading overlapping 3-mers.", kind="regular", k=3),
        Strategy("kmers", "Logistic or ridge regression on 6-mers of both strands, to join an ensemble.", linear=True),
        Strategy("irreps-k3", "Equivariant, even and odd channels, reading overlapping 3-mers.", kind="irreps", k=3),
    )
}
"""Every strategy by name; a name with ``*n`` is an ensemble of n models, ``a+b`` an ensemble of different ones."""


@dataclass(frozen=True)
class Member:
    """One model of a run: a strategy and how many times 1000 is added to the run's seed."""

    strategy: Strategy
    copy: int


def members(name: str) -> list[Member]:
    """The models that a strategy name stands for, e.g. ``regular``, ``regular*3`` or ``regular+irreps*2``.

    The first copy of a strategy is the very model that the plain name trains with the same seed.

    Raises:
        InputError: for an unknown name, with the nearest known one.

    Examples:
        >>> [(m.strategy.name, m.copy) for m in members("regular+irreps*2")]
        [('regular', 0), ('irreps', 0), ('irreps', 1)]
    """
    found: list[Member] = []
    for term in name.split("+"):
        base, star, copies = term.strip().partition("*")
        if base not in STRATEGIES:
            import difflib

            near = difflib.get_close_matches(base, STRATEGIES, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InputError(
                f"there is no strategy {base!r}.{hint} Known: {', '.join(STRATEGIES)}; "
                "'regular*3' is an ensemble of three, 'regular+irreps' one of both."
            )
        if star and not (copies.isdigit() and int(copies) > 0):
            raise InputError(f"{term.strip()!r}: after * comes the number of models in the ensemble, e.g. {base}*3.")
        taken = sum(member.strategy.name == base for member in found)
        found += [Member(STRATEGIES[base], taken + copy) for copy in range(int(copies or 1))]
    return found
