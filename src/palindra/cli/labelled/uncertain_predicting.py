"""Predictions with their uncertainty for a file of sequences, streamed in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from palindra.cli import inputs
from palindra.cli.labelled.predicting import require_letters
from palindra.cli.labelled.uncertain_labels import calibrated
from palindra.cli.labelled.uncertainty import Ensemble
from palindra.data import read_sequences
from palindra.errors import InputError
from palindra.sequences import one_hot

BLOCK = 8192


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
    valid, test = ensemble.kept("valid"), ensemble.kept("test")
    if valid is None:
        raise InputError(f"{run_folders[0]}: kept no validation rows, so nothing can be calibrated. Train it again.")
    spread_known = ensemble.networks > 1 or dropout_passes > 0
    calibration = calibrated(ensemble, valid, coverage=coverage, sets=sets, spread_known=spread_known)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(output.name + ".partial")
    with partial.open("w", encoding="utf-8") as lines:
        lines.write("\t".join(["name", *calibration.header()]) + "\n")
        for start in range(0, len(sequences), BLOCK):
            x = one_hot(sequences[start : start + BLOCK], kind)
            outputs = ensemble.read(x, batch_size=batch_size)
            sampled = ensemble.sample(x, passes=dropout_passes, batch_size=batch_size) if dropout_passes else None
            columns = calibration.columns(outputs, sampled)
            for name, *fields in zip(names[start : start + BLOCK], *columns, strict=True):
                lines.write("\t".join([" ".join(name.split()), *fields]) + "\n")
    partial.replace(output)
    several = f"{ensemble.networks} networks" if ensemble.networks > 1 else "1 network"
    found = [
        f"{len(sequences):,} predictions of {several}, calibrated on {len(valid.labels):,} validation rows  {output}"
    ]
    return found + (calibration.findings(test) if test is not None else [])
