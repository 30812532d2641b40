"""Benchmarks of transposable elements: windows of families, whole families held out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from palindra.data.order import random_bits
from palindra.data.table import SPLITS, LabelledSequences
from palindra.data.task import Task
from palindra.data.transposons.families import Family, relatives_of
from palindra.data.transposons.settings import BACKGROUND, FAMILY, WindowConfig
from palindra.data.transposons.windows import Window, cut, leaks_between_splits, turned, without_leaks
from palindra.errors import InputError
from palindra.sequences import decode_codes, dinucleotide_shuffle, encode

_FAMILY_STREAM, _ROW_STREAM = 400, 402


@dataclass(frozen=True)
class TransposonWindows:
    """Windows with their labels, where each came from, and what was left out."""

    data: LabelledSequences
    windows: tuple[Window, ...]
    report: Mapping[str, Any]

    def to_tsv(self) -> str:
        """A table that training reads: sequence, label and split, and where each window came from."""
        lines = ["sequence\tlabel\tsplit\tfamily\tsuperfamily\tstart\tstrand"]
        for window, number in zip(self.windows, self.data.labels[:, 0].astype(int), strict=True):
            label = str(number) if self.data.task is Task.BINARY else window.label
            where = (window.family.name, window.family.superfamily, str(window.start), window.strand)
            lines.append("\t".join([window.sequence, label, window.split, *where]))
        return "\n".join(lines) + "\n"


def build_windows(families: Sequence[Family], config: WindowConfig | None = None) -> TransposonWindows:
    """Hold families out, cut windows, and remove what leaks.

    Families that share a piece on either strand, directly or over others, stay in one split. A class needs three such
    groups, one for each split: others are left out and named in the report. Held-out windows that are like a training
    window, on either strand, are removed.

    Args:
        families: of any classification.
        config: of the task.

    Raises:
        InputError: if the superfamily that is asked for has too few families, with file and line; if fewer than two
            classes are left.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> def some(name, kind):
        ...     return Family(name, "I", "LTR", kind, "".join(rng.choice(list("ACGT"), 200)), "memory line 1")
        >>> families = [some(f"{kind}{n}", kind) for kind in ("Gypsy", "Copia") for n in range(4)]
        >>> print(build_windows(families, WindowConfig(length=50, step=50)).data)
        32 sequences of 50 letters, binary (label), train 16, valid 8, test 8
    """
    given = config or WindowConfig()
    groups = relatives_of(families, threshold=given.threshold)
    label = _label(families, given)
    made = _ends_held_out(families, given) if given.task == FAMILY else _held_out(families, groups, label, given)
    kept, removed = without_leaks(turned(made, given), threshold=given.threshold)
    kept, lost = _whole_classes(kept)
    if given.task == BACKGROUND:
        kept = _as_many(kept, given)
    names = sorted({window.label for window in kept})
    _require(families, label, names, lost, given)
    data = _labelled(kept, names, given, families[0].place.split(" line ")[0])
    near: defaultdict[int, list[str]] = defaultdict(list)
    for family, group in zip(families, groups, strict=True):
        near[group].append(family.name)
    report = {
        "left_out_classes": sorted({label(family) for family in families} - set(names)),
        "relatives": [members for members in near.values() if len(members) > 1],
        "families": {
            split: sorted({window.family.name for window in kept if window.split == split}) for split in SPLITS
        },
        "classes": {split: dict(Counter(w.label for w in kept if w.split == split)) for split in SPLITS},
        "removed_as_leaks": removed,
        "leaks_left": leaks_between_splits(data, threshold=given.threshold),
    }
    return TransposonWindows(data, tuple(kept), report)


def _label(families: Sequence[Family], config: WindowConfig) -> Any:
    if config.task != BACKGROUND:
        return lambda family: family.of(config.task)
    known = sorted({family.superfamily for family in families})
    if config.superfamily not in known:
        raise InputError(f"superfamily {config.superfamily!r}: there are {', '.join(known)}.")
    return lambda family: family.superfamily if family.superfamily == config.superfamily else BACKGROUND


def _held_out(families: Sequence[Family], groups: Sequence[int], label: Any, config: WindowConfig) -> list[Window]:
    """Windows of families, each family in the split of its group."""
    splits = _assign(families, groups, label, config)
    found = [
        window
        for family, split in zip(families, splits, strict=True)
        if split
        for window in cut(family, 0, len(family.sequence), config, label=label(family), split=split)
    ]
    if config.task != BACKGROUND or config.background == "others":
        return found
    positive = [window for window in found if window.label != BACKGROUND]
    if not positive:
        return []
    shuffled = dinucleotide_shuffle(encode([window.sequence for window in positive]), 1, config.seed)[:, 0]
    return positive + [
        replace(window, sequence=text, label=BACKGROUND)
        for window, text in zip(positive, decode_codes(shuffled), strict=True)
    ]


def _assign(families: Sequence[Family], groups: Sequence[int], label: Any, config: WindowConfig) -> list[str]:
    """The split of each family; empty for classes with fewer than three groups."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        members[group].append(number)
    of_class: defaultdict[str, list[int]] = defaultdict(list)  # groups, by the class of most of their families
    for group, numbers in members.items():
        of_class[Counter(label(families[n]) for n in numbers).most_common(1)[0][0]].append(group)
    splits = [""] * len(families)
    for own in of_class.values():
        if len(own) < len(SPLITS):
            continue
        draws = random_bits(config.seed, 0, own, _FAMILY_STREAM)
        order = sorted(range(len(own)), key=lambda place: (-len(members[own[place]]), int(draws[place])))
        total = sum(len(members[group]) for group in own)
        needed = {name: max(1.0, share * total) for name, share in zip(SPLITS, config.fractions, strict=True)}
        empty = set(SPLITS)
        for left, place in zip(range(len(order), 0, -1), order, strict=True):
            choices = [name for name in SPLITS if name in empty or left > len(empty)]
            split = max(choices, key=lambda name: needed[name])
            empty.discard(split)
            needed[split] -= len(members[own[place]])
            for number in members[own[place]]:
                splits[number] = split
    return splits


def _ends_held_out(families: Sequence[Family], config: WindowConfig) -> list[Window]:
    """Windows of the first part of each family to train, of the next ones to choose and to test."""
    found = []
    for family in families:
        ends = [0, *np.rint(np.cumsum(config.fractions) * len(family.sequence)).astype(int).tolist()]
        if min(np.diff(ends)) < config.length:
            continue  # too short for a window in every split
        for split, start, end in zip(SPLITS, ends[:-1], ends[1:], strict=True):
            found += cut(family, start, end, config, label=family.name, split=split)
    if not found:
        raise InputError(f"no family has room for windows of {config.length} letters in every split: shorten them.")
    return found


def _whole_classes(windows: Sequence[Window]) -> tuple[list[Window], set[str]]:
    """Windows of the classes that have some in every split, and the other classes."""
    splits_of: defaultdict[str, set[str]] = defaultdict(set)
    for window in windows:
        splits_of[window.label].add(window.split)
    lost = {label for label, splits in splits_of.items() if len(splits) < len(SPLITS)}
    return [window for window in windows if window.label not in lost], lost


def _as_many(windows: Sequence[Window], config: WindowConfig) -> list[Window]:
    """As many windows of the background as of the superfamily in each split, drawn by the seed."""
    chosen: set[int] = set()
    for split in SPLITS:
        own = [n for n, window in enumerate(windows) if window.split == split]
        background = np.array([n for n in own if windows[n].label == BACKGROUND], dtype=np.int64)
        others = [n for n in own if windows[n].label != BACKGROUND]
        order = np.argsort(random_bits(config.seed, 0, background, _ROW_STREAM), kind="stable")
        chosen |= {*others, *background[order[: len(others)]].tolist()}
    return [window for n, window in enumerate(windows) if n in chosen]


def _require(
    families: Sequence[Family], label: Any, names: Sequence[str], lost: set[str], config: WindowConfig
) -> None:
    if len(names) >= 2:
        return
    if config.superfamily is not None:
        own = [family for family in families if family.superfamily == config.superfamily]
        raise InputError(
            f"{own[0].place}: superfamily {config.superfamily!r} has {len(own)} "
            f"famil{'ies' if len(own) > 1 else 'y'} ({', '.join(family.name for family in own[:5])}); three that are "
            "no relatives are needed, one for each of train, valid and test. Choose another superfamily."
        )
    counts = Counter(label(family) for family in families)
    small = next(family for family in families if label(family) not in names)
    raise InputError(
        f"{small.place}: {config.task} {label(small)!r} has {counts[label(small)]} member"
        f"{'s' if counts[label(small)] > 1 else ''}, and {len(names)} class is left of {len(counts)}: two classes of "
        "three families that are no relatives are the least." + (f" Lost as leaks: {sorted(lost)}." if lost else "")
    )


def _labelled(windows: Sequence[Window], names: Sequence[str], config: WindowConfig, source: str) -> LabelledSequences:
    classes = [BACKGROUND, config.superfamily or ""] if config.task == BACKGROUND else list(names)
    binary = len(classes) == 2
    return LabelledSequences.from_arrays(
        [window.sequence for window in windows],
        [classes.index(window.label) for window in windows],
        splits=[window.split for window in windows],
        task=Task.BINARY if binary else Task.MULTICLASS,
        class_names=classes,
        source=source,
    )
