"""Maps and embeddings of many sequences, made in blocks and joined in the order of the sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from palindra.cli.explain.methods import METHODS
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.sharing import Model, Place, model_of, open_model
from palindra.cli.explain.subject import Subject
from palindra.engine import Unit
from palindra.interpretation.attribution import Attribution, attribute
from palindra.interpretation.attribution.attribute import BATCH
from palindra.interpretation.reliability import randomise
from palindra.models.embeddings import embeddings
from palindra.sequences import decode_codes, one_hot
from palindra.sequences.alphabet import Codes

MAPS = "palindra.cli.explain.blocks:write_maps"
VECTORS = "palindra.cli.explain.blocks:write_vectors"
FILE = "block.safetensors"
RANDOM = 0  # seed of random weights
ROWS = 512  # sequences of a block of embeddings, which are quick


@dataclass(frozen=True, eq=False)
class Wanted:
    """Tensors that are wanted of some sequences.

    Args:
        what: they are, in messages.
        function: that writes those of a block.
        arguments: of it, besides the sequences.
        codes: of all sequences ``(rows, length)``.
        rows: of a block.
    """

    what: str
    function: str
    arguments: dict[str, Any]
    codes: Codes
    rows: int

    def units(self) -> list[Unit]:
        """A piece of work for each block."""
        letters = decode_codes(self.codes)
        return [
            Unit(
                self.function,
                {**self.arguments, "first_row": row, "sequences": letters[row : row + self.rows]},
                f"{self.what}, sequences {row + 1}-{min(row + self.rows, len(letters))}",
            )
            for row in range(0, len(letters), self.rows)
        ]


def maps_of(
    what: str,
    subject: Subject,
    codes: Codes,
    settings: Settings,
    *,
    method: str | None = None,
    other: bool = False,
    random: Sequence[str] = (),
) -> Wanted:
    """Maps of sequences.

    Args:
        what: they are, in messages.
        subject: the model, and the output that is explained.
        codes: ``(rows, length)``.
        settings: of the command.
        method: of attribution; by default that of the command.
        other: of the output that is the same one when it is read from the other strand.
        random: layers that lose what they have learned.
    """
    asked = {"method": method or settings.method, "seed": settings.seed, "other": other, "random": list(random)}
    return Wanted(what, MAPS, {"model": model_of(subject, settings), "asked": asked}, codes, BATCH)


def vectors_of(what: str, subject: Subject, codes: Codes, settings: Settings) -> Wanted:
    """Embeddings of sequences."""
    return Wanted(what, VECTORS, {"model": model_of(subject, settings)}, codes, ROWS)


def make(wanted: Mapping[str, Wanted], place: Place) -> dict[str, dict[str, Tensor]]:
    """Everything that is wanted, by its name, and of each the tensors by theirs."""
    units = {name: one.units() for name, one in wanted.items()}
    results = iter(place.results([unit for some in units.values() for unit in some]))
    found = {}
    for name, some in units.items():
        parts = [load_file(next(results).folder / FILE) for _ in some]
        found[name] = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
    return found


def write_maps(
    folder: Path, model: Model, asked: Mapping[str, Any], first_row: int, sequences: Sequence[str]
) -> dict[str, int]:
    """Write the maps of a block of sequences, see :func:`maps_of`.

    Args:
        folder: to write into.
        model: which run and output.
        asked: the method, its seed, the strand, and the layers that lose what they have learned.
        first_row: number of the first sequence among all.
        sequences: of the block.

    Raises:
        InputError: if the run is not what it was when the command began.
    """
    subject = open_model(model)
    found = attribute(
        randomise(subject.network, asked["random"], RANDOM) if asked["random"] else subject.network,
        one_hot(list(sequences)).float(),
        method=METHODS[asked["method"]].make(asked["seed"]),
        output=subject.of_strand(other=asked["other"]),
        reading=subject.reading,
        first_row=first_row,
    )
    values = {field.name: getattr(found, field.name) for field in fields(Attribution)}
    save_file({name: tensor.contiguous() for name, tensor in values.items() if tensor is not None}, folder / FILE)
    return {"rows": len(sequences)}


def write_vectors(folder: Path, model: Model, first_row: int, sequences: Sequence[str]) -> dict[str, int]:
    """Write the embeddings of a block of sequences.

    Args:
        folder: to write into.
        model: which run.
        first_row: number of the first sequence among all.
        sequences: of the block.
    """
    subject = open_model(model)
    found = embeddings(
        subject.core, one_hot(list(sequences)), both_strands=subject.knows_strands, batch_size=BATCH
    ).contiguous()
    save_file({"vectors": found}, folder / FILE)
    return {"rows": len(sequences)}
