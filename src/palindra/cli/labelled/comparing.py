"""Strategies times seeds on the same splits: run what is missing, score, test, draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from palindra.cli.labelled import figures
from palindra.cli.labelled.concluding import best_of, conclude, top_baseline
from palindra.cli.labelled.plan import Plan, check_trainable
from palindra.cli.labelled.row_differences import row_differences
from palindra.cli.labelled.running import train_run
from palindra.cli.labelled.scoring import (
    BASELINES,
    others_row,
    paired,
    run_folder,
    score_baseline,
    score_strategy,
    score_table,
    subset,
    training_run,
)
from palindra.cli.labelled.sharing import Job, runs_as_units, title
from palindra.cli.labelled.specific_rows import DIRECTIONS
from palindra.cli.sharing import do_all, forget, require_one_device
from palindra.data import Check, LabelledSequences, require_splits
from palindra.engine import Engine
from palindra.errors import InputError
from palindra.evaluation import PRIMARY
from palindra.models.saving import write_text
from palindra.ranks import first_process
from palindra.report import page
from palindra.report.comparison import Comparison, LearningPoint
from palindra.training.strategies import Member, members


@dataclass(frozen=True)
class Grid:
    """What is compared."""

    strategies: Sequence[str]
    seeds: Sequence[int]
    references: Sequence[str] = ("none", "augment")
    train_size: int | None = None
    sizes: Sequence[int] = ()
    baselines: bool = True


def compare(
    data: LabelledSequences,
    plan: Plan,
    grid: Grid,
    output: Path,
    *,
    checks: Sequence[Check] = (),
    engine: Engine | None = None,
    progress: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Run a grid of strategies and seeds and write ``report.html``, ``comparison.json`` and ``scores.tsv``.

    Every model is a run folder below ``output/runs``; finished ones are not trained again, so a killed comparison goes
    on where it stopped, and more seeds or strategies can be added later.

    Args:
        data: with train, valid and test splits.
        plan: what is trained.
        grid: strategies, seeds, sizes.
        output: folder of the comparison.
        checks: findings on the data, for the page.
        engine: trains runs wherever its workers are, and a run that fails does not stop the others; None trains them
            in this process, one after the other.
        progress: show a bar for each run, or one over all of them with an engine.
        say: gets a line for each run.

    Raises:
        InputError: for unknown strategies, sizes beyond the training split, and whatever cannot be trained.
    """
    names = list(dict.fromkeys(grid.strategies))
    every = {name: members(name) for name in names}
    _check(data, plan, grid, every)
    sizes = [*sorted(size for size in grid.sizes if size != grid.train_size), grid.train_size]
    jobs = [
        (size, name, seed, member) for size in sizes for seed in grid.seeds for name in names for member in every[name]
    ]
    jobs = list(dict.fromkeys(jobs))
    runs: list[Job] = list(dict.fromkeys((size, *training_run(seed, member)) for size, _, seed, member in jobs))
    if engine is not None:
        require_one_device(plan.training.devices)
        units = runs_as_units(data, plan, runs, output)
        do_all(engine, units, output, command=plan.command, progress=progress, say=say)
    for number, (size, strategy, seed) in enumerate(runs if engine is None else (), start=1):
        folder = run_folder(output, size, strategy, seed)
        if not folder.exists():
            say(f"[{number}/{len(runs)}] {title((size, strategy, seed))}")
        train_run(subset(data, size, seed), plan, strategy, seed, folder, progress=progress)
    if not first_process():
        raise SystemExit(0)
    found = {
        size: [score_strategy(data, output, size, name, every[name], grid.seeds) for name in names] for size in sizes
    }
    if grid.baselines:
        for size in sizes:
            found[size] += [score_baseline(data, size, label, grid.seeds, plan.target) for label in BASELINES]
        found[grid.train_size] += others_row(data, plan.target)
    main = found[grid.train_size]
    primary = PRIMARY[data.task]
    tests = paired(main, [r for r in grid.references if r in names], primary)
    best, top = best_of(main), top_baseline(main, primary)
    tested = {
        name for test in tests if best.row.name in (test.row, test.reference) for name in (test.row, test.reference)
    }
    against = [s for s in main if s is not best and (s.row.name in tested or s is top)]
    rows = [scored.row for scored in main]
    drawn = {scored.row.name: figures.curves(scored.row.name, data.rows("test"), scored.given) for scored in main}
    training = int((subset(data, grid.train_size, grid.seeds[0]).splits == "train").sum())
    facts = figures.data_facts(data)
    if grid.train_size:
        facts["trained on"] = f"{grid.train_size:,} training sequences, drawn anew for each seed"
    comparison = Comparison(
        title=f"Which treatment of the two strands is best on {facts['file']}?",
        task=str(data.task),
        primary_metric=primary,
        metrics=list(rows[0].scores),
        higher_is_better={name: DIRECTIONS[name] for name in rows[0].scores},
        conclusion=conclude(main, tests, primary, len(grid.seeds), row_differences(data, best, against)),
        rows=rows,
        tests=tests,
        roc=[curve for roc, _, _ in drawn.values() for curve in roc],
        precision_recall=[curve for _, pr, _ in drawn.values() for curve in pr],
        reliability=[bins for _, _, parts in drawn.values() for bins in parts],
        strands=[s for scored in main for s in figures.strands(scored.row.name, scored.given, scored.other)],
        learning_curve=[
            LearningPoint(scored.row.name, size or training, seed, value)
            for size, column in found.items()
            if len(sizes) > 1
            for scored in column
            for seed, value in zip(grid.seeds, scored.row.scores[primary], strict=False)
            if value == value  # r of a constant does not exist
        ],
        checks=figures.data_checks(checks),
        data=facts,
        provenance=figures.provenance(plan.command, data, seeds=", ".join(map(str, grid.seeds)), model=plan.model),
    )
    write_text(output / "comparison.json", comparison.to_json())
    write_text(output / "scores.tsv", score_table(found, grid.seeds))
    page.write(comparison, output / "report.html")
    forget(output)
    return comparison


def _check(data: LabelledSequences, plan: Plan, grid: Grid, every: dict[str, list[Member]]) -> None:
    """Find out before any training whether all of it can be done."""
    if not grid.seeds:
        raise InputError("a comparison needs at least one seed, e.g. --seeds 0-4.")
    for name in grid.references:
        members(name)
    available = int((data.splits == "train").sum())
    asked = [("--sizes", size) for size in grid.sizes]
    if grid.train_size is not None:
        asked.append(("--train-size", grid.train_size))
    for option, size in asked:
        if not 1 <= size <= available:
            raise InputError(f"{option} {size}: the training split has {available} rows, so give 1 to {available}.")
        for seed in grid.seeds:
            try:
                require_splits(subset(data, size, seed), ("train",))
            except InputError as error:
                raise InputError(f"{option} {size} is too small: {error}") from None
    smallest = min((size for _, size in asked), default=None)
    for chosen in every.values():
        check_trainable(subset(data, smallest, grid.seeds[0]), plan, chosen)
