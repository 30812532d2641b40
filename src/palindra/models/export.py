"""Trained models as stock PyTorch and ONNX files that run without Palindra."""

from __future__ import annotations

import copy
import importlib.util
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from palindra import __version__
from palindra.data.task import Task
from palindra.errors import InputError
from palindra.models.export_formats import FORMATS, Run, third_party_noise_off
from palindra.models.predictor import Predictor

TOLERANCE = 1e-5  # largest difference from the model, absolute up to outputs of 1 and relative above
LARGEST_STEP = 64  # lengths that differ by more than this are not looked for

OUTPUT = {
    Task.BINARY: "probability of the positive class (batch, 1)",
    Task.MULTICLASS: "probability of each class (batch, classes), rows sum to 1",
    Task.MULTILABEL: "probability of each label (batch, labels)",
    Task.REGRESSION: "values in the units of the labels (batch, targets)",
}


@dataclass(frozen=True)
class Lengths:
    """The lengths that an exported model takes: one only, or ``shortest + n * step`` for every n >= 0."""

    example: int
    step: int | None = None
    shortest: int = 0

    def __str__(self) -> str:
        if self.step is None:
            return f"{self.example} only"
        if self.step == 1:
            return f"any, at least {self.shortest}"
        return f"{self.shortest} plus any multiple of {self.step}"


@dataclass(frozen=True)
class Exported:
    """What :func:`export` wrote and measured."""

    files: dict[str, Path]  # by format
    lengths: Lengths
    largest_difference: float  # from the model, over all formats and shapes that were tried
    metadata: dict[str, str]  # as written into every file


def plain(model: nn.Module) -> nn.Module:
    """A copy for prediction, on the CPU in float32, in which every tied weight is a full weight of the stock layer.

    Examples:
        >>> from palindra.nn import Conv1d
        >>> from palindra.symmetry import Rep
        >>> layer = Conv1d(Rep(regular=2), Rep(regular=3), 5)
        >>> [p.numel() for p in layer.parameters()], [p.numel() for p in plain(layer).parameters()]
        ([60, 3], [120, 6])
    """
    model = copy.deepcopy(model)
    for module in model.modules():
        if parametrize.is_parametrized(module):
            # As remove_parametrizations, which also deletes the properties of a class that copies share.
            full = {name: getattr(module, name).detach().clone() for name in module.parametrizations}  # type: ignore[union-attr]
            module.__class__ = parametrize.type_before_parametrizations(module)
            del module.parametrizations
            for name, weight in full.items():
                module.register_parameter(name, nn.Parameter(weight))
    return model.eval().to("cpu", torch.float32).requires_grad_(False)


@torch.no_grad()
def export(
    model: nn.Module,
    folder: Path | str,
    *,
    example_length: int,
    letters: int = 4,
    formats: Sequence[str] = ("torch", "onnx"),
    fixed_length: bool | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Exported:
    """Write ``model.pt2`` (torch.export) and ``model.onnx`` (opset 20) into a folder.

    The files hold the operations of the stock network and full weights, nothing of Palindra. Any batch size fits.
    Each file is read back and compared with ``model`` at several batch sizes and lengths before it gets its name, so a
    file that exists gives the same numbers. The ONNX file needs onnxruntime and numpy only::

        import numpy, onnxruntime

        session = onnxruntime.InferenceSession("model.onnx")
        letters = numpy.array([list(sequence) for sequence in sequences])  # (batch, length)
        one_hot = numpy.stack([letters == base for base in "ACGT"], axis=1).astype("float32")
        (outputs,) = session.run(["outputs"], {"one_hot": one_hot})
        about = session.get_modelmeta().custom_metadata_map

    and the other one PyTorch only: ``torch.export.load("model.pt2").module()(one_hot)``.

    Args:
        model: takes ``(batch, letters, length)`` and returns one tensor; neither changed nor moved.
        folder: made where it does not exist; files of the same names are replaced.
        example_length: a length that the model takes, e.g. that of the training sequences.
        letters: channels of the input.
        formats: ``"torch"``, ``"onnx"`` or both.
        fixed_length: True for files that take ``example_length`` only, False to insist on other lengths, None for
            whatever the model allows.
        metadata: written into the files beside version, input, output, task and lengths, e.g. names of classes; wins
            over what is written by default. In the .pt2 file it is the extra file ``metadata.json``.

    Raises:
        InputError: for an unknown format, a missing package, or lengths that the model does not take.
        RuntimeError: if a written file differs from the model by more than 1e-5; nothing is left behind.
    """
    _require_formats(formats)
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: give a folder in which model.pt2 and model.onnx may be written.")
    original = copy.deepcopy(model).eval().to("cpu", torch.float32)
    lengths = _lengths(original, letters, example_length, fixed_length)
    about = {**_about(model, letters, lengths), **(metadata or {})}
    program = _program(plain(model), letters, lengths)
    folder.mkdir(parents=True, exist_ok=True)
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as unchecked:
        for name in formats:
            kind = FORMATS[name]
            path = Path(unchecked, kind.file)
            with third_party_noise_off():
                kind.write(program, path, about)
                worst = max(worst, _difference(original, kind.read(path), letters, lengths, kind.file))
        files = {name: Path(unchecked, FORMATS[name].file).replace(folder / FORMATS[name].file) for name in formats}
    return Exported(files, lengths, worst, about)


def _require_formats(formats: Sequence[str]) -> None:
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats or isinstance(formats, str):
        raise InputError(f"formats {formats!r} cannot be exported: choose from {', '.join(FORMATS)}.")
    for name in formats:
        missing = [package for package in FORMATS[name].packages if importlib.util.find_spec(package) is None]
        if missing:
            raise InputError(f"export to {name} needs {', '.join(missing)}: pip install 'palindra[{name}]'")


def _lengths(model: nn.Module, letters: int, example: int, fixed: bool | None) -> Lengths:
    """Find by trying which other lengths the model takes; the smallest step between them and the shortest one."""

    def takes(length: int) -> bool:
        try:
            model(torch.zeros(1, letters, length))
        except (ValueError, RuntimeError):
            return False
        return True

    if not takes(example):
        raise InputError(
            f"the model does not take one-hot sequences (batch, {letters}, {example}): give the length and the number "
            "of letters that it was trained with."
        )
    steps = () if fixed else range(1, LARGEST_STEP + 1)
    # The far length tells a model that ignores a few last positions from one that reads any number of them.
    step = next((s for s in steps if all(takes(example + n * s) for n in (1, 2, LARGEST_STEP))), None)
    if step is None:
        if fixed is False:
            raise InputError(
                f"the model takes sequences of length {example} only, for example because its last layer reads every "
                "position on its own. Export it with a fixed length, or train a model with global pooling."
            )
        return Lengths(example)
    first, last = 0, example // step  # how many steps above the remainder: the smallest that runs lies between
    while first < last:
        middle = (first + last) // 2
        length = example % step + middle * step
        first, last = (first, middle) if length and takes(length) else (middle + 1, last)
    # Twice the least, since torch.export treats features of length 1 apart.
    least = example % step + first * step
    return Lengths(example, step, min(least + step * math.ceil(least / step), example))


def _program(model: nn.Module, letters: int, lengths: Lengths) -> torch.export.ExportedProgram:
    axes: dict[int, Any] = {0: torch.export.Dim("batch")}
    if lengths.step == 1:
        axes[2] = torch.export.Dim("length", min=lengths.shortest)
    elif lengths.step:
        steps = torch.export.Dim("steps", min=lengths.shortest // lengths.step)
        remainder = lengths.example % lengths.step
        axes[2] = lengths.step * steps + remainder if remainder else lengths.step * steps
    try:
        program = torch.export.export(model, (_one_hot(3, letters, lengths.example),), dynamic_shapes=(axes,))
    except Exception as error:  # torch.export raises whatever its tracer met
        if lengths.step is None:
            raise
        raise InputError(
            f"the model takes other lengths than {lengths.example}, but torch.export cannot write it for them; "
            f"fixed_length=True may do. It says: {str(error).strip().splitlines()[0]}"
        ) from error
    for node in program.graph.nodes:  # names and lines of source files, nothing that runs
        for key in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node"):
            node.meta.pop(key, None)
    return program


def _about(model: nn.Module, letters: int, lengths: Lengths) -> dict[str, str]:
    about = {
        "palindra_version": __version__,
        "input": f"one-hot {'ACGT ' if letters == 4 else ''}(batch, {letters}, length) float32",
        "output": "as the model gives it",
        "lengths": str(lengths),
    }
    if isinstance(model, Predictor):
        about |= {"output": OUTPUT[model.task], "task": str(model.task)}
    return about


def _difference(model: nn.Module, run: Run, letters: int, lengths: Lengths, file: str) -> float:
    """Largest difference at shapes other than the one that was traced; raises where it exceeds the tolerance."""
    step = lengths.step or 0
    worst = 0.0
    for batch, length in (
        (1, lengths.example),
        (5, lengths.example + 7 * step),
        (2, lengths.shortest if step else lengths.example),
    ):
        x = _one_hot(batch, letters, length)
        expected, got = model(x), run(x)
        difference = float((expected - got).abs().max()) if got.shape == expected.shape else math.inf
        if not difference <= TOLERANCE * max(1.0, float(expected.abs().max())):  # NaN is refused too
            raise RuntimeError(
                f"{file} differs from the model by {difference:.2e} for {batch} sequences of length {length}, so it "
                "was not written. Please report this together with the model."
            )
        worst = max(worst, difference)
    return worst


def _one_hot(batch: int, letters: int, length: int) -> Tensor:
    """Random sequences, one position in ten unknown (all zeros)."""
    codes = torch.randint(10 * letters, (batch, length), generator=torch.Generator().manual_seed(length))
    known = (codes < 9 * letters)[:, None]
    return (((codes % letters)[:, None] == torch.arange(letters)[:, None]) & known).to(torch.float32)
