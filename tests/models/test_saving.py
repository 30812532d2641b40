"""Run folders: exact round trips, no pickles, nothing half-written that looks whole, one message for each damage."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import palindra
from palindra.data import Task
from palindra.errors import InputError
from palindra.models import (
    KmerLinear,
    KmerLinearConfig,
    Predictor,
    StrandCNN,
    StrandCNNConfig,
    StrandResNet,
    StrandResNetConfig,
)
from palindra.models.plain import from_plain, target_from_plain, target_to_plain, to_plain, typed
from palindra.models.saving import CHECKSUMS, CONFIG, WEIGHTS, is_finished, load_run, save_run, seal, verify
from palindra.symmetry import Position, Rep, Target

LENGTH = 40
X = torch.eye(4)[torch.randint(0, 4, (5, LENGTH), generator=torch.Generator().manual_seed(1))].mT.contiguous()
LABEL, PAIR = Target.invariant(1), Target.paired([1, 0])


def resnet(hidden: Rep = Rep(regular=4), target: Target = LABEL, **options: Any) -> StrandResNet:  # noqa: B008
    sizes: dict[str, Any] = {"stem_size": 5, "block_size": 3, "dilations": (1, 2), "length": LENGTH}
    return StrandResNet(StrandResNetConfig(hidden=hidden, target=target, **sizes | options))


def cnn(**options: Any) -> StrandCNN:
    return StrandCNN(StrandCNNConfig(length=LENGTH, hidden=Rep(even=3, odd=1), kernel_sizes=(5, 4), **options))


CASES: dict[str, Callable[[], tuple[Predictor, list[str]]]] = {
    "pairs of channels": lambda: (one([resnet()]), ["strand_resnet"]),
    "even and odd channels, 3-mers": lambda: (one([cnn(k=3)]), ["strand_cnn"]),
    "no symmetry": lambda: (one([resnet(involution=None)]), ["strand_resnet"]),
    "both strands": lambda: (one([resnet(involution=None)], both=True), ["strand_resnet"]),
    "ensemble": lambda: (
        one([resnet(), cnn(), KmerLinear(KmerLinearConfig(LENGTH, k=4, counts="log", scale=0.3))]),
        ["strand_resnet", "strand_cnn", "kmer_linear"],
    ),
    "regression of a pair": lambda: (
        Predictor(
            [resnet(target=PAIR, outputs=2)],
            both_strands=[False],
            task=Task.REGRESSION,
            target=PAIR,
            offset=[1.1, 1.1],
            scale=[0.3, 0.3],
        ),
        ["strand_resnet"],
    ),
    "strand-specific": lambda: (
        one([resnet(involution=None, target=Target.strand_specific())], target=Target.strand_specific()),
        ["strand_resnet"],
    ),
    "classes": lambda: (
        Predictor(
            [resnet(target=Target.invariant(3), outputs=3)],
            both_strands=[False],
            task=Task.MULTICLASS,
            target=Target.invariant(3),
        ),
        ["strand_resnet"],
    ),
}


def one(networks: list[Any], *, both: bool = False, target: Target = LABEL) -> Predictor:
    return Predictor(networks, both_strands=[both] * len(networks), task=Task.BINARY, target=target)


def write(folder: Path, case: str = "pairs of channels") -> Predictor:
    torch.manual_seed(0)
    predictor, names = CASES[case]()
    predictor.train()
    predictor(X)  # so that running statistics are not those of a new network
    predictor.eval()
    models = [{"model": name, "strategy": "regular", "seed": 3} for name in names]
    save_run(folder, predictor, models=models, config={"data": {"length": LENGTH}, "run": {"seed": 3}})
    return predictor


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run folder."""
    write(tmp_path / "run")
    seal(tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("case", CASES)
def test_a_saved_model_comes_back_exactly(tmp_path: Path, case: str):
    predictor = write(tmp_path, case)
    seal(tmp_path)
    loaded = palindra.load(tmp_path)
    assert torch.equal(loaded(X), predictor(X))
    assert not loaded.training
    assert loaded.task == predictor.task
    assert loaded.target == predictor.target
    for name, value in predictor.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    assert load_run(tmp_path).length == LENGTH
    assert load_run(tmp_path).config["run"] == {"seed": 3}


def test_there_is_no_pickle_in_the_folder(run: Path):
    assert sorted(path.name for path in run.iterdir()) == sorted([CONFIG, WEIGHTS, CHECKSUMS])
    header = (run / WEIGHTS).read_bytes()
    json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])  # safetensors: the length of a JSON header first


def test_a_folder_without_checksums_is_not_finished(tmp_path: Path):
    write(tmp_path)
    assert not is_finished(tmp_path)
    with pytest.raises(InputError, match="this run was not finished"):
        palindra.load(tmp_path)
    assert load_run(tmp_path, finished=False).length == LENGTH


@pytest.mark.parametrize("when", [WEIGHTS, CONFIG])
def test_a_kill_while_writing_leaves_nothing_that_looks_whole(tmp_path: Path, monkeypatch, when: str):
    original = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if target.name == when:
            raise KeyboardInterrupt
        return original(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path)
    monkeypatch.undo()
    assert not (tmp_path / when).exists()
    with pytest.raises(InputError, match="not a run folder"):
        palindra.load(tmp_path)
    write(tmp_path)  # and the next attempt is not disturbed
    seal(tmp_path)
    palindra.load(tmp_path)


def rewrite_config(run: Path, *changes: tuple[str, str]) -> None:
    """Edit the configuration as somebody would who also renews the checksums."""
    text = (run / CONFIG).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (run / CONFIG).write_text(text)
    seal(run)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a flipped bit of the weights": (
        lambda run: flip_a_bit(run / WEIGHTS),
        "weights.safetensors: the file is not the one that was written",
    ),
    "an edited configuration": (
        lambda run: (run / CONFIG).write_text((run / CONFIG).read_text() + "\n"),
        "config.toml: the file is not the one that was written",
    ),
    "weights cut off": (
        lambda run: (run / WEIGHTS).write_bytes((run / WEIGHTS).read_bytes()[:100]),
        "checksum differs",
    ),
    "no weights": (lambda run: (run / WEIGHTS).unlink(), "not a run folder, config.toml or weights.safetensors"),
    "no configuration": (lambda run: (run / CONFIG).unlink(), "not a run folder"),
    "no checksums": (lambda run: (run / CHECKSUMS).unlink(), "was not finished"),
    "empty checksums": (lambda run: (run / CHECKSUMS).write_text("{}"), "checksums.json: is damaged"),
    "checksums cut off": (lambda run: (run / CHECKSUMS).write_text('{"con'), "checksums.json: is damaged"),
    "checksums of another kind": (lambda run: (run / CHECKSUMS).write_text("[1]"), "checksums.json: is damaged"),
    "another format": (
        lambda run: rewrite_config(run, ("format = 1", "format = 2")),
        "has format 2, written by palindra .* reads format 1",
    ),
    "no entry": (lambda run: rewrite_config(run, ("[prediction]", "[other]")), "has no entry 'task'"),
    "an unknown model": (lambda run: rewrite_config(run, ('"strand_resnet"', '"transformer"')), "'transformer'"),
    "an unknown field": (lambda run: rewrite_config(run, ("stem_size", "stem_width")), "has no field 'stem_width'"),
    "a field of another type": (
        lambda run: rewrite_config(run, ("stem_size = 5", 'stem_size = "five"')),
        "stem_size: 'five' is given and a whole number needed",
    ),
    "other sizes": (lambda run: rewrite_config(run, ("4 regular", "6 regular")), "cannot be read: .*size mismatch"),
    "no TOML": (lambda run: ((run / CONFIG).write_text("= ="), seal(run)), "config.toml: cannot be read"),
    "not text": (lambda run: ((run / CONFIG).write_bytes(b"\xff\xfe"), seal(run)), "config.toml: cannot be read"),
    "weights of another kind": (
        lambda run: ((run / WEIGHTS).write_bytes(b"PK\x03\x04 no tensors here"), seal(run)),
        "cannot be read",
    ),
    "a table in place of members": (
        lambda run: rewrite_config(run, ("[[members]]", "[members]")),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_clear_error(run: Path, damage: str):
    change, message = DAMAGES[damage]
    change(run)
    with pytest.raises(InputError, match=message) as caught:
        palindra.load(run)
    assert str(run) in str(caught.value)


def test_what_is_no_run_folder(tmp_path: Path, run: Path):
    with pytest.raises(InputError, match="no such run folder"):
        palindra.load(tmp_path / "missing")
    with pytest.raises(InputError, match="no such run folder"):
        palindra.load(run / CONFIG)
    with pytest.raises(InputError, match=r"not a run folder.* There are runs inside it: run\."):
        palindra.load(tmp_path)


def test_other_files_can_be_verified_too(run: Path):
    (run / "metrics.json").write_text("{}")
    with pytest.raises(InputError, match="is damaged"):
        verify(run, ["metrics.json"])
    seal(run)
    verify(run, ["metrics.json"])
    (run / "metrics.json").unlink()
    with pytest.raises(InputError, match=r"metrics.json: the file is missing"):
        verify(run, ["metrics.json"])


@pytest.mark.parametrize(
    "config",
    [
        StrandResNetConfig(length=101, hidden=Rep(regular=3, even=2, odd=1), dilations=(1, 3), target=PAIR, outputs=2),
        StrandResNetConfig(length=7, involution=None, target=Target.strand_specific(), dropout=0.0),
        StrandCNNConfig(length=50, k=2, kernel_sizes=(3,), target=Target(Rep(odd=1))),
        KmerLinearConfig(length=9, counts="log", scale=0.5),
    ],
    ids=lambda c: f"{type(c).__name__} {c.length}",
)
def test_configurations_survive_plain_values(config: Any):
    import tomllib

    import tomli_w

    assert from_plain(type(config), tomllib.loads(tomli_w.dumps(to_plain(config)))) == config


@pytest.mark.parametrize(
    "target",
    [LABEL, PAIR, Target.strand_specific(), Target.paired([2, 1, 0], Position.REVERSE), Target(Rep(even=1, odd=2))],
    ids=str,
)
def test_targets_survive_plain_values(target: Target):
    assert target_from_plain(target_to_plain(target)) == target


@pytest.mark.parametrize(
    ("hint", "value", "message"),
    [
        (int, "3", "'3' is given and a whole number needed"),
        (int, True, "a whole number needed"),
        (float, "high", "a number needed"),
        (bool, 1, "true or false needed"),
        (str, 1, "a text needed"),
        (tuple[int, ...], 3, "a list needed"),
        (tuple[int, ...], [1, 2.5], "2.5 is given and a whole number needed"),
        (Rep, "many", "cannot read 'many' as a type"),
        (Position | None, "upwards", "'upwards' is not a valid Position"),
    ],
)
def test_values_that_do_not_fit_a_field(hint: Any, value: Any, message: str):
    with pytest.raises(ValueError, match=message):
        typed(hint, value)


def test_import_is_cheap_and_load_is_found_later():
    code = (
        "import sys, palindra; heavy = {'torch', 'numpy', 'lightning', 'polars', 'sklearn', 'matplotlib'};"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys();"
        "assert palindra.load.__name__ == 'load' and 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
