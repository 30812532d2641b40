"""Numbers as a reader wants them: as many digits as mean something, a dash where there is no number."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeGuard

DASH = "–"
MINUS = "−"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def is_number(value: float | None) -> TypeGuard[float]:
    """Whether there is a value to show: neither missing nor NaN nor infinite."""
    return value is not None and math.isfinite(value)


def finite(values: Iterable[float | None]) -> list[float]:
    """Only the values that can be shown.

    Examples:
        >>> finite([0.5, None, float("nan"), 2])
        [0.5, 2]
    """
    return [value for value in values if is_number(value)]


def decimals(values: Iterable[float | None], half_widths: Iterable[float | None] = ()) -> int:
    """Decimals for a column: three digits of the largest value, and one digit of its typical interval.

    Examples:
        >>> decimals([0.9123, 0.8712]), decimals([0.9123], [0.00061]), decimals([153.2, 7.1]), decimals([])
        (3, 4, 0, 3)
    """
    size = max(map(abs, finite(values)), default=0.0)
    widths = sorted(width for width in finite(half_widths) if width > 0)
    needed = [2 - math.floor(math.log10(size * 0.999))] if size else [3]
    if widths:
        needed.append(-math.floor(math.log10(widths[len(widths) // 2])))
    return min(max(0, *needed), 8)


def number(value: float | None, places: int | None = None) -> str:
    """One number, rounded to ``places`` decimals, or to three digits where none are asked for.

    Very small and very large numbers are written as powers of ten, so that nothing that is not zero reads as zero.

    Examples:
        >>> number(0.91234), number(-3), number(2.4e-8), number(0.0), number(None), number(float("nan"))
        ('0.912', '−3.00', '2.4 × 10⁻⁸', '0', '–', '–')
        >>> number(0.91234, 2), number(1234.5, 0)
        ('0.91', '1,234')
    """
    if not is_number(value):
        return DASH
    if value == 0:
        return "0" if places is None else f"{0:.{places}f}"
    shown = decimals([value]) if places is None else places
    if round(abs(value), shown) == 0 or abs(value) >= 1e7 or (places is None and abs(value) < 1e-3):
        digits, exponent = f"{value:.1e}".split("e")
        text = f"{digits} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    else:
        text = f"{value:,.{shown}f}"
    return text.replace("-", MINUS)


def count(value: int | None) -> str:
    """A count with separated thousands.

    Examples:
        >>> count(1234567), count(None)
        ('1,234,567', '–')
    """
    return DASH if value is None else f"{value:,}".replace("-", MINUS)


def short_count(value: float) -> str:
    """A count for an axis.

    Examples:
        >>> short_count(500), short_count(2500), short_count(1_000_000)
        ('500', '2.5k', '1M')
    """
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """Seconds in the unit that fits.

    Examples:
        >>> duration(4.26), duration(48), duration(754), duration(9000), duration(None)
        ('4.3 s', '48 s', '12.6 min', '2.5 h', '–')
    """
    if not is_number(seconds):
        return DASH
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def interval(low: float | None, high: float | None, places: int | None = None) -> str:
    """An interval in words that survive negative numbers; empty where there is none.

    Examples:
        >>> interval(-0.0121, 0.0034, 3), interval(None, 1.0)
        ('−0.012 to 0.003', '')
    """
    return f"{number(low, places)} to {number(high, places)}" if is_number(low) and is_number(high) else ""


def p_value(p: float | None) -> str:
    """A p-value; small ones as a bound.

    Examples:
        >>> p_value(0.0312), p_value(2e-7), p_value(float("nan"))
        ('0.031', '< 0.001', '–')
    """
    if not is_number(p):
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def signed(value: float | None, places: int | None = None) -> str:
    """A difference, which shows its sign in both directions.

    Examples:
        >>> signed(0.0123, 3), signed(-0.0123, 3)
        ('+0.012', '−0.012')
    """
    return "+" * (is_number(value) and value > 0) + number(value, places)
