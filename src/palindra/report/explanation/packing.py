"""Many numbers in little text: sixteen bits each, which a page unpacks when it needs them."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

STEPS = 32766  # between the middle of the range and either end; one more is what is no number
MISSING = -32768


def pack(values: Sequence[float]) -> dict[str, Any]:
    """Numbers as a middle, a step and little-endian 16-bit integers in base 64; NaN and infinities are missing.

    Whole numbers come back exactly, others within half a step, a 131,064th of the range of all.

    Examples:
        >>> unpack(pack([0.0, 1.0, float("nan")])), unpack(pack([-0.5, 0.25]))
        ([0.0, 1.0, nan], [-0.5, 0.25])
    """
    array = np.asarray(values, dtype=np.float64)
    known = np.isfinite(array)
    low, high = (float(array[known].min()), float(array[known].max())) if known.any() else (0.0, 0.0)
    middle = low / 2 + high / 2
    step = (high / 2 - low / 2) / STEPS or 1.0
    if high - low < 2 * STEPS and max(-low, high) < 1e9 and np.array_equal(array[known], np.rint(array[known])):
        middle, step = float(math.floor(middle)), 1.0  # whole numbers, as labels are, come back exactly
    steps = np.full(array.shape, MISSING, dtype="<i2")
    steps[known] = np.clip(np.rint((array[known] - middle) / step), -STEPS, STEPS)
    return {
        "middle": float(f"{middle:.9g}"),
        "step": float(f"{step:.9g}"),
        "data": base64.b64encode(steps.tobytes()).decode("ascii"),
    }


def unpack(packed: dict[str, Any]) -> list[float]:
    """What `pack` packed, up to rounding."""
    steps = np.frombuffer(base64.b64decode(packed["data"]), dtype="<i2")
    values = np.where(steps == MISSING, np.nan, packed["middle"] + packed["step"] * steps)
    return [float(f"{value:.7g}") for value in values]
