"""What stands around a core: every choice of the free letters."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from palindra.errors import InputError
from palindra.interpretation.importance.backgrounds import Backgrounds
from palindra.interpretation.importance.effects import BATCH, Effects, global_importance
from palindra.interpretation.importance.embedding import Insert, middle
from palindra.interpretation.importance.running import Predict

MOST_FREE = 7  # 16,384 patterns


class Flanks(NamedTuple):
    """Importance of a core with the letters of the background at its free places, and with each choice of them."""

    core: Effects
    variants: Effects

    @property
    def strongest(self) -> str:
        """The variant with the largest importance of the first output."""
        return self.variants.names[self.variants.best()]


def flank_importance(
    predict: Predict,
    backgrounds: Backgrounds,
    core: str,
    *,
    start: int | None = None,
    batch_size: int = BATCH,
) -> Flanks:
    """Importance of a core with all ``4**n`` choices of its ``n`` free letters, in the middle by default.

    Args:
        predict: see :func:`global_importance`.
        backgrounds: into which all are put.
        core: letters, ``.`` where all four are tried, and N where the background stays, e.g. ``..TGA.TCA..``.
        start: position of its first letter, one for all variants.
        batch_size: sequences at a time.

    Raises:
        InputError: without free letters, with more than seven, or for a core longer than the backgrounds.

    Examples:
        >>> from palindra.interpretation.importance.backgrounds import own
        >>> from palindra.sequences import encode
        >>> found = flank_importance(lambda x: x[:, 3].sum(1), own(encode(["AAAAAA"])), "G.")
        >>> found.variants.names, found.strongest
        (('GA', 'GC', 'GG', 'GT'), 'GT')
    """
    free = core.count(".")
    if not 1 <= free <= MOST_FREE:
        raise InputError(
            f"the core {core!r} has {free} free letters (.) and 1 to {MOST_FREE} can be tried, {4**MOST_FREE:,} "
            "patterns: write N where the letter of the background may stay."
        )
    template = core.replace(".", "{}")
    patterns = [template.format(*letters) for letters in product("ACGT", repeat=free)]
    place = middle(core.replace(".", "N"), backgrounds.length) if start is None else start
    every = [core.replace(".", "N"), *patterns]
    constructs = [[Insert(pattern, place)] for pattern in every]
    found = global_importance(predict, backgrounds, constructs, names=every, batch_size=batch_size)
    return Flanks(found.chosen([0]), found.chosen(range(1, len(every))))
