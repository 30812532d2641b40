"""The distance of new sequences from a model's training data: table, summary and page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.cli import inputs
from palindra.cli.shift.inputs import Compared, read_compared
from palindra.cli.shift.ruggedness import Surroundings, output_names, surroundings
from palindra.cli.shift.writing import write_all
from palindra.data import similarity_clusters
from palindra.errors import InputError
from palindra.evaluation.shift import SetDistance, ShiftScorer, TwoSample, kmer_vectors, set_distances, two_sample
from palindra.models import predict_batches
from palindra.models.embeddings import embeddings
from palindra.models.saving import Run, load_run
from palindra.sequences import decode_codes, one_hot
from palindra.sequences.alphabet import Codes

LEVELS = {
    "individual": "variants of one person or strain",
    "population": "other people, strains or species",
    "disease": "altered genomes or cells",
    "synthetic": "designed sequences",
}
CLASSIFIED = 2000  # sequences of either set that a classifier sees
CLASSIFIER_K = 4
FOLDS = 5
FAMILY_K = 12


@dataclass(frozen=True)
class Settings:
    """Options of the command."""

    level: str
    ruggedness: int = 0
    output_name: str | None = None
    sequence_column: str | None = None
    group_column: str | None = None
    stranded: bool = False
    seed: int = 0


class Measured(NamedTuple):
    """All that was measured."""

    new: Compared
    reference: Compared
    known: int  # reference sequences that scores are measured against
    held_out: int  # those that say what is usual
    predictions: dict[str, NDArray[np.float32]]
    scores: dict[str, NDArray[np.float64]]
    percentiles: dict[str, NDArray[np.float64]]
    sets: list[tuple[SetDistance, SetDistance]]  # new, and held out, against known
    classifiers: dict[str, TwoSample]
    around: Surroundings | None


def measure_shift(
    run_folder: Path, sequences: Path, reference: Path, output: Path, settings: Settings, *, command: str
) -> list[str]:
    """Write the table, the summary and the page.

    Returns:
        The conclusions, sentence by sentence.

    Raises:
        InputError: for files and options that cannot be used.
    """
    inputs.choose("--level", settings.level, LEVELS)
    run = load_run(run_folder)
    kind = inputs.alphabet(run.config["data"]["alphabet"])
    if not kind.rep.regular:
        raise InputError(f"{run_folder}: the model reads {kind.name}; distances of k-mers are offered for DNA and RNA.")
    if settings.output_name is not None:
        inputs.choose("--label", settings.output_name, output_names(run))
    stranded = settings.stranded or kind.name == "RNA"
    read: dict[str, Any] = {"alphabet": kind, "sequence_column": settings.sequence_column, "length": run.length}
    new = read_compared(sequences, needs=str(run_folder), **read)
    trained = read_compared(reference, needs=str(run_folder), group_column=settings.group_column, **read)
    found = _measure(run, new, trained, settings, canonical=not stranded)
    return write_all(found, run_folder, output, settings, LEVELS[settings.level], command)


def _measure(run: Run, new: Compared, reference: Compared, settings: Settings, *, canonical: bool) -> Measured:
    rows, away = _usable(reference, settings)
    codes, vectors = reference.codes[rows], _vectors(run, reference.codes[rows], canonical)
    scorer = ShiftScorer(canonical=canonical, seed=settings.seed)
    families = None if reference.groups is None else np.array(reference.groups)[rows]
    try:
        scorer.fit(codes, vectors, held_out=away, groups=families)
    except ValueError as error:
        raise InputError(f"{reference.path}: {error} Give more sequences, or a larger validation split.") from error
    away = scorer.away
    own = _vectors(run, new.codes, canonical)
    scores = scorer.score(new.codes, own)
    predicted = predict_batches(run.predictor, one_hot(new.codes)).numpy()
    usual = np.flatnonzero(away)
    rng = np.random.default_rng(settings.seed)
    order = rng.permutation(usual)
    same = min(len(order), len(new.codes))  # sets of equal size are apart by chance equally far
    mine = np.sort(rng.permutation(len(new.codes))[:same])
    distances = [
        set_distances(part, codes[~away], canonical=canonical) for part in (new.codes[mine], codes[order[:same]])
    ]
    compared = order[:CLASSIFIED], np.sort(rng.permutation(len(new.codes))[:CLASSIFIED])
    pairs = {
        f"{CLASSIFIER_K}-mers": [kmer_vectors(part, CLASSIFIER_K, canonical=canonical) for part in (codes, new.codes)]
    }
    classifiers = _classifiers(pairs | {"embedding": [vectors, own]}, codes, new.codes, compared, settings.seed)
    around = None
    if settings.ruggedness:
        around = surroundings(
            run, new.codes, codes[order[: settings.ruggedness]], settings.ruggedness, settings.output_name
        )
    return Measured(
        new=new,
        reference=reference,
        known=int((~away).sum()),
        held_out=int(away.sum()),
        predictions=dict(zip(output_names(run), predicted.T, strict=True)),
        scores=scores,
        percentiles={name: scorer.percentile(name, values) for name, values in scores.items()},
        sets=list(zip(*distances, strict=True)),
        classifiers=classifiers,
        around=around,
    )


def _classifiers(
    pairs: dict[str, list[Any]],
    usual: Codes,
    new: Codes,
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    seed: int,
) -> dict[str, TwoSample]:
    """Two-sample tests of features of both sets; near copies of a sequence are kept in one fold."""
    if min(map(len, rows)) < 2 * FOLDS:
        return {}
    families = None
    if usual.shape[1] >= FAMILY_K:
        texts = decode_codes(np.concatenate([usual[rows[0]], new[rows[1]]]))
        found = similarity_clusters(texts, k=FAMILY_K)
        if len(np.unique(found)) >= 4 * FOLDS:  # of repeats few families would be left
            families = found[: len(rows[0])], found[len(rows[0]) :]
    return {
        name: two_sample(first[rows[0]], second[rows[1]], folds=FOLDS, groups=families, seed=seed)
        for name, (first, second) in pairs.items()
    }


def _vectors(run: Run, codes: NDArray[np.uint8], both_strands: bool) -> NDArray[np.float32]:
    return embeddings(run.predictor, one_hot(codes), both_strands=both_strands).numpy()


def _usable(reference: Compared, settings: Settings) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
    """The rows of the training and validation splits, and which of them are the validation split, if there is one."""
    if reference.splits is None:
        return np.arange(len(reference.codes)), None
    splits = np.array(reference.splits)
    rows = np.flatnonzero(splits != "test")
    if not (splits == "train").any():
        raise InputError(
            f"{reference.path}: no row is in split 'train', so there are no training data to compare with."
        )
    valid = splits[rows] == "valid"
    if settings.group_column is not None and valid.any():
        raise InputError(
            f"{reference.path}: its validation split is what is held out, so leave out --group-column, which chooses "
            "what to hold out where there is none."
        )
    return rows, valid if valid.any() else None
