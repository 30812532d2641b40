"""Load the tasks of a suite from a folder: read, compared with what was published, divided, checked for leaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from palindra.data.table import LabelledSequences
from palindra.errors import InputError
from palindra.probing.suites.declared import Suite, SuiteTask, find_suite
from palindra.probing.suites.genomes import Genomes
from palindra.probing.suites.layouts import find_task
from palindra.probing.suites.raw import Raw
from palindra.probing.suites.reading import read_rows
from palindra.probing.suites.splits import VALID_SHARE, cut_validation, find_leaks, limit_rows
from palindra.probing.suites.variants import Frame, MeasuredVariants, find_variants, read_variants


class Loaded(NamedTuple):
    """A task with its data, and what must be said beside every result on them."""

    task: SuiteTask
    data: LabelledSequences | MeasuredVariants
    warnings: tuple[str, ...]
    padded: bool = False  # sequences of several lengths have N at both ends, which are no part of them


def load(
    suite: Suite | str,
    data_dir: str | Path,
    names: Sequence[str] | None = None,
    *,
    genomes: Mapping[str, Path] | None = None,
    seed: int = 0,
    rows: int | None = None,
    frame: Frame | None = None,
) -> list[Loaded]:
    r"""The tasks of a suite that lie in a folder, in the order of the suite.

    Args:
        suite: one of ``SUITES`` or its name.
        data_dir: folder with the released files, or a folder above it.
        names: tasks that are wanted; all by default.
        genomes: assembly -> FASTA, for tasks released as intervals or variants.
        seed: of the validation split, where none was released, and of ``rows``.
        rows: at most so many rows of each split, to try something.
        frame: what is read around variants; the element by default.

    Raises:
        InputError: if none of them is there, or a file cannot be used (with file and line).

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     place = Path(folder, "GUE", "tf", "0")
        ...     place.mkdir(parents=True)
        ...     for split in ("train", "dev", "test"):
        ...         _ = Path(place, f"{split}.csv").write_text("sequence,label\nACGTA,1\nAAACA,0\n")
        ...     (found,) = load("GUE", folder)
        >>> found.task.name, len(found.data)
        ('human_tf_0', 6)
        >>> for warning in found.warnings:
        ...     print(warning)
        train has 2 rows, 32,378 are published (Zhou et al. 2024, table of data sets).
        valid has 2 rows, 1,000 are published (Zhou et al. 2024, table of data sets).
        test has 2 rows, 1,000 are published (Zhou et al. 2024, table of data sets).
        sequences have 5 letters, 101 are published.
        valid and train share sequences: 2 rows of valid occur in train, 0 more as their reverse complement.
        test and train share sequences: 2 rows of test occur in train, 0 more as their reverse complement.
        test and valid share sequences: 2 rows of test occur in valid, 0 more as their reverse complement.
    """
    chosen = find_suite(suite) if isinstance(suite, str) else suite
    folder = _folder(data_dir)
    known = Genomes(genomes or {}, folder)
    found = [
        loaded
        for task in chosen.chosen(None if names is None else list(names))
        if (loaded := load_task(chosen, task, folder, known, seed=seed, rows=rows, frame=frame)) is not None
    ]
    if not found:
        raise InputError(f"{folder}: no task of {chosen.name} lies there. Its files are {chosen.layout}.")
    return found


def present(suite: Suite, data_dir: str | Path, names: Sequence[str] | None = None) -> list[SuiteTask]:
    """The tasks whose files lie in a folder; nothing is read.

    Raises:
        InputError: if there is no such folder, or a name fits no task.
    """
    folder = _folder(data_dir)
    chosen = suite.chosen(None if names is None else list(names))
    return [
        task
        for task in chosen
        if task.kind != "mean" and (find_variants if task.kind == "variants" else find_task)(task, folder)
    ]


def load_task(
    suite: Suite,
    task: SuiteTask,
    folder: Path,
    genomes: Genomes,
    *,
    seed: int = 0,
    rows: int | None = None,
    frame: Frame | None = None,
) -> Loaded | None:
    """One task; None where its files are not there, or where it is a mean of others."""
    if task.kind == "mean":
        return None
    if task.kind == "variants":
        files = find_variants(task, folder)
        if not files:
            return None
        measured, warnings = read_variants(task, files, genomes, frame or Frame(), rows=rows, seed=seed)
        return Loaded(task, measured, (*_count_warnings(suite, task, {"test": measured.rows_read}), *warnings))
    found = find_task(task, folder)
    if found is None:
        return None
    raw = read_rows(task, found, genomes)
    raw.check()
    raw.sequences = [sequence.upper() for sequence in raw.sequences]
    warnings = [*_count_warnings(suite, task, raw.counts), *_length_warnings(task, raw)]
    for needed in ("train", "test"):
        if needed not in raw.counts:
            files_read = ", ".join(str(path) for path in list(found.files)[:3])
            raise InputError(f"{task.name}: no {needed} rows in {files_read}; the suite is {suite.layout}.")
    if "valid" not in raw.counts:
        raw.splits = cut_validation(raw.sequences, raw.labels, raw.splits, seed=seed)
        warnings.append(
            f"the files hold no validation split: {raw.counts.get('valid', 0):,} of the training rows "
            f"({VALID_SHARE:.0%} of each class, by seed {seed}) are held out of training; test is as released."
        )
    warnings += [f"{leak}." for leak in find_leaks(raw.sequences, raw.splits)]
    if rows is not None and max(raw.counts.values()) > rows:
        raw = raw.take(limit_rows(raw.labels, raw.splits, most=rows, seed=seed))
        warnings.append(
            f"only {rows:,} rows of each split are used (--rows): not comparable with any published figure."
        )
    if task.note:
        warnings.append(task.note)
    padded = len(set(raw.lengths.tolist())) > 1
    return Loaded(task, raw.labelled(task), tuple(warnings), padded)


def _folder(data_dir: str | Path) -> Path:
    folder = Path(data_dir)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give the folder with the released files (--data).")
    return folder


def _count_warnings(suite: Suite, task: SuiteTask, counts: Mapping[str, int]) -> list[str]:
    """What differs from the published sizes."""
    return [
        f"{split} has {counts.get(split, 0):,} rows, {published:,} are published ({suite.counted})."
        for split, published in task.counts.items()
        if counts.get(split, 0) != published
    ]


def _length_warnings(task: SuiteTask, raw: Raw) -> list[str]:
    lengths = raw.lengths
    low, high = int(lengths.min()), int(lengths.max())
    found = f"{low:,} letters" if low == high else f"{low:,} to {high:,} letters"
    warnings = []
    if task.length is not None and (low, high) != (task.length, task.length):
        warnings.append(f"sequences have {found}, {task.length:,} are published.")
    elif task.longest is not None and high > task.longest:
        warnings.append(f"sequences have {found}, at most {task.longest:,} are published.")
    if low != high:
        warnings.append(
            f"lengths differ ({found}): sequences are padded with N on both sides; sources read them without it."
        )
    return warnings
