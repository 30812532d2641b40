"""A suite from its plan to its tables: loaded task by task, probed, and written beside what was published."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import typer

from palindra.cli.benchmarking.plan import Plan
from palindra.cli.benchmarking.scores import Score, scores_of, variant_scores_of
from palindra.cli.benchmarking.writing import Outcome, write_all
from palindra.cli.settings import require_same
from palindra.errors import InputError
from palindra.models.saving import write_text
from palindra.probing.cache import Cache
from palindra.probing.readouts import CNNS, Training
from palindra.probing.readouts.fitting import MLP_TRAINING
from palindra.probing.running import Heads, probe
from palindra.probing.source import Source
from palindra.probing.sources import both_strands, open_source
from palindra.probing.suites import Genomes, Loaded, load_task, present, probe_task, variant_task
from palindra.probing.tasks import ProbeTask

SETTINGS, EMBEDDINGS = "settings.json", "embeddings"


def run(
    plan: Plan, output: Path, *, command: str = "", fetched: Sequence[str] = (), progress: bool = True
) -> list[str]:
    """Run what is there of a suite and write a run folder; the tables and what they say, line by line.

    Raises:
        InputError: for what cannot be opened, and for a folder that holds a run with other settings.
    """

    def say(text: str) -> None:
        if progress:
            typer.echo(text, err=True)

    there = present(plan.suite, plan.data, plan.tasks)
    if not there:
        raise InputError(f"{plan.data}: no task of {plan.suite.name} lies there. Its files are {plan.suite.layout}.")
    wanted = plan.suite.chosen(plan.tasks)
    sources = [_open(text, plan) for text in plan.sources]
    _claim_folder(output, plan.settings())
    genomes = Genomes(dict(plan.genomes), plan.data)
    scores: list[Score] = []
    loaded: list[Loaded] = []
    warnings: dict[str, tuple[str, ...]] = {}
    cache = Cache(output / EMBEDDINGS)
    for task in there:
        found = load_task(plan.suite, task, plan.data, genomes, seed=plan.split_seed, rows=plan.rows, frame=plan.frame)
        if found is None:
            raise InputError(f"{plan.data}: the files of {task.name} went away while they were read. Start again.")
        warnings[task.name] = found.warnings
        if task.kind == "variants":
            loaded.append(found)
        else:
            scores += _probe(found, sources, plan, output, cache, say)
    if loaded:
        variants = variant_task(plan.suite, loaded)
        for source, strands in _read(sources, plan):
            name = source.name if strands == "as is" else f"{source.name}, strands {strands}"
            try:
                scores += variant_scores_of(wanted, both_strands(source, strands), name, variants, say)  # type: ignore[arg-type]
            except InputError as error:  # too long for this source, say: the others go on
                warnings[name] = (f"failed: {error}",)
    outcome = Outcome(plan, tuple(wanted), tuple(there), scores, warnings, tuple(fetched))
    return write_all(outcome, output, command)


def _probe(
    loaded: Loaded, sources: Sequence[Source], plan: Plan, output: Path, cache: Cache, say: Callable[[str], None]
) -> list[Score]:
    task = probe_task(plan.suite, loaded)
    results = probe(
        [both_strands(source, strands) for source, strands in _read(sources, plan)],  # type: ignore[arg-type]
        [task],
        folder=output,
        readouts=plan.readouts,
        seeds=plan.seeds,
        heads=_heads(plan, task),
        cache=cache,
        device=_device(),
        say=say,
    )
    return scores_of(loaded.task, results)


def _read(sources: Sequence[Source], plan: Plan) -> list[tuple[Source, str]]:
    return [(source, strands) for source in sources for strands in plan.strands]


def _heads(plan: Plan, task: ProbeTask) -> Heads:
    """Readouts of the protocol, trained for as long as asked for."""
    if plan.epochs is None:
        return Heads()
    sizes = CNNS[task.cnn]
    cnn = Training(sizes.learning_rates, sizes.batch_size, epochs=plan.epochs, weight_decay=sizes.weight_decay)
    return Heads(trainings={"cnn": cnn, "mlp": replace(MLP_TRAINING, epochs=plan.epochs)})


def _open(text: str, plan: Plan) -> Source:
    return open_source(
        text,
        trust_remote_code=plan.trust_remote_code,
        device=_device(),
        batch_size=plan.batch_size,
        max_length=plan.too_long,  # type: ignore[arg-type]
    )


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _claim_folder(output: Path, settings: dict[str, str]) -> None:
    """Write down what the folder is for, or make sure that it is for this."""
    path = output / SETTINGS
    if path.is_file():
        require_same(output, json.loads(path.read_text(encoding="utf-8")), settings)
        return
    output.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(settings, indent=1) + "\n")
