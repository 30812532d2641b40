"""Windows of a genome predicted by workers, and given back batch by batch in their order."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from palindra.data.files import hash_file
from palindra.data.genome import Genome
from palindra.engine import Engine, Unit, work
from palindra.errors import InputError
from palindra.models.saving import CHECKSUMS
from palindra.models.track_saving import TrackRun, load_track_run
from palindra.training.track_losses import LOSSES
from palindra.training.track_predict import Predictions
from palindra.training.track_regions import Tiling, predict_windows, window_batches

PREDICT = "palindra.cli.tracks.predict_sharing:predict_run"
VALUES = "values.npy"  # (windows, tracks, bins)
_LETTERS = 1 << 21  # that the windows of one piece of work read


@dataclass(frozen=True)
class Asked:
    """What a worker needs to know, in plain values.

    Args:
        run: folder of the model.
        sha256: of its checksums, so that another model is not taken for it.
        fasta: the genome.
        fingerprint: of the genome.
        cache: folder for its codes.
        tiling: length, bin size, stride and margin of windows.
        both_strands: whether strands are averaged.
        shifts: of windows.
        batch_size: windows at a time.
    """

    run: str
    sha256: str
    fasta: str
    fingerprint: str
    cache: str | None
    tiling: Mapping[str, Any]
    both_strands: bool
    shifts: Sequence[int]
    batch_size: int

    @classmethod
    def of(
        cls,
        run: Path,
        genome: Genome,
        cache: Path | None,
        tiling: Tiling,
        both_strands: bool,
        shifts: Sequence[int],
        batch_size: int,
    ) -> Asked:
        """The same as a folder, a genome and a tiling."""
        return cls(
            str(run.absolute()),
            hash_file(run / CHECKSUMS),
            str(genome.fasta.absolute()),
            genome.fingerprint,
            None if cache is None else str(cache.absolute()),
            asdict(tiling),
            both_strands,
            list(shifts),
            batch_size,
        )


def predicted_elsewhere(
    asked: Asked,
    genome: Genome,
    regions: Iterable[tuple[str, int, int]] | None,
    engine: Engine,
    folder: Path,
    *,
    progress: bool,
    say: Callable[[str], None],
) -> Generator[Predictions, None, None]:
    """Predictions of every batch of windows over regions, in the order of ``window_batches``.

    A piece of work is a run of whole batches, so that windows are read together as they are without workers.
    """
    tiling, plain = Tiling(**asked.tiling), asdict(asked)
    several = max(1, _LETTERS // (asked.batch_size * tiling.length))
    units = [
        Unit(
            PREDICT,
            {"asked": plain, "chrom": chrom, "starts": np.concatenate(some).tolist()},
            f"{chrom}:{some[0][0]}-{some[-1][-1] + tiling.length}",
        )
        for chrom, _, batches in window_batches(genome.chromosomes, regions, tiling, asked.batch_size)
        for some in (batches[at : at + several] for at in range(0, len(batches), several))
    ]
    for _, result in work(engine, units, folder, progress=progress, say=say):
        values = np.load(result.folder / VALUES, mmap_mode="r")
        for at in range(0, len(values), asked.batch_size):
            yield values[at : at + asked.batch_size]


def predict_run(folder: Path, asked: Mapping[str, Any], chrom: str, starts: Sequence[int]) -> dict[str, int]:
    """Write the predictions of a run of windows.

    Args:
        folder: to write into.
        asked: an :class:`Asked` as a mapping.
        chrom: chromosome.
        starts: where windows begin.

    Raises:
        InputError: if run or genome are not those that the command began with.
    """
    opened, run, genome = _open(json.dumps(dict(asked), sort_keys=True))
    where = np.asarray(starts, dtype=np.int64)
    found = predict_windows(
        run.network,
        genome,
        chrom,
        [where[at : at + opened.batch_size] for at in range(0, len(where), opened.batch_size)],
        Tiling(**opened.tiling),
        loss=LOSSES[run.loss],
        both_strands=run.target if opened.both_strands else None,
        shifts=opened.shifts,
        devices=["cuda" if torch.cuda.is_available() else "cpu"],
    )
    values = np.concatenate(list(found))
    np.save(folder / VALUES, values)
    return {"windows": len(values)}


@lru_cache(maxsize=1)  # a process opens run and genome once, for all windows that it predicts
def _open(text: str) -> tuple[Asked, TrackRun, Genome]:
    asked = Asked(**json.loads(text))
    if hash_file(Path(asked.run) / CHECKSUMS) != asked.sha256:
        raise InputError(
            f"{asked.run}: is not the run that the command began with. Leave it alone while the command runs, and give "
            "every machine the same one."
        )
    cache = None if asked.cache is None else Path(asked.cache)
    return asked, load_track_run(asked.run), Genome.open(asked.fasta, cache=cache, fingerprint=asked.fingerprint)
