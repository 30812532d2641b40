"""The audit of anybody's representations: language models, supervised trunks, counts, functions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from palindra.cli import inputs
from palindra.cli.auditing_tables import cure_table, facts, scatter, shifted, strand_table, token_table
from palindra.cli.labelled import figures
from palindra.data import LabelledSequences
from palindra.models.saving import write_text
from palindra.report import audit_page

if TYPE_CHECKING:
    from palindra.probing.audit import SourceAudit

FASTA = (".fa", ".fasta", ".fna")


@dataclass(frozen=True)
class SourceOptions:
    """How a source is opened and audited."""

    layer: int | None = None
    strands: str = "as is"
    beside: str = "one-hot"
    letters: int = 32
    fit_limit: int = 5000
    unlabelled: bool = False
    trust_remote_code: bool = False
    device: str = "cpu"
    batch_size: int = 64
    max_length: str = "refuse"

    def changed(self) -> list[str]:
        """Options that are not as they are by default, as they are written."""
        plain = SourceOptions()
        return [f"--{key.replace('_', '-')}" for key in vars(self) if getattr(self, key) != getattr(plain, key)]


def is_source(text: str) -> bool:
    """Whether a text names a source of representations rather than a run folder or module:function.

    Examples:
        >>> is_source("hf:some/folder"), is_source("one-hot"), is_source("my_models:load")
        (True, True, False)
    """
    from palindra.probing.sources.opening import KINDS

    return text.partition(":")[0] in KINDS and not Path(text).is_dir()


class Rows(NamedTuple):
    """What is audited, and what a readout is fitted on."""

    sequences: list[str]
    labels: Any
    task: str | None
    train: tuple[list[str], Any] | None
    valid: tuple[list[str], Any] | None
    read: LabelledSequences | None  # for the provenance


def audit_source_file(
    model: str,
    path: Path,
    output: Path,
    *,
    options: SourceOptions,
    limit: int,
    reading: dict[str, Any],
    command: str,
) -> list[str]:
    """Write the page and the numbers of an audit of a source.

    Args:
        model: text of the source.
        path: of the data.
        output: page to write.
        options: of the source.
        limit: sequences to audit.
        reading: options of :func:`palindra.cli.inputs.read`.
        command: that is run.

    Returns:
        The verdict, sentence by sentence.

    Raises:
        InputError: for a source that cannot be opened, and data that cannot be read.
    """
    from palindra.probing.audit import audit_source
    from palindra.probing.sources import open_source
    from palindra.probing.sources.strands import STRANDS
    from palindra.probing.sources.tiles import MAX_LENGTHS

    inputs.choose("--strands", options.strands, STRANDS)
    inputs.choose("--max-length", options.max_length, MAX_LENGTHS)
    how: dict[str, Any] = {
        "trust_remote_code": options.trust_remote_code,
        "device": options.device,
        "batch_size": options.batch_size,
        "max_length": options.max_length,
    }
    rows = _rows(path, options, limit, reading)
    source = open_source(model, layer=options.layer, strands=options.strands, **how)  # type: ignore[arg-type]
    beside = None if options.beside in ("", model) else open_source(options.beside, **how)
    found = audit_source(
        source,
        rows.sequences,
        rows.labels,
        rows.task,
        train=rows.train,
        valid=rows.valid,
        beside=beside,
        language_sequences=options.letters,
    )
    cure = cure_line(model, found)
    page = audit_page.Audit(
        title=f"Audit of {found.name}",
        verdict=found.verdict(),
        table=facts(found),
        strands=scatter(found),
        provenance=_provenance(command, path, rows, found),
        tables=[table for table in (strand_table(found), cure_table(found), token_table(found)) if table.rows],
        shifts=[shifted(moved) for moved in (found.moved, found.beside) if moved is not None and moved.shifts],
        cure=cure,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    audit_page.write(page, output)
    write_text(output.with_suffix(".json"), json.dumps({**found.as_dict(), "cure": cure}, indent=1) + "\n")
    return [*found.verdict(), *([f"cure        {cure}"] if cure else [])]


def cure_line(model: str, found: SourceAudit) -> str:
    """What to write in Python to read both strands and average; empty where that is no cure."""
    from palindra.probing.audit.verdict import harms

    if found.strand_setting != "as is" or found.strands.alike or harms(found.downstream):
        return ""
    return f'palindra.probing.sources.open_source("{model}", strands="averaged")'


def _rows(path: Path, options: SourceOptions, limit: int, reading: dict[str, Any]) -> Rows:
    suffix = next((s.lower() for s in reversed(path.suffixes) if s.lower() != ".gz"), "")
    if options.unlabelled or (suffix in FASTA and not reading.get("negatives")):
        from palindra.data.unlabelled import read_sequences

        sequences = read_sequences(path, sequence_column=reading.get("sequence")).sequences
        return Rows(_thinned(sequences, limit), None, None, None, None, None)
    read = inputs.read(path, **reading)
    task = str(read.task)
    if not (read.splits == "test").any():
        chosen = read.take(_places(len(read), limit))
        return Rows(chosen.sequences, chosen.labels, task, None, None, read)
    test = read.rows("test")
    test = test.take(_places(len(test), limit))
    train, valid = (_part(read, split, options.fit_limit) for split in ("train", "valid"))
    return Rows(test.sequences, None if train is None else test.labels, task, train, valid, read)


def _part(read: LabelledSequences, split: str, limit: int) -> tuple[list[str], Any] | None:
    if not (read.splits == split).any():
        return None
    rows = read.rows(split)
    rows = rows.take(_places(len(rows), limit))
    return rows.sequences, rows.labels


def _places(rows: int, limit: int) -> Any:
    """Rows spread evenly over a file, which may be sorted by label."""
    return np.linspace(0, rows - 1, min(rows, limit)).round().astype(int)


def _thinned(sequences: Sequence[str], limit: int) -> list[str]:
    return [sequences[row] for row in _places(len(sequences), limit).tolist()]


def _provenance(command: str, path: Path, rows: Rows, found: SourceAudit) -> dict[str, str]:
    audited = f"{found.sequences:,} of {found.length:,} letters"
    if rows.read is not None:
        return figures.provenance(command, rows.read, sequences=audited)
    from palindra.cli.provenance import versions

    told = ", ".join(f"{name} {version}" for name, version in versions().items())
    return {"command": command, "file": path.name, "sequences": audited, "versions": told}
