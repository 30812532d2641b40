"""A table of predictions, one line per sequence, written in blocks of rows: here, or by workers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from palindra.data.files import hash_file
from palindra.engine import Engine, Unit, work
from palindra.errors import InputError

BLOCK = 8192  # rows that are read together
LINES = "lines.tsv"


class Table(Protocol):
    """Turns sequences into lines of a table."""

    @property
    def header(self) -> list[str]:
        """Names of the columns."""
        ...

    def lines(self, names: Sequence[str], sequences: Sequence[str]) -> str:
        """The lines of some rows, each with its end."""
        ...


@dataclass(frozen=True)
class Shared:
    """How blocks of rows are given to workers.

    Args:
        engine: where workers are.
        function: ``package.module:name`` of what a worker calls with ``asked``, ``rows`` and ``sha256``; it ends with
            :func:`write_block`.
        asked: what it needs to know beside the rows, in plain values.
        source: of the rows, in messages.
        progress: show a bar.
        say: gets notes.
    """

    engine: Engine
    function: str
    asked: Mapping[str, Any]
    source: str
    progress: bool = False
    say: Callable[[str], None] = lambda _: None


def write_table(
    output: Path, table: Table, names: Sequence[str], sequences: Sequence[str], shared: Shared | None = None
) -> None:
    """Write a table, whole or not at all.

    What workers have done is kept beside it until it is whole, so that the same command goes on where it was cut off.

    Args:
        output: file to write.
        table: makes its lines.
        names: of the rows.
        sequences: of the rows.
        shared: lets workers make the lines; None makes them here. They are the same.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    partial, folder = (output.with_name(output.name + suffix) for suffix in (".partial", ".units"))
    parts = _here(table, names, sequences) if shared is None else _elsewhere(shared, folder, names, sequences)
    with closing(parts), partial.open("w", encoding="utf-8") as lines:
        lines.write("\t".join(table.header) + "\n")
        for part in parts:
            lines.write(part)
    partial.replace(output)
    if shared is not None:
        shutil.rmtree(folder, ignore_errors=True)


def write_block(folder: Path, table: Table, rows: str, sha256: str) -> dict[str, int]:
    """Do what a worker has to do: write the lines of one block of rows.

    Args:
        folder: to write into.
        table: makes the lines.
        rows: file with name and sequence of each row.
        sha256: of that file.

    Raises:
        InputError: if the file is another one.
    """
    if hash_file(rows) != sha256:
        raise InputError(f"{rows}: is damaged. Start the command again, which writes it anew.")
    fields = [line.split("\t") for line in Path(rows).read_text(encoding="utf-8").splitlines()]
    names, sequences = [name for name, _ in fields], [letters for _, letters in fields]
    (folder / LINES).write_text(table.lines(names, sequences), encoding="utf-8")
    return {"rows": len(names)}


def _here(table: Table, names: Sequence[str], sequences: Sequence[str]) -> Generator[str, None, None]:
    for at in range(0, len(sequences), BLOCK):
        yield table.lines(names[at : at + BLOCK], sequences[at : at + BLOCK])


def _elsewhere(
    shared: Shared, folder: Path, names: Sequence[str], sequences: Sequence[str]
) -> Generator[str, None, None]:
    units, given = [], folder.absolute() / "rows"
    given.mkdir(parents=True, exist_ok=True)
    for at in range(0, len(sequences), BLOCK):
        some = zip(names[at : at + BLOCK], sequences[at : at + BLOCK], strict=True)
        rows = given / f"{at}.tsv"
        rows.write_text("".join(f"{plain(name)}\t{letters}\n" for name, letters in some), encoding="utf-8")
        asked = {"asked": dict(shared.asked), "rows": str(rows), "sha256": hash_file(rows)}
        last = min(at + BLOCK, len(sequences))
        units.append(Unit(shared.function, asked, f"{shared.source} sequences {at + 1}-{last}"))
    for _, result in work(shared.engine, units, folder, progress=shared.progress, say=shared.say):
        yield (result.folder / LINES).read_text(encoding="utf-8")


def plain(name: str) -> str:
    """A name without tabs and line ends."""
    return " ".join(name.split())
