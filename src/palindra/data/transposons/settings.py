"""How windows of transposable elements are cut, labelled and divided."""

from __future__ import annotations

from dataclasses import dataclass

from palindra.errors import InputError

LEVELS = ("te_class", "order", "superfamily")
FAMILY, BACKGROUND = "family", "background"
TASKS = (BACKGROUND, *LEVELS, FAMILY)


@dataclass(frozen=True)
class WindowConfig:
    """Settings of a benchmark.

    Args:
        task: ``"background"`` (one superfamily against the rest), ``"te_class"``, ``"order"``, ``"superfamily"``
            (families held out) or ``"family"`` (an end of each family held out, for a class cannot be kept away whole).
        superfamily: of the task ``"background"``.
        background: ``"others"``, windows of the other superfamilies, or ``"shuffled"``, windows of the superfamily
            with their dinucleotides shuffled; as many as there are of the superfamily.
        length: of a window; a shorter family gives one window with N on both sides.
        step: from one window to the next.
        fractions: of families (of the length of each family) for train, valid and test.
        most: windows of a family in a split, chosen evenly; 0 for all.
        strands: turn half of the windows round, so that the strand tells nothing.
        threshold: Jaccard index of 12-mers from which on sequences are relatives.
        seed: of everything random.

    Raises:
        InputError: for settings out of range.

    Examples:
        >>> WindowConfig(task="genus")
        Traceback (most recent call last):
        palindra.errors.InputError: task 'genus': choose from background, te_class, order, superfamily, family.
    """

    task: str = "superfamily"
    superfamily: str | None = None
    background: str = "others"
    length: int = 500
    step: int = 250
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2)
    most: int = 0
    strands: bool = True
    threshold: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise InputError(f"task {self.task!r}: choose from {', '.join(TASKS)}.")
        if (self.task == BACKGROUND) != (self.superfamily is not None):
            raise InputError("a superfamily is needed by the task 'background', and by no other.")
        if self.background not in ("others", "shuffled"):
            raise InputError(f"background {self.background!r}: choose 'others' or 'shuffled'.")
        if self.length < 24 or self.step < 1 or self.most < 0:
            raise InputError(
                f"windows of {self.length} letters every {self.step}, at most {self.most} of a family: 24, 1 and 0 are "
                "the least."
            )
        if min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise InputError(f"fractions {self.fractions}: three positive numbers that add up to 1 are needed.")
