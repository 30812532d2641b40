"""What a plan names, opened again by a worker and kept open while it works on it."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from palindra.cli.probing.opening import Opened, OpenedRows, open_named, open_rows
from palindra.cli.probing.plan import Plan
from palindra.cli.probing.protocol import EMBEDDINGS
from palindra.probing.cache import Cache
from palindra.probing.source import Source
from palindra.probing.sources import at_layer, both_strands


def plan_from(text: str) -> Plan:
    """The plan whose fields are in a text of JSON."""
    given = json.loads(text)
    return Plan(**{field.name: _tuples(given[field.name]) for field in fields(Plan)})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


@lru_cache(maxsize=2)
def rows_of(plan: str, contents: str) -> OpenedRows:
    """All tasks of a plan; other contents are others."""
    return open_rows(plan_from(plan))


@lru_cache(maxsize=1)
def opened(plan: str, contents: str, number: int) -> Opened:
    """A source of a plan, its strands as they are."""
    chosen = plan_from(plan)
    return open_named(chosen.sources[number], chosen)


def source_of(plan: str, contents: str, number: int, strands: str, layer: int | None = None) -> Source:
    """A source of a plan with its strands handled, at a layer."""
    source = both_strands(opened(plan, contents, number).source, strands)  # type: ignore[arg-type]
    return source if layer is None else at_layer(source, layer)


@lru_cache(maxsize=1)
def cache_of(output: str) -> Cache:
    """The embeddings of a run folder."""
    return Cache(Path(output) / EMBEDDINGS)
