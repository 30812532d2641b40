"""Exported files: the numbers of the model, the operations of the stock network, nothing of the library."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import textwrap
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from palindra import __version__
from palindra.data.task import Task
from palindra.errors import InputError
from palindra.models.export import Exported, Lengths, export, plain
from palindra.models.export_formats import FORMATS
from palindra.models.predictor import Predictor
from palindra.models.strand_cnn import StrandCNN, StrandCNNConfig
from palindra.models.strand_resnet import StrandResNet, StrandResNetConfig
from palindra.nn import Activation, AvgPool1d, Conv1d, GlobalAvgPool, Sequential, VectorHead
from palindra.sequences import one_hot
from palindra.symmetry import Rep, Target

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

SMALL = Rep(regular=3, even=0)
LABEL = Target.invariant(1)


def cnn(**options: object) -> StrandCNN:
    return StrandCNN(StrandCNNConfig(**{"length": 61, "hidden": SMALL, "kernel_sizes": (5, 4), **options}))  # type: ignore[arg-type]


def resnet(**options: object) -> StrandResNet:
    sizes = {"length": 51, "hidden": SMALL, "stem_size": 7, "dilations": (1, 2), **options}
    return StrandResNet(StrandResNetConfig(**sizes))  # type: ignore[arg-type]


def predictor(task: Task, target: Target, members: list[nn.Module], both: list[bool], **units: object) -> Predictor:
    return Predictor(members, both_strands=both, task=task, target=target, **units)  # type: ignore[arg-type]


CASES: dict[str, tuple[Callable[[], nn.Module], int, Lengths, int]] = {  # model, length, lengths, convolutions
    "cnn": (cnn, 61, Lengths(61), 3),
    "cnn of k-mers, even and odd channels": (lambda: cnn(k=2, hidden=Rep(even=4, odd=2)), 61, Lengths(61), 3),
    "resnet": (resnet, 51, Lengths(51, 2, 7), 3),
    "resnet without symmetry": (lambda: resnet(involution=None), 51, Lengths(51, 1, 6), 3),
    "two members on both strands, three classes": (
        lambda: predictor(
            Task.MULTICLASS,
            Target.invariant(3),
            [
                resnet(involution=None, target=Target.invariant(3), outputs=3),
                resnet(target=Target.invariant(3), outputs=3, hidden=Rep(2, 2, 1)),
            ],
            [True, False],
        ),
        51,
        Lengths(51, 2, 7),
        7,  # one more makes pairs of even and odd channels
    ),
    "regression of a pair of values on both strands": (
        lambda: predictor(
            Task.REGRESSION,
            Target.paired([1, 0]),
            [resnet(involution=None, target=Target.paired([1, 0]), outputs=2)],
            [True],
            offset=[300.0, -20.0],
            scale=[70.0, 5.0],
        ),
        51,
        Lengths(51, 1, 6),
        3,
    ),
}


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[nn.Module, Exported]]:
    """Each case exported once, with running statistics that differ from their start."""
    done: dict[str, tuple[nn.Module, Exported]] = {}

    def exported(case: str) -> tuple[nn.Module, Exported]:
        if case not in done:
            build, length, _, _ = CASES[case]
            torch.manual_seed(len(done))
            model = build()
            for _ in range(3):
                model(torch.randn(16, 4, length))
            folder = tmp_path_factory.mktemp("export")
            done[case] = model, export(model, folder, example_length=length, metadata={"names": "promoter"})
        return done[case]

    return exported


def sequences(batch: int, length: int) -> Tensor:
    letters = np.random.default_rng(batch).choice(list("ACGTN"), (batch, length))
    return one_hot(["".join(row) for row in letters], dtype=torch.float32)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", FORMATS)
def test_files_give_the_numbers_of_the_model_at_other_batch_sizes_and_lengths(exports, case, kind) -> None:
    model, exported = exports(case)
    _, length, lengths, _ = CASES[case]
    assert exported.lengths == lengths
    assert exported.largest_difference < 1e-4
    assert model.training  # the model is left as it was
    run = FORMATS[kind].read(exported.files[kind])
    model.eval()
    with torch.no_grad():
        for batch, steps in ((1, 0), (4, 3), (9, 10)):
            x = sequences(batch, length + steps * (lengths.step or 0))
            torch.testing.assert_close(run(x), model(x), rtol=1e-5, atol=1e-5)
    model.train()


@pytest.mark.parametrize("case", CASES)
def test_files_hold_the_operations_of_the_stock_network(exports, case) -> None:
    """Every convolution once, also where both strands are read, and no weight gathered from its free numbers."""
    _, exported = exports(case)
    convolutions = CASES[case][3]
    gathers = 1 if "k-mers" in case else 2 if "pair of values" in case else 0  # the k-mers, the order of outputs
    nodes = Counter(node.op_type for node in onnx.load(exported.files["onnx"]).graph.node)
    assert nodes["Conv"] == convolutions
    assert nodes["Gather"] + nodes["GatherND"] + nodes["GatherElements"] <= gathers
    graph = torch.export.load(exported.files["torch"]).graph
    calls = Counter(str(node.target) for node in graph.nodes if node.op == "call_function")
    assert calls["aten.conv1d.default"] == convolutions
    assert calls["aten.index_select.default"] == (1 if "k-mers" in case else 0)
    assert not any("dropout" in call or "rand" in call for call in calls)


def test_exported_sizes_are_named(exports) -> None:
    for case, length in (("cnn", 61), ("resnet", "length")):
        session = onnxruntime.InferenceSession(exports(case)[1].files["onnx"])
        (given,), (outputs,) = session.get_inputs(), session.get_outputs()
        assert (given.name, given.shape) == ("one_hot", ["batch", 4, length])
        assert (outputs.name, outputs.shape) == ("outputs", ["batch", 1])


def test_files_say_what_they_hold(exports) -> None:
    _, exported = exports("two members on both strands, three classes")
    expected = {
        "palindra_version": __version__,
        "input": "one-hot ACGT (batch, 4, length) float32",
        "output": "probability of each class (batch, classes), rows sum to 1",
        "task": "multiclass",
        "lengths": "7 plus any multiple of 2",
        "names": "promoter",
    }
    assert exported.metadata == expected
    assert {p.key: p.value for p in onnx.load(exported.files["onnx"]).metadata_props} == expected
    extra = {"metadata.json": ""}
    torch.export.load(exported.files["torch"], extra_files=extra)
    assert json.loads(extra["metadata.json"]) == expected
    assert exports("cnn")[1].metadata["lengths"] == "61 only"
    assert str(Lengths(50, 1, 4)) == "any, at least 4"


def test_files_run_where_the_library_is_not_installed(exports) -> None:
    """The ONNX file by the lines in the docstring, without PyTorch; the other with PyTorch alone."""
    model, exported = exports("resnet")
    text = ["ACGTN" * 11, "AACCG" * 11]
    with torch.no_grad():
        expected = model.eval()(one_hot(text, dtype=torch.float32)).flatten().tolist()
    model.train()
    lines = inspect.getdoc(export).split("only::\n\n")[1].split("\n\nand")[0]
    forbid = "import sys, json\nfor name in {}: sys.modules[name] = None\n"
    with_onnx = (
        forbid.format(["palindra", "torch"])
        + f"sequences = {text}\n"
        + textwrap.dedent(lines).replace("model.onnx", exported.files["onnx"].as_posix())
        + "\nprint(json.dumps([outputs.ravel().tolist(), about['names']]))"
    )
    found, names = json.loads(in_new_process(with_onnx))
    assert names == "promoter"
    assert found == pytest.approx(expected, abs=1e-5)
    with_torch = (
        forbid.format(["palindra"])
        + "import torch\n"
        + f"x = torch.tensor({one_hot(text).tolist()}).float()\n"
        + f"y = torch.export.load({exported.files['torch'].as_posix()!r}).module()(x)\n"
        + "print(json.dumps(y.ravel().tolist()))"
    )
    assert json.loads(in_new_process(with_torch)) == pytest.approx(expected, abs=1e-5)


def in_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_files_do_not_mention_where_they_were_made(exports) -> None:
    _, exported = exports("resnet")
    with zipfile.ZipFile(exported.files["torch"]) as archive:
        program = b"".join(archive.read(name) for name in archive.namelist() if "metadata" not in name)
    for content in (program, exported.files["onnx"].read_bytes().replace(b"palindra_version", b"")):
        assert b"palindra" not in content
        assert b".py" not in content
    assert not any(node.metadata_props for node in onnx.load(exported.files["onnx"]).graph.node)


def test_plain_leaves_full_weights_and_the_same_numbers() -> None:
    model = resnet(hidden=Rep(2, 2, 1)).eval()
    copied = plain(model)
    x = sequences(3, 51)
    assert not [name for name, _ in copied.named_parameters() if "original" in name]
    assert copied.stem[0].weight.shape == model.stem[0].weight.shape
    with torch.no_grad():
        torch.testing.assert_close(copied(x), model(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("pool", [2, 3])
def test_a_longer_step_of_lengths_is_found(tmp_path: Path, pool: int) -> None:
    hidden = Rep(regular=2)
    layers = [Conv1d(Rep(regular=2), hidden, 6), Activation(hidden), AvgPool1d(hidden, pool), AvgPool1d(hidden, pool)]
    model = Sequential(*layers, GlobalAvgPool(hidden), VectorHead(hidden, LABEL, 1))
    length = 5 + 7 * pool**2
    exported = export(model, tmp_path, example_length=length, formats=["torch"])
    assert exported.lengths == Lengths(length, pool**2, {2: 21, 3: 32}[pool])
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]
    fixed = export(model, tmp_path, example_length=length, formats=["torch"], fixed_length=True)
    assert fixed.lengths == Lengths(length)


class Fickle(nn.Module):
    """Gives other numbers in every call, as a wrongly exported model would."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x.sum(-1) + self.calls


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_differs_is_never_written(tmp_path: Path, kind: str) -> None:
    (tmp_path / FORMATS[kind].file).write_text("the former export")
    with pytest.raises(RuntimeError, match=r"differs from the model by .* for 1 sequences of length 20"):
        export(Fickle(), tmp_path, example_length=20, formats=[kind])
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the former export"]


def test_errors_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = cnn()
    with pytest.raises(InputError, match=r"'tflite'.* choose from torch, onnx"):
        export(model, tmp_path, example_length=61, formats=["tflite"])
    with pytest.raises(InputError, match=r"does not take one-hot sequences \(batch, 4, 40\)"):
        export(model, tmp_path, example_length=40)
    with pytest.raises(InputError, match=r"length 61 only.*global pooling"):
        export(model, tmp_path, example_length=61, fixed_length=False)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file: give a folder"):
        export(model, tmp_path / "file", example_length=61)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InputError, match=r"needs onnxscript: pip install 'palindra\[onnx\]'"):
        export(model, tmp_path, example_length=61)


def test_a_model_that_is_traced_for_one_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"takes other lengths than 20, but torch\.export"):
        export(Loop(), tmp_path, example_length=20, formats=["torch"])


class Loop(nn.Module):
    """Runs at any length, but tracing unrolls the loop for one."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[..., position].exp() for position in range(x.shape[-1])]).sum(0)
