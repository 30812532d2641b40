"""What readouts read: one vector a row, or all tokens of a row, fetched batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from palindra.errors import InputError

Array = NDArray[Any]
Features = Any  # an array (rows, width), or token rows; or a tuple of them where a task has several inputs
Align = Literal["left", "right"]


class Goal(Protocol):
    """The part of a task that readouts need."""

    @property
    def kind(self) -> str:
        """binary, multiclass, multilabel, regression or psi."""
        ...

    @property
    def outputs(self) -> int:
        """Columns that are predicted: label columns, or classes."""
        ...


class Batches(Protocol):
    """Features of rows, in the form that a network takes."""

    def __len__(self) -> int: ...

    def batch(self, rows: ArrayLike) -> tuple[Tensor, ...]:
        """Tensors of these rows, one positional argument of the network each."""
        ...


def as_inputs(features: Features) -> tuple[Any, ...]:
    """Features as one entry per input of the task."""
    return features if isinstance(features, tuple) else (features,)


def as_table(features: Features) -> NDArray[np.float32]:
    """Summaries as one table ``(rows, width)``; those of several inputs stand beside each other.

    Raises:
        InputError: for numbers that are none: a source that gives NaN would otherwise give a readout that says nothing.
    """
    table = np.concatenate([np.asarray(part, dtype=np.float32) for part in as_inputs(features)], axis=1)
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise InputError(
            f"feature {column + 1} of row {row + 1} is {table[row, column]}: the source gives features that are no "
            "numbers. Look for half precision that overflows, or sequences it cannot read."
        )
    return table


@dataclass(frozen=True)
class Standardised:
    """Mean and spread of each feature on the training rows; a constant feature becomes 0."""

    mean: Array
    spread: Array

    @classmethod
    def of(cls, table: Array) -> Standardised:
        """Fitted on a table ``(rows, width)``."""
        spread = table.std(axis=0, dtype=np.float64)
        tiny = 1e-6 * np.maximum(np.abs(table).max(axis=0), 1e-12)  # constant up to rounding
        return cls(table.mean(axis=0, dtype=np.float64), np.where(spread > tiny, spread, np.inf))

    def __call__(self, table: Array) -> Array:
        """The table in these units, float64."""
        return (table - self.mean) / self.spread


@dataclass(frozen=True)
class SummaryBatches:
    """Rows of a standardised table as ``(batch, width)``."""

    table: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.table)

    def batch(self, rows: ArrayLike) -> tuple[Tensor, ...]:
        return (torch.from_numpy(self.table[np.asarray(rows)]),)


@dataclass(frozen=True)
class TokenBatches:
    """All tokens of rows as ``(batch, width, tokens)`` and a mask of what is no fill, for each input in turn.

    Rows are fetched when they are asked for, so that embeddings larger than the memory can stay on disk.

    Args:
        inputs: for each input of the task the rows of ``(tokens, width)``, each with its own number of tokens.
        tokens: to which every row is filled up.
        align: at which end the tokens stand: fill comes after ("left") or before ("right") them.
    """

    inputs: tuple[Sequence[Any], ...]
    tokens: int
    align: Align = "left"

    def __len__(self) -> int:
        return len(self.inputs[0])

    def batch(self, rows: ArrayLike) -> tuple[Tensor, ...]:
        chosen = np.asarray(rows)
        return tuple(tensor for part in self.inputs for tensor in self._filled(part, chosen))

    def _filled(self, part: Sequence[Any], rows: Array) -> tuple[Tensor, Tensor]:
        given = [np.asarray(part[int(row)], dtype=np.float32) for row in rows]
        features = np.zeros((len(given), self.tokens, given[0].shape[1]), dtype=np.float32)
        mask = np.zeros((len(given), self.tokens), dtype=bool)
        for place, row in enumerate(given):
            if len(row) > self.tokens:
                raise InputError(
                    f"row {int(rows[place]) + 1} has {len(row)} tokens, but the readout was built for {self.tokens}: "
                    "give tokens= the largest number in any split when it is fitted."
                )
            if not np.isfinite(row).all():
                raise InputError(
                    f"the features of row {int(rows[place]) + 1} are no numbers (NaN or infinite): look for half "
                    "precision that overflows, or sequences that the source cannot read."
                )
            inside = slice(self.tokens - len(row), None) if self.align == "right" else slice(len(row))
            features[place, inside], mask[place, inside] = row, True
        return torch.from_numpy(features).transpose(1, 2), torch.from_numpy(mask)


def most_tokens(*features: Features) -> int:
    """The largest number of tokens of a row."""
    return max(len(row) for some in features for part in as_inputs(some) for row in part)
