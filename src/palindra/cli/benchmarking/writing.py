"""What a benchmark leaves behind: table, numbers, page, and some sentences."""

from __future__ import annotations

import datetime
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from palindra.cli.benchmarking.plan import Plan
from palindra.cli.benchmarking.scores import Score
from palindra.cli.benchmarking.tables import as_text, records, tables, to_tsv
from palindra.cli.provenance import commit, versions
from palindra.models.saving import write_text
from palindra.probing.suites import SuiteTask
from palindra.report import benchmark_page
from palindra.report.benchmark_page import Benchmark, Warned

TABLE, NUMBERS, PAGE = "results.tsv", "results.json", "index.html"


@dataclass(frozen=True)
class Outcome:
    """Everything that came out of a run."""

    plan: Plan
    wanted: tuple[SuiteTask, ...]
    there: tuple[SuiteTask, ...]  # whose files were found
    scores: list[Score]
    warnings: Mapping[str, tuple[str, ...]]  # of tasks, or of sources that failed
    fetched: tuple[str, ...]

    @property
    def shown(self) -> list[SuiteTask]:
        """Tasks that were run, and means of which every part was."""
        run = {task.name for task in self.there}
        return [task for task in self.wanted if task.name in run or (task.over and set(task.over) <= run)]

    @property
    def missing(self) -> list[SuiteTask]:
        """Tasks whose files were not there."""
        shown = {task.name for task in self.shown}
        return [task for task in self.wanted if task.name not in shown]


def write_all(outcome: Outcome, output: Path, command: str) -> list[str]:
    """Write table, numbers and page; what is printed, line by line."""
    suite, shown = outcome.plan.suite, outcome.shown
    sentences = conclude(outcome)
    warned = _warned(outcome)
    page = Benchmark(
        title=f"{suite.name}: {suite.title.partition(': ')[2] or suite.title}",
        kicker=f"{suite.citation}. {suite.warning}",
        conclusion=sentences,
        tables=tables(shown, outcome.scores),
        warnings=warned,
        missing=[f"{task.name} ({task.title})" for task in outcome.missing],
        provenance=_provenance(outcome, command),
    )
    write_text(output / TABLE, to_tsv(records(suite.name, shown, outcome.scores)))
    write_text(output / NUMBERS, page.to_json() + "\n")
    benchmark_page.write(page, output / PAGE)
    notes = [f"! {item.subject}: {item.message}" for item in warned]
    lines = [*as_text(shown, outcome.scores), "", *notes, f"! {suite.name}: {suite.warning}", ""]
    return [*lines, *sentences]


def conclude(outcome: Outcome) -> list[str]:
    """What was run, and where ours stand, in plain sentences that rank nothing."""
    suite, shown, missing = outcome.plan.suite, outcome.shown, outcome.missing
    sentences = [f"{len(shown)} of {len(outcome.wanted)} tasks of {suite.name} were there and were run."]
    if missing:
        names = ", ".join(task.name for task in missing[:6]) + (", ..." if len(missing) > 6 else "")
        sentences[0] = sentences[0][:-1] + f"; {len(missing)} are missing ({names})."
    above, compared = _standing(shown, outcome.scores)
    if compared:
        sentences.append(
            f"On {above} of {compared} tasks our best score lies above every published figure in the suite's metric. "
            "The protocols differ, and the best of ours was chosen on the test rows: this is no ranking."
        )
    if any(score.runs == 0 for score in outcome.scores):
        sentences.append("Some cells failed; the warnings say why. The same command tries them again.")
    if outcome.plan.rows is not None:
        sentences.append(f"At most {outcome.plan.rows:,} rows of each split were used: these numbers are a trial.")
    return sentences


def _standing(shown: Sequence[SuiteTask], scores: Sequence[Score]) -> tuple[int, int]:
    """Tasks where our best lies above every figure, and tasks that have both; figures without a sign are left out."""
    above = compared = 0
    for task in shown:
        figures = [f.fraction for f in task.published if f.metric == task.metric and not f.magnitude]
        mine = [
            score.value
            for score in scores
            if (score.task, score.metric) == (task.name, task.metric) and not math.isnan(score.value)
        ]
        if figures and mine and task.kind in ("binary", "multiclass"):
            compared += 1
            above += max(mine) > max(figures)
    return above, compared


def _warned(outcome: Outcome) -> list[Warned]:
    found = [Warned(subject, text) for subject, texts in outcome.warnings.items() for text in texts]
    for score in outcome.scores:
        said = [Warned(f"{score.task}, {score.name}", text) for text in score.warnings if "leak between" not in text]
        found += [item for item in said if item not in found]
    return found


def _provenance(outcome: Outcome, command: str) -> dict[str, str]:
    plan = outcome.plan
    found = {"command": command, "data": ", ".join(outcome.fetched) or plan.data.name}
    found |= {"sources": ", ".join(plan.sources), "readouts": ", ".join(plan.readouts)}
    found |= {"seeds": ", ".join(map(str, plan.seeds)), "split seed": str(plan.split_seed)}
    found["selection"] = "penalty, learning rate and epoch by the validation rows; test rows are read once, at the end"
    found["sizes"] = plan.suite.counted
    found["versions"] = ", ".join(f"{name} {number}" for name, number in versions().items())
    if current := commit():
        found["commit"] = current
    found["machine"] = f"{platform.machine()} {platform.system()}"
    found["date"] = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return found
