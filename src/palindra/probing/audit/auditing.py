"""The audit of anybody's representations: do they depend on the strand, on a shift, on where tokens happen to begin?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from palindra.errors import InputError
from palindra.evaluation.metrics import PRIMARY
from palindra.probing.audit.downstream import (
    Array,
    Downstream,
    Fit,
    Rows,
    Split,
    as_columns,
    compare_predictions,
    decision,
    parts,
)
from palindra.probing.audit.language import Language, compare_language
from palindra.probing.audit.reading import Summary, along, few, one_length, other_strand, summaries
from palindra.probing.audit.result import Moved, SourceAudit
from palindra.probing.audit.shifts import Shift, Tokens, compare_tokens, turned
from palindra.probing.audit.strands import Strands, compare_strands
from palindra.probing.source import Source

_Rows = tuple[list[str], Array]
LEAST = 20  # rows that a readout can be fitted on, or its scores be believed


def audit_source(
    source: Source,
    sequences: Sequence[str],
    labels: ArrayLike | None = None,
    task: str | None = None,
    *,
    train: Rows | None = None,
    valid: Rows | None = None,
    beside: Source | None = None,
    shifts: Sequence[int] = (1, 2, 4, 8),
    language_sequences: int = 32,
    full_sequences: int = 128,
    seed: int = 0,
) -> SourceAudit:
    """Read sequences from both strands and shifted, and compare their features, letters and predictions.

    Every distance is in units of the distance between different sequences, so that sources of any scale can be
    compared. A shift turns the sequence (its first letters go to its end): length and letters stay.

    Args:
        source: anything that embeds sequences.
        sequences: two or more of one length, in letters of DNA.
        labels: of the sequences; with them a linear readout is fitted, and its predictions are compared.
        task: "binary", "multiclass", "multilabel" or "regression".
        train: rows that the readout is fitted on. Without them the given rows are divided by their letters (a sequence
            and its reverse complement go the same way), and a note says so.
        valid: rows that its penalty is chosen by.
        beside: another source that the sensitivity to shifts is compared with, e.g. one with one token per base.
        shifts: by how many letters; those that do not fit into half of the sequence are left out.
        language_sequences: of which log-probabilities are asked, position by position; 0 for none.
        full_sequences: of which features along the sequence are held, fewer where memory would not suffice.
        seed: of intervals.

    Raises:
        InputError: for sequences of several lengths, labels without a task, and where the source cannot read them.

    Examples:
        >>> from palindra.probing.sources import open_source
        >>> found = audit_source(open_source("one-hot"), ["ACCGT", "TTGCA", "GGGAT", "CATGA"])
        >>> found.strands.alike, found.strands.equivariant, found.moved.tokens.moved
        (False, True, 0.0)
    """
    length = one_length(sequences)
    if labels is not None and task not in PRIMARY:
        raise InputError(f"labels come with task {task!r}; say which one it is: {', '.join(PRIMARY)}.")
    letters = tuple(step for step in shifts if 0 < step <= length // 2)
    notes: list[str] = []
    rows = _divided(sequences, labels, train, valid, notes) if labels is not None and task is not None else None
    audited = list(rows[0][0]) if rows else list(sequences)
    given, other = summaries(source, audited), summaries(source, other_strand(audited))
    held = few(audited, source.width, full_sequences)
    along_given, along_other = along(source, held), along(source, other_strand(held))
    strands = compare_strands(given, other, along_given, along_other, seed=seed)
    downstream = None
    if rows is not None and task is not None:
        test = Split(given.mean, other.mean, rows[0][1])
        train_rows, valid_rows = (_split(source, *part) for part in rows[1:])
        columns = np.concatenate([part[1] for part in rows])
        outputs = int(np.nanmax(columns)) + 1 if task == "multiclass" else columns.shape[1]
        downstream = compare_predictions(task, train_rows, valid_rows, test, fit=linear(outputs, seed), seed=seed)
    return SourceAudit(
        name=source.name,
        width=source.width,
        parameters=source.parameters,
        strand_setting=str(getattr(source, "strands", "as is")),
        sequences=len(audited),
        length=length,
        strands=strands,
        language=_language(source, audited[:language_sequences], seed),
        downstream=downstream,
        moved=_moved(source, audited, held, letters, given, downstream, seed),
        beside=None if beside is None else _moved(beside, audited, held, letters, None, None, seed),
        averaged=None if strands.alike else _averaged(source, audited, held, seed),
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Labels:
    """What a readout needs to know of a task."""

    kind: str
    outputs: int


def linear(outputs: int, seed: int) -> Fit:
    """Ridge or logistic regression, the penalty chosen on validation rows."""
    from palindra.probing.readouts import fit_readout

    def fit(task: str, train: tuple[Any, Any], valid: tuple[Any, Any]) -> Any:
        return fit_readout("linear", _Labels(task, outputs), train, valid, seed=seed)

    return fit


def _divided(
    sequences: Sequence[str], labels: ArrayLike, train: Rows | None, valid: Rows | None, notes: list[str]
) -> tuple[_Rows, _Rows, _Rows] | None:
    """Rows to audit, to fit on and to choose by; None where there are too few of them."""
    columns = as_columns(labels, len(sequences))
    if train is not None:
        fit = _with_columns(train)
        if valid is None:
            notes.append("There are no validation rows: the penalty of the readout was chosen on its training rows.")
        found = (list(sequences), columns), fit, fit if valid is None else _with_columns(valid)
    else:
        part = parts(sequences)
        test, fit, chosen = (
            ([sequences[row] for row in np.flatnonzero(part == name).tolist()], columns[part == name])
            for name in ("test", "train", "valid")
        )
        found = test, fit, chosen
        notes.append(
            "The rows came without a split: 60 % fitted the readout, 20 % chose its penalty, 20 % were audited."
        )
    smallest = min(len(part[0]) for part in found)
    if smallest < LEAST:
        notes[-1:] = [f"Predictions were not audited: {smallest} rows in a part of the data are fewer than {LEAST}."]
        return None
    return found


def _with_columns(rows: Rows) -> _Rows:
    return list(rows[0]), as_columns(rows[1], len(rows[0]))


def _split(source: Source, sequences: Sequence[str], labels: Array) -> Split:
    given, other = (summaries(source, part).mean for part in (sequences, other_strand(sequences)))
    return Split(given, other, labels)


def _language(source: Source, sequences: Sequence[str], seed: int) -> Language | None:
    if not sequences or not hasattr(source, "log_probabilities"):
        return None
    ask = source.log_probabilities
    given, other = ask(list(sequences)), ask(other_strand(sequences))
    return compare_language(given.cpu(), other.cpu(), sequences, seed=seed)


def _moved(
    source: Source,
    sequences: Sequence[str],
    held: Sequence[str],
    letters: Sequence[int],
    given: Summary | None,
    downstream: Downstream | None,
    seed: int,
) -> Moved:
    from palindra.evaluation.readings import difference
    from palindra.probing.audit.distances import apart

    before = summaries(source, sequences) if given is None else given
    found = []
    for step in letters:
        after = summaries(source, [turned(sequence, step) for sequence in sequences])
        prediction = None
        if downstream is not None:
            values = torch.from_numpy(np.asarray(downstream.readout.predict(after.mean.numpy())))
            as_given = torch.from_numpy(np.asarray(downstream.given))
            prediction = difference(as_given, values, decision(downstream.task))
        found.append(Shift(step, apart(before.mean, after.mean, seed=seed), prediction))
    return Moved(source.name, tuple(found), _tokens(source, held, seed))


def _tokens(source: Source, held: Sequence[str], seed: int) -> Tokens | None:
    before = along(source, held[: max(2, len(held) // 2)])  # two tables of features are held at once
    if before.tokens <= 1:
        return None
    after = along(source, [turned(sequence, 1) for sequence in held[: len(before.bases)]])
    return compare_tokens(before, after, 1, seed=seed)


def _averaged(source: Source, sequences: Sequence[str], held: Sequence[str], seed: int) -> Strands | None:
    """The strands of the source once it is averaged over them, measured with the wrapper that the advice names."""
    from palindra.probing.sources import both_strands

    if getattr(source, "strands", "as is") != "as is":
        return None
    cured = both_strands(source, "averaged")
    turned_back = [summaries(cured, part) for part in (list(sequences), other_strand(sequences))]
    lines = [along(cured, part) for part in (list(held), other_strand(held))]
    return compare_strands(turned_back[0], turned_back[1], lines[0], lines[1], seed=seed)
