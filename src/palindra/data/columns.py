"""Which column of a table is the sequence, the label, the split and the chromosome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from palindra.data.labels import numbers
from palindra.data.records import Records
from palindra.data.tabular import Table
from palindra.errors import InputError

SEQUENCE_NAMES = ("sequence", "seq", "sequences")
LABEL_NAMES = ("label", "labels", "target", "y")
SPLIT_NAMES = ("split", "fold", "set")
CHROMOSOME_NAMES = ("chrom", "chr", "chromosome")


@dataclass(frozen=True)
class Columns:
    """Names of the columns to use; None means guess, an empty name means use none."""

    sequence: str | None = None
    labels: Sequence[str] | str | None = None
    split: str | None = None
    chromosome: str | None = None


def pick_columns(table: Table, given: Columns) -> Records:
    """Take the sequence, label, split and chromosome columns out of a table, as given or by their usual names.

    Where no label column is given or has a usual name, the numeric columns left over are the labels if that can only
    be meant one way: there is one, or all of them hold just 0, 1 and missing values.

    Raises:
        InputError: lists the columns and the option that decides.
    """
    sequence = pick_sequence(table, given.sequence)
    split = _one(table, given.split, SPLIT_NAMES, "split")
    chromosome = _one(table, given.chromosome, CHROMOSOME_NAMES, "chromosome")
    labels = _labels(table, given.labels, {sequence, split, chromosome})
    return Records(
        source=table.name,
        sha256=table.sha256,
        sequences=table.columns[sequence],
        labels=[table.columns[name] for name in labels],
        target_names=tuple(labels),
        lines=table.lines,
        splits=table.columns[split] if split else None,
        chromosomes=table.columns[chromosome] if chromosome else None,
        unit=table.unit,
    )


def pick_sequence(table: Table, given: str | None) -> str:
    """The name of the column of sequences, as given or by its usual name.

    Raises:
        InputError: lists the columns and the option that decides.
    """
    sequence = _one(table, given, SEQUENCE_NAMES, "sequence")
    if not sequence:
        raise _undecided(table, f"none is named {' or '.join(SEQUENCE_NAMES[:2])}", "sequence_column")
    return sequence


def _one(table: Table, given: str | None, usual: Sequence[str], role: str) -> str | None:
    option = f"{role}_column"
    if given is not None:
        if given and given not in table.columns:
            raise _undecided(table, f"none is named {given!r}", option)
        return given
    found = [name for name in table.columns if name.lower() in usual]
    if len(found) > 1:
        raise _undecided(table, f"{' and '.join(map(repr, found))} could each be the {role}", option)
    return found[0] if found else None


def _labels(table: Table, given: Sequence[str] | str | None, taken: set[str | None]) -> list[str]:
    if given:
        names = [given] if isinstance(given, str) else list(given)
        for name in names:
            if name not in table.columns:
                raise _undecided(table, f"none is named {name!r}", "label_columns")
            if name in taken or names.count(name) > 1:
                raise InputError(f"{table.name}: column {name!r} is used twice; a label column has no other use.")
        return names
    found = [name for name in table.columns if name.lower() in LABEL_NAMES and name not in taken]
    if len(found) > 1:
        raise _undecided(table, f"{' and '.join(map(repr, found))} could each be the label", "label_columns")
    if found:
        return found
    values = {name: numbers(column) for name, column in table.columns.items() if name not in taken}
    numeric = {name: column for name, column in values.items() if column is not None and not np.isnan(column).all()}
    if not numeric:
        raise _undecided(
            table, f"none is named {' or '.join(LABEL_NAMES)} and none left over is numeric", "label_columns"
        )
    zero_or_one = all(bool((np.isnan(column) | np.isin(column, (0, 1))).all()) for column in numeric.values())
    if len(numeric) > 1 and not zero_or_one:
        raise _undecided(table, f"{', '.join(list(numeric)[:8])} are all numeric and could be labels", "label_columns")
    return list(numeric)


def _undecided(table: Table, why: str, option: str) -> InputError:
    shown = ", ".join(list(table.columns)[:20]) + (", ..." if len(table.columns) > 20 else "")
    return InputError(
        f"{table.name}: the columns are {shown}; {why}. Say which with {option} (--{option.replace('_', '-')})."
    )
