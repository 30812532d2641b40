"""Bits per base of each class of positions: what a language model is judged by."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.data.language import ALL, LOWER, OTHER, UPPER, LanguageData, Windows
from palindra.data.language.soft_masked import inside

Array = NDArray[np.float64]


def class_names(data: LanguageData) -> list[str]:
    """All positions, upper and lower case, then the classes of the user and what is in none of them."""
    return [ALL, UPPER, LOWER, *data.classes, *([OTHER] if data.classes else [])]


def class_masks(windows: Windows, row: int) -> NDArray[np.bool_]:
    """For each class of :func:`class_names` the positions of a window that are in it, ``(classes, length)``."""
    data = windows.data
    found = np.zeros((len(class_names(data)), windows.length), dtype=bool)
    for (name, start, end), offset, _ in windows.pieces(row):
        lower = data.soft_masked.inside(name, start, end)
        mine = [inside(spans, name, start, end) for spans in data.classes.values()]
        none = [~np.any(mine, axis=0)] if mine else []
        found[:, offset : offset + end - start] = [np.ones_like(lower), ~lower, lower, *mine, *none]
    return found


class ClassBits(NamedTuple):
    """Sums over the scored positions of each window, ``(windows, classes)``."""

    names: list[str]
    bits: Array
    positions: Array

    @classmethod
    def none(cls, data: LanguageData) -> ClassBits:
        """No windows yet."""
        names = class_names(data)
        return cls(names, np.zeros((0, len(names))), np.zeros((0, len(names))))

    @classmethod
    def joined(cls, parts: Iterable[ClassBits]) -> ClassBits:
        """The windows of several parts, one after the other."""
        names, bits, positions = zip(*parts, strict=True)
        return cls(names[0], np.concatenate(bits), np.concatenate(positions))

    def table(self, other: ClassBits | None = None) -> dict[str, dict[str, float]]:
        """For each class with positions: bits per base, its standard error over windows, perplexity, positions.

        Args:
            other: the same windows and positions scored by another model; adds ``difference`` (this one minus the
                other) and its standard error, paired by window.
        """
        found: dict[str, dict[str, Any]] = {}
        for number, name in enumerate(self.names):
            total = self.positions[:, number].sum()
            if not total:
                continue
            mean = self.bits[:, number].sum() / total
            found[name] = {
                "bits_per_base": float(mean),
                "standard_error": _standard_error(self.bits[:, number], self.positions[:, number]),
                "perplexity": 2.0**mean,
                "positions": int(total),
            }
            if other is not None:
                apart = self.bits[:, number] - other.bits[:, number]
                found[name] |= {
                    "difference": float(apart.sum() / total),
                    "difference_error": _standard_error(apart, self.positions[:, number]),
                }
        return found

    def weighted(self, soft_masked: float) -> tuple[float, float]:
        """Bits and weight of all positions, those in lower case counted by a share."""
        upper, lower = self.names.index(UPPER), self.names.index(LOWER)
        bits, positions = self.bits.sum(0), self.positions.sum(0)
        return (
            float(bits[upper] + soft_masked * bits[lower]),
            float(positions[upper] + soft_masked * positions[lower]),
        )


def window_bits(windows: Windows, rows: Iterable[int], bits: Array, scored: NDArray[np.bool_]) -> ClassBits:
    """The sums of some windows.

    Args:
        windows: over a split.
        rows: their numbers.
        bits: -log2 of the probability of what is there, ``(rows, length)``.
        scored: which positions count.
    """
    names = class_names(windows.data)
    sums, counts = [], []
    for at, row in enumerate(rows):
        masks = class_masks(windows, row) & scored[at]
        sums.append(masks @ np.where(scored[at], bits[at], 0.0))
        counts.append(masks.sum(1))
    return ClassBits(names, np.array(sums, dtype=float), np.array(counts, dtype=float))


def _standard_error(sums: Array, counts: Array) -> float:
    """Of a ratio of sums over windows, which are taken as independent (Cochran, 1977); NaN for fewer than two."""
    used = counts > 0
    windows, total = int(used.sum()), counts.sum()
    if windows < 2:
        return math.nan
    residuals = sums - counts * (sums.sum() / total)
    return float(np.sqrt((residuals**2).sum() * windows / (windows - 1)) / total)
