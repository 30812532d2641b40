"""Predictions for a file of sequences, streamed in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from palindra.cli import inputs
from palindra.data import read_sequences
from palindra.errors import InputError
from palindra.models import predict_batches
from palindra.models.saving import load_run
from palindra.sequences import one_hot


def predict_file(
    run_folder: Path,
    path: Path,
    output: Path,
    *,
    both_strands: bool = False,
    sequence_column: str | None = None,
    batch_size: int = 512,
) -> int:
    """Write one line per sequence; the file appears when it is complete.

    Returns:
        The number of sequences.

    Raises:
        InputError: for sequences of another length than the model was trained on, and for averaging of strands where
            the target is strand-specific.
    """
    run = load_run(run_folder)
    predictor = run.predictor
    kind = inputs.alphabet(run.config["data"]["alphabet"])
    names, sequences, places = read_sequences(path, sequence_column=sequence_column, alphabet=kind)
    require_letters(sequences, places, run.length, run_folder)
    both = predictor.target.rep is not None and kind.rep.regular > 0
    if both_strands and not both:
        raise InputError(f"{run_folder}: the target is strand-specific, so --both-strands cannot average the strands.")
    model = predictor.conjoined() if both_strands else predictor
    columns = run.config["data"]["classes"] if predictor.task == "multiclass" else run.config["data"]["targets"]
    header = ["name", *(f"prediction_{c}" for c in columns)]
    header += [f"prediction_{c}_reverse_complement" for c in columns] if both else []
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(output.name + ".partial")
    with partial.open("w", encoding="utf-8") as lines:
        lines.write("\t".join(header) + "\n")
        for start in range(0, len(sequences), 8192):
            x = one_hot(sequences[start : start + 8192], kind)
            sides = [predict_batches(model, x, batch_size=batch_size)]
            if both:
                sides.append(predictor.target.act(predict_batches(model, x.flip(1, 2), batch_size=batch_size)))
            table = np.concatenate([side.numpy() for side in sides], axis=1)
            for name, values in zip(names[start : start + 8192], table, strict=True):
                lines.write("\t".join([" ".join(name.split()), *(f"{v:.7g}" for v in values)]) + "\n")
    partial.replace(output)
    return len(sequences)


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
