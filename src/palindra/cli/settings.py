"""What a run was made with, so that neither a finished nor an unfinished one is mistaken for another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from palindra.cli.provenance import contents
from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.models.saving import is_finished, read_config, write_text

if TYPE_CHECKING:
    from palindra.cli.labelled.plan import Plan

NOT_RESULTS = ("devices", "nodes", "workers")
"""Settings of training that may change between the attempts at one run."""


def settings_of(data: LabelledSequences, plan: Plan, strategy: str, seed: int) -> dict[str, str]:
    """What must not change between the attempts at one run."""
    return {
        "data": f"{data}, contents {contents(data)[:16]}",
        "strategy": f"{strategy}, seed {seed}",
        "model": f"{plan.model}, width {plan.width}, {dict(sorted(plan.options.items()))}",
        "training": ", ".join(
            f"{name} {value}" for name, value in asdict(plan.training).items() if name not in NOT_RESULTS
        ),
        "target": str(plan.target),
    }


def start(partial: Path, settings: Mapping[str, str]) -> None:
    """Make the folder of an unfinished run, or make sure that it is of the same run."""
    begun = partial / "work" / "settings.json"
    if is_finished(partial):
        require_same(partial, read_config(partial)["settings"], settings)
    elif begun.exists():
        require_same(partial, json.loads(begun.read_text(encoding="utf-8")), settings)
    else:
        begun.parent.mkdir(parents=True, exist_ok=True)
        write_text(begun, json.dumps(settings, indent=1))


def require_same(folder: Path, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    if changed := [name for name in now if before.get(name) != now[name]]:
        shown = "; ".join("{}: {} then, {} now".format(n, *_differing(str(before.get(n)), now[n])) for n in changed)
        raise InputError(
            f"{folder}: a run with other settings lies here ({shown}). Choose another --output, or remove it."
        )


def _differing(before: str, now: str) -> tuple[str, str]:
    """The parts, between commas, in which two texts differ."""
    old, new = before.split(", "), now.split(", ")
    if len(old) != len(new):
        return before, now
    pairs = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    return ", ".join(a for a, _ in pairs), ", ".join(b for _, b in pairs)
