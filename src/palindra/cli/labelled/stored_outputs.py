"""What each network of a run says of validation and test sequences; predictions with uncertainty start from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from palindra.cli.outputs import OUTPUTS
from palindra.data import LabelledSequences
from palindra.errors import InputError
from palindra.models import Predictor, predict_batches
from palindra.models.saving import Run, verify
from palindra.sequences import one_hot


def member_outputs(predictor: Predictor, data: LabelledSequences) -> dict[str, Tensor]:
    """Outputs of every network on validation and test rows, where they say more than the means that are stored anyway.

    Returns:
        ``"valid.members.given"`` and the like, ``(networks, rows, targets[, parameters])``; ``other`` is the other
        strand, aligned. Nothing for one network without a spread.
    """
    x = {split: data.rows(split) for split in ("valid", "test") if (data.splits == split).any()}
    found: dict[str, Tensor] = {}
    for split, rows in x.items():
        encoded = one_hot(rows.sequences, data.alphabet)
        given = [predict_batches(member, encoded) for member in predictor.members]
        if len(given) == 1 and given[0].dim() == 2:
            return {}
        found[f"{split}.members.given"] = torch.stack(given)
        if predictor.target.rep is not None and data.alphabet.rep.regular:
            other = [predictor.target.act(predict_batches(m, encoded.flip(1, 2))) for m in predictor.members]
            found[f"{split}.members.other"] = torch.stack(other)
    return found


@dataclass(frozen=True)
class Stored:
    """Outputs and labels that a finished run kept of one split."""

    outputs: Tensor  # (networks, rows, targets[, parameters]), before the link
    labels: np.ndarray[tuple[int, int], np.dtype[np.float64]]  # (rows, targets), NaN where missing
    lines: tuple[str, ...]  # of the rows in their file

    @property
    def rows(self) -> int:
        """Number of sequences."""
        return len(self.lines)


def stored(run: Run, split: str, *, both_strands: bool = False) -> Stored | None:
    """What a run kept of its validation or test rows; None if it had none.

    Args:
        run: a finished one.
        split: ``"valid"`` or ``"test"``.
        both_strands: average the outputs of both strands.

    Raises:
        InputError: if the files were changed, or the run has several networks and kept only their mean.
    """
    verify(run.folder, (OUTPUTS, "predictions.tsv"))
    kept = load_file(run.folder / OUTPUTS)
    if f"{split}.given" not in kept:
        return None
    several = f"{split}.members.given" in kept
    if not several and len(run.predictor.members) > 1:
        raise InputError(
            f"{run.folder}: has {len(run.predictor.members)} networks, but kept only the mean of their outputs. Train "
            "it again with this version, or give runs of one network each."
        )
    sides = [f"{split}.members.{side}" if several else f"{split}.{side}" for side in ("given", "other")]
    outputs = (kept[sides[0]] + kept[sides[1]]) / 2 if both_strands else kept[sides[0]]
    header, *rows = [line.split("\t") for line in (run.folder / "predictions.tsv").read_text("utf-8").splitlines()]
    chosen = [row for row in rows if row[0] == split]
    labels = [n for n, name in enumerate(header) if name.startswith("label_")]
    table = np.array([[float(row[n]) for n in labels] for row in chosen])
    return Stored(outputs if several else outputs[None], table, tuple(row[1] for row in chosen))
