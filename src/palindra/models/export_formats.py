"""The two file formats of exported models: how a traced program is written and read back."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

OPSET = 20  # the first with Gelu, so that activations stay one node; onnxruntime reads it since 1.17

Run = Callable[[Tensor], Tensor]


def _write_torch(program: torch.export.ExportedProgram, path: Path, about: dict[str, str]) -> None:
    torch.export.save(program, path, extra_files={"metadata.json": json.dumps(about)})


def _read_torch(path: Path) -> Run:
    module: Run = torch.export.load(path).module()
    return module


def _write_onnx(program: torch.export.ExportedProgram, path: Path, about: dict[str, str]) -> None:
    import onnx

    exported: Any = torch.onnx.export(
        program,
        (),
        dynamo=True,
        opset_version=OPSET,
        input_names=["one_hot"],
        output_names=["outputs"],
        external_data=False,
        verbose=False,
    )
    proto = exported.model_proto
    shape = proto.graph.input[0].type.tensor_type.shape.dim
    shape[0].dim_param = "batch"
    if not shape[2].HasField("dim_value"):
        shape[2].dim_param = "length"
    proto.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    del proto.graph.value_info[:]  # shapes in terms of the former names
    for part in (*proto.graph.node, *proto.graph.input, *proto.graph.output, *proto.graph.initializer, proto.graph):
        del part.metadata_props[:]  # names and lines of source files
    onnx.helper.set_model_props(proto, about)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save_model(proto, path)


def _read_onnx(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(session.run(["outputs"], {"one_hot": x.numpy()})[0])


@dataclass(frozen=True)
class Format:
    """A kind of file: its name, how it is written, and how it is read into a function of one-hot sequences."""

    file: str
    write: Callable[[torch.export.ExportedProgram, Path, dict[str, str]], None]
    read: Callable[[Path], Run]
    packages: tuple[str, ...] = ()  # of the extra of the same name


FORMATS = {
    "torch": Format("model.pt2", _write_torch, _read_torch),
    "onnx": Format("model.onnx", _write_onnx, _read_onnx, ("onnx", "onnxscript", "onnxruntime")),
}


@contextmanager
def third_party_noise_off() -> Iterator[None]:
    """Silence what torch 2.8 to 2.13 say about themselves and about torchvision while exporting."""
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            yield
    finally:
        registration.setLevel(level)
