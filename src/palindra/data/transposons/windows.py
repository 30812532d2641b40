"""Windows of families: cutting, turning, and removing those that leak between splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from palindra.data.order import uniform
from palindra.data.relatives import find_relatives
from palindra.data.similarity import similarity_clusters
from palindra.data.table import SPLITS, LabelledSequences
from palindra.data.transposons.families import Family
from palindra.data.transposons.settings import WindowConfig
from palindra.sequences import reverse_complement

_STRAND_STREAM = 401


@dataclass(frozen=True)
class Window:
    """A window and where it came from."""

    family: Family
    start: int  # 0-based, on the given strand of the family
    strand: str
    sequence: str
    label: str
    split: str


def cut(family: Family, start: int, end: int, config: WindowConfig, *, label: str, split: str) -> list[Window]:
    """Windows of a stretch of a family, the last one ending where the stretch ends.

    Examples:
        >>> family = Family("a", "I", "LTR", "Gypsy", "ACGT" * 15, "-")
        >>> [window.start for window in cut(family, 0, 60, WindowConfig(length=24, step=20), label="x", split="train")]
        [0, 20, 36]
    """
    last = end - config.length
    starts = list(range(start, max(start, last) + 1, config.step))
    if starts[-1] < last:
        starts.append(last)
    if config.most and len(starts) > config.most:
        chosen = np.linspace(0, len(starts) - 1, config.most).round().astype(int)
        starts = [starts[place] for place in chosen]
    found = []
    for place in starts:
        text = family.sequence[place : min(place + config.length, end)]
        missing = config.length - len(text)
        found.append(
            Window(family, place, "+", "N" * (missing // 2) + text + "N" * (missing - missing // 2), label, split)
        )
    return found


def turned(windows: Sequence[Window], config: WindowConfig) -> list[Window]:
    """Half of the windows from the other strand, by the seed and their place in the list."""
    if not config.strands:
        return list(windows)
    draws = uniform(config.seed, 0, np.arange(len(windows)), _STRAND_STREAM)
    return [
        replace(window, strand="-", sequence=reverse_complement(window.sequence)) if draw < 0.5 else window
        for window, draw in zip(windows, draws, strict=True)
    ]


def without_leaks(windows: Sequence[Window], *, threshold: float) -> tuple[list[Window], dict[str, int]]:
    """Windows without those held out that are like one of another split, on either strand; and how many went.

    Of windows that are alike, those of the training split stay; without any there, those of the test split.
    """
    clusters = similarity_clusters([window.sequence for window in windows], threshold=threshold)
    splits_of: defaultdict[int, set[str]] = defaultdict(set)
    for window, cluster in zip(windows, clusters.tolist(), strict=True):
        splits_of[cluster].add(window.split)
    stays = ("train", "test", "valid")
    kept = [
        window
        for window, cluster in zip(windows, clusters.tolist(), strict=True)
        if window.split == next(name for name in stays if name in splits_of[cluster])
    ]
    lost = {name: sum(w.split == name for w in windows) - sum(w.split == name for w in kept) for name in SPLITS[1:]}
    return kept, lost


def leaks_between_splits(data: LabelledSequences, *, threshold: float = 0.1) -> dict[str, int]:
    """Groups of rows that are alike and not in one split: the same, the reverse complement, near copies of either.

    Examples:
        >>> text = "ACGTTGCAATCCGGATATTCGCGAATTGCCAAGT"
        >>> both = [text, reverse_complement(text)]
        >>> leaks_between_splits(LabelledSequences.from_arrays(both, [0, 1], splits=["train", "test"]))
        {'same': 0, 'reverse complement': 1, 'near copy': 1}
    """
    relatives = find_relatives(data)
    near: defaultdict[int, list[int]] = defaultdict(list)
    for row, cluster in enumerate(similarity_clusters(data.sequences, threshold=threshold).tolist()):
        near[cluster].append(row)

    def apart(groups: list[list[int]]) -> int:
        return sum(len({str(data.splits[row]) for row in rows}) > 1 for rows in groups)

    return {
        "same": apart(relatives.identical),
        "reverse complement": apart([one + two for one, two in relatives.opposite]),
        "near copy": apart(list(near.values())),
    }
