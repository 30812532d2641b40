"""Patterns of the maps of each run, searched by a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from palindra.cli.explain import finding
from palindra.cli.explain.blocks import FILE, Wanted
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.sharing import Place
from palindra.engine import Unit
from palindra.interpretation.motifs import Motif, Pattern, discover_patterns
from palindra.interpretation.motifs.modisco import Seqlet

SEARCH = "palindra.cli.explain.searching:search"


def patterns(wanted: Mapping[str, Wanted], settings: Settings, place: Place) -> dict[str, list[Pattern]]:
    """Patterns of maps that are made already, a piece of work for all maps of one run.

    Args:
        wanted: the maps of each run, by its name.
        settings: of the command.
        place: that has their blocks.
    """
    units = [
        Unit(
            SEARCH,
            {"blocks": [unit.name for unit in maps.units()], "window": settings.window},
            f"patterns of {maps.what}",
        )
        for maps in wanted.values()
    ]
    return {
        name: [_read(one) for one in result.values] for name, result in zip(wanted, place.results(units), strict=True)
    }


def search(folder: Path, blocks: Sequence[str], window: int | None) -> list[dict[str, Any]]:
    """Patterns of the maps in some blocks, as plain values.

    Args:
        folder: of this result, beside which those of the blocks are.
        blocks: names of their results.
        window: bp in the middle that are searched.
    """
    import torch

    finding.keep_compiled()
    parts = [load_file(folder.parent / name / FILE) for name in blocks]
    x, hypothetical = (torch.cat([part[key] for part in parts]) for key in ("one_hot", "hypothetical"))
    return [_plain(one) for one in discover_patterns(x, hypothetical, window=window)]


def _plain(one: Pattern) -> dict[str, Any]:
    arrays = (one.motif.chances, one.contributions, one.hypothetical)
    return {
        "name": one.motif.name,
        "sites": one.motif.sites,
        "sign": one.sign,
        "arrays": [array.tolist() for array in arrays],
        "seqlets": [list(seqlet) for seqlet in one.seqlets],
    }


def _read(plain: Mapping[str, Any]) -> Pattern:
    chances, contributions, hypothetical = (np.array(array, dtype=np.float64) for array in plain["arrays"])
    seqlets = [Seqlet(*values) for values in plain["seqlets"]]
    return Pattern(Motif(plain["name"], chances, plain["sites"]), plain["sign"], contributions, hypothetical, seqlets)
