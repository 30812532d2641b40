"""Global importance: what an edit changes on average over backgrounds, with its interval and test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.interpretation.importance.backgrounds import Backgrounds
from palindra.interpretation.importance.embedding import Construct, Insert, check_construct, middle, write
from palindra.interpretation.importance.estimates import Estimate, estimates
from palindra.interpretation.importance.running import Predict, Values, scorer, streamed
from palindra.sequences.alphabet import Codes

BATCH = 256


@dataclass(frozen=True, eq=False)
class Effects:
    """What each edit changes on each background.

    Args:
        names: of the edits.
        values: ``f(edited) - f(background)``, ``(edits, backgrounds, outputs)``; backgrounds are independent sources.
    """

    names: tuple[str, ...]
    values: Values

    @property
    def mean(self) -> Values:
        """Global importance ``(edits, outputs)``."""
        return self.values.mean(1)

    def best(self, output: int = 0) -> int:
        """Number of the edit with the largest importance."""
        return int(self.mean[:, output].argmax())

    def estimates(self, output: int = 0, *, level: float = 0.95) -> list[Estimate]:
        """Mean, Student-t interval over backgrounds and paired t-test for every edit.

        The test compares the same backgrounds with and without the edit. It covers the choice of backgrounds for one
        trained model, not the training of another one. Effects that are equal on all backgrounds have no spread: p is
        1 where they are 0, and 0 elsewhere. One background has no interval (NaN).

        Args:
            output: of the model.
            level: coverage of the interval.

        Examples:
            >>> found = Effects(("a",), np.array([1.0, 2.0, 3.0])[None, :, None]).estimates()[0]
            >>> round(found.mean, 2), round(found.low, 2), round(found.high, 2), round(found.p, 3)
            (2.0, -0.48, 4.48, 0.074)
        """
        return estimates(self.names, self.values[..., output], level=level)

    def minus(self, other: Effects, names: Sequence[str]) -> Effects:
        """Differences on the same backgrounds, edit by edit or against one edit, for a paired test between edits."""
        if self.values.shape[1:] != other.values.shape[1:]:
            raise InputError(
                f"effects on {self.values.shape[1]} backgrounds cannot be paired with effects on "
                f"{other.values.shape[1]}: measure both on the same backgrounds."
            )
        return Effects(tuple(names), self.values - other.values)

    def chosen(self, edits: Sequence[int]) -> Effects:
        """Some of the edits."""
        return replace(self, names=tuple(self.names[edit] for edit in edits), values=self.values[list(edits)])


def global_importance(
    predict: Predict,
    backgrounds: Backgrounds,
    constructs: Sequence[Construct],
    *,
    names: Sequence[str] | None = None,
    batch_size: int = BATCH,
) -> Effects:
    """Mean change of the output when inserts are written into backgrounds: ``I(m) = E_x [f(x with m) - f(x)]``.

    Every construct is measured on the same backgrounds, which are made batch by batch. The scale is that of the
    output: effects that multiply add up for a logarithm and not for the value itself.

    Args:
        predict: a module or a function that gives ``(batch,)`` or ``(batch, outputs)``.
        backgrounds: see :func:`shuffled`, :func:`drawn` and :func:`own`.
        constructs: one or several inserts each.
        names: of the constructs; by default their patterns with positions.
        batch_size: sequences at a time.

    Raises:
        InputError: for inserts that do not fit the sequences or overlap, or an output that is a track.

    Source: Koo, Majdandzic, Ploenzke, Anand & Paul (2021), PLOS Computational Biology.

    Examples:
        >>> from palindra.interpretation.importance.backgrounds import own
        >>> from palindra.sequences import encode
        >>> found = global_importance(lambda x: x[:, 2].sum(1), own(encode(["AAGAA", "AAAAA"])), [[Insert("GG", 2)]])
        >>> found.names, found.values.ravel()
        (('GG@2',), array([1., 2.]))
    """
    for construct in constructs:
        check_construct(construct, backgrounds.length)
    if not constructs:
        raise InputError("there is no pattern to put into the backgrounds: give at least one.")
    if names is not None and len(names) != len(constructs):
        raise ValueError(f"{len(names)} names were given for {len(constructs)} constructs.")
    with scorer(predict) as run:
        outputs = streamed(run, _edited(backgrounds.codes, [(), *constructs], batch_size), batch_size)
    outputs = outputs.reshape(len(constructs) + 1, len(backgrounds.codes), -1)
    named = [" ".join(f"{i.pattern}@{i.start}" for i in construct) for construct in constructs]
    return Effects(tuple(names or named), by_source(outputs[1:] - outputs[:1], backgrounds.source))


def pattern_importance(
    predict: Predict, backgrounds: Backgrounds, patterns: Sequence[str], *, batch_size: int = BATCH
) -> Effects:
    """Global importance of patterns in the middle of the backgrounds.

    On :meth:`Backgrounds.both_strands`, a pattern and its reverse complement have the same importance in a model that
    gives both strands of a sequence the same output.

    Raises:
        InputError: for a pattern longer than the backgrounds.
    """
    constructs = [[Insert(pattern, middle(pattern, backgrounds.length))] for pattern in patterns]
    return global_importance(predict, backgrounds, constructs, names=patterns, batch_size=batch_size)


def by_source(values: Values, source: NDArray[np.int64]) -> Values:
    """Means over the rows of each source, ``(edits, rows, outputs)`` to ``(edits, sources, outputs)``."""
    unit, counts = np.unique(source, return_inverse=True, return_counts=True)[1:]
    found = np.zeros((values.shape[0], len(counts), values.shape[2]))
    for row, number in enumerate(unit):
        found[:, number] += values[:, row]
    return found / counts[:, None]


def _edited(codes: Codes, constructs: Sequence[Construct], batch_size: int) -> Iterator[Codes]:
    for construct in constructs:
        for start in range(0, len(codes), batch_size):
            part = codes[start : start + batch_size].copy()
            write(part, construct)
            yield part
