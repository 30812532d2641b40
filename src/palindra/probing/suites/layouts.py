"""Where a task of a suite lies in a folder, in any of the layouts in which suites were released."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from palindra.data.read import SPLIT_NAMES
from palindra.data.table import SPLITS
from palindra.probing.suites.declared import SuiteTask

_SUFFIX = r"\.(csv|tsv|fna|fasta|fa|parquet)(\.gz)?"
_SUFFIXES = (".csv", ".tsv", ".fna", ".fasta", ".fa", ".parquet")
_SHARD = r"(-\d+-of-\d+(-\w+)?)?"  # as the hub numbers the pieces of a split
_SPLIT_FILE = re.compile(rf"(?P<split>{'|'.join(SPLIT_NAMES)}){_SHARD}{_SUFFIX}")
_TABLE_SUFFIXES = (".tsv.gz", ".tsv", ".csv.gz", ".csv")
_NOT_SEARCHED = 40  # a folder with more folders than this is not the parent of a suite


@dataclass(frozen=True)
class Found:
    """Files of a task.

    Args:
        layout: "table" (one file with a split column), "splits" (files of each split), "classes" (a folder of text
            files per split and class), "intervals" (a table of intervals per split and class) or "mixed" (tables of
            all tasks).
        files: path -> split, and for "classes" and "intervals" also the class.
    """

    layout: str
    files: Mapping[Path, tuple[str, str]]


def find_task(task: SuiteTask, folder: Path) -> Found | None:
    """The files of a task in a folder or in a folder right below it; None where there are none."""
    for root in roots(folder):
        for name in task.names:
            for look in _LAYOUTS:
                files = look(task, root, name)
                if files:
                    ordered = sorted(files, key=lambda path: SPLITS.index(files[path][0] or "train"))
                    return Found(_LAYOUTS[look], {path: files[path] for path in ordered})
    return None


def roots(folder: Path) -> Iterator[Path]:
    """A folder and the folders right below it, where they are not too many."""
    yield folder
    below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    yield from below if len(below) <= _NOT_SEARCHED else ()


Files = dict[Path, tuple[str, str]]


def _table(task: SuiteTask, root: Path, name: str) -> Files:
    paths = [root / f"{name}{suffix}" for suffix in _TABLE_SUFFIXES]
    return dict.fromkeys([path for path in paths if path.is_file()][:1], ("", ""))


def _splits(task: SuiteTask, root: Path, name: str) -> Files:
    folder = root / name
    files: Files = {}
    for place in (folder, folder / "data"):
        files |= _split_files(place)
    for word, split in SPLIT_NAMES.items():  # train/0000.parquet
        files |= dict.fromkeys(sorted((folder / word).glob("*.parquet")), (split, ""))
    return _one_kind(files)


def _split_files(folder: Path) -> Files:
    if not folder.is_dir():
        return {}
    matches = {path: _SPLIT_FILE.fullmatch(path.name) for path in sorted(folder.iterdir())}
    return {path: (SPLIT_NAMES[match["split"]], "") for path, match in matches.items() if match}


def _one_kind(files: Files) -> Files:
    """Where a split lies there as FASTA and as Parquet, one of them: the first in the order of suffixes."""
    present = [suffix for suffix in _SUFFIXES if any(suffix in path.suffixes for path in files)]
    return {path: what for path, what in files.items() if present[0] in path.suffixes} if present else {}


def _prefixed(task: SuiteTask, root: Path, name: str) -> Files:
    """``train_lines.csv``."""
    paths = {
        root / f"{word}_{name}{suffix}": (split, "")
        for word, split in SPLIT_NAMES.items()
        for suffix in (".csv", ".csv.gz")
    }
    return {path: what for path, what in paths.items() if path.is_file()}


def _classes(task: SuiteTask, root: Path, name: str) -> Files:
    places = {root / name / split / label: (split, label) for split in ("train", "test") for label in task.classes}
    return {path: what for path, what in places.items() if path.is_dir()}


def _intervals(task: SuiteTask, root: Path, name: str) -> Files:
    places = {
        root / name / split / f"{label}{suffix}": (split, label)
        for split in ("train", "test")
        for label in task.classes
        for suffix in (".csv.gz", ".csv")
    }
    return {path: what for path, what in places.items() if path.is_file()}


def _mixed(task: SuiteTask, root: Path, name: str) -> Files:
    """Parquet files of all tasks, which name the task of each row."""
    if task.genomes:
        return {}
    files = _split_files(root) | _split_files(root / "data")
    return {path: what for path, what in files.items() if path.suffix == ".parquet" and _tasks_in(path) & {*task.names}}


def _tasks_in(path: Path) -> set[str]:
    import polars

    try:
        table = polars.scan_parquet(path, glob=False)
        if "task" not in table.collect_schema():
            return set()
        return set(table.select(polars.col("task").unique()).collect()["task"])
    except polars.exceptions.PolarsError:
        return set()  # not Parquet: not ours to complain about


Look = Callable[[SuiteTask, Path, str], Files]
_LAYOUTS: dict[Look, str] = {
    _splits: "splits",
    _prefixed: "splits",
    _classes: "classes",
    _intervals: "intervals",
    _table: "table",
    _mixed: "mixed",
}
