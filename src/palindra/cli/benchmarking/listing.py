"""A suite in lines of text: tasks, sizes and published figures, without any data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from palindra.cli.benchmarking.plan import chosen_tasks
from palindra.probing.suites import Figure, Suite, SuiteTask


def describe(suite: Suite, tasks: Sequence[str] | None = None) -> Iterator[str]:
    """The suite, each of its tasks, and every published figure under its source and warning."""
    yield f"{suite.name}: {suite.title}"
    yield f"  source    {suite.citation}"
    yield f"  files     {suite.layout}"
    yield f"  sizes     {suite.counted}"
    yield f"  hub       {suite.hub or 'not there: --download is of no use'}"
    yield f"  warning   {suite.warning}"
    chosen = suite.chosen(chosen_tasks(suite, tasks))
    for task in chosen:
        yield ""
        yield f"{task.name}: {task.title} ({', '.join(facts(task))})"
        for source, figures in by_source(task.published).items():
            cells = [f"{figure.model} {figure.printed}" for figure in figures]
            yield f"  {figures[0].metric}: {', '.join(cells)} ({source})"
        if not task.published:
            yield "  no published figure"
        if task.note:
            yield f"  note: {task.note}"
    said = {figure.source: figure for task in chosen for figure in task.published}
    if said:
        yield ""
        yield "Before comparing:"
    for source, figure in said.items():
        spread = f" The spread is {figure.spread_is}." if figure.spread_is else ""
        yield f"  {source}: {figure.warning}{spread}"


def facts(task: SuiteTask) -> list[str]:
    """Size, length, classes, metric and strand of a task, each in some words."""
    found = [f"{count:,} {split}" for split, count in task.counts.items()]
    if task.length or task.longest:
        found.append(f"{task.length} letters" if task.length else f"up to {task.longest} letters")
    elif task.kind in ("binary", "multiclass"):
        found.append("lengths differ")
    if task.region:
        found.append(f"{task.region}, {task.genomes['all']}")
    found += [f"{len(task.classes)} classes"] if task.kind == "multiclass" else []
    found.append(task.metric)
    return found + (["strand-specific"] if task.symmetric is False else [])


def by_source(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """Figures under the table that they come from, in its order."""
    found: dict[str, list[Figure]] = {}
    for figure in figures:
        found.setdefault(figure.source, []).append(figure)
    return found
