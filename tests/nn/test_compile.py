"""Compiled layers compute what they did; the types cost no break in the graph."""

from __future__ import annotations

import copy
import shutil

import pytest
import torch
from torch import nn

from palindra.nn import Activation, AttentionPool1d, BatchNorm, Conv1d, Embedding, MaxPool1d, Residual, Sequential
from palindra.symmetry import DNA_STRAND, Rep

DNA, MIXED = Rep(regular=2), Rep(regular=2, even=3, odd=2)
HANDFUL = {
    "convolution": Conv1d(DNA, MIXED, 5, stride=3),
    "batch norm": BatchNorm(DNA),
    "attention pool": AttentionPool1d(DNA, 4),
    "chain": Sequential(
        Conv1d(DNA, MIXED, 3, padding="same"),
        Activation(MIXED),
        Residual(Conv1d(MIXED, MIXED, 3)),
        Conv1d(MIXED, Rep(regular=3), 3),
        MaxPool1d(Rep(regular=3), 2),
    ),
    "embedding": Embedding([3, 2, 1, 0, 4], MIXED),
}


@pytest.fixture(autouse=True)
def _fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def inputs(layer: nn.Module) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    if isinstance(layer, Embedding):
        return torch.randint(5, (2, 20), generator=generator)
    return torch.randn(2, 4, 20, generator=generator)


@pytest.mark.parametrize("layer", HANDFUL.values(), ids=HANDFUL)
def test_compiled_layers_agree_with_themselves(layer):
    x, compiled = inputs(layer), copy.deepcopy(layer).eval()
    expected = compiled(x)
    torch.testing.assert_close(torch.compile(compiled, backend="aot_eager", fullgraph=True)(x), expected)


@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, when inductor is imported
def test_a_compiled_training_step_gives_the_same_gradients():
    layers = [Conv1d(DNA, MIXED, 5), BatchNorm(MIXED), Activation(MIXED)]
    model = Sequential(*layers)
    compiled, x = copy.deepcopy(model), inputs(model)
    model(x).square().sum().backward()
    run = torch.compile(compiled)
    run(x).square().sum().backward()
    for own, other in zip(model.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad, rtol=1e-4, atol=1e-4)
    compiled.eval()
    with torch.no_grad():
        straight, turned = compiled(x), compiled(DNA_STRAND.act(x))
    torch.testing.assert_close(turned, MIXED.act(straight.flip(-1)), rtol=1e-5, atol=1e-5)
