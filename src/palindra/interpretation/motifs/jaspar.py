"""Known motifs of JASPAR, from the copy that pyjaspar brings."""

from __future__ import annotations

import warnings

import numpy as np

from palindra.data.motifs import Motif
from palindra.errors import InputError


def jaspar(*, release: str = "JASPAR2022", collection: str = "CORE", group: str | None = "vertebrates") -> list[Motif]:
    """Non-redundant motifs of a release of JASPAR; no network is needed.

    Args:
        release: as pyjaspar calls it, e.g. ``"JASPAR2024"``.
        collection: ``"CORE"`` or another one of the release.
        group: of species; None for all.

    Raises:
        InputError: if pyjaspar is not installed, or has no such motifs.

    Source: Castro-Mondragon et al. (2022), https://jaspar.elixir.no, CC BY 4.0.
    """
    try:
        from pyjaspar import jaspar_releases, jaspardb
    except ImportError as error:
        raise InputError(
            "motifs of JASPAR by their release need pyjaspar, which is not installed: pip install 'palindra[jaspar]'; "
            "or give a file in the MEME format from https://jaspar.elixir.no/downloads."
        ) from error
    if release not in jaspar_releases:
        raise InputError(f"pyjaspar has no release {release!r}; it has {', '.join(jaspar_releases)}.")
    database = jaspardb(release=release)
    groups = [group] if group else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no motif, which is an error below
        found = database.fetch_motifs(collection=[collection], tax_group=groups, all_versions=False)
    database.conn.close()
    if not found:
        raise InputError(f"{release} has no motifs in {collection} of {group or 'any group'}.")
    motifs = []
    for one in found:
        counts = np.array([one.counts[letter] for letter in "ACGT"], dtype=np.float64).T
        chances = counts / counts.sum(axis=1, keepdims=True)
        motifs.append(Motif(f"{one.matrix_id} {one.name}", chances, round(counts.sum(axis=1).max())))
    return motifs
