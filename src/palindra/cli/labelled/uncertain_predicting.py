"""Predictions with their uncertainty for a file of sequences, in blocks of rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from palindra.cli import inputs
from palindra.cli.labelled.predicted_table import Shared, plain, write_block, write_table
from palindra.cli.labelled.predicting import identity, require_letters, same_runs
from palindra.cli.labelled.uncertain_labels import Calibration, calibrated
from palindra.cli.labelled.uncertainty import Ensemble
from palindra.data import read_sequences
from palindra.engine import Engine
from palindra.errors import InputError
from palindra.sequences import Alphabet, one_hot

PREDICT = "palindra.cli.labelled.uncertain_predicting:predict_block"


@dataclass(frozen=True)
class Uncertain:
    """Lines with predictions, variances and intervals or sets.

    Args:
        ensemble: of runs.
        calibration: fitted to their validation rows.
        dropout_passes: how often each network is also read with dropout.
        batch_size: sequences at a time.
    """

    ensemble: Ensemble
    calibration: Calibration
    dropout_passes: int
    batch_size: int

    @classmethod
    def of(cls, ensemble: Ensemble, *, coverage: float, sets: str, dropout_passes: int, batch_size: int) -> Uncertain:
        """Calibrated on what the runs kept of their validation rows.

        Raises:
            InputError: if they kept none, or too few.
        """
        valid = ensemble.kept("valid")
        if valid is None:
            folder = ensemble.runs[0].folder
            raise InputError(f"{folder}: kept no validation rows, so nothing can be calibrated. Train it again.")
        known = ensemble.networks > 1 or dropout_passes > 0
        calibration = calibrated(ensemble, valid, coverage=coverage, sets=sets, spread_known=known)
        return cls(ensemble, calibration, dropout_passes, batch_size)

    @property
    def alphabet(self) -> Alphabet:
        """Of the sequences."""
        return inputs.alphabet(self.ensemble.config["data"]["alphabet"])

    @property
    def header(self) -> list[str]:
        """Names of the columns."""
        return ["name", *self.calibration.header()]

    def lines(self, names: Sequence[str], sequences: Sequence[str]) -> str:
        """The lines of some rows."""
        x = one_hot(sequences, self.alphabet)
        outputs = self.ensemble.read(x, batch_size=self.batch_size)
        passes = self.dropout_passes
        sampled = self.ensemble.sample(x, passes=passes, batch_size=self.batch_size) if passes else None
        columns = self.calibration.columns(outputs, sampled)
        rows = zip(names, *columns, strict=True)
        return "".join("\t".join([plain(name), *fields]) + "\n" for name, *fields in rows)


def predict_with_uncertainty(
    run_folders: Sequence[Path],
    path: Path,
    output: Path,
    *,
    coverage: float = 0.9,
    sets: str = "lac",
    dropout_passes: int = 0,
    both_strands: bool = False,
    sequence_column: str | None = None,
    batch_size: int = 512,
    engine: Engine | None = None,
    progress: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Write one line per sequence with predictions, variances and intervals or sets; whole or not at all.

    Everything is fitted to the validation rows that the runs kept; what it is worth is measured on their test rows.

    Args:
        run_folders: one run or several of the same data, an ensemble.
        path: sequences.
        output: table to write.
        coverage: of intervals and sets.
        sets: ``"lac"`` or ``"aps"``.
        dropout_passes: also read each network that often with dropout; 0 for not at all.
        both_strands: average the outputs of both strands.
        sequence_column: of a table.
        batch_size: sequences at a time.
        engine: predicts blocks of rows wherever its workers are; None predicts in this process. The table is the same.
        progress: with an engine, show a bar.
        say: gets notes.

    Returns:
        Lines on what was found.

    Raises:
        InputError: for runs that do not belong together, too few validation rows, sequences of another length.
    """
    if not 0 < coverage < 1:
        raise InputError(f"--coverage {coverage:g}: it lies between 0 and 1, e.g. 0.9.")
    if dropout_passes < 0 or dropout_passes == 1:
        raise InputError(f"--dropout-passes {dropout_passes}: at least 2 are needed to see them differ, or 0 for none.")
    ensemble = Ensemble(run_folders, both_strands=both_strands)
    kind = inputs.alphabet(ensemble.config["data"]["alphabet"])
    names, sequences, places = read_sequences(path, sequence_column=sequence_column, alphabet=kind)
    require_letters(sequences, places, ensemble.length, run_folders[0])
    options = {"coverage": coverage, "sets": sets, "dropout_passes": dropout_passes, "batch_size": batch_size}
    table = Uncertain.of(ensemble, coverage=coverage, sets=sets, dropout_passes=dropout_passes, batch_size=batch_size)
    shared = None
    if engine is not None:
        asked = {**identity(run_folders), "both_strands": both_strands, "options": options}
        shared = Shared(engine, PREDICT, asked, str(path), progress, say)
    write_table(output, table, names, sequences, shared)
    valid, test = ensemble.kept("valid"), ensemble.kept("test")
    rows = 0 if valid is None else len(valid.labels)
    several = f"{ensemble.networks} networks" if ensemble.networks > 1 else "1 network"
    found = [f"{len(sequences):,} predictions of {several}, calibrated on {rows:,} validation rows  {output}"]
    return found + (table.calibration.findings(test) if test is not None else [])


def predict_block(folder: Path, asked: Mapping[str, Any], rows: str, sha256: str) -> dict[str, int]:
    """Do a worker's part; see :func:`palindra.cli.labelled.predicted_table.write_block`."""
    return write_block(folder, _open(json.dumps(dict(asked), sort_keys=True)), rows, sha256)


@lru_cache(maxsize=1)  # a process opens and calibrates an ensemble once, for all rows that it predicts
def _open(text: str) -> Uncertain:
    asked = json.loads(text)
    return Uncertain.of(Ensemble(same_runs(asked), both_strands=asked["both_strands"]), **asked["options"])
