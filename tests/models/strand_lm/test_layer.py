"""A layer is what its formula says, is causal, and gives the same in parts as at once."""

import math

import pytest
import torch
from torch.nn import functional

from palindra.models.strand_lm import StrandLMConfig, layer
from palindra.models.strand_lm.layer import Branch, StrandLayer

SIZES = {"width": 12, "depth": 2, "heads": 2, "key_size": 6, "window": 5, "feed_forward": 2}
KINDS = [
    {},
    {"residual": True},
    {"window": None},
    {"recurrence": "mamba2"},
    {"attention": False},
    {"attention": False, "feed_forward": 0, "recurrence": "mamba2", "residual": True},
]


def branch(**changes):
    torch.manual_seed(0)
    config = StrandLMConfig(**SIZES | changes)
    return Branch(config, config.depth).double()


def rows(*shape):
    return torch.randn(*shape, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_layer_is_its_formula():
    torch.manual_seed(0)
    one = StrandLayer(StrandLMConfig(**SIZES)).double()
    x = rows(2, 9)
    m = one.recurrence(x)  # no norm before it, no residual around it
    rms = m / (m.square().mean(-1, keepdim=True) + 1e-5).sqrt() * one.attention_norm.weight
    h = m + math.sqrt(2) * one.attention(rms / math.sqrt(2))
    inner = h / (h.square().mean(-1, keepdim=True) + 1e-5).sqrt() * one.feed_forward_norm.weight
    first, second = (inner @ one.feed_forward.inner.weight.T).split(24, dim=-1)
    t = h + (first * first.sigmoid() * second) @ one.feed_forward.outer.weight.T
    g = torch.sigmoid(torch.cat([m, t], -1) @ one.gate.weight.T + one.gate.bias)
    expected = functional.layer_norm(g * t + (1 - g) * m, (12,), one.norm.weight, one.norm.bias)
    torch.testing.assert_close(one(x), expected)


@pytest.mark.parametrize("changes", KINDS, ids=str)
def test_a_position_depends_on_itself_and_earlier_ones_alone(changes):
    model, x = branch(**changes), rows(1, 11).requires_grad_()
    for position in (0, 4, 10):
        (gradient,) = torch.autograd.grad(model(x)[0, position].square().sum(), x)
        reached = gradient[0].abs().sum(-1) > 0
        assert reached[: position + 1].all() and not reached[position + 1 :].any()  # noqa: PT018 - one statement


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("segment", [3, 7, 16])
def test_segments_with_carried_state_give_the_same(changes, segment, monkeypatch):
    model, x = branch(**changes), rows(3, 23)
    whole = model(x)
    monkeypatch.setattr(layer, "SEGMENT", segment)
    with torch.no_grad():
        torch.testing.assert_close(model(x), whole, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("changes", KINDS, ids=str)
def test_padding_on_either_side_changes_no_letter(changes):
    model, x = branch(**changes), rows(3, 10)
    junk = 100 * rows(3, 6)
    padded = torch.cat([junk[:, :2], x, junk[:, 2:]], dim=1)
    mask = torch.zeros(3, 16, dtype=torch.bool)
    mask[:, 2:12] = True
    torch.testing.assert_close(model(padded, mask)[:, 2:12], model(x), rtol=1e-9, atol=1e-10)


def test_recomputed_layers_have_the_same_gradients():
    model, x = branch(), rows(2, 9)
    gradients = []
    for on in (False, True):
        model.checkpointing = on
        gradients.append(torch.autograd.grad(model(x).sin().sum(), list(model.parameters())))
    for kept, recomputed in zip(*gradients, strict=True):
        assert torch.equal(kept, recomputed)
