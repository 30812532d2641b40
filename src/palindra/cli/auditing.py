"""The strand audit of a run folder or of anybody's model."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from palindra.cli import inputs
from palindra.cli.labelled import figures
from palindra.cli.labelled.evaluating import require_length
from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.evaluation import Audit, audit
from palindra.models.imported import imported
from palindra.models.saving import Run, load_run, write_text
from palindra.report import audit_page
from palindra.sequences import one_hot
from palindra.symmetry import Position, Target

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor] | None] = {
    "none": None,
    "sigmoid": torch.sigmoid,
    "softmax": lambda outputs: outputs.softmax(1),
}


def audit_model(
    model: str,
    path: Path,
    output: Path,
    *,
    activation: str,
    outputs: str,
    field: str | None,
    limit: int,
    negatives: Path | None,
    task: str | None,
    sequence: str | None,
    label: str | None,
    split: str | None,
    command: str,
) -> list[str]:
    """Write the page and the numbers of an audit.

    Returns:
        The verdict, sentence by sentence.

    Raises:
        InputError: for a model that cannot be found or called, and for data that cannot be read.
    """
    inputs.choose("--activation", activation, ACTIVATIONS)
    class_names: list[str] = []
    predict: Any
    target: Target | None = None
    run: Run | None = None
    if Path(model).is_dir():
        if activation != "none" or outputs != "invariant" or field is not None:
            raise InputError(
                f"{model}: a run folder says itself what its outputs are; leave out --activation, --outputs "
                "and --output-field."
            )
        run = load_run(model)
        predict, target, task = run.predictor, run.predictor.target, str(run.predictor.task)
        class_names = list(run.config["data"]["classes"])
        if target.rep is None:
            raise InputError(f"{model}: the target is strand-specific, so its answers should differ between strands.")
    else:
        predict = find_model(model)
    rows = inputs.read(
        path,
        negatives=negatives,
        task=task,
        sequence=sequence,
        label=label,
        split=split,
        class_names=class_names,
        alphabet_name=run.config["data"]["alphabet"] if run else "dna",
    )
    if run:
        require_length(rows, run)
    if (rows.splits == "test").any():
        rows = rows.rows("test")
    rows = rows.take(range(min(limit, len(rows))))
    x = one_hot(rows.sequences, rows.alphabet)
    align = target.act if target is not None else _align(outputs)
    scalar = outputs == "invariant"
    found = _run(predict, x, rows, align=align, activation=activation, field=field, labelled=scalar)
    _write(found, model, rows, output, command)
    return found.verdict()


def _run(
    predict: Any,
    x: Tensor,
    rows: LabelledSequences,
    *,
    align: Callable[[Tensor], Tensor],
    activation: str,
    field: str | None,
    labelled: bool,
) -> Audit:
    shifts = tuple(s for s in (1, 2, 4, 8) if s < rows.length)
    options: dict[str, Any] = {
        "align": align,
        "activation": ACTIVATIONS[activation],
        "output": int(field) if field is not None and field.isdigit() else field,
        "shifts": shifts,
    }
    if labelled:
        options |= {"labels": rows.labels, "task": str(rows.task)}
    try:
        return audit(predict, x, **options)
    except InputError:
        raise
    except (RuntimeError, TypeError, IndexError) as error:
        raise InputError(
            f"the model cannot read one-hot sequences of shape (batch, 4, {rows.length}): {error}"
        ) from error


def find_model(name: str) -> Any:
    """The model that ``module:function`` names, imported from the current folder or the installed packages.

    Raises:
        InputError: if there is no such module or name.
    """
    _, colon, attribute = name.partition(":")
    if not colon or not attribute:
        raise InputError(f"{name}: neither a run folder nor module:function, e.g. my_models:load_model.")
    found, _ = imported(name)
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise InputError(f"{name}: is neither a model nor a function, but {type(found).__name__}.")
    needed = [
        p
        for p in inspect.signature(found).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    return found if needed else found()


def _align(outputs: str) -> Callable[[Tensor], Tensor]:
    if outputs == "invariant":
        return lambda y: y
    if outputs == "track":
        return lambda y: y.flip(-1)
    numbers = outputs.split(",")
    if not all(n.strip().isdigit() for n in numbers):
        raise InputError(f"--outputs {outputs}: give invariant, track, or partners such as 1,0.")
    partner = [int(n) for n in numbers]
    tracks, values = Target.paired(partner, Position.REVERSE), Target.paired(partner)
    return lambda y: (tracks if y.dim() == 3 else values).act(y)


def _write(found: Audit, model: str, rows: LabelledSequences, output: Path, command: str) -> None:
    strands = found.strands
    table = [
        ("mean difference between strands", f"{strands.mean:.3g}", "|f(x) - f(RC x)|, 0 for an equivariant model"),
        ("largest difference", f"{strands.largest:.3g}", "over all sequences"),
        ("relative difference", f"{strands.relative:.3g}", "mean difference over the spread of answers"),
        ("correlation of strands", f"{strands.correlation:.4f}", "1 when both strands give the same order"),
    ]
    if strands.flipped is not None:
        table.append(("changed decisions", f"{100 * strands.flipped:.1f} %", "sequences decided differently"))
    table += [
        (f"shift by {s.positions} bp", f"{s.difference.relative:.3g}", "mean difference over the spread of answers")
        for s in found.shifts
    ]
    table += [
        (
            f"{e.metric}, one strand to both",
            f"{e.given_strand:.4f} to {e.both_strands:.4f}",
            f"difference {e.difference:+.4f}, 95 % interval {e.low:+.4f} to {e.high:+.4f} over sequences",
        )
        for e in found.effects
    ]
    drawn = figures.strands(model, found.given, found.reverse)
    page = audit_page.Audit(
        title=f"Strand audit of {model}",
        verdict=found.verdict(),
        table=table,
        strands=drawn[0] if drawn else None,
        provenance=figures.provenance(command, rows, sequences=f"{len(rows):,}"),
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    audit_page.write(page, output)
    write_text(output.with_suffix(".json"), json.dumps(found.as_dict(), indent=1) + "\n")
