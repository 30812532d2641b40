"""Predicted tracks along a genome, one bigWig each, in a folder that appears when all of them are whole."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import tomli_w
import torch

from palindra.cli.provenance import versions
from palindra.data.files import hash_file
from palindra.data.genome import Genome, read_bed, write_bigwig
from palindra.data.tracks.folder import LOCK, alone
from palindra.engine import Engine
from palindra.errors import InputError
from palindra.models.saving import CHECKSUMS, write_text
from palindra.models.track_saving import TrackRun, load_track_run
from palindra.training.track_losses import LOSSES, Truth
from palindra.training.track_regions import Piece, Tiling, predict_regions
from palindra.training.track_writing import write_each_track

RECORD = "predictions.toml"  # what was predicted, with what
UNITS = "units"  # results of workers, until everything is written


def predict_genome(
    run_folder: Path,
    fasta: Path,
    output: Path,
    *,
    bed: Path | None = None,
    map_names: bool = False,
    both_strands: bool = False,
    shifts: Sequence[int] = (0,),
    stride: int | None = None,
    batch_size: int = 64,
    devices: int = 1,
    cache: Path | None = None,
    engine: Engine | None = None,
    progress: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Write one bigWig per track of a run, and what they were made with.

    Work happens in ``output.partial``; the folder itself appears when it is complete.

    Args:
        run_folder: of a model of tracks.
        fasta: the genome, which need not be the one that the model was trained on.
        output: folder to write.
        bed: predict inside its regions only.
        map_names: whether the BED may name chromosomes otherwise than the FASTA.
        both_strands: average both strands, whatever the run says.
        shifts: average windows moved by these many positions.
        stride: from one window to the next; None for half a window.
        batch_size: windows at a time on each device.
        devices: GPUs if there are any, else copies of the model on the CPU; the result does not depend on them.
        cache: folder for the codes of the genome.
        engine: predicts runs of windows wherever its workers are; None predicts in this process. What is written is the
            same, and what is predicted stays until all of it is written.
        progress: with an engine, show a bar.
        say: gets notes.

    Returns:
        The bigWigs, in the order of the tracks.

    Raises:
        InputError: if the run is not one of tracks, the regions are not in the genome, options do not fit the model,
            or the folder exists.
    """
    run = load_track_run(run_folder)
    tiling = _tiling(run_folder, run, stride, shifts)
    if both_strands and run.target.rep is None:
        raise InputError(f"{run_folder}: the tracks are strand-specific, so --both-strands cannot average the strands.")
    places = _devices(devices)
    _require_writer()
    genome = Genome.open(fasta, cache=cache)
    regions = None if bed is None else _regions(bed, genome, map_names)
    names = file_names(run.tracks)
    strands = run.target if both_strands or run.both_strands else None
    predicted = None
    with contextlib.ExitStack() as stack:
        partial = stack.enter_context(_whole(output, keep=engine is not None))
        if engine is not None:
            from palindra.cli.tracks.predict_sharing import Asked, predicted_elsewhere

            asked = Asked.of(run_folder, genome, cache, tiling, strands is not None, shifts, batch_size)
            found = predicted_elsewhere(asked, genome, regions, engine, partial / UNITS, progress=progress, say=say)
            predicted = stack.enter_context(contextlib.closing(found))
        predicting = predict_regions(
            run.network,
            genome,
            regions,
            tiling,
            loss=LOSSES[run.loss],
            batch_size=batch_size,
            both_strands=strands,
            shifts=shifts,
            devices=places,
            scratch=partial,
            predicted=predicted,
        )
        pieces = stack.enter_context(contextlib.closing(predicting))
        _write(partial, names, genome, pieces)
        record = {
            "command": shlex.join(["palindra", *sys.argv[1:]]),
            "run": {"folder": str(run_folder), "sha256": hash_file(run_folder / CHECKSUMS)},
            "genome": {"file": fasta.name, "sha256": genome.fingerprint},
            "regions": "everywhere" if bed is None else {"file": bed.name, "sha256": hash_file(bed)},
            "tracks": dict(zip(run.tracks, names, strict=True)),
            "length": run.length,
            "bin_size": run.bin_size,
            "stride": tiling.stride or "half a window",
            "both_strands": strands is not None,
            "shifts": list(shifts),
            "versions": versions(),
        }
        write_text(partial / RECORD, tomli_w.dumps(record))
    return [output / name for name in names]


@contextlib.contextmanager
def _whole(output: Path, *, keep: bool = False) -> Iterator[Path]:
    """A folder to write into, which gets its name only when all of it is written; one writer at a time.

    Args:
        output: its name.
        keep: results of workers are kept when the work is cut off, to go on with.
    """
    kept = (LOCK, UNITS) if keep else (LOCK,)
    partial = output.with_name(output.name + ".partial")
    _require_free(output)
    if partial.exists() and not (partial / LOCK).is_file() and any(partial.iterdir()):
        raise InputError(f"{partial}: is needed to work in, and holds something else. Choose another --bigwig folder.")
    partial.mkdir(parents=True, exist_ok=True)
    with alone(partial):
        _require_free(output)  # the prediction that was waited for may have written it
        partial.mkdir(exist_ok=True)
        for left in partial.iterdir():  # of a prediction that was killed
            if left.name not in kept:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield partial
        except BaseException:
            if not keep:
                shutil.rmtree(partial, ignore_errors=True)
            raise
        shutil.rmtree(partial / UNITS, ignore_errors=True)
        (partial / LOCK).unlink(missing_ok=True)
        if output.exists():
            output.rmdir()
        partial.replace(output)


def parse_shifts(text: str) -> tuple[int, ...]:
    """The numbers of ``--shifts``.

    Examples:
        >>> parse_shifts("-75, 0,75")
        (-75, 0, 75)
        >>> parse_shifts("0,")
        Traceback (most recent call last):
        palindra.errors.InputError: --shifts 0,: write whole numbers of bp with commas, each once, e.g. -75,0,75.
    """
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or len(set(found)) < len(found):
        raise InputError(f"--shifts {text}: write whole numbers of bp with commas, each once, e.g. -75,0,75.")
    return found


def file_names(tracks: Iterable[str]) -> list[str]:
    """A file name for each track: its own name where that can be one, and none twice.

    Examples:
        >>> file_names(["RNA.fwd", "H3K27ac / liver", "rna.FWD"])
        ['RNA.fwd.bw', 'H3K27ac_liver.bw', 'rna.FWD-2.bw']
    """
    found: list[str] = []
    taken: set[str] = set()  # without capitals, which some systems do not tell apart
    for track in tracks:
        plain = re.sub(r"[^\w.+-]+", "_", track).strip("._") or "track"
        name, number = plain, 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.lower())
        found.append(f"{name}.bw")
    return found


def _tiling(run_folder: Path, run: TrackRun, stride: int | None, shifts: Sequence[int]) -> Tiling:
    if LOSSES[run.loss].truth is Truth.LABELS:
        raise InputError(
            f"{run_folder}: the model gives one label for each window of {run.length} bp, and no track along the "
            "genome. Use a run that was trained on tracks."
        )
    if all(abs(shift) >= run.length for shift in shifts):
        raise InputError(f"--shifts {_listed(shifts)}: the model reads {run.length} bp, so none may reach that.")
    try:
        return Tiling(run.length, run.bin_size, stride)
    except InputError as error:
        raise InputError(f"--stride {stride}: {error}") from None


def _regions(bed: Path, genome: Genome, map_names: bool) -> list[tuple[str, int, int]]:
    try:
        some = read_bed(bed, chromosomes=genome.chromosomes, genome=genome.fasta, map_names=map_names)
    except InputError as error:
        raise InputError(str(error).replace("(map_names)", "(--map-names)")) from None
    return list(zip(some.chrom, some.start.tolist(), some.end.tolist(), strict=True))


def _require_free(output: Path) -> None:
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output}: exists already. Choose another --bigwig folder, or remove it.")


def _devices(number: int) -> list[torch.device | str]:
    if not torch.cuda.is_available():
        return ["cpu"] * number
    if number > (there := torch.cuda.device_count()):
        raise InputError(f"--devices {number}: there {'is' if there == 1 else 'are'} {there} GPU(s).")
    return [f"cuda:{place}" for place in range(number)]


def _write(folder: Path, names: Sequence[str], genome: Genome, pieces: Iterable[Piece]) -> None:
    write_each_track(
        pieces, len(names), lambda number, some: write_bigwig(folder / names[number], genome.chromosomes, some)
    )


def _require_writer() -> None:
    """Refuse at once what would fail after the first chromosome."""
    if importlib.util.find_spec("pybigtools") is None:
        raise InputError("bigWig files need pybigtools, which is not installed: pip install 'palindra[genome]'")


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))
