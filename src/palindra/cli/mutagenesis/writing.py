"""What mutants change, as a table, as HDF5 and as a page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from palindra.cli.mutagenesis.running import Mutated

LETTERS = "ACGT"


def write_table(path: Path, found: Sequence[Mutated], names: Sequence[str]) -> None:
    """One line per mutant: where, which letter for which, and each score of each target; positions are 1-based."""
    with path.open("w", encoding="utf-8") as lines:
        header = [f"{score}_{name}" for score in found[0].scores for name in names]
        lines.write("\t".join(["name", "position", "ref", "alt", *header]) + "\n")
        for one in found:
            for place, code in enumerate(one.codes.tolist()):
                ref = LETTERS[code] if code < len(LETTERS) else "N"
                for number, alt in enumerate(LETTERS):
                    if alt == ref:
                        continue
                    values = [value for score in one.scores.values() for value in score[number, place]]
                    row = [one.name, str(one.start + place + 1), ref, alt, *(f"{value:.7g}" for value in values)]
                    lines.write("\t".join(row) + "\n")


def write_hdf5(path: Path, found: Sequence[Mutated], names: Sequence[str]) -> None:
    """A group per stretch: codes, reference, and each score ``(letters, positions, targets)`` in float32."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["targets"] = list(names)
        file.attrs["letters"] = LETTERS
        for number, one in enumerate(found):
            group = file.create_group(f"{number:05d}")
            group.attrs.update({"name": one.name, "start": one.start})
            group["codes"], group["reference"] = one.codes, one.reference.astype(np.float32)
            for score, values in one.scores.items():
                group.create_dataset(score, data=values.astype(np.float32), compression="gzip")


def write_page(
    path: str | os.PathLike[str],
    found: Sequence[Mutated],
    names: Sequence[str],
    *,
    command: str,
    model: str,
    source: str,
) -> None:
    """Heat maps of every stretch and target, as many as a page can hold."""
    from palindra.cli.provenance import versions
    from palindra.report import mutagenesis_page

    score = list(found[0].scores)[-1]
    maps = [
        mutagenesis_page.HeatMap(
            f"{one.name}:{one.start + 1:,}-{one.start + len(one.codes):,}, {name}",
            one.start + 1,
            "".join(LETTERS[code] if code < len(LETTERS) else "N" for code in one.codes.tolist()),
            one.scores[score][..., place].tolist(),
        )
        for one in found
        for place, name in enumerate(names)
    ]
    mutagenesis_page.write(
        mutagenesis_page.MutagenesisPage(
            f"Saturation mutagenesis of {source}",
            score.replace("_", " "),
            maps,
            {"command": command, "model": model, **versions()},
        ),
        path,
    )
