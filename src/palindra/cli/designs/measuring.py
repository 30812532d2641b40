"""Designed sequences beside real ones: what is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.cli.designs.oracles import Oracles, ask
from palindra.cli.designs.writing import write_all
from palindra.cli.shift.inputs import Compared, read_compared
from palindra.errors import InputError
from palindra.evaluation.design import (
    Diversity,
    Frechet,
    Motif,
    Nearest,
    NearestNeighbourTest,
    diversity,
    find_motifs,
    frechet_distance,
    gc_content,
    nearest_identity,
    nearest_neighbour_test,
    read_meme,
    spacings,
)
from palindra.evaluation.design.motifs import Hits
from palindra.evaluation.shift import SetDistance, ShiftScorer, js_distance, kmer_vectors, set_distances

LENGTHS = range(1, 7)  # of the k-mers
NEIGHBOUR_K = 4
SPACED = 4  # motifs, the most frequent in the real sequences, whose spacings are compared pair by pair
SPACING_BIN = 5  # bp
DIVERSE = 2000  # sequences of a set that are compared with each other


@dataclass(frozen=True)
class Settings:
    """Options of the command."""

    oracles: tuple[Path, ...] = ()
    training: Path | None = None
    motifs: Path | None = None
    sequence_column: str | None = None
    p_value: float = 1e-4
    limit: int = 20_000
    stranded: bool = False
    seed: int = 0


class MotifTable(NamedTuple):
    """Hits of motifs in both sets."""

    motifs: list[Motif]
    generated: Hits
    reference: Hits
    spacing: list[tuple[str, str, int, int, float]]  # two motifs, pairs in both sets, Jensen-Shannon distance


class Measured(NamedTuple):
    """All that was measured."""

    generated: Compared
    reference: Compared
    gc: tuple[NDArray[np.float64], NDArray[np.float64]]
    sets: list[tuple[SetDistance, SetDistance]]  # of designs, and of as many real sequences, from the others
    nearest: Nearest  # real sequence of each design
    searched: NDArray[np.int64]  # numbers of the real sequences that were searched
    usual_identity: NDArray[np.float64]  # of real sequences with the nearest other one
    neighbours: dict[str, NearestNeighbourTest]
    frechet: tuple[Frechet, Frechet] | None  # designs, and halves of the real ones against each other
    diversity: tuple[Diversity, Diversity]
    motifs: MotifTable | None
    oracles: Oracles | None
    scores: dict[str, NDArray[np.float64]]
    percentiles: dict[str, NDArray[np.float64]]


def measure_designs(generated: Path, reference: Path, output: Path, settings: Settings, *, command: str) -> list[str]:
    """Write the table, the summary and the page.

    Returns:
        The conclusions, sentence by sentence.

    Raises:
        InputError: for files and options that cannot be used.
    """
    if not 0 < settings.p_value < 1:
        raise InputError(f"--motif-p-value {settings.p_value}: a chance between 0 and 1 is needed, e.g. 1e-4.")
    if settings.training is not None and not settings.oracles:
        raise InputError(f"--training {settings.training}: it is what oracles were trained on; give --oracle RUN too.")
    motifs = read_meme(settings.motifs) if settings.motifs is not None else None
    new, real = (read_compared(path, sequence_column=settings.sequence_column) for path in (generated, reference))
    for given in (new, real):
        if len(given.sequences) < 4:
            raise InputError(f"{given.path}: holds {len(given.sequences)} sequences; at least 4 are needed to compare.")
    asked = ask(settings.oracles, new, real, settings) if settings.oracles else None
    return write_all(_measure(new, real, motifs, asked, settings), output, settings, command)


def _measure(
    new: Compared, real: Compared, motifs: list[Motif] | None, asked: Oracles | None, settings: Settings
) -> Measured:
    both, rng = not settings.stranded, np.random.default_rng(settings.seed)
    searched = np.sort(rng.permutation(len(real.codes))[: settings.limit])
    order = rng.permutation(len(real.codes))
    some = np.sort(order[:DIVERSE])
    vectors: dict[str, list[Any]] = {
        f"{NEIGHBOUR_K}-mers": [kmer_vectors(c, NEIGHBOUR_K, canonical=both) for c in (new.codes, real.codes)]
    }
    if asked is not None:
        vectors["embedding"] = [asked.embedding, asked.reference_embedding]
    if asked is None:
        try:
            scorer = ShiftScorer(canonical=both, seed=settings.seed).fit(real.codes)
        except ValueError as error:
            raise InputError(f"{real.path}: {error}") from error
        scores = scorer.score(new.codes)
        percentiles = {name: scorer.percentile(name, values) for name, values in scores.items()}
    else:
        scores, percentiles = asked.scores, asked.percentiles
    return Measured(
        generated=new,
        reference=real,
        gc=(gc_content(new.codes), gc_content(real.codes)),
        sets=_sets(new.codes, real.codes, order, both),
        nearest=nearest_identity(new.codes, real.codes[searched], both_strands=both),
        searched=searched,
        usual_identity=nearest_identity(real.codes[some], both_strands=both).identity,
        neighbours={name: nearest_neighbour_test(*pair, seed=settings.seed) for name, pair in vectors.items()},
        frechet=None if asked is None else _frechet(asked, order),
        diversity=(
            diversity(new.codes[np.sort(rng.permutation(len(new.codes))[:DIVERSE])]),
            diversity(real.codes[some]),
        ),
        motifs=None if motifs is None else _motifs(new.codes, real.codes, motifs, settings.p_value),
        oracles=asked,
        scores=scores,
        percentiles=percentiles,
    )


def _sets(
    new: NDArray[np.uint8], real: NDArray[np.uint8], order: NDArray[np.int64], canonical: bool
) -> list[tuple[SetDistance, SetDistance]]:
    """Distances of the designs, and of as many real sequences from the others as halves allow."""
    options: dict[str, Any] = {"lengths": LENGTHS, "canonical": canonical}
    size = min(len(new), len(real) // 2)
    away, rest = real[order[:size]], real[order[size:]]
    usual = set_distances(away, rest, **options)
    return list(zip(set_distances(new[:size] if size < len(new) else new, rest, **options), usual, strict=True))


def _frechet(asked: Oracles, order: NDArray[np.int64]) -> tuple[Frechet, Frechet]:
    size = min(len(asked.embedding), len(order) // 2)
    halves = asked.reference_embedding[order[:size]], asked.reference_embedding[order[size:]]
    return frechet_distance(asked.embedding[:size], halves[1]), frechet_distance(*halves)


def _motifs(new: NDArray[np.uint8], real: NDArray[np.uint8], motifs: list[Motif], p_value: float) -> MotifTable:
    letters = np.bincount(real[real < 4], minlength=4) + 1
    generated, reference = (find_motifs(c, motifs, background=letters, p_value=p_value) for c in (new, real))
    frequent = np.argsort(-reference.counts.sum(axis=0), kind="stable")[:SPACED]
    found = []
    for place, first in enumerate(frequent):
        for second in frequent[place:]:
            gaps = [spacings(hits, int(first), int(second))[0] for hits in (generated, reference)]
            edges = np.arange(0, max(new.shape[1], real.shape[1]) + SPACING_BIN, SPACING_BIN)
            counts = [np.histogram(part, edges)[0] + 1.0 / len(edges) for part in gaps]
            apart = float(js_distance(*(part / part.sum() for part in counts)))
            found.append((motifs[first].name, motifs[second].name, len(gaps[0]), len(gaps[1]), apart))
    return MotifTable(motifs, generated, reference, found)
