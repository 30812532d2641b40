"""Attribution maps of language models beside those of the one-hot CNN."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from palindra.cli.probing.opening import Material, device
from palindra.cli.probing.plan import Plan
from palindra.cli.probing.protocol import heads
from palindra.errors import InputError
from palindra.interpretation.attribution.outputs import value
from palindra.probing.attribution import agreement, correlations, readout_head
from palindra.probing.attribution.agreement import ENTROPY, GRADIENT, SCALED
from palindra.probing.cache import Cache
from palindra.probing.features import TaskFeatures
from palindra.probing.readouts import CNNS, Cnn, fit_readout
from palindra.probing.source import Source
from palindra.probing.sources import open_source
from palindra.probing.tasks import ProbeTask
from palindra.probing.verdicts import Kind, MapAgreement

TOP = 100  # sequences, those with the highest predictions: every position of each is hidden once
WITHOUT = (Kind.ONE_HOT, Kind.COUNTS)
ONE_LENGTH = "attribution maps need one input per row and sequences of one length."
STAGES = {ENTROPY: "pretrained", SCALED: "downstream", GRADIENT: "downstream"}


def compare_maps(
    material: Material, plan: Plan, output: Path, cache: Cache, say: Callable[[str], None]
) -> list[MapAgreement]:
    """Agreement, sequence by sequence, of every pretrained source's maps with the one-hot CNN's, on every task.

    The CNNs are those of the first seed. Tasks of two inputs, or of sequences of several lengths, are left out with a
    warning.
    """
    found: list[MapAgreement] = []
    for _, task in material.tasks:
        if not _comparable(task):
            found.append(MapAgreement("all sources", Kind.FUNCTION, task.name, "downstream", warnings=(ONE_LENGTH,)))
            continue
        say(f"{task.name}: attribution maps of the one-hot CNN")
        plain = _Letters(_cnn(open_source("one-hot"), task, plan, cache)[0])
        for one in material.sources:
            if one.kind not in WITHOUT:
                say(f"{task.name}: attribution maps of {one.name}")
                found += _maps(one.source, one.kind, plain, task, plan, cache)
    return found


class _Letters(nn.Module):
    """The one-hot CNN as a model of one-hot sequences ``(batch, 4, length)``."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x, torch.ones(len(x), x.shape[-1], dtype=torch.bool, device=x.device))


def _comparable(task: ProbeTask) -> bool:
    lengths = {len(text) for part in task.inputs for text in part}
    return len(task.inputs) == 1 and len(lengths) == 1


def _maps(source: Source, kind: Kind, plain: _Letters, task: ProbeTask, plan: Plan, cache: Cache) -> list[MapAgreement]:
    texts = [task.inputs[0][row] for row in task.scored]
    try:
        _, readout, tokens = _cnn(source, task, plan, cache)
        with torch.random.fork_rng():
            table = agreement(
                source,
                plain,
                texts,
                head=readout_head(readout, tokens=tokens),
                output=value(0),
                top=TOP,
                batch_size=plan.batch_size,
            )
    except InputError as error:
        return [MapAgreement(source.name, kind, task.name, "downstream", warnings=(f"failed: {error}",))]
    names = [f"row {n}" for n in table.chosen]
    chosen = (ENTROPY, SCALED) if ENTROPY in table.maps else (GRADIENT,)
    return [
        MapAgreement(
            source.name,
            kind,
            task.name,
            STAGES[name],
            dict(zip(names, correlations(table.maps[name], table.maps["one-hot"]).tolist(), strict=True)),
        )
        for name in chosen
    ]


def _cnn(source: Source, task: ProbeTask, plan: Plan, cache: Cache) -> tuple[Cnn, Any, int]:
    """The CNN on all tokens of a source, of the first seed."""
    features = TaskFeatures(source, task, cache)
    train, valid = task.split("train"), task.split("valid")
    _, training = heads(plan, task).of("cnn", task)
    readout = fit_readout(
        "cnn",
        task,
        (features.of("full", train), task.labels[train]),
        (features.of("full", valid), task.labels[valid]),
        seed=plan.seeds[0],
        config=CNNS[task.cnn],
        training=training,
        tokens=features.tokens,
        align=task.align,
        device=device(),
    )
    module = getattr(readout, "module", None)
    if not isinstance(module, Cnn):
        raise InputError(f"{source.name}: gives no tokens that a CNN could read.")
    return module, readout, features.tokens
