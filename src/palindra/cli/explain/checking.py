"""Which maps tell whether maps can be believed: other strands, shifts, methods, random weights, and other runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from palindra.cli.explain.blocks import Wanted, maps_of
from palindra.cli.explain.material import MOVE, Material
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.subject import Subject, open_subject
from palindra.errors import InputError
from palindra.interpretation.reliability import layers_in_order, starts
from palindra.sequences import one_hot, reverse_complement
from palindra.sequences.alphabet import Codes

LETTERS = 8_000  # of the sequences on which maps are made many times
SHIFTS = 10


def wanted(
    subject: Subject, others: Mapping[str, Subject], material: Material, settings: Settings
) -> dict[str, Wanted]:
    """The maps that checks need beside those of all sequences, by the names that checks know them by.

    Args:
        subject: the model.
        others: other runs, by their names.
        material: the explained sequences.
        settings: of the command.
    """
    codes = material.codes[: few_of(subject)]
    found = {}
    if subject.knows_strands:
        found["strand"] = maps_of("maps of the other strand", subject, reverse_complement(codes), settings, other=True)
    for number, (_, inputs) in enumerate(moved(subject, material)):
        found[f"shift {number}"] = maps_of(f"maps of shift {number + 1}", subject, inputs, settings)
    for name in settings.compare_methods:
        if name != settings.method:
            found[f"method {name}"] = maps_of(f"maps by {name}", subject, codes, settings, method=name)
    layers = layers_of(subject, codes)
    for number in range(1, len(layers) + 1):
        some = codes if number == len(layers) else codes[: fewer(len(codes))]
        what = f"maps of {number} layers with random weights"
        found[f"random {number}"] = maps_of(what, subject, some, settings, random=layers[:number])
    for name, other in others.items():
        found[f"run {name}"] = maps_of(f"maps of {other.folder}", other, material.codes, settings)
    return found


def few_of(subject: Subject) -> int:
    """Sequences on which maps are made many times."""
    return max(4, min(20, LETTERS // subject.length))


def fewer(rows: int) -> int:
    """Of them, those on which maps are made for every layer."""
    return max(2, rows // 4)


def moved(subject: Subject, material: Material) -> list[tuple[NDArray[np.int64], Codes]]:
    """Where inputs begin in wider windows, and these inputs, for each shift; none where there is no room."""
    move, length = min(MOVE, (subject.length - 1) // 2), subject.length
    if move < 1:
        return []
    rows = max(2, min(few_of(subject), len(material.codes)) // 2)
    windows = material.wider[:rows, MOVE - move : material.wider.shape[1] - MOVE + move]
    begins = starts(len(windows), windows.shape[1] - length, SHIFTS)
    return [(begin, np.take_along_axis(windows, begin[:, None] + np.arange(length), axis=1)) for begin in begins]


def layers_of(subject: Subject, codes: Codes) -> list[str]:
    """Layers with weights from the output towards the input, in the order in which they lose what they learned."""
    weight = next((p for p in subject.network.parameters() if p.is_floating_point()), torch.zeros(()))
    layers = layers_in_order(subject.network.eval(), one_hot(codes[:1]).to(weight))[::-1]
    if not layers:
        raise InputError(f"{subject.folder}: the model has no weights that a pass uses: there is nothing to explain.")
    return layers


def other_runs(subject: Subject, settings: Settings) -> dict[str, Subject]:
    """The models of other runs, by names that tell them apart.

    Raises:
        InputError: if one of them has no such output, or reads sequences of another length.
    """
    found: dict[str, Subject] = {}
    for folder in settings.also:
        taken = {name_of(subject.folder), *found}
        name = name_of(folder) if name_of(folder) not in taken else str(folder)
        found[name] = same_subject(subject, folder, settings)
    return found


def same_subject(subject: Subject, folder: Path, settings: Settings) -> Subject:
    """The model of another run, with the same output.

    Raises:
        InputError: if it has no such output, or reads sequences of another length.
    """
    other = open_subject(
        folder, name=subject.name, contribution=settings.contribution, both_strands=settings.both_strands
    )
    if other.length != subject.length or other.tracks != subject.tracks:
        raise InputError(
            f"--also {folder}: reads {other.length} letters of {'a genome' if other.tracks else 'sequences'}, and "
            f"{subject.folder} {subject.length} of {'a genome' if subject.tracks else 'sequences'}: give runs of one "
            "recipe, e.g. other seeds."
        )
    return other


def name_of(folder: Path) -> str:
    """A run in words: its folder and the one above."""
    parts = folder.resolve().parts
    return "/".join(parts[-2:])
