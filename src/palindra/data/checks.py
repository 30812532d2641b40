"""What is worth knowing about labelled sequences before a model is trained on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from palindra.data.relatives import Relatives, find_relatives
from palindra.data.table import SPLITS, LabelledSequences
from palindra.data.task import Task
from palindra.sequences import encode

Level = Literal["ok", "note", "warning"]

_EXAMPLES = 3
_RARE = 0.05  # a class with a smaller share is mentioned
_MANY_AMBIGUOUS = 0.05


@dataclass(frozen=True)
class Check:
    """One finding: what was looked at, how much it matters, in words, how often, and where for example."""

    name: str
    level: Level
    message: str
    count: int = 0
    examples: tuple[str, ...] = ()


def check_data(data: LabelledSequences) -> list[Check]:
    """Sizes, balance, ambiguous letters, duplicates and reverse complements, leaks between splits, and conflicts.

    A sequence and its reverse complement are one molecule, so a reverse complement in another split is a leak like a
    duplicate. For protein only duplicates are looked for.

    Examples:
        >>> data = LabelledSequences.from_arrays(["AACC", "GGTT", "ACGT"], [1, 0, 1], splits=["train", "test", "test"])
        >>> [check.name for check in check_data(data) if check.level == "warning"]
        ['class balance', 'reverse complements across splits', 'conflicting labels']
    """
    relatives = find_relatives(data)
    checks = [_sizes(data), _balance(data), _missing(data), _ambiguous(data), *_duplicates(data, relatives)]
    if relatives.both_strands:
        checks += [*_reverse_complements(data, relatives), _palindromes(data, relatives)]
    return [*checks, _conflicts(data, relatives)]


def format_checks(checks: Sequence[Check]) -> str:
    """The findings as plain text, one line each, with indented examples below.

    Examples:
        >>> print(format_checks([Check("sizes", "ok", "3 rows."), Check("leaks", "warning", "1 leak.", 1, ("a = b",))]))
        ok       sizes: 3 rows.
        warning  leaks: 1 leak.
                   a = b
    """
    lines = []
    for check in checks:
        lines.append(f"{check.level:<8} {check.name}: {check.message}")
        lines += [f"{'':11}{example}" for example in check.examples]
        hidden = check.count - len(check.examples)
        if check.examples and hidden > 0:
            lines.append(f"{'':11}and {hidden} more")
    return "\n".join(lines)


def _sizes(data: LabelledSequences) -> Check:
    return Check("sizes", "ok", f"{data}.", len(data))


def _balance(data: LabelledSequences) -> Check:
    present = [name for name in SPLITS if (data.splits == name).any()]
    if data.task is Task.REGRESSION:
        return Check("label spread", "ok", _spread(data, present), len(data))
    if data.task is Task.MULTILABEL:
        return _positives(data, present)
    names = data.class_names or ("0", "1")
    shares = []
    levels: set[Level] = {"ok"}
    for split in present:
        counts = np.bincount(data.labels[data.splits == split, 0].astype(int), minlength=len(names))
        shown = ", ".join(f"{name} {n}" for name, n in zip(names[:12], counts, strict=False))
        lacking = [name for name, n in zip(names, counts, strict=True) if n == 0]
        shares.append(f"{split}: {shown}" + (f" (none of {', '.join(lacking[:6])})" if lacking else ""))
        levels |= {"warning"} if lacking else {"note"} if counts.min() < _RARE * counts.sum() else set()
    level: Level = "warning" if "warning" in levels else "note" if "note" in levels else "ok"
    return Check("class balance", level, "; ".join(shares) + ".", len(data))


def _spread(data: LabelledSequences, present: Sequence[str]) -> str:
    parts = []
    for column, name in enumerate(data.target_names[:4]):
        for split in present:
            values = data.labels[data.splits == split, column]
            values = values[~np.isnan(values)]
            if len(values):
                low, high = values.min(), values.max()
                parts.append(
                    f"{name} {split}: mean {values.mean():.4g}, sd {values.std():.3g}, {low:.4g} to {high:.4g}"
                )
    return "; ".join(parts) + "."


def _positives(data: LabelledSequences, present: Sequence[str]) -> Check:
    flat = []
    for split in present:
        rows = data.labels[data.splits == split]
        positive, negative = (rows == 1).sum(axis=0), (rows == 0).sum(axis=0)
        flat += [f"{data.target_names[c]} in {split}" for c in np.flatnonzero((positive == 0) | (negative == 0))]
    share = np.nanmean(data.labels)
    if flat:
        message = f"{len(flat)} labels have one value only in a split and cannot be scored there."
        return Check("class balance", "warning", message, len(flat), tuple(flat[:_EXAMPLES]))
    return Check("class balance", "ok", f"{share:.1%} of all labels are positive; every label varies in every split.")


def _missing(data: LabelledSequences) -> Check:
    missing = np.isnan(data.labels)
    rows = np.flatnonzero(missing.any(axis=1))
    if not len(rows):
        return Check("missing labels", "ok", "none.")
    message = f"{int(missing.sum())} of {missing.size} labels ({missing.mean():.1%}) are missing; they are left out."
    return Check("missing labels", "note", message, len(rows), tuple(data.where(int(r)) for r in rows[:_EXAMPLES]))


def _ambiguous(data: LabelledSequences) -> Check:
    codes = encode(data.sequences, data.alphabet)
    letters = codes >= len(data.alphabet.letters)
    rows = np.flatnonzero(letters.any(axis=1))
    if not len(rows):
        return Check("ambiguous letters", "ok", "none.")
    share = float(letters.mean())
    worst = rows[np.argsort(-letters[rows].sum(axis=1), kind="stable")][:_EXAMPLES]
    return Check(
        "ambiguous letters",
        "warning" if share > _MANY_AMBIGUOUS else "note",
        f"{int(letters.sum())} letters ({share:.2%}) in {len(rows)} sequences are not one of {data.alphabet.letters}.",
        len(rows),
        tuple(f"{data.where(int(row))}: {int(letters[row].sum())} of {data.length}" for row in worst),
    )


def _duplicates(data: LabelledSequences, relatives: Relatives) -> list[Check]:
    groups = [(rows, rows) for rows in relatives.identical]
    within, across = _meetings(data, groups)
    return [
        _found(data, "duplicates", "note", within, "=", "sequences that occur more than once in a split"),
        _found(data, "duplicates across splits", "warning", across, "=", "sequences that occur in more than one split"),
    ]


def _reverse_complements(data: LabelledSequences, relatives: Relatives) -> list[Check]:
    within, across = _meetings(data, relatives.opposite)
    sign = "= reverse complement of"
    what = "sequences that occur with their reverse complement in"
    return [
        _found(data, "reverse complements", "note", within, sign, f"{what} the same split"),
        _found(data, "reverse complements across splits", "warning", across, sign, f"{what} another split"),
    ]


Meeting = tuple[int, int]


def _meetings(
    data: LabelledSequences, groups: Sequence[tuple[list[int], list[int]]]
) -> tuple[list[Meeting], list[Meeting]]:
    """For each group two rows that meet in one split, and two that meet across splits, where there are such."""
    within, across = [], []
    for first, second in groups:
        pairs = [(a, b) for a in _few(data, first) for b in _few(data, second) if a != b]
        within += [pair for pair in pairs if data.splits[pair[0]] == data.splits[pair[1]]][:1]
        across += [pair for pair in pairs if data.splits[pair[0]] != data.splits[pair[1]]][:1]
    return within, across


def _few(data: LabelledSequences, rows: list[int]) -> list[int]:
    """The first two rows of each split, which are enough to find a meeting."""
    return [row for split in SPLITS for row in [r for r in rows if data.splits[r] == split][:2]]


def _found(data: LabelledSequences, name: str, level: Level, meetings: list[Meeting], sign: str, what: str) -> Check:
    if not meetings:
        return Check(name, "ok", "none.")
    examples = (
        f"{data.where(a)} ({data.splits[a]}) {sign} {data.where(b)} ({data.splits[b]})" for a, b in meetings[:_EXAMPLES]
    )
    between = Counter("-".join(s for s in SPLITS if s in data.splits[[a, b]]) for a, b in meetings)
    shown = ", ".join(f"{splits} {count}" for splits, count in between.most_common())
    return Check(name, level, f"{what}: {len(meetings)} ({shown}).", len(meetings), tuple(examples))


def _palindromes(data: LabelledSequences, relatives: Relatives) -> Check:
    rows = relatives.palindromes
    if not rows:
        return Check("self-reverse-complements", "ok", "no sequence is its own reverse complement.")
    message = f"{len(rows)} sequences are their own reverse complement; augmenting with it does nothing for them."
    return Check("self-reverse-complements", "note", message, len(rows), tuple(data.where(r) for r in rows[:_EXAMPLES]))


def _conflicts(data: LabelledSequences, relatives: Relatives) -> Check:
    conflicts = []
    for group in relatives.molecules:
        values = data.labels[group]
        if (np.nanmax(values, axis=0, initial=-np.inf) > np.nanmin(values, axis=0, initial=np.inf)).any():
            conflicts.append(group)
    what = "identical or reverse-complementary sequences" if relatives.both_strands else "identical sequences"
    if not conflicts:
        return Check("conflicting labels", "ok", f"{what} have the same labels.")
    measured = data.task is Task.REGRESSION
    return Check(
        "conflicting labels",
        "note" if measured else "warning",
        f"{len(conflicts)} groups of {what} have different labels"
        + (" (repeated measurements differ)." if measured else "; remove them or decide on one label."),
        len(conflicts),
        tuple(_disagreement(data, group) for group in conflicts[:_EXAMPLES]),
    )


def _disagreement(data: LabelledSequences, rows: list[int]) -> str:
    """The first row and the first of its group that differs from it: where they are and how they are labelled."""
    first, other = rows[0], rows[1]
    for other in rows[1:]:
        known = ~np.isnan(data.labels[first]) & ~np.isnan(data.labels[other])
        if (data.labels[first] != data.labels[other])[known].any():
            break
    how = "=" if data.sequences[first] == data.sequences[other] else "= reverse complement of"
    labels = [_label(data, row) for row in (first, other)]
    return f"{data.where(first)} (label {labels[0]}) {how} {data.where(other)} (label {labels[1]})"


def _label(data: LabelledSequences, row: int) -> str:
    values = data.labels[row]
    if data.task.has_classes and data.class_names:
        return data.class_names[int(values[0])]
    return ", ".join(f"{value:g}" for value in values[:8]) + (", ..." if len(values) > 8 else "")
