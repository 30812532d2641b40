"""Data sets of transposable elements and of synthetic phylogenies, written to a folder."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from palindra.cli.inputs import choose
from palindra.data import LabelledSequences, check_data, format_checks
from palindra.data.files import hash_file
from palindra.data.phylogenies import Indels, PhylogenyConfig, Substitution, make_phylogeny
from palindra.data.task import Task
from palindra.data.transposons import WindowConfig, build_windows, read_families
from palindra.errors import InputError
from palindra.models.saving import write_text

TABLE, MANIFEST = "windows.tsv", "dataset.json"
SUBSTITUTIONS: dict[str, Callable[[float, tuple[float, float, float, float]], Substitution]] = {
    "jc69": lambda kappa, frequencies: Substitution(),
    "k80": lambda kappa, frequencies: Substitution(kappa),
    "hky": Substitution,
}


def build_transposons(source: Path, folder: Path, config: WindowConfig, *, command: str) -> list[str]:
    """Write windows.tsv, which training reads, and dataset.json, which says what it was made of.

    The same source and settings give the same bytes.

    Returns:
        Lines for the user: sizes, what was left out, checks.

    Raises:
        InputError: for a source or settings that cannot be used, or a folder that holds something else.
    """
    _require_folder(folder)
    made = build_windows(read_families(source), config)
    manifest = {
        "source": source.name,
        "sha256": hash_file(source),
        "settings": asdict(config),
        "report": dict(made.report),
        "command": command,
    }
    _write(folder, {TABLE: made.to_tsv()}, manifest)
    report = made.report
    lines = [f"{made.data}", f"classes     {', '.join(made.data.class_names)}"]
    if report["left_out_classes"]:
        lines.append(f"left out    {', '.join(report['left_out_classes'])} (not enough families for three splits)")
    removed = ", ".join(f"{name} {count}" for name, count in report["removed_as_leaks"].items())
    return [*lines, f"removed     {removed} windows like some of another split", *_checks(made.data), _where(folder)]


def build_phylogeny(folder: Path, config: PhylogenyConfig, *, command: str) -> list[str]:
    """Write windows.tsv, the tree (tree.nwk), the true alignment (alignment.fa) and dataset.json.

    Raises:
        InputError: for settings that cannot be used, or a folder that holds something else.
    """
    _require_folder(folder)
    made = make_phylogeny(config)
    names, data = made.data.class_names, made.data
    lines = ["sequence\tlabel\tsplit\tname"]
    for row, sequence in enumerate(data.sequences):
        number = int(data.labels[row, 0])
        label = str(number) if data.task is Task.BINARY else names[number]
        lines.append(f"{sequence}\t{label}\t{data.splits[row]}\t{made.tree.leaf_names[row]}")
    files = {TABLE: "\n".join(lines) + "\n", "tree.nwk": f"{made.tree}\n", "alignment.fa": made.alignment.to_fasta()}
    _write(folder, files, {"settings": asdict(config), "command": command})
    return [f"{data}", *_checks(data), _where(folder)]


def substitution(name: str, kappa: float, frequencies: str) -> Substitution:
    """The process of letters that the options describe.

    Raises:
        InputError: for a name that is not known, or numbers out of range.
    """
    make = SUBSTITUTIONS[choose("--substitution", name, SUBSTITUTIONS)]
    try:
        values = [float(text) for text in frequencies.split(",")]
    except ValueError:
        values = []
    if len(values) != 4:
        raise InputError(f"--frequencies {frequencies}: write those of A, C, G and T, e.g. 0.3,0.2,0.2,0.3.")
    try:
        return make(kappa, (values[0], values[1], values[2], values[3]))
    except ValueError as error:
        raise InputError(f"--substitution {name}: {error}") from None


def indels(rate: float, mean_length: float) -> Indels:
    """Insertions and deletions at one rate each."""
    if not (0 <= rate < math.inf and 1 <= mean_length < math.inf):
        raise InputError(f"--indels {rate:g}, --indel-length {mean_length:g}: 0 and 1 are the least.")
    return Indels(rate, rate, mean_length)


def _require_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; a folder is needed. Choose another --output.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise InputError(f"{folder}: exists and holds something else; choose another --output, or remove it.")


def _write(folder: Path, files: Mapping[str, str], manifest: Mapping[str, Any]) -> None:
    """The files first and the manifest last, so that a folder with one is whole; refuse other settings."""
    text = json.dumps(manifest, indent=1) + "\n"
    kept = folder / MANIFEST
    if kept.exists():
        known = json.loads(kept.read_text(encoding="utf-8"))
        new = json.loads(text)
        if any(known.get(key) != new.get(key) for key in ("settings", "sha256")):
            raise InputError(
                f"{folder}: holds a data set of other settings or another source; choose another --output."
            )
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_text(folder / name, content)
    write_text(kept, text)


def _checks(data: LabelledSequences) -> list[str]:
    return format_checks([check for check in check_data(data) if check.level == "warning"]).splitlines()


def _where(folder: Path) -> str:
    return f"table       {folder / TABLE}"
