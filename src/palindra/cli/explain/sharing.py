"""Where the pieces of an explanation are made, and how a worker opens the model that they are of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from palindra.cli.explain.settings import Settings
from palindra.cli.explain.subject import Subject, open_subject
from palindra.data.files import hash_file
from palindra.engine import Engine, Result, Unit, work
from palindra.errors import InputError
from palindra.models.saving import CHECKSUMS

Model = Mapping[str, Any]  # of plain values: what a worker opens


@dataclass(frozen=True)
class Place:
    """Where pieces of work are done, and where their results wait until the explanation is written.

    Args:
        engine: where workers are.
        folder: that results are collected in; what is there already is not made again.
        say: gets notes.
    """

    engine: Engine
    folder: Path
    say: Callable[[str], None]

    def results(self, units: Sequence[Unit]) -> list[Result]:
        """The result of each unit; what is asked for twice is made once."""
        once = {unit.name: unit for unit in units}
        found = {
            unit.name: result for unit, result in work(self.engine, list(once.values()), self.folder, say=self.say)
        }
        return [found[unit.name] for unit in units]


def model_of(subject: Subject, settings: Settings) -> Model:
    """What a worker needs to know to open the same model, and to see that it is the same."""
    return {
        "run": str(subject.folder.absolute()),
        "sha256": hash_file(subject.folder / CHECKSUMS),
        "output_name": subject.name,
        "contribution": settings.contribution,
        "both_strands": settings.both_strands,
    }


def open_model(model: Model) -> Subject:
    """The model as a worker opens it.

    Raises:
        InputError: if the run is not what it was when the command began.
    """
    return _open(json.dumps(dict(model), sort_keys=True))


@lru_cache(maxsize=2)  # a process opens a run once, for all pieces that it makes
def _open(text: str) -> Subject:
    model = json.loads(text)
    folder = Path(model["run"])
    if hash_file(folder / CHECKSUMS) != model["sha256"]:
        raise InputError(
            f"{folder}: is not the run that the command began with. Leave it alone while the command runs, and give "
            "every machine the same one."
        )
    return open_subject(
        folder,
        name=model["output_name"],
        contribution=model["contribution"],
        both_strands=model["both_strands"],
    )
