"""What trained models say of designed sequences: mean, spread over models, and how far they had to reach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.cli import inputs
from palindra.cli.shift.inputs import Compared, read_compared
from palindra.errors import InputError
from palindra.evaluation.shift import ShiftScorer
from palindra.models import predict_batches
from palindra.models.embeddings import embeddings
from palindra.models.saving import Run, load_run
from palindra.sequences import one_hot

if TYPE_CHECKING:
    from palindra.cli.designs.measuring import Settings

FLAGGED = 95.0  # OOD percentile above which a prediction is flagged


class Oracles(NamedTuple):
    """Predictions for designed sequences, and their distance from what the oracles were trained on."""

    names: list[str]  # of the outputs
    models: int
    mean: NDArray[np.float64]  # (designs, outputs)
    spread: NDArray[np.float64]  # standard deviation over oracles; NaN for one
    reference_mean: NDArray[np.float64]  # of the real sequences
    embedding: NDArray[np.float32]  # of the first oracle
    reference_embedding: NDArray[np.float32]
    scores: dict[str, NDArray[np.float64]]
    percentiles: dict[str, NDArray[np.float64]]
    training: str  # file that percentiles refer to


def ask(folders: tuple[Path, ...], new: Compared, real: Compared, settings: Settings) -> Oracles:
    """Predict with every run, and score the distance from the training data with the first.

    Raises:
        InputError: for runs that predict different things or read other sequences.
    """
    runs = [load_run(folder) for folder in folders]
    for run, folder in zip(runs, folders, strict=True):
        names = _agreed(run, runs[0], folder, folders[0])
    for given in (new, real):
        _check_length(given, runs[0], folders[0])
    both = not settings.stranded
    training = real
    if settings.training is not None:
        training = read_compared(
            settings.training,
            sequence_column=settings.sequence_column,
            length=runs[0].length,
            needs=str(folders[0]),
        )
    splits = None if training.splits is None else np.array(training.splits)
    rows = np.arange(len(training.codes)) if splits is None else np.flatnonzero(splits != "test")
    valid = None if splits is None or not (splits == "valid").any() else splits[rows] == "valid"
    own, known, real_vectors = (
        embeddings(runs[0].predictor, one_hot(codes), both_strands=both).numpy()
        for codes in (new.codes, training.codes[rows], real.codes)
    )
    try:
        scorer = ShiftScorer(canonical=both, seed=settings.seed).fit(training.codes[rows], known, held_out=valid)
    except ValueError as error:
        raise InputError(f"{training.path}: {error}") from error
    scores = scorer.score(new.codes, own)
    predicted = np.stack([predict_batches(run.predictor, one_hot(new.codes)).double().numpy() for run in runs])
    usual = np.stack([predict_batches(run.predictor, one_hot(real.codes)).double().numpy() for run in runs])
    spread = predicted.std(axis=0, ddof=1) if len(runs) > 1 else np.full(predicted.shape[1:], np.nan)
    return Oracles(
        names=names,
        models=len(runs),
        mean=predicted.mean(axis=0),
        spread=spread,
        reference_mean=usual.mean(axis=0),
        embedding=own,
        reference_embedding=real_vectors,
        scores=scores,
        percentiles={name: scorer.percentile(name, values) for name, values in scores.items()},
        training=training.path.name,
    )


def _agreed(run: Run, first: Run, folder: Path, first_folder: Path) -> list[str]:
    """The names of the outputs, the same for all oracles."""
    kind = inputs.alphabet(run.config["data"]["alphabet"])
    if kind.name != "DNA":
        raise InputError(f"{folder}: the oracle reads {kind.name}; designed sequences are compared as DNA.")
    if run.length != first.length:
        raise InputError(
            f"{folder}: was trained on {run.length} letters and {first_folder} on {first.length}: oracles that are "
            "averaged read the same sequences."
        )
    mine, theirs = (
        (str(r.predictor.task), list(r.config["data"]["classes" if r.predictor.task == "multiclass" else "targets"]))
        for r in (run, first)
    )
    if mine != theirs:
        raise InputError(
            f"{folder}: predicts {', '.join(mine[1])} ({mine[0]}) and {first_folder} {', '.join(theirs[1])} "
            f"({theirs[0]}): oracles that are averaged predict the same."
        )
    return mine[1]


def _check_length(given: Compared, run: Run, folder: Path) -> None:
    for text, place in zip(given.sequences, given.places, strict=True):
        if len(text) != run.length:
            fit = "cut" if len(text) > run.length else "extend"
            raise InputError(
                f"{place}: {len(text)} letters, but {folder} reads {run.length}: {fit} the sequences to that length "
                "around their centres."
            )
