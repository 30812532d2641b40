"""One thing that is wrong with an input, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from palindra.errors import InputError


@dataclass(frozen=True)
class Problem:
    """What is wrong, in words, and the file, line and interval that it is about where there are such.

    Args:
        message: what was given, what is needed and what to do.
        file: as the user named it.
        line: 1-based.
        interval: ``chrom:start-end``, 0-based half-open.
        level: an error stops a build; a note is worth knowing.

    Examples:
        >>> print(Problem("the end is not after the start.", file="peaks.bed", line=3, interval="chr1:20-20"))
        peaks.bed line 3, chr1:20-20: the end is not after the start.
    """

    message: str
    file: str = ""
    line: int | None = None
    interval: str | None = None
    level: Literal["error", "note"] = "error"

    def __str__(self) -> str:
        place = " ".join(filter(None, [self.file, None if self.line is None else f"line {self.line}"]))
        where = ", ".join(filter(None, [place, self.interval]))
        return f"{where}: {self.message}" if where else self.message


def refuse(problems: Iterable[Problem]) -> None:
    """Raise one error that lists every problem of level 'error'; nothing happens if there is none.

    Raises:
        InputError: with one problem per line.

    Examples:
        >>> refuse([Problem("no data on chrM.", level="note")])
    """
    errors = [str(problem) for problem in problems if problem.level == "error"]
    if len(errors) > 1:
        raise InputError("\n".join([f"{len(errors)} problems:", *(f"  {error}" for error in errors)]))
    if errors:
        raise InputError(errors[0])
