"""Data sets of tracks for the command line: built with a line for each step, or checked."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from palindra.data.tracks import (
    Description,
    Problem,
    build,
    describe,
    folder_problems,
    input_problems,
    load_settings,
)
from palindra.errors import InputError

Say = Callable[[str], None]


def build_data(path: Path, folder: Path, *, cache: Path | None = None, say: Say = lambda _: None) -> Description:
    """Build the data set of a settings file, go on with it, or find it finished.

    Args:
        path: TOML file of settings.
        folder: of the data set.
        cache: folder for the codes of the genome.
        say: gets a line for each step.

    Raises:
        InputError: lists everything that is wrong with the inputs; also if the folder holds something else.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "there is no such file"
        raise InputError(f"{path}: {what}. Give the settings of a data set (TOML).")
    settings = load_settings(path)
    _require_folder(folder)
    say(f"checking the inputs of {path}")
    steps = 0

    def progress(what: str, done: int, total: int) -> None:
        nonlocal steps
        steps += 1
        say(f"{what} ({done + 1} of {total})" if total > 1 else what)

    with noted(lambda text: say(f"note: {text}")):
        build(folder, settings, progress=progress, cache=cache)
    say(f"finished: {folder}" if steps else f"was finished before: {folder}")
    return describe(folder)


def find_problems(path: Path, *, genome: Path | None = None, cache: Path | None = None) -> list[Problem]:
    """Everything that is wrong with a settings file and the files that it names, or with the folder of a data set.

    Problems of the declarations themselves are said of the settings file; errors come before notes.

    Args:
        path: TOML file, or folder.
        genome: the FASTA of a folder, where it was moved.
        cache: folder for the codes of the genome.

    Raises:
        InputError: if the path is neither, or the settings cannot be read.
    """
    warned: list[Problem] = []
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder. Give settings (TOML) or the folder of a data set.")
    with noted(lambda text: warned.append(Problem(text, level="note"))):
        if path.is_dir():
            found = folder_problems(path, genome=genome, cache=cache)
        elif genome is not None:
            raise InputError(f"--genome {genome}: settings name their genome themselves; change it in {path}.")
        else:
            found = input_problems(load_settings(path), cache=cache)
    placed = [p if p.file or str(path) in p.message else replace(p, file=str(path)) for p in found]
    return sorted(placed + warned, key=lambda problem: problem.level)


def summary(path: Path, problems: Sequence[Problem]) -> str:
    """How many problems there are, in one line.

    Examples:
        >>> found = [Problem("is missing."), Problem("is empty."), Problem("has no data.", level="note")]
        >>> print(summary(Path("tracks.toml"), found))
        tracks.toml: 2 errors, 1 note
        >>> print(summary(Path("tracks.toml"), []))
        tracks.toml: no problem was found
    """
    counts = {level: sum(problem.level == level for problem in problems) for level in ("error", "note")}
    words = [f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count]
    return f"{path}: {', '.join(words) or 'no problem was found'}"


def _require_folder(folder: Path) -> None:
    """Refuse a place that holds something other than a data set, before anything is written to it."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; a folder is needed. Choose another --output.")
    known = (".lock", ".work", "dataset.toml")
    if folder.is_dir() and any(folder.iterdir()) and not any((folder / name).exists() for name in known):
        raise InputError(f"{folder}: exists and is no data set; choose another --output, or remove it.")


@contextlib.contextmanager
def noted(note: Callable[[str], None]) -> Iterator[None]:
    """Warnings of the library (a genome that has changed) as lines of the command, not as lines of its source."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        finally:
            for text in dict.fromkeys(str(w.message) for w in caught if w.category is UserWarning):
                note(text)
    for other in (w for w in caught if w.category is not UserWarning):
        warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
