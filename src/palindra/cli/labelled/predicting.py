"""Predictions for a file of sequences, in blocks of rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from palindra.cli import inputs
from palindra.cli.labelled.predicted_table import Shared, plain, write_block, write_table
from palindra.data import read_sequences
from palindra.data.files import hash_file
from palindra.engine import Engine
from palindra.errors import InputError
from palindra.models import predict_batches
from palindra.models.saving import CHECKSUMS, Run, load_run
from palindra.sequences import Alphabet, one_hot

PREDICT = "palindra.cli.labelled.predicting:predict_block"


@dataclass(frozen=True)
class Predicted:
    """Lines with the predictions of a run, for both strands where the target knows the other one.

    Args:
        run: of labelled sequences.
        both_strands: whether the outputs of both strands are averaged.
        batch_size: sequences at a time.
    """

    run: Run
    both_strands: bool = False
    batch_size: int = 512

    @property
    def alphabet(self) -> Alphabet:
        """Of the sequences."""
        return inputs.alphabet(self.run.config["data"]["alphabet"])

    @property
    def knows_strands(self) -> bool:
        """Whether the target says what the other strand reads."""
        return self.run.predictor.target.rep is not None and self.alphabet.rep.regular > 0

    @property
    def header(self) -> list[str]:
        """Names of the columns."""
        several = self.run.predictor.task == "multiclass"
        columns = self.run.config["data"]["classes" if several else "targets"]
        other = [f"prediction_{name}_reverse_complement" for name in columns] if self.knows_strands else []
        return ["name", *(f"prediction_{name}" for name in columns), *other]

    def lines(self, names: Sequence[str], sequences: Sequence[str]) -> str:
        """The lines of some rows."""
        predictor = self.run.predictor
        model = predictor.conjoined() if self.both_strands else predictor
        x = one_hot(sequences, self.alphabet)
        sides = [predict_batches(model, x, batch_size=self.batch_size)]
        if self.knows_strands:
            sides.append(predictor.target.act(predict_batches(model, x.flip(1, 2), batch_size=self.batch_size)))
        table = np.concatenate([side.numpy() for side in sides], axis=1)
        rows = zip(names, table, strict=True)
        return "".join("\t".join([plain(name), *(f"{v:.7g}" for v in values)]) + "\n" for name, values in rows)


def predict_file(
    run_folder: Path,
    path: Path,
    output: Path,
    *,
    both_strands: bool = False,
    sequence_column: str | None = None,
    batch_size: int = 512,
    engine: Engine | None = None,
    progress: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """Write one line per sequence; the file appears when it is complete.

    Args:
        run_folder: of labelled sequences.
        path: sequences.
        output: table to write.
        both_strands: average the outputs of both strands.
        sequence_column: of a table.
        batch_size: sequences at a time.
        engine: predicts blocks of rows wherever its workers are; None predicts in this process. The table is the same.
        progress: with an engine, show a bar.
        say: gets notes.

    Returns:
        The number of sequences.

    Raises:
        InputError: for sequences of another length than the model was trained on, and for averaging of strands where
            the target is strand-specific.
    """
    table = Predicted(load_run(run_folder), both_strands, batch_size)
    names, sequences, places = read_sequences(path, sequence_column=sequence_column, alphabet=table.alphabet)
    require_letters(sequences, places, table.run.length, run_folder)
    if both_strands and not table.knows_strands:
        raise InputError(f"{run_folder}: the target is strand-specific, so --both-strands cannot average the strands.")
    shared = None
    if engine is not None:
        asked = {**identity([run_folder]), "both_strands": both_strands, "batch_size": batch_size}
        shared = Shared(engine, PREDICT, asked, str(path), progress, say)
    write_table(output, table, names, sequences, shared)
    return len(sequences)


def predict_block(folder: Path, asked: Mapping[str, Any], rows: str, sha256: str) -> dict[str, int]:
    """Do a worker's part of :func:`predict_file`; see :func:`palindra.cli.labelled.predicted_table.write_block`."""
    return write_block(folder, _open(json.dumps(dict(asked), sort_keys=True)), rows, sha256)


@lru_cache(maxsize=1)  # a process opens a run once, for all rows that it predicts
def _open(text: str) -> Predicted:
    asked = json.loads(text)
    (folder,) = same_runs(asked)
    return Predicted(load_run(folder), asked["both_strands"], asked["batch_size"])


def identity(run_folders: Sequence[Path]) -> dict[str, Any]:
    """Which runs they are, in plain values."""
    hashes = [hash_file(folder / CHECKSUMS) for folder in run_folders]
    return {"runs": [str(folder.absolute()) for folder in run_folders], "sha256": hashes}


def same_runs(asked: Mapping[str, Any]) -> list[Path]:
    """The folders of runs, which have to be what they were when a command began.

    Raises:
        InputError: if one is not.
    """
    folders = [Path(name) for name in asked["runs"]]
    for folder, sha256 in zip(folders, asked["sha256"], strict=True):
        if hash_file(folder / CHECKSUMS) != sha256:
            raise InputError(
                f"{folder}: is not the run that the command began with. Leave it alone while the command runs, and "
                "give every machine the same one."
            )
    return folders


def require_letters(sequences: Sequence[str], places: Sequence[str], length: int, run_folder: Path) -> None:
    """Raise unless all sequences have the length that a model was trained on.

    Raises:
        InputError: with the place of the first that has not.
    """
    for text, place in zip(sequences, places, strict=True):
        if len(text) != length:
            fit = "cut" if len(text) > length else "extend"
            raise InputError(
                f"{place}: {len(text)} letters, but {run_folder} was trained on {length}: {fit} the sequences "
                "to that length around their centres."
            )
