"""Benchmarks of transposable elements in the style of TEB: superfamilies, families and a background."""

from palindra.data.transposons.building import TransposonWindows, build_windows
from palindra.data.transposons.families import Family, read_families, relatives_of
from palindra.data.transposons.settings import LEVELS, TASKS, WindowConfig
from palindra.data.transposons.windows import leaks_between_splits

__all__ = [
    "LEVELS",
    "TASKS",
    "Family",
    "TransposonWindows",
    "WindowConfig",
    "build_windows",
    "leaks_between_splits",
    "read_families",
    "relatives_of",
]
