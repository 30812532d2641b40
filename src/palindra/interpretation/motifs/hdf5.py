"""Motifs in HDF5 files: filters with what they match, and patterns in the layout of modisco-lite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from palindra.errors import InputError
from palindra.interpretation.motifs.filters import FilterMotif
from palindra.interpretation.motifs.modisco import Pattern


def write_filters(path: str | Path, filters: Sequence[FilterMotif]) -> None:
    """A group for each motif: ``chances (width, 4)``, ``places (length,)``; its numbers are attributes."""
    with _whole(path) as file:
        for number, one in enumerate(filters):
            group = file.create_group(one.motif.name, track_order=True)
            group["chances"], group["places"] = one.motif.chances, one.places
            group.attrs.update(order=number, sites=one.motif.sites or 0, channels=one.channels, maximum=one.maximum)


def write_patterns(path: str | Path, patterns: Sequence[Pattern], *, window: int) -> None:
    """``pos_patterns/pattern_0/...`` with means over seqlets and places, as modisco-lite lays them out.

    Args:
        path: of the file.
        patterns: see :func:`discover_patterns`.
        window: bp that were searched.

    Seqlets are counted in whole sequences, not in their middle.
    """
    with _whole(path) as file:
        file.attrs["window_size"] = window
        for one in patterns:
            sign, _, number = one.motif.name.partition("_")
            group = file.create_group(f"{sign}_patterns/pattern_{number}")
            group["sequence"] = one.motif.chances
            group["contrib_scores"], group["hypothetical_contribs"] = one.contributions, one.hypothetical
            seqlets = group.create_group("seqlets")
            seqlets["n_seqlets"] = np.array([len(one.seqlets)])
            seqlets["example_idx"] = np.array([seqlet.row for seqlet in one.seqlets])
            seqlets["start"] = np.array([seqlet.start for seqlet in one.seqlets])
            seqlets["end"] = np.array([seqlet.end for seqlet in one.seqlets])
            seqlets["is_revcomp"] = np.array([seqlet.strand == "-" for seqlet in one.seqlets])


@contextmanager
def _whole(path: str | Path) -> Iterator[Any]:
    """A new file that gets its name when it is complete."""
    try:
        import h5py
    except ImportError as error:
        raise InputError("HDF5 files need h5py, which is not installed: pip install 'palindra[hdf5]'") from error
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    with h5py.File(partial, "w", track_order=True) as file:
        yield file
    partial.replace(path)
