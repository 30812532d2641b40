"""Motifs of a model: of its first filters and of its attribution maps, and which known ones they are."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from palindra.cli.explain.settings import Settings
from palindra.cli.explain.subject import Subject
from palindra.errors import InputError
from palindra.interpretation.motifs import (
    Q_VALUES,
    FilterMotif,
    Matches,
    Motif,
    Pattern,
    consensus,
    filter_motifs,
    first_layer,
    hit_ratio,
    jaspar,
    read_meme,
    tomtom,
    trim,
)

THRESHOLD = Q_VALUES[0]  # of the q-value at which a motif gets the name of a known one
WIDTH = 24  # bp that filters are aligned in
ALIKE = 0.8  # correlation of aligned letters above which two patterns are the same
SHORTEST = 6  # positions that aligned patterns share


@dataclass(frozen=True, eq=False)
class Found:
    """What was found, and what it was compared with."""

    filters: list[FilterMotif]
    filter_queries: list[Motif]  # trimmed
    filter_matches: Matches | None
    patterns: list[Pattern]
    pattern_queries: list[Motif]  # trimmed
    pattern_matches: Matches | None
    collection: str  # of known motifs, "" where there is none
    searched: bool  # whether patterns were searched


class Candidate(NamedTuple):
    """A pattern that is put into backgrounds."""

    name: str
    letters: str  # N where the background stays
    core: str  # its most certain part, which is looked for in the own sequences


@dataclass(frozen=True)
class Known:
    """Motifs that found ones are compared with."""

    motifs: list[Motif]
    name: str


def read_known(settings: Settings) -> Known | None:
    """The known motifs, and an early word on extras that are missing.

    Raises:
        InputError: for a file that is not MEME, a release that is not known, or an extra that is not installed.
    """
    if settings.motifs is not None and settings.jaspar is not None:
        raise InputError("--motifs and --jaspar: known motifs come from one of them.")
    if not settings.search_motifs:
        if settings.motifs is not None or settings.jaspar is not None:
            raise InputError("--no-motifs: nothing is compared with known motifs; leave out --motifs and --jaspar.")
        return None
    needed = {"modiscolite": "TF-MoDISco needs modisco-lite"}
    if settings.motifs is not None or settings.jaspar is not None:
        needed["memelite"] = "Tomtom needs memelite"
    for package, sentence in needed.items():
        if importlib.util.find_spec(package) is None:
            raise InputError(
                f"{sentence}, which is not installed: pip install 'palindra[motifs]'; or go on without patterns and "
                "names of motifs with --no-motifs."
            )
    if settings.motifs is not None:
        return Known(read_meme(settings.motifs), settings.motifs.name)
    return None if settings.jaspar is None else Known(jaspar(release=settings.jaspar), settings.jaspar)


def keep_compiled() -> None:
    """Numba keeps what it compiles in the user's cache folder, unless NUMBA_CACHE_DIR says another one."""
    if "numba" not in sys.modules and "NUMBA_CACHE_DIR" not in os.environ:
        user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        os.environ["NUMBA_CACHE_DIR"] = str(user / "palindra" / "numba")


def check_layer(subject: Subject, x: Tensor, layer: str) -> None:
    """Make sure that a layer has filters and positions.

    Raises:
        InputError: if it has not.
    """
    try:
        with first_layer(subject.core, x, layer=layer):
            pass
    except InputError as error:
        raise InputError(f"--layer {layer}: {error}") from None


def find(
    subject: Subject,
    x: Tensor,
    patterns: list[Pattern],
    known: Known | None,
    settings: Settings,
    say: Callable[[str], None],
) -> Found:
    """Filters of the first layer and patterns of the maps, each with the known motifs that it looks like."""
    width = min(WIDTH, x.shape[-1] - x.shape[-1] % 2)
    try:
        filters = filter_motifs(subject.core, x, layer=settings.layer, width=width)
    except InputError as error:
        filters = []
        say(f"filters are not explained: {error}")
    if settings.search_motifs and not patterns:
        say("TF-MoDISco finds no pattern: it needs more than 100 places of high attribution; explain more sequences")
    filter_queries = [trim(one.motif) for one in filters]
    pattern_queries = [one.trimmed() for one in patterns]
    return Found(
        filters,
        filter_queries,
        _matched(filter_queries, known, say),
        patterns,
        pattern_queries,
        _matched(pattern_queries, known, say),
        "" if known is None else known.name,
        settings.search_motifs,
    )


def _matched(queries: Sequence[Motif], known: Known | None, say: Callable[[str], None]) -> Matches | None:
    if known is None or not queries:
        return None
    return tomtom(queries, known.motifs, say=say)


def ratios(matches: Matches) -> list[tuple[float, int, int]]:
    """Threshold, motifs that look like a known one, and motifs, at each q-value that is reported."""
    return [(t, hit_ratio(matches, t).matched, hit_ratio(matches, t).motifs) for t in Q_VALUES]


def order(matches: Matches | None, sizes: Sequence[int]) -> list[int]:
    """Numbers of motifs, the surest first: by the q-value of their best known one, then by their sites."""
    best = [1.0] * len(sizes) if matches is None else matches.best_q.tolist()
    return sorted(range(len(sizes)), key=lambda n: (best[n] > THRESHOLD, best[n], -sizes[n]))


def certain(motif: Motif) -> str:
    """The letters of a motif that are certain, N between them.

    Examples:
        >>> sure, open_ = [0.97, 0.01, 0.01, 0.01], [0.25] * 4
        >>> certain(Motif("m", np.array([open_, sure, open_, sure, open_])))
        'ANA'
    """
    letters = "".join(letter if letter.isupper() else "N" for letter in consensus(motif)).strip("N")
    return letters or consensus(motif).upper()


def core(motif: Motif, width: int = 7) -> str:
    """The part of its certain letters with most of them, of so many positions at most.

    Examples:
        >>> sure, open_ = [0.97, 0.01, 0.01, 0.01], [0.25] * 4
        >>> core(Motif("m", np.array([sure, open_, open_, sure, sure])), width=2)
        'AA'
    """
    letters = certain(motif)
    starts = range(max(len(letters) - width, 0) + 1)
    best = max(starts, key=lambda at: (width - letters[at : at + width].count("N"), -at))
    return letters[best : best + width].strip("N")


def candidate_of(motif: Motif) -> Candidate:
    """A motif as letters that can be put into sequences."""
    return Candidate(motif.name, certain(motif), core(motif))


def alike(first: Motif, second: Motif) -> float:
    """Correlation of the letters of two motifs at the best of all places and strands at which enough of them overlap.

    Examples:
        >>> one = Motif("one", np.eye(4)[[0, 1, 2, 3, 0, 0, 2]])
        >>> round(alike(one, one.reverse_complement()), 6)
        1.0
    """
    least = min(SHORTEST, first.width, second.width)
    best = -1.0
    for other in (second, second.reverse_complement()):
        for offset in range(least - other.width, first.width - least + 1):
            left, right = max(offset, 0), min(offset + other.width, first.width)
            a = (first.chances[left:right] - 0.25).ravel()
            b = (other.chances[left - offset : right - offset] - 0.25).ravel()
            whole = np.linalg.norm(first.chances - 0.25) * np.linalg.norm(other.chances - 0.25)
            best = max(best, float(a @ b / whole) if whole > 0 else 0.0)
    return best


def again(motif: Motif, others: Sequence[Motif]) -> bool:
    """Whether a motif is among others."""
    return any(alike(motif, other) >= ALIKE for other in others)


def named(motif: Motif, known: str) -> Motif:
    """A motif for files: its own name, and that of the known one that it looks like."""
    return replace(motif, name=f"{motif.name} {known}".strip())
