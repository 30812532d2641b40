"""What a trained run can be asked to explain: an output by its name, before the function that saturates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from torch import Tensor, nn

from palindra.data.task import Task
from palindra.errors import InputError
from palindra.interpretation.attribution.attribute import Method, attribute
from palindra.interpretation.attribution.outputs import Output, profile_shape, total, value
from palindra.interpretation.attribution.result import Attribution
from palindra.models.predictor import Predictor
from palindra.models.saving import Run
from palindra.models.track_saving import TrackRun
from palindra.symmetry import Position, Target

Part = Literal["total", "shape"]


@dataclass(frozen=True)
class TrainedOutput:
    """One number of a trained model, with all that :func:`attribute` needs.

    Args:
        network: whose outputs it is taken from.
        output: which number.
        name: of the label, class or track.
        unit: what the number is, in words.
        length: letters that the network reads.
        reading: how the outputs change with the strand, where predictions of the run are averaged over both; else None.
        target: how they change with the strand, in any case.
        above: what the number exceeds in a positive prediction; None where none is positive or negative.
    """

    network: nn.Module
    output: Output
    name: str
    unit: str
    length: int
    reading: Target | None
    target: Target
    above: float | None

    def attribute(self, one_hot: Tensor, *, method: Method | None = None, batch_size: int = 64) -> Attribution:
        """Attributions of sequences ``(rows, letters, length)``; see :func:`attribute`.

        Raises:
            InputError: for sequences of another length, and as :func:`attribute` does.
        """
        if one_hot.dim() == 3 and one_hot.shape[-1] != self.length:
            raise InputError(
                f"the model reads {self.length} letters, and sequences of {one_hot.shape[-1]} are given: cut or "
                "extend them."
            )
        return attribute(
            self.network, one_hot, method=method, output=self.output, reading=self.reading, batch_size=batch_size
        )

    @property
    def turned(self) -> TrainedOutput:
        """The number that, read from the other strand, is this one: of stranded tracks, the partner's.

        Raises:
            InputError: for a strand-specific target, of which the other strand says nothing.
        """
        if self.target.rep is None:
            raise InputError(f"{self.name}: the target is strand-specific, so its other strand has no known output.")
        output = self.output.turned(self.target)
        return TrainedOutput(
            self.network, output, self.name, self.unit, self.length, self.reading, self.target, self.above
        )


class Logits(nn.Module):
    """The outputs of a predictor that are explained: logits, or values in the units of the labels.

    Logits of several classes are counted from their mean, because only their differences mean anything.
    """

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        self.predictor = predictor

    def forward(self, x: Tensor) -> Tensor:
        logits = self.predictor.logits(x)
        if self.predictor.task is Task.MULTICLASS:
            return logits - logits.mean(1, keepdim=True)
        return self.predictor.link(logits) if self.predictor.task is Task.REGRESSION else logits


def labelled_output(run: Run, name: str | None = None) -> TrainedOutput:
    """A label or class of a run on labelled sequences: its logit, or its value for regression.

    Args:
        run: from :func:`palindra.models.saving.load_run`.
        name: of the label or class; may be left out where there is one.

    Raises:
        InputError: for a name that the run does not have, or none where there are several.
    """
    predictor = run.predictor
    several = predictor.task is Task.MULTICLASS
    names = [str(one) for one in run.config["data"]["classes" if several else "targets"]]
    number = _number(names, name, "class" if several else "label")
    unit = {
        Task.REGRESSION: "predicted value",
        Task.MULTICLASS: "logit less the mean of all classes",
    }.get(predictor.task, "logit")
    above = None if predictor.task is Task.REGRESSION else 0.0
    # Members of a predictor are averaged over strands already, where the run says so.
    return TrainedOutput(
        Logits(predictor), value(number), names[number], unit, run.length, None, predictor.target, above
    )


def track_output(
    run: TrackRun, name: str | None = None, *, part: Part = "total", start: int = 0, end: int | None = None
) -> TrainedOutput:
    """A track of a run: its height or its shape, or the logit of a label of windows.

    The height is what the model predicts for it: the logarithm of the counts where the run has such an output, else the
    sum over bins. The shape is that of the logits of the profile, or of the logarithm of positive coverage.

    Args:
        run: from :func:`palindra.models.track_saving.load_track_run`.
        name: of the track; may be left out where there is one.
        part: ``"total"``, or ``"shape"``.
        start: first bin of the sum.
        end: the bin after its last; None for all.

    Raises:
        InputError: for a track that the run does not have or none where there are several, or for a part of the
            prediction that such a model does not give.
    """
    number = _number(list(run.tracks), name, "track")
    if part not in ("total", "shape"):
        raise InputError(f"part {part!r} of a track is given: choose 'total' or 'shape'.")
    whole = (start, end) == (0, None)
    flat = Target(run.target.rep, Position.IDENTITY, run.target.order)
    config = run.table["model"]["config"]
    signed = run.loss not in ("bpnet", "multinomial") and config.get("output") == "linear"
    if (reason := _missing(run.loss, part, whole, signed)) is not None:
        raise InputError(f"{run.tracks[number]}: {reason}")
    target = flat if run.loss == "bce" or (run.loss == "bpnet" and part == "total") else run.target
    above = None
    if run.loss == "bce":
        output, unit, above = value(number), "logit", 0.0
    elif run.loss == "bpnet" and part == "total":
        output, unit = value(number, field="log_counts"), "logarithm of 1 + counts"
    elif run.loss == "bpnet":
        output, unit = profile_shape(number, field="profile"), "logits of the profile, weighted by the profile"
    elif part == "total":
        output, unit = total(number, start=start, end=end), "sum of the track over its bins"
    else:
        output = profile_shape(number, logits=run.loss == "multinomial")
        unit = "logarithm of coverage, weighted by its shape"
    reading = target if run.both_strands else None
    return TrainedOutput(run.network, output, run.tracks[number], unit, run.length, reading, target, above)


def positive_rows(outputs: Tensor, *, above: float = 0.0, most: int | None = None, name: str = "the output") -> Tensor:
    """The rows that are predicted positive, the highest first.

    Args:
        outputs: the number that is explained, of each row ``(rows,)``.
        above: what it has to exceed.
        most: how many rows at most; None for all.
        name: of the output, for the message.

    Raises:
        InputError: if there are none.

    Examples:
        >>> import torch
        >>> positive_rows(torch.tensor([0.5, -1.0, 2.0])).tolist()
        [2, 0]
    """
    order = outputs.argsort(descending=True, stable=True)
    found = order[outputs[order] > above][:most]
    if not len(found):
        highest = f"the highest of {len(outputs)} is {outputs.max():.3g}" if len(outputs) else "no sequence is given"
        raise InputError(
            f"no positive prediction to explain: {name} exceeds {above:g} for no sequence ({highest}). Give sequences "
            "that the model takes for positive, or explain all of them."
        )
    return found


def _missing(loss: str, part: Part, whole: bool, signed: bool) -> str | None:
    """Why a model does not give what is asked for."""
    if loss == "bce" and (part == "shape" or not whole):
        return "the run predicts one label per window and has no positions: explain part='total' of all bins."
    if loss == "multinomial" and part == "total":
        return "the run predicts shares of each window, whose sum is always 1: explain part='shape'."
    if loss == "bpnet" and part == "total" and not whole:
        return "the run predicts the counts of whole windows: leave out start and end."
    if part == "shape" and not whole:
        return "the shape is that of the whole window: leave out start and end."
    if part == "shape" and signed:
        return "the run predicts values of any sign, which have no shape: explain part='total'."
    return None


def _number(names: Sequence[str], name: str | None, kind: str) -> int:
    known = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    if name is None and len(names) == 1:
        return 0
    if name is None:
        raise InputError(f"the run predicts {len(names)} of a kind: say which {kind} is explained ({known}).")
    if name not in names:
        near = get_close_matches(name, names, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InputError(f"the run has no {kind} {name!r}, only {known}.{hint}")
    return names.index(name)
