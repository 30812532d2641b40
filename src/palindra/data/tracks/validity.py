"""Whether the numbers of some settings are possible."""

from __future__ import annotations

from collections.abc import Iterator

from palindra.data.tracks.peaks import Peaks
from palindra.data.tracks.problems import Problem
from palindra.data.tracks.settings import DataSettings
from palindra.data.tracks.tiling import Tiles


def number_problems(settings: DataSettings) -> Iterator[Problem]:
    """Every number that is out of its range, and every option that needs an input that is not given."""
    windows, rules, tests = settings.windows, settings.exclude, settings.tests
    yield from _above(0, "windows.window", windows.window, "bp")
    if isinstance(windows, Tiles):
        yield from _above(0, "windows.stride", windows.stride, "bp")
        yield from _above(-1, "windows.min_contig", windows.min_contig, "bp")
        if windows.max_contig is not None and windows.max_contig < windows.window:
            yield Problem(
                f"windows.max_contig is {windows.max_contig} bp, shorter than the windows of {windows.window} bp: none "
                "would fit. Use none, or a multiple of the window."
            )
    if isinstance(windows, Peaks):
        yield from _above(0, "windows.merge", windows.merge, "bp")
        if windows.merge > windows.window:
            yield Problem(
                f"windows.merge is {windows.merge} bp, more than the windows of {windows.window} bp can overlap."
            )
        for track in settings.tracks:
            if windows.bed is None and track.peaks is None:
                yield Problem(
                    f"track {track.name!r} has no file of peaks: windows around peaks need one for every track, or one "
                    "windows.bed for all of them."
                )
    yield from _above(0, "tests.whole_window", tests.whole_window, "bp")
    yield from _above(-1, "storage.margin", settings.storage.margin, "bp")
    yield from _within("sample", settings.sample, 0, 1, low_too=False)
    yield from _within("exclude.max_unmappable", rules.max_unmappable, 0, 1)
    yield from _within("exclude.blacklist_percentile", rules.blacklist_percentile, 0, 100)
    yield from _above(-1, "exclude.blacklist_flank", rules.blacklist_flank, "bp")
    yield from _within("tests.label_share", tests.label_share, 0, 1, low_too=False)
    if len({f"{threshold:g}" for threshold in tests.thresholds}) < len(tests.thresholds):
        yield Problem(f"tests.thresholds has a number twice: {list(tests.thresholds)}.")
    if all(track.path is None for track in settings.tracks):
        needing = {
            "windows.threshold": windows.threshold is not None,
            "windows.test_threshold": windows.test_threshold not in (None, "same"),
            "tests.whole_threshold": tests.whole_threshold is not None,
            "tests.thresholds": bool(tests.thresholds),
        }
        for name in (name for name, given in needing.items() if given):
            yield Problem(f"{name} needs tracks with values: give bigWigs, or set it to none.")


def _above(low: int, name: str, value: int | None, unit: str) -> Iterator[Problem]:
    if value is not None and value <= low:
        yield Problem(f"{name} is {value} {unit}: at least {low + 1} is needed.")


def _within(name: str, value: float, low: float, high: float, *, low_too: bool = True) -> Iterator[Problem]:
    if not (low <= value <= high) or (value == low and not low_too):
        yield Problem(
            f"{name} is {value:g}: a number {'from' if low_too else 'above'} {low:g} up to {high:g} is needed."
        )
