"""The model that is explained: one of its outputs as one number per sequence, and what that is on the other strand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from palindra.cli import inputs
from palindra.cli.tracks.inputs import is_track_run
from palindra.data.task import Task
from palindra.errors import InputError
from palindra.interpretation.attribution import Output, profile_shape, total, value
from palindra.interpretation.attribution.outputs import Chosen
from palindra.models import Predictor
from palindra.models.saving import load_run
from palindra.models.track_saving import ScaledTracks, TrackRun, load_track_run
from palindra.symmetry import Position, Target

CONTRIBUTIONS = ("total", "profile")
PROBABILITY = "logit of the probability"


@dataclass(frozen=True, eq=False)
class Subject:
    """A model reduced to the output that is explained.

    Args:
        folder: of the run.
        network: gives what ``output`` reads, for the given strand or averaged over both as the run was trained.
        core: the network itself, of whose first layer filters are read and before whose last layer embeddings lie.
        name: of the explained output.
        unit: its scale, in words.
        output: which number.
        target: how what ``output`` reads changes with the strand.
        reading: the same where the network's outputs are to be averaged over both strands, else None.
        averaged: whether the number is a mean over both strands, by the network itself or by ``reading``.
        length: letters that the model reads.
        positive: from numbers ``(rows,)`` and all outputs to whether the output is predicted; None where nothing is.
        tracks: whether it is a model of tracks.
        names: of all outputs.
    """

    folder: Path
    network: nn.Module
    core: nn.Module
    name: str
    unit: str
    output: Output
    target: Target
    reading: Target | None
    averaged: bool
    length: int
    positive: Callable[[Tensor], Tensor] | None
    tracks: bool
    names: tuple[str, ...]

    @property
    def knows_strands(self) -> bool:
        """Whether the target says what the other strand reads."""
        return self.target.rep is not None

    def of_strand(self, *, other: bool = False) -> Output:
        """The explained output, or the one that is the same number when it is read from the other strand."""
        return self.output.turned(self.target) if other else self.output

    def number(self, *, other: bool = False) -> nn.Module:
        """The explained number of one-hot sequences as a module ``(rows, 1)``."""
        return _Number(Chosen(self.network, self.of_strand(other=other), self.reading), self.of_strand(other=other))

    def same_on_both_strands(self) -> bool:
        """Whether both strands of a sequence should have the same number; those of stranded outputs need not."""
        if not self.knows_strands:
            return False
        weight = next((p for p in self.network.parameters() if p.is_floating_point()), torch.zeros(()))
        example = torch.zeros(1, 4, self.length).to(weight)
        with torch.no_grad():
            y = Chosen(self.network.eval(), self.output, self.reading)(example)
        y = torch.randn(y.shape, generator=torch.Generator().manual_seed(0)).to(y)
        here, there = (self.of_strand(other=other).weights(y) for other in (False, True))
        return bool(torch.allclose(here.expand_as(y), there.expand_as(y), atol=1e-5))

    @property
    def strands(self) -> str:
        """What is said of the strands, in words."""
        if not self.knows_strands:
            return "strand-specific: the given strand alone is explained"
        if self.averaged:
            return "averaged over both strands"
        if self.same_on_both_strands():
            return "of the given strand, and the target says that the other one has the same value"
        return "of the given strand; on the other strand the target says that another output takes its place"


class _Number(nn.Module):
    def __init__(self, chosen: nn.Module, output: Output) -> None:
        super().__init__()
        self.chosen, self.output = chosen, output

    def forward(self, x: Tensor) -> Tensor:
        y = self.chosen(x)
        return (y * self.output.weights(y)).flatten(1).sum(1, keepdim=True)


class _Logits(nn.Module):
    """What a predictor gives before its link, in the units of the labels where it predicts values."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        self.predictor = predictor

    def forward(self, x: Tensor) -> Tensor:
        y = self.predictor.logits(x)
        return self.predictor.link(y) if self.predictor.task is Task.REGRESSION else y


def open_subject(folder: Path, *, name: str | None, contribution: str, both_strands: bool) -> Subject:
    """The model of a run folder, and the output that is explained.

    Raises:
        InputError: if it is no run of DNA or RNA, has no such output, or the options do not fit it.
    """
    inputs.choose("--contribution", contribution, CONTRIBUTIONS)
    if not is_track_run(folder):
        if contribution != "total":
            raise InputError(f"--contribution {contribution}: {folder} predicts labels, which have no profile.")
        return _of_labels(folder, name, both_strands)
    return _of_tracks(folder, load_track_run(folder), name, contribution, both_strands)


def _of_labels(folder: Path, name: str | None, both_strands: bool) -> Subject:
    run = load_run(folder)
    if run.config["data"]["alphabet"].lower() == "protein":
        raise InputError(f"{folder}: reads proteins; motifs and their strands are explained for DNA and RNA.")
    predictor, task = run.predictor, run.predictor.task
    names = tuple(run.config["data"]["classes" if task is Task.MULTICLASS else "targets"])
    number = _number(name, names)
    if both_strands:
        _require_strands(folder, predictor.target)
        predictor = predictor.conjoined()
    averaged = both_strands or all(described["both_strands"] for described in run.config["members"])
    several = task is Task.MULTICLASS
    unit = {Task.REGRESSION: "value in the units of the labels", Task.MULTICLASS: "logit less the mean of all classes"}
    decides: Callable[[Tensor], Tensor] = (lambda y: y.argmax(1) == number) if several else (lambda y: y[:, number] > 0)
    return Subject(
        folder,
        _Logits(predictor),
        predictor,
        names[number],
        unit.get(task, PROBABILITY),
        Output(lambda y: value(number).weights(y) - 1 / y.shape[1]) if several else value(number),
        predictor.target,
        None,
        averaged,
        run.length,
        None if task is Task.REGRESSION else decides,
        False,
        names,
    )


def _of_tracks(folder: Path, run: TrackRun, name: str | None, contribution: str, both_strands: bool) -> Subject:
    number = _number(name, run.tracks)
    if both_strands:
        _require_strands(folder, run.target)
    shape = contribution == "profile"
    signed = run.table["model"]["config"].get("output") == "linear"
    logits = run.loss in ("bpnet", "multinomial", "multinomial-mse")
    if run.loss == "bce" and shape:
        raise InputError(f"--contribution profile: {folder} predicts one label for each window, which has no profile.")
    if run.loss == "multinomial" and not shape:
        raise InputError(
            f"{folder}: predicts shares of each window, whose total is always 1. Explain their shape with "
            "--contribution profile."
        )
    if shape and signed and not logits:
        raise InputError(
            f"--contribution profile: {folder} predicts values of any sign (loss {run.loss}), which are no profile. "
            "Explain --contribution total."
        )
    in_window = f"over the {run.length:,} bp that the model reads, on the scale of its data set"
    if run.loss == "bpnet":
        output = profile_shape(number, field="profile") if shape else value(number, field="log_counts")
        unit = "shape of the profile" if shape else "logarithm of the predicted total"
    elif run.loss == "bce":
        output, unit = value(number), "logit of the probability"
    else:
        output = profile_shape(number, logits=logits) if shape else total(number)
        unit = "shape of the profile" if shape else f"sum of the bins of {run.bin_size} bp"
    one_value = run.loss == "bce" or (run.loss == "bpnet" and not shape)
    target = Target(run.target.rep, Position.IDENTITY if one_value else Position.REVERSE, run.target.order)
    return Subject(
        folder,
        run.network,
        run.network.module if isinstance(run.network, ScaledTracks) else run.network,
        run.tracks[number],
        f"{unit} {in_window}",
        output,
        target,
        target if both_strands or run.both_strands else None,
        both_strands or run.both_strands,
        run.length,
        (lambda y: y[:, number] > 0) if run.loss == "bce" else None,
        True,
        run.tracks,
    )


def _number(name: str | None, names: tuple[str, ...]) -> int:
    return 0 if name is None else names.index(inputs.choose("--output-name", name, names))


def _require_strands(folder: Path, target: Target) -> None:
    if target.rep is None:
        raise InputError(f"{folder}: the target is strand-specific, so --both-strands cannot average the strands.")
