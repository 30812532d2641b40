"""Mutants of a region or of sequences, from a model to a folder that appears when it is whole."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.cli.mutagenesis.writing import write_hdf5, write_page, write_table
from palindra.cli.variants.models import Declaration, VariantModel, chosen, open_model
from palindra.data import read_sequences
from palindra.data.genome import Genome, Interval
from palindra.errors import InputError
from palindra.evaluation.mutagenesis import read_mutants
from palindra.evaluation.variants import LocalModel
from palindra.evaluation.variants.scores import PSEUDOCOUNT, log_fold_change
from palindra.sequences import codes_from_one_hot, encode, one_hot

Array = NDArray[Any]


@dataclass(frozen=True)
class Mutated:
    """What the mutants of one stretch would change.

    Args:
        name: of the sequence or chromosome.
        start: first mutated position, 0-based.
        codes: its letters, 4 for an unknown one.
        reference: predictions ``(targets,)``.
        scores: by name, ``(letters, positions, targets)``; 0 where nothing is changed.
    """

    name: str
    start: int
    codes: Array
    reference: Array
    scores: dict[str, Array]


@dataclass(frozen=True)
class _Window:
    name: str
    first: int  # position of the window's first letter
    codes: Array
    start: int  # first mutated letter of the window
    end: int


def mutate(
    model_name: str,
    declared: Declaration,
    path: Path,
    region: str | None,
    output: Path,
    *,
    targets: str | None,
    both_strands: bool | None,
    limit: int,
    cache: Path | None,
    progress: bool,
    command: str,
) -> list[str]:
    """Write scores and pictures of all mutants.

    Returns:
        What was done, in sentences.

    Raises:
        InputError: for a model or sequences that cannot be read, a region that is not in the genome, or a folder that
            exists.
    """
    if output.exists():
        raise InputError(f"{output}: exists already. Choose another --output folder, or remove it.")
    model = open_model(model_name, declared)
    wanted = chosen(targets, model.names)
    strands = model.knows_strands if both_strands is None else both_strands
    if strands and not model.knows_strands:
        raise InputError("--both-strands: the target is strand-specific, so strands cannot be averaged.")
    windows = (
        _of_sequences(path, model.length, limit) if region is None else _of_region(path, region, model.length, cache)
    )
    found = list(_mutated(model, _shown(windows, progress), wanted, strands))
    names = [model.names[number] for number in wanted]
    partial = output.with_name(output.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    write_table(partial / "scores.tsv", found, names)
    write_hdf5(partial / "scores.h5", found, names)
    write_page(partial / "page.html", found, names, command=command, model=model_name, source=path.name)
    partial.replace(output)
    positions = sum(len(one.codes) for one in found)
    return [f"{positions:,} positions of {len(windows):,} windows  {output}", f"page        {output / 'page.html'}"]


def _mutated(
    model: VariantModel, windows: Iterable[_Window], wanted: list[int], both_strands: bool
) -> Iterator[Mutated]:
    local, reading = LocalModel(model.network), model.reading
    pseudocount = PSEUDOCOUNT.get(reading.kind, 0.0) if reading.pseudocount is None else reading.pseudocount
    for window in windows:
        x = one_hot(window.codes[None])
        found = read_mutants(local, x, reading, start=window.start, end=window.end, both_strands=both_strands)
        reference = found.reference[0, wanted].double().numpy()
        mutants = found.mutants[0][..., wanted].double().numpy()
        scores = {"difference": mutants - reference}
        if reading.kind != "value":
            scores["log_fold_change"] = log_fold_change(reference, mutants, pseudocount)
        codes = codes_from_one_hot(x)[0][window.start : window.end]
        yield Mutated(window.name, window.first + window.start, codes, reference, scores)


def _of_region(path: Path, text: str, length: int, cache: Path | None) -> list[_Window]:
    region = Interval.parse(text)
    genome = Genome.open(path, cache=cache)
    if region.chrom not in genome.chromosomes or not 0 <= region.start < region.end <= genome.chromosomes[region.chrom]:
        known = ", ".join(list(genome.chromosomes)[:5])
        size = genome.chromosomes.get(region.chrom)
        why = f"{region.chrom} has {size:,} letters" if size else f"its chromosomes are {known}"
        raise InputError(f"{text}: is not in {path}: {why}.")
    pieces = -(-len(region) // length)
    edges = np.linspace(region.start, region.end, pieces + 1).round().astype(int).tolist()
    found = []
    for start, end in itertools.pairwise(edges):
        first = (start + end) // 2 - length // 2
        codes = genome.codes(region.chrom, first, first + length)
        found.append(_Window(region.chrom, first, codes, start - first, end - first))
    return found


def _of_sequences(path: Path, length: int, limit: int) -> list[_Window]:
    names, sequences, places = read_sequences(path)
    found = []
    for name, text, place in list(zip(names, sequences, places, strict=True))[:limit]:
        if len(text) != length:
            fit = "cut" if len(text) > length else "extend"
            raise InputError(f"{place}: {len(text)} letters, but the model reads {length}: {fit} the sequences.")
        found.append(_Window(name, 0, encode([text])[0], 0, length))
    return found


def _shown(windows: list[_Window], progress: bool) -> Iterable[_Window]:
    if not progress or len(windows) < 2:
        return windows
    from rich.progress import track

    return track(windows, description="windows", transient=True)
