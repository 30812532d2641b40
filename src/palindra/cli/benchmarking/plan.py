"""What is run of a suite, from the words of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from palindra.cli.inputs import choose, integers
from palindra.cli.probing.plan import READOUTS, STRANDS, TOO_LONG
from palindra.errors import InputError
from palindra.probing.suites import Frame, Suite, parse_genomes

DEFAULT_SOURCES = ("one-hot",)


@dataclass(frozen=True)
class Plan:
    """Everything that decides the numbers of a benchmark."""

    suite: Suite
    data: Path
    sources: tuple[str, ...]
    tasks: tuple[str, ...] | None  # all for None
    readouts: tuple[str, ...]
    strands: tuple[str, ...]
    seeds: tuple[int, ...]
    genomes: tuple[tuple[str, Path], ...]
    rows: int | None
    frame: Frame
    split_seed: int
    too_long: str
    trust_remote_code: bool
    epochs: int | None
    batch_size: int

    def settings(self) -> dict[str, str]:
        """What must not change between the attempts at one run; tasks and sources may be added."""
        return {
            "suite": self.suite.name,
            "rows": str(self.rows),
            "split seed": str(self.split_seed),
            "window": f"{self.frame.window} around the {self.frame.centre}",
            "too long": self.too_long,
            "epochs": str(self.epochs),
        }


def make_plan(
    suite: Suite,
    *,
    data: Path | None,
    sources: Sequence[str] | None,
    tasks: Sequence[str] | None,
    readouts: str,
    strands: str,
    seeds: str,
    genomes: Sequence[str],
    rows: int | None,
    window: int | None,
    centre: str,
    split_seed: int,
    too_long: str,
    trust_remote_code: bool,
    epochs: int | None,
    batch_size: int,
    may_be_made: bool = False,
) -> Plan:
    """Check the words of the command line before anything is read; the folder of the data may be still to be made.

    Raises:
        InputError: for words that are not known, and a folder that is not there.
    """
    if data is None:
        raise InputError(f"--data: give the folder with the files of {suite.name}, which are {suite.layout}.")
    if not data.is_dir() and not may_be_made:
        raise InputError(f"--data {data}: there is no such folder. The files of {suite.name} are {suite.layout}.")
    return Plan(
        suite=suite,
        data=data,
        sources=split_names(sources) or DEFAULT_SOURCES,
        tasks=chosen_tasks(suite, tasks),
        readouts=tuple(choose("--readouts", name, READOUTS) for name in split_names([readouts])),
        strands=tuple(choose("--strands", name, STRANDS) for name in split_names([strands])),
        seeds=tuple(integers(seeds, "--seeds")),
        genomes=tuple(parse_genomes(genomes).items()),
        rows=rows,
        frame=Frame(window, centre),
        split_seed=split_seed,
        too_long=choose("--too-long", too_long, TOO_LONG),
        trust_remote_code=trust_remote_code,
        epochs=epochs,
        batch_size=batch_size,
    )


def chosen_tasks(suite: Suite, texts: Sequence[str] | None) -> tuple[str, ...] | None:
    """Names of the tasks that are asked for, None for all."""
    names = split_names(texts)
    return tuple(task.name for task in suite.chosen(names)) if names else None


def split_names(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Names that were given one by one or with commas."""
    names = [name.strip() for text in texts or () for name in text.split(",")]
    return tuple(dict.fromkeys(name for name in names if name))
