"""Several run folders as one ensemble, and what its outputs say in the units of the labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from palindra.cli.labelled.stored_outputs import stored
from palindra.data.task import Task
from palindra.errors import InputError
from palindra.evaluation.uncertainty import mc_dropout
from palindra.models import Predictor, predict_batches
from palindra.models.saving import Run, load_run

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Outputs:
    """What every network says, in the units of the labels; logits where the labels are classes."""

    value: Array  # (networks, rows, outputs)
    variance: Array | None = None  # of the noise, the same shape, from models of mean and variance
    lower: Array | None = None  # from models of quantiles
    upper: Array | None = None


@dataclass(frozen=True)
class KeptRows:
    """Outputs and labels on rows that no network was trained on."""

    outputs: Outputs
    labels: Array  # (rows, targets), NaN where missing


class Ensemble:
    """All networks of one run folder or several, each counting the same.

    Args:
        folders: finished runs on the same labelled sequences.
        both_strands: average the outputs of every network over both strands.

    Raises:
        InputError: for runs that do not belong together, and strands of a strand-specific target.
    """

    def __init__(self, folders: Sequence[Path], *, both_strands: bool = False) -> None:
        if len({folder.resolve() for folder in folders}) < len(folders):
            raise InputError("a run folder is given twice: an ensemble needs different runs, e.g. of several seeds.")
        self.runs = [load_run(folder) for folder in folders]
        for run in self.runs[1:]:
            _require_alike(self.runs[0], run)
        first = self.runs[0].predictor
        if both_strands and first.target.rep is None:
            raise InputError(f"{folders[0]}: the target is strand-specific, so --both-strands cannot average them.")
        self.both_strands = both_strands
        self.predictors = [run.predictor.conjoined() if both_strands else run.predictor for run in self.runs]
        self.task, self.config, self.length = first.task, self.runs[0].config, self.runs[0].length

    @property
    def networks(self) -> int:
        """How many there are in all runs."""
        return sum(len(predictor.members) for predictor in self.predictors)

    @property
    def orbits(self) -> list[int]:
        """For each label the first of those that it becomes on the other strand; itself where nothing is known."""
        target = self.predictors[0].target
        if target.rep is None:
            return list(range(len(self.config["data"]["targets"])))
        partners = target.act(torch.arange(target.rep.channels)[None])[0].abs().tolist()
        return [min(output, partner) for output, partner in enumerate(partners)]

    def read(self, one_hot: Tensor, *, batch_size: int = 512) -> Outputs:
        """Outputs of all networks."""
        return self._joined(lambda member, _: predict_batches(member, one_hot, batch_size=batch_size)[None])

    def sample(self, one_hot: Tensor, *, passes: int, batch_size: int = 512) -> Outputs:
        """Outputs of all networks with dropout, ``passes`` times each.

        Raises:
            InputError: where a network has no dropout.
        """

        def sampled(member: torch.nn.Module, number: int) -> Tensor:
            try:
                return mc_dropout(member, one_hot, passes=passes, seed=number, batch_size=batch_size)
            except ValueError as error:
                raise InputError(f"--dropout-passes {passes}: {error}") from None

        return self._joined(sampled)

    def kept(self, split: str) -> KeptRows | None:
        """What the runs kept of their validation or test rows; None if they had none.

        Raises:
            InputError: if they kept different rows.
        """
        found = [stored(run, split, both_strands=self.both_strands) for run in self.runs]
        first = found[0]
        if first is None:
            return None
        parts = []
        for run, predictor, rows in zip(self.runs, self.predictors, found, strict=True):
            if rows is None or rows.lines != first.lines or not np.array_equal(rows.labels, first.labels, True):
                raise InputError(f"{run.folder}: its {split} rows are not those of {self.runs[0].folder}.")
            parts.append(_in_units(predictor, rows.outputs))
        return KeptRows(_stacked(parts), first.labels)

    def _joined(self, read: Callable[[torch.nn.Module, int], Tensor]) -> Outputs:
        numbers, parts = iter(range(self.networks)), []
        for predictor in self.predictors:
            outputs = [read(member, next(numbers)) for member in predictor.members]
            parts.append(_in_units(predictor, torch.cat(outputs)))
        return _stacked(parts)


def _in_units(predictor: Predictor, outputs: Tensor) -> Outputs:
    """Outputs ``(networks, rows, targets[, parameters])`` before the link, in the units of the labels."""
    raw = outputs.double()
    if predictor.task is not Task.REGRESSION:
        return Outputs(raw.numpy())
    scale, offset = predictor.scale.double(), predictor.offset.double()
    if raw.dim() == 3:
        return Outputs((raw * scale + offset).numpy())
    value, *others = raw.unbind(-1)
    value = value * scale + offset
    if len(others) == 1:
        return Outputs(value.numpy(), variance=(others[0].exp() * scale**2).numpy())
    lower, upper = (q * scale + offset for q in others)
    return Outputs(value.numpy(), lower=lower.numpy(), upper=upper.numpy())


def _stacked(parts: Sequence[Outputs]) -> Outputs:
    def join(name: str) -> Any:
        arrays = [getattr(part, name) for part in parts]
        return None if arrays[0] is None else np.concatenate(arrays)

    return Outputs(*(join(name) for name in ("value", "variance", "lower", "upper")))


def _facts(run: Run) -> Iterator[tuple[str, Any]]:
    data = run.config["data"]
    yield "task", str(run.predictor.task)
    yield "target on the other strand", run.predictor.target
    yield "sequences and labels", data["contents"]
    yield "loss", sorted({str(member.get("loss", "squared")) for member in run.config["members"]})


def _require_alike(first: Run, other: Run) -> None:
    for (what, a), (_, b) in zip(_facts(first), _facts(other), strict=True):
        if a != b:
            raise InputError(
                f"{other.folder}: its {what} differ from those of {first.folder}, so they are no ensemble. Give runs "
                "of the same data that differ in their seeds or strategies."
            )


def mean_logits(outputs: Outputs) -> Array:
    """Mean over networks before the link, ``(rows, outputs)``."""
    return outputs.value.mean(axis=0)
