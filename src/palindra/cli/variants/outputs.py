"""The folder that variants are scored into: files that grow chunk by chunk, and go on where they were cut off."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palindra.data.tracks.folder import LOCK, alone, read_json, write_json
from palindra.data.variants.writing import compressed
from palindra.errors import InputError

VCF, TABLE, PROBLEMS, RECORD = "scored.vcf.gz", "scores.tsv", "problems.tsv", "variants.toml"
STATE = "state.json"
UNITS = "units"  # results of workers that are not appended yet
FILES = (VCF, TABLE, PROBLEMS)


@dataclass
class Growing:
    """The three files of an unfinished folder.

    What was appended counts only when the small record of sizes says so; whatever a kill left behind them is cut off
    when the work goes on.

    Args:
        folder: that they lie in.
        settings: of the command; other settings cannot go on with these files.
        line: of the input up to which everything is written.
        counts: of what was written.
    """

    folder: Path
    settings: Mapping[str, Any]
    line: int = 0
    counts: dict[str, int] | None = None

    @property
    def begun(self) -> bool:
        """Whether a part is written already."""
        return self.counts is not None

    def go_on(self) -> None:
        """Cut the files to what is recorded, or begin with empty ones.

        Raises:
            InputError: if they were begun with other settings.
        """
        state = read_json(self.folder / STATE)
        if state is not None:
            before, now = state["settings"], dict(self.settings)
            differ = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
            if differ:
                raise InputError(
                    f"{self.folder}: was begun with other settings ({', '.join(differ)}). Remove it, choose another "
                    "--output, or start the command that it was begun with."
                )
            self.line, self.counts = state["line"], state["counts"]
        for name in FILES:
            size = 0 if state is None else state["sizes"][name]
            path = self.folder / name
            path.touch()
            if path.stat().st_size < size:
                raise InputError(f"{path}: is shorter than it was written. Remove {self.folder} and start again.")
            os.truncate(path, size)

    def append(self, line: int, counts: Mapping[str, int], parts: Mapping[str, bytes]) -> None:
        """Append a chunk to each file, then record that it is written.

        Args:
            line: of the input up to which everything is written then.
            counts: of what is written then.
            parts: of each file, see :func:`packed`.

        Raises:
            InputError: if the disk is full.
        """
        with _room(self.folder):
            for name in FILES:
                with (self.folder / name).open("ab") as file:
                    file.write(parts[name])
                    file.flush()
                    os.fsync(file.fileno())
            sizes = {name: (self.folder / name).stat().st_size for name in FILES}
            state = {"settings": dict(self.settings), "line": line, "counts": dict(counts), "sizes": sizes}
            write_json(self.folder / STATE, state)
        self.line, self.counts = line, dict(counts)


def packed(vcf: str, table: str, problems: str, scratch: Path) -> dict[str, bytes]:
    """A chunk as the bytes that are appended to each file.

    Args:
        vcf: lines of the VCF, which are compressed.
        table: lines of the table.
        problems: lines of the problems.
        scratch: a folder that can be written.
    """
    texts = {TABLE: table, PROBLEMS: problems}
    return {
        VCF: compressed(vcf, scratch) if vcf else b"",
        **{name: text.encode("utf-8", "surrogateescape") for name, text in texts.items()},
    }


@contextlib.contextmanager
def _room(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"{folder}: the disk is full, so the work stopped. What is written stays: make room and start the same "
            "command again."
        ) from error


@contextlib.contextmanager
def growing(output: Path, settings: Mapping[str, Any]) -> Iterator[Growing]:
    """Files to append to in ``output.partial``, which becomes ``output`` when everything is written.

    One writer at a time. Whatever ends the work early leaves the folder as it is, to go on with.

    Raises:
        InputError: if the output exists, the folder holds something else, or was begun with other settings.
    """
    partial = output.with_name(output.name + ".partial")
    _require_free(output)
    if partial.exists() and not (partial / LOCK).is_file() and (not partial.is_dir() or any(partial.iterdir())):
        raise InputError(f"{partial}: is needed to work in, and holds something else. Choose another --output.")
    partial.mkdir(parents=True, exist_ok=True)
    with alone(partial):
        _require_free(output)  # the command that was waited for may have written it
        for left in partial.iterdir():
            if left.name not in (*FILES, STATE, LOCK, UNITS):  # scratch of a command that was killed
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        files = Growing(partial, settings)
        files.go_on()
        yield files
        shutil.rmtree(partial / UNITS, ignore_errors=True)
        for name in (STATE, LOCK):
            (partial / name).unlink(missing_ok=True)
        if output.exists():
            output.rmdir()
        partial.replace(output)


def _require_free(output: Path) -> None:
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output}: exists already. Choose another --output, or remove it.")
