"""Any function as a source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.errors import InputError
from palindra.probing.sources import layers_of, open_source
from palindra.probing.sources.functions import FunctionSource

CODE = """
import numpy as np
import torch
from palindra.probing.sources.counts import OneHot

source = OneHot()
number = 3

def letters(texts):
    return np.array([[[letter == other for other in "ACGT"] for letter in text] for text in texts], dtype=np.float64)

def pooled(texts):
    return torch.tensor([[text.count("A"), text.count("C")] for text in texts])

def pairs(texts):
    spans = torch.tensor([[start, start + 2] for start in range(0, len(texts[0]), 2)])
    return torch.ones(len(texts), len(spans), 1), spans

def short(texts):
    return torch.ones(len(texts), 3, 1)

def flat(texts):
    return torch.ones(7)

def bad(texts):
    return torch.full((len(texts), 1, 1), torch.nan)

def outside(texts):
    return torch.ones(len(texts), 1, 1), torch.tensor([[0, 99]])
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    name = f"mine_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(CODE)
    return name


def test_functions_of_sequences(module: str):
    texts = ["ACGTAC", "GGGG", "ACGTAA"]
    source = open_source(f"call:{module}:letters")
    with pytest.raises(AttributeError, match="after the first call"):
        _ = source.width
    assert torch.equal(source.embed(texts).features, open_source("one-hot").embed(texts).features)
    assert source.width == 4
    pooled = open_source(f"call:{module}:pooled").embed(texts)
    assert pooled.features[:, 0].tolist() == [[2, 2], [0, 0], [3, 1]]
    assert pooled.spans[:, 0].tolist() == [[0, 6], [0, 4], [0, 6]]
    pairs = open_source(f"call:{module}:pairs").embed(texts)
    assert pairs.spans[1].tolist() == [[0, 2], [2, 4], [0, 0]]
    assert open_source(f"call:{module}:source").name == "one-hot"


def test_fingerprints_are_of_the_code(module: str, tmp_path: Path):
    one, other = open_source(f"call:{module}:letters"), open_source(f"call:{module}:pooled")
    assert one.fingerprint != other.fingerprint
    with (tmp_path / f"{module}.py").open("a") as code:
        code.write("\n# changed\n")
    assert one.fingerprint != open_source(f"call:{module}:letters").fingerprint


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("short", "do not share out evenly"),
        ("flat", r"gives an array of shape \(7,\)"),
        ("bad", r"sequence 1 \(ACGT, 4 letters\): the result of call:.* no finite"),
        ("outside", "within 0 and 4"),
    ],
)
def test_what_is_no_features_is_refused(module: str, name: str, message: str):
    with pytest.raises(InputError, match=message):
        open_source(f"call:{module}:{name}").embed(["ACGT"])


def test_what_is_no_function_is_refused(module: str):
    for text, message in (
        (f"{module}:number", "neither a source nor a function, but int"),
        (f"{module}:nothing", "has no attribute 'nothing'"),
        ("no_such_module_here:f", "No module named"),
        (module, "write call:module:function"),
    ):
        with pytest.raises(InputError, match=message):
            open_source(f"call:{text}")


def test_arrays_of_numpy_are_taken():
    from palindra.probing.sources.functions import FunctionSource

    source = FunctionSource(lambda texts: np.ones((len(texts), 2, 3), dtype=np.float32), "ones", fingerprint="x")
    assert source.embed(["ACGTA"[:4]]).spans.tolist() == [[[0, 2], [2, 4]]]


def test_a_function_whose_width_is_not_known_yet_can_be_asked_what_it_is():
    source = FunctionSource(lambda texts: torch.ones(len(texts), 1, 3), "ones", fingerprint="1")
    assert layers_of(source) == []  # looks at every attribute
