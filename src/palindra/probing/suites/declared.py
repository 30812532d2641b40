"""Benchmark suites as they are declared: tasks, sizes, metrics, and what others published, each with its warning."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from palindra.errors import InputError

KINDS = ("binary", "multiclass", "variants", "mean")


@dataclass(frozen=True)
class Figure:
    """One published number, as it was printed.

    Args:
        model: as the source names it.
        value: as printed, in units of ``scale``.
        spread: as printed; what it is stands in ``spread_is``.
        source: where it stands.
        warning: what to know before comparing with it.
        metric: what it measures.
        scale: 1 for shares and correlations, 100 for per cent.
        magnitude: whether the sign was dropped.
        spread_is: e.g. "best minus worst of five seeds".

    Examples:
        >>> figure = Figure("CNN", 85.1, None, "a table", "tuned on the test set", "accuracy", scale=100)
        >>> round(figure.fraction, 3), figure.printed
        (0.851, '85.1 %')
    """

    model: str
    value: float
    spread: float | None
    source: str
    warning: str
    metric: str
    scale: float = 1.0
    magnitude: bool = False
    spread_is: str = ""
    text: str = ""

    @property
    def fraction(self) -> float:
        """The value where 1 is the best there is."""
        return self.value / self.scale

    @property
    def printed(self) -> str:
        """As the source prints it, with the sign of per cent."""
        text = (self.text or f"{self.value:g}").replace("+-", " ± ")
        return f"{text} %" if self.scale == 100 else text


@dataclass(frozen=True)
class SuiteTask:
    """One task of a suite.

    Args:
        name: of the task here; also a folder or file name in which it is looked for.
        title: in words.
        kind: "binary", "multiclass", "variants" (measured effects of variants) or "mean" (over other tasks).
        metric: that the suite is judged by.
        folders: other names under which the task was released.
        counts: rows of each split as published; splits that are not named are not known.
        classes: their names in the order of their numbers, as released; empty where labels are numbers.
        length: of every sequence, or None where lengths vary.
        longest: length that none exceeds, where lengths vary.
        symmetric: whether the label is the same for the reverse complement; None where it is not asked.
        genomes: class (or "all") -> assembly, where sequences are cut from genomes.
        region: of an element, ``chr:first-last`` counted from 1.
        over: the tasks that are averaged.
        note: what else to know.
        published: what others reported.
    """

    name: str
    title: str
    kind: str
    metric: str
    folders: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    classes: tuple[str, ...] = ()
    length: int | None = None
    longest: int | None = None
    symmetric: bool | None = None
    genomes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    region: str = ""
    over: tuple[str, ...] = ()
    note: str = ""
    published: tuple[Figure, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name under which the task is looked for."""
        return (self.name, *self.folders)


@dataclass(frozen=True)
class Suite:
    """A list of tasks that is reported together.

    Examples:
        >>> suite = SUITES["GUE"]
        >>> len(suite.tasks), suite.task("human_tf_0").counts["train"], suite.task("virus_covid").metric
        (28, 32378, 'macro F1')
        >>> [task.name for task in suite.chosen(["mouse_*", "emp_H3"])][:3]
        ['emp_H3', 'mouse_tf_0', 'mouse_tf_1']
    """

    name: str
    title: str
    citation: str
    warning: str
    layout: str
    counted: str
    tasks: tuple[SuiteTask, ...]
    hub: str = ""

    def task(self, name: str) -> SuiteTask:
        """The task of that name.

        Raises:
            InputError: if there is none.
        """
        return self.chosen([name])[0]

    def chosen(self, names: list[str] | tuple[str, ...] | None) -> tuple[SuiteTask, ...]:
        """The tasks of these names (``*`` and ``?`` stand for letters), in the order of the suite; all for None.

        Raises:
            InputError: for a name that fits no task.
        """
        if names is None:
            return self.tasks
        fits = {name: {task.name for task in self.tasks if _fits(task, name)} for name in names}
        for name, found in fits.items():
            if not found:
                known = ", ".join(task.name for task in self.tasks)
                raise InputError(f"{self.name} has no task {name!r}; it has {known}.")
        wanted = set().union(*fits.values())
        return tuple(task for task in self.tasks if task.name in wanted)


def find_suite(name: str) -> Suite:
    """The suite of that name, whatever its capitals, spaces, hyphens and underscores.

    Raises:
        InputError: if there is none.

    Examples:
        >>> find_suite("genomic-benchmarks").name
        'Genomic Benchmarks'
        >>> find_suite("glue")
        Traceback (most recent call last):
        palindra.errors.InputError: there is no suite 'glue'; there are GUE, Genomic Benchmarks, ...
    """
    by_key = {_key(suite.name): suite for suite in SUITES.values()}
    if _key(name) not in by_key:
        raise InputError(f"there is no suite {name!r}; there are {', '.join(SUITES)}.")
    return by_key[_key(name)]


def parse_suite(text: str) -> Suite:
    """A suite from its TOML declaration."""
    given = tomllib.loads(text)
    figures: dict[str, list[Figure]] = {}
    metric_of = {task["name"]: task["metric"] for task in given["tasks"]}
    for source in given.get("sources", []):
        for task, cells in source["values"].items():
            for model, cell in zip(source["models"], cells, strict=True):
                figures.setdefault(task, []).extend(_figures(source, metric_of[task], model, cell))
    tasks = tuple(_task(task, tuple(figures.get(task["name"], ()))) for task in given["tasks"])
    known = ("name", "title", "citation", "warning", "layout", "counted")
    return Suite(**{key: given[key] for key in known}, tasks=tasks, hub=given.get("hub", ""))


def _task(given: dict[str, Any], published: tuple[Figure, ...]) -> SuiteTask:
    if given["kind"] not in KINDS:
        raise ValueError(f"task {given['name']}: kind {given['kind']!r} is none of {', '.join(KINDS)}.")
    lists: dict[str, Any] = {key: tuple(given[key]) for key in ("folders", "classes", "over") if key in given}
    tables: dict[str, Any] = {key: MappingProxyType(given[key]) for key in ("counts", "genomes") if key in given}
    return SuiteTask(**given | lists | tables, published=published)


def _figures(source: dict[str, Any], metric: str, model: str, cell: str) -> list[Figure]:
    if not cell:
        return []
    value, _, spread = cell.partition("+-")
    return [
        Figure(
            model=model,
            value=float(value),
            spread=float(spread) if spread else None,
            source=source["citation"],
            warning=source["warning"],
            metric=source.get("metric", metric),
            scale=float(source.get("scale", 1)),
            magnitude=source.get("magnitude", False),
            spread_is=source.get("spread", ""),
            text=cell,
        )
    ]


def _fits(task: SuiteTask, name: str) -> bool:
    return any(fnmatchcase(known, name) for known in task.names)


def _key(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


@cache
def _declared() -> Mapping[str, Suite]:
    folder = files("palindra.probing.suites") / "declarations"
    order = ("gue", "genomic_benchmarks", "nucleotide_transformer", "teb", "cagi5")
    suites = [parse_suite((folder / f"{name}.toml").read_text(encoding="utf-8")) for name in order]
    return MappingProxyType({suite.name: suite for suite in suites})


SUITES: Mapping[str, Suite] = _declared()
