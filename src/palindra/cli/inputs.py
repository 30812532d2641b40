"""Strings of the command line become values here, and nowhere else."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from palindra.errors import InputError

if TYPE_CHECKING:
    from palindra.data import LabelledSequences
    from palindra.sequences import Alphabet
    from palindra.symmetry import Target


def choose(what: str, given: str, known: Iterable[str]) -> str:
    """The known name that was given.

    Raises:
        InputError: with the nearest known name.
    """
    names = list(known)
    if given in names:
        return given
    near = difflib.get_close_matches(given, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise InputError(f"{what} {given!r} is not known.{hint} Choose from: {', '.join(names)}.")


def alphabet(name: str) -> Alphabet:
    """The alphabet of that name."""
    from palindra.sequences import DNA, PROTEIN, RNA

    known = {"dna": DNA, "rna": RNA, "protein": PROTEIN}
    return known[choose("--alphabet", name.lower(), known)]


def read(
    path: Path,
    *,
    negatives: Path | None = None,
    task: str | None = None,
    sequence: str | None = None,
    label: str | None = None,
    split: str | None = None,
    chromosome: str | None = None,
    split_by: str | None = None,
    valid_chromosomes: str | None = None,
    test_chromosomes: str | None = None,
    pad: str | None = None,
    alphabet_name: str = "dna",
    class_names: Sequence[str] = (),
) -> LabelledSequences:
    """Labelled sequences as the options describe them.

    Raises:
        InputError: for options that do not go together, and for files that cannot be used.
    """
    from palindra import data

    if task is not None:
        choose("--task", task, [str(t) for t in data.Task])
    if split_by is not None:
        choose("--split", split_by, ["chromosome", "similarity", "random"])
    for option, given in (("--valid-chromosomes", valid_chromosomes), ("--test-chromosomes", test_chromosomes)):
        if given and split_by != "chromosome":
            raise InputError(f"{option} {given}: it goes with --split chromosome.")
    if split_by == "chromosome" and not valid_chromosomes:
        raise InputError("--split chromosome: name those of validation and test, e.g. --valid-chromosomes chr8,chr9.")
    if pad is not None and pad != "longest" and not (pad.isdigit() and int(pad)):
        raise InputError(f"--pad {pad}: give a length, e.g. --pad 200, or --pad longest.")
    rows = data.read_labelled(
        path,
        task=task,
        sequence_column=sequence,
        label_columns=None if label is None else [name.strip() for name in label.split(",")],
        split_column=split,
        chromosome_column=chromosome,
        negatives=negatives,
        pad=None if pad is None else "longest" if pad == "longest" else int(pad),
        class_names=class_names,
        alphabet=alphabet(alphabet_name),
    )
    if split_by is None:
        return rows
    if split_by == "chromosome":
        return data.split_by_chromosome(rows, valid=_listed(valid_chromosomes), test=_listed(test_chromosomes))
    return (data.split_by_similarity if split_by == "similarity" else data.split_random)(rows, seed=0)


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",")] if text else []


def target(text: str, rows: LabelledSequences) -> Target:
    """The declared target: ``invariant``, ``strand-specific`` or partners such as ``1,0``."""
    from palindra.symmetry import Target

    if text == "invariant":
        return Target.invariant(rows.outputs)
    if text == "strand-specific":
        return Target.strand_specific()
    numbers = text.split(",")
    if not all(n.strip().isdigit() for n in numbers):
        raise InputError(
            f"--target {text}: give invariant, strand-specific, or for each label column (or class) the number, from "
            "0, of the one that it becomes on the other strand, e.g. 1,0."
        )
    if len(numbers) != rows.outputs:
        what = "classes" if rows.task == "multiclass" else "label columns"
        raise InputError(f"--target {text}: it pairs {len(numbers)} {what}, but there are {rows.outputs}.")
    try:
        return Target.paired([int(n) for n in numbers])
    except ValueError as error:
        raise InputError(f"--target {text}: {error}") from error


def settings(assignments: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """``--set model.dilations=[1,2]`` as ``{"model": {"dilations": (1, 2)}, "training": {}}``."""
    found: dict[str, dict[str, Any]] = {"model": {}, "training": {}}
    for text in assignments or ():
        name, equals, value = text.partition("=")
        table, dot, key = name.strip().partition(".")
        if not equals or not dot or not key or table not in found:
            raise InputError(
                f"--set {text}: write model.NAME=VALUE or training.NAME=VALUE, e.g. --set training.warmup=0.2."
            )
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value.strip()
        found[table][key] = tuple(parsed) if isinstance(parsed, list) else parsed
    return found


def integers(text: str, option: str) -> list[int]:
    """``0,1,2`` or ``0-4`` as numbers."""
    found: list[int] = []
    for term in text.split(","):
        low, dash, high = term.strip().partition("-")
        if not low.isdigit() or (dash and not (high.isdigit() and int(low) <= int(high))):
            raise InputError(f"{option} {text}: write numbers with commas, or a range, e.g. 0,1,2 or 0-4.")
        found += range(int(low), int(high) + 1) if dash else [int(low)]
    return list(dict.fromkeys(found))
