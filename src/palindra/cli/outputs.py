"""What a trained model says of validation and test sequences, read from both strands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from palindra.data import LabelledSequences
from palindra.models import Predictor, predict_batches
from palindra.models.saving import write_text
from palindra.nn.processes import in_turn
from palindra.sequences import one_hot

OUTPUTS = "outputs.safetensors"
BATCH = 512  # rows that one process predicts at a time


def strand_outputs(predictor: Predictor, data: LabelledSequences) -> dict[str, Tensor]:
    """Logits (or standardised values) on validation and test rows, as given and, aligned, from the other strand.

    Processes that have trained together share the batches, so all of them have to call this; each gets all rows.
    """
    found: dict[str, Tensor] = {}
    for split in ("valid", "test"):
        if not (data.splits == split).any():
            continue
        rows = data.rows(split)
        x = one_hot(rows.sequences, data.alphabet)
        found[f"{split}.given"] = _shared(predictor, x)
        if predictor.target.rep is not None and data.alphabet.rep.regular:
            other = _shared(predictor, x.flip(1, 2))
            found[f"{split}.other"] = predictor.target.act(other).contiguous()
    return found


def _shared(predictor: Predictor, x: Tensor) -> Tensor:
    logits, parts = _Logits(predictor), torch.split(x, BATCH)
    return torch.cat(list(in_turn(len(parts), lambda number: predict_batches(logits, parts[number]))))


class _Logits(torch.nn.Module):
    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        self.predictor = predictor

    def forward(self, x: Tensor) -> Tensor:
        return self.predictor.logits(x)


def discrepancy(predictor: Predictor, outputs: Mapping[str, Tensor], split: str) -> float | None:
    """Mean difference of predictions between the strands."""
    if f"{split}.other" not in outputs:
        return None
    given, other = (predictor.link(outputs[f"{split}.{side}"]) for side in ("given", "other"))
    return float((given - other).abs().mean())


def write_predictions(path: Path, data: LabelledSequences, outputs: Mapping[str, Tensor], predictor: Predictor) -> None:
    """One line per validation and test row: where it came from, labels, predictions on both strands."""
    names = output_names(data)
    header = ["split", "line", *(f"label_{n}" for n in data.target_names), *(f"prediction_{n}" for n in names)]
    both = any(key.endswith(".other") for key in outputs)
    header += [f"prediction_{n}_reverse_complement" for n in names] if both else []
    lines = ["\t".join(header)]
    for split in ("valid", "test"):
        if f"{split}.given" not in outputs:
            continue
        rows = data.rows(split)
        sides = [predictor.link(outputs[f"{split}.given"])]
        if both:
            sides.append(predictor.link(outputs[f"{split}.other"]))
        table = np.concatenate([rows.labels, *(side.numpy() for side in sides)], axis=1)
        lines += [
            "\t".join([split, str(line), *(f"{value:.7g}" for value in values)])
            for line, values in zip(rows.lines, table, strict=True)
        ]
    write_text(path, "\n".join(lines) + "\n")


def output_names(data: LabelledSequences) -> tuple[str, ...]:
    """Names of a model's outputs: label columns, or classes."""
    return data.class_names if data.task == "multiclass" else data.target_names
