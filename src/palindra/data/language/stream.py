"""An endless stream of training windows, any part of which is known from its number alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from palindra.data.language.regions import LanguageData
from palindra.data.language.windows import Integers, Windows, training_windows
from palindra.data.order import epoch_order, uniform

_PHASE_STREAM = 11


class WindowStream:
    """Pass after pass over the training regions, each with its own phase of cutting and its own order.

    Nothing is remembered between calls but what can be computed again, so a resumed training, another number of
    processes or of readers see the same windows.

    Args:
        data: genome and splits.
        length: positions of a window.
        seed: of phases and orders.
        packed: see :func:`palindra.data.language.training_windows`.
    """

    def __init__(self, data: LanguageData, length: int, *, seed: int, packed: bool = False) -> None:
        self.data, self.length, self.seed, self.packed = data, length, seed, packed
        self._sizes: list[int] = []
        self._kept: dict[int, tuple[Windows, Integers]] = {}

    def part(self, first: int, number: int) -> Iterator[tuple[int, Windows, Integers]]:
        """Windows ``first`` to ``first + number`` of the stream, as parts of one pass each.

        Yields:
            The number of the pass, its windows, and which of them in which order.
        """
        before = 0
        for turn in count():
            size = self._size(turn)
            begin, end = max(first - before, 0), min(first + number - before, size)
            if begin < end:
                windows, order = self.turn(turn)
                yield turn, windows, order[begin:end]
            before += size
            if before >= first + number:
                return

    def turn(self, number: int) -> tuple[Windows, Integers]:
        """The windows of one pass, and the order in which it visits them."""
        if number not in self._kept:
            key = self.seed * 1_000_003 + self.length
            phase = float(uniform(key, number, [0], _PHASE_STREAM)[0])
            windows = training_windows(self.data, self.length, phase=phase, packed=self.packed)
            self._kept = {n: one for n, one in self._kept.items() if n == number - 1}
            self._kept[number] = windows, epoch_order(len(windows), key, number)
        return self._kept[number]

    def _size(self, number: int) -> int:
        while len(self._sizes) <= number:
            self._sizes.append(len(self.turn(len(self._sizes))[0]))
        return self._sizes[number]
