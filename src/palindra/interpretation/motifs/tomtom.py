"""Known motifs that found ones look like: Tomtom, q-values, hit ratios."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.data.motifs import Motif
from palindra.errors import InputError
from palindra.interpretation.motifs.information import THRESHOLD, information
from palindra.interpretation.threads import threads_kept

EXCLUDED = ("MA1929.1", "MA0615.1")  # of JASPAR 2022: the long CTCF and Gmeb1, which fit what has little information
Q_VALUES = (0.05, 0.5)  # a strict threshold, and the lax one of published hit ratios
_FEW = 25  # known motifs, below which chances depend on which they are


class Matches(NamedTuple):
    """How well each query fits each known motif; queries that say nothing have chances of 1."""

    queries: list[Motif]
    known: list[Motif]
    p: NDArray[np.float64]  # (queries, known)
    q: NDArray[np.float64]  # (queries, known), within each query
    offset: NDArray[np.int64]  # of the query's first position from the known one's, on the strand that fits
    other_strand: NDArray[np.bool_]  # whether the known motif fits as its reverse complement

    @property
    def best(self) -> NDArray[np.int64]:
        """Number of the known motif with the least chance, for each query."""
        return self.p.argmin(axis=1)

    @property
    def best_q(self) -> NDArray[np.float64]:
        """Smallest q-value of each query."""
        return self.q.min(axis=1)


class HitRatio(NamedTuple):
    """How many motifs look like known ones at a threshold of the q-value."""

    threshold: float
    matched: int
    motifs: int
    ratio: float
    mean_q: float  # of the smallest q-values of matched motifs; not a number where none is


def tomtom(
    queries: Sequence[Motif],
    known: Sequence[Motif],
    *,
    excluded: Sequence[str] = EXCLUDED,
    threads: int | None = None,
    say: Callable[[str], None] | None = None,
) -> Matches:
    """Compare motifs with known ones on both strands.

    Columns are compared by their Euclidean distance; the chance of an alignment is that of columns drawn from all known
    motifs. q-values are those of Benjamini & Hochberg within each query, over all known motifs. Queries without a
    position of more than 0.5 bit are not compared.

    Args:
        queries: trimmed, see :func:`trim`.
        known: of a database, from :func:`read_meme` or :func:`jaspar`; 25 at least.
        excluded: identifiers with their versions that are left out of the known motifs.
        threads: all that there are by default.
        say: gets a line for the screen when the comparison has to be compiled first.

    Raises:
        InputError: if memelite is not installed, or there are too few known motifs.

    Source: Gupta et al. (2007); memelite of Schreiber (2025).
    """
    left_out = set(excluded)
    known = [motif for motif in known if motif.name.split()[0] not in left_out]
    if len(known) < _FEW:
        raise InputError(
            f"{len(known)} known motifs: the chances that Tomtom gives come from their columns, and hold for {_FEW} or "
            "more. Give a whole collection, such as JASPAR CORE."
        )
    telling = [n for n, motif in enumerate(queries) if (information(motif.chances) > THRESHOLD).any()]
    p = np.ones((len(queries), len(known)))
    offset, strand = np.zeros(p.shape, dtype=np.int64), np.zeros(p.shape, dtype=np.bool_)
    if telling:
        run = _compiled(say)
        with warnings.catch_warnings(), threads_kept():
            warnings.simplefilter("ignore")
            found = run(
                [np.ascontiguousarray(queries[n].chances.T) for n in telling],
                [np.ascontiguousarray(motif.chances.T) for motif in known],
                n_jobs=threads or -1,
            )
        p[telling] = np.clip(found[0], 0, 1)
        offset[telling], strand[telling] = found[2].astype(np.int64), found[4] > 0
    return Matches(list(queries), known, p, q_values(p), offset, strand)


def q_values(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """False discovery rates of Benjamini & Hochberg (1995) within each row.

    Examples:
        >>> q_values(np.array([[0.01, 0.04, 0.5, 1.0]])).round(3).tolist()
        [[0.04, 0.08, 0.667, 1.0]]
    """
    from scipy.stats import false_discovery_control

    return np.stack([false_discovery_control(row) for row in p]) if len(p) else p


def hit_ratio(matches: Matches, threshold: float) -> HitRatio:
    """The share of motifs that have a known one at a q-value of at most ``threshold``.

    Motifs without any site count among the motifs.
    """
    best = matches.best_q
    hits = best <= threshold
    mean = float(best[hits].mean()) if hits.any() else float("nan")
    return HitRatio(threshold, int(hits.sum()), len(best), float(hits.mean()) if len(best) else float("nan"), mean)


def _compiled(say: Callable[[str], None] | None) -> Callable[..., NDArray[np.float64]]:
    try:
        from memelite.tomtom import _tomtom, tomtom
    except ImportError as error:
        raise InputError("Tomtom needs memelite, which is not installed: pip install 'palindra[motifs]'") from error
    except RuntimeError as error:
        raise InputError(
            f"Tomtom cannot be compiled ({error}): set NUMBA_CACHE_DIR to a folder that can be written."
        ) from error
    cache = Path(_tomtom.stats.cache_path)
    if say is not None and not (_tomtom.signatures or any(cache.glob("tomtom._tomtom-*.nbi"))):
        say(f"Tomtom is compiled, about a minute at its first use; kept in {cache}.")
    return tomtom
