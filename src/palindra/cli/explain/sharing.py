"""Attribution maps of blocks of sequences, made by workers and joined in the order of the sequences."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from palindra.cli.explain.methods import METHODS
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.subject import Subject, open_subject
from palindra.data.files import hash_file
from palindra.engine import Engine, Unit, work
from palindra.errors import InputError
from palindra.interpretation.attribution import Attribution, attribute
from palindra.interpretation.attribution.attribute import BATCH
from palindra.interpretation.attribution.result import join
from palindra.models.saving import CHECKSUMS
from palindra.sequences import decode_codes, one_hot
from palindra.sequences.alphabet import Codes

EXPLAIN = "palindra.cli.explain.sharing:explain_block"
MAPS = "maps.safetensors"


def maps(
    subject: Subject, codes: Codes, settings: Settings, engine: Engine, folder: Path, *, say: Callable[[str], None]
) -> Attribution:
    """The maps that ``subject.maps`` makes, by workers: a piece of work is what it reads at a time.

    Args:
        subject: the model, and the output that is explained.
        codes: sequences ``(rows, length)``.
        settings: of the command.
        engine: where workers are.
        folder: that results are collected in.
        say: gets notes.
    """
    asked = {
        "run": str(subject.folder.absolute()),
        "sha256": hash_file(subject.folder / CHECKSUMS),
        "output_name": settings.output_name,
        "contribution": settings.contribution,
        "both_strands": settings.both_strands,
        "method": settings.method,
        "seed": settings.seed,
    }
    letters = decode_codes(codes)
    units = [
        Unit(
            EXPLAIN,
            {"asked": asked, "first_row": row, "sequences": letters[row : row + BATCH]},
            f"maps of the explained sequences {row + 1}-{min(row + BATCH, len(letters))}",
        )
        for row in range(0, len(letters), BATCH)
    ]
    found = [load_file(result.folder / MAPS) for _, result in work(engine, units, folder, say=say)]
    return join([Attribution(**tensors) for tensors in found])


def explain_block(folder: Path, asked: Mapping[str, Any], first_row: int, sequences: Sequence[str]) -> dict[str, int]:
    """Write the maps of a block of sequences.

    Args:
        folder: to write into.
        asked: which run, output and method.
        first_row: number of the first sequence among all.
        sequences: of the block.

    Raises:
        InputError: if the run is not what it was when the command began.
    """
    subject = _open(json.dumps(dict(asked), sort_keys=True))
    found = attribute(
        subject.network,
        one_hot(list(sequences)).float(),
        method=METHODS[asked["method"]].make(asked["seed"]),
        output=subject.of_strand(),
        reading=subject.reading,
        first_row=first_row,
    )
    values = {field.name: getattr(found, field.name) for field in fields(Attribution)}
    save_file({name: tensor.contiguous() for name, tensor in values.items() if tensor is not None}, folder / MAPS)
    return {"rows": len(sequences)}


@lru_cache(maxsize=1)  # a process opens a run once, for all blocks that it explains
def _open(text: str) -> Subject:
    asked = json.loads(text)
    folder = Path(asked["run"])
    if hash_file(folder / CHECKSUMS) != asked["sha256"]:
        raise InputError(
            f"{folder}: is not the run that the command began with. Leave it alone while the command runs, and give "
            "every machine the same one."
        )
    return open_subject(
        folder,
        name=asked["output_name"],
        contribution=asked["contribution"],
        both_strands=asked["both_strands"],
    )
