"""A sequence that is not a row of an alignment, aligned to it: afterwards it is the first row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palindra.data.proteins.alignment import GAP, LETTERS, UNKNOWN, Alignment, Codes
from palindra.data.proteins.library import biotite
from palindra.data.proteins.profile import column_profile, sequence_weights
from palindra.errors import InputError
from palindra.sequences import PROTEIN, encode

_SCALE = 10  # scores are whole numbers in tenths of a bit
_OPEN, _EXTEND = -60, -10
_LEAST = 0.5


def place_sequence(alignment: Alignment, sequence: str, name: str = "query") -> Alignment:
    """Align a sequence to the profile of an alignment and make it the first row.

    The result has one column per residue of the sequence: the columns it was aligned to, and columns of gaps where it
    was aligned to none. Columns without a residue of the sequence are left out. The score is the log-odds of the
    profile with affine gap penalties and free ends (Gribskov, McLachlan & Eisenberg, 1987); the optimum is found by
    biotite.

    Args:
        alignment: of any rows.
        sequence: the residues; X for unknown ones.
        name: of the new row.

    Raises:
        InputError: for letters that are not protein, or when less than half of the shorter of both was aligned.

    Examples:
        >>> rows = Alignment("msa.fa", ("a", "b"), np.array([[18, 4, 9, 12], [18, 4, 9, 12]], np.uint8), (1, 3))
        >>> placed = place_sequence(rows, "GGWFLP")
        >>> placed.row(0), placed.row(1)
        ('GGWFLP', '--WFLP')
    """
    query = np.minimum(encode([sequence], PROTEIN, names=[name])[0], GAP)
    query = np.where(query == GAP, UNKNOWN, query).astype(np.uint8)
    columns = _aligned_columns(_scores(alignment, query))
    found = columns >= 0
    needed = min(len(query), alignment.codes.shape[1])
    if found.sum() < _LEAST * needed:
        raise InputError(
            f"{alignment.source}: only {found.sum()} of the {len(query)} residues of {name} were aligned to the "
            f"{alignment.codes.shape[1]} columns. At least half of the shorter of both is needed: is it the alignment "
            "of this protein's family?"
        )
    placed: Codes = np.full((len(alignment.names) + 1, len(query)), GAP, np.uint8)
    placed[0] = query
    placed[1:, found] = alignment.codes[:, columns[found]]
    return Alignment(alignment.source, (name, *alignment.names), placed, (1, *alignment.lines))


def _scores(alignment: Alignment, query: Codes) -> NDArray[np.int32]:
    """Log-odds of each residue of the query in each column, (residues, columns)."""
    weights = sequence_weights(alignment.codes)
    profile = column_profile(alignment.codes, weights)
    # Half uniform, so that a letter which the family never has counts against it.
    background = np.append((profile.mean(axis=0) + 1 / len(LETTERS)) / 2, 1.0)
    odds = np.concatenate([profile, np.ones((len(profile), 1))], axis=1) / background
    letters = np.minimum(query, len(LETTERS))  # an unknown residue says nothing
    return np.rint(_SCALE * np.log2(odds[:, letters].T)).astype(np.int32)


def _aligned_columns(scores: NDArray[np.int32]) -> NDArray[np.int64]:
    """For each residue the column it is aligned to, or -1."""
    sequence, align = biotite("sequence"), biotite("sequence.align")
    residues, columns = (sequence.Alphabet(range(size)) for size in scores.shape)
    optimum = align.align_optimal(
        sequence.GeneralSequence(residues, range(len(residues))),
        sequence.GeneralSequence(columns, range(len(columns))),
        align.SubstitutionMatrix(residues, columns, scores),
        gap_penalty=(_OPEN, _EXTEND),
        terminal_penalty=False,
        max_number=1,
    )[0]
    trace = optimum.trace
    found = np.full(len(residues), -1)
    both = (trace >= 0).all(axis=1)
    found[trace[both, 0]] = trace[both, 1]
    return found
