"""The bridge has the published parameters, is what its formula says and reads no padding."""

import pytest
import torch
from torch.nn import functional

from palindra.models.strand_lm import Bridge, bridge


@pytest.fixture
def small():
    torch.manual_seed(0)
    return Bridge(6).double()


@pytest.fixture
def pair():
    return torch.randn(2, 2, 15, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_parameters_of_both_directions():
    assert 2 * sum(p.numel() for p in Bridge(128).parameters()) == 373_504


def test_bridge_is_its_formula(small, pair):
    x, other = pair
    far = functional.pad(other, (0, 0, 64, 64))
    contexts = []
    for dilation, conv in zip((1, 2, 4, 8, 16), small.context, strict=True):
        taps = [far[:, 64 + dilation * (k - 4) : 79 + dilation * (k - 4)] * conv.weight[:, 0, k] for k in range(9)]
        contexts.append(sum(taps))
    context = torch.cat(contexts, -1) @ small.mix.weight[:, :, 0].T + small.mix.bias
    message = small.near(other + context) + small.whole(other.mean(1))[:, None]
    gate = torch.sigmoid(small.gate(torch.cat([x, other, x - other, x * other], -1)))
    expected = functional.layer_norm(x + gate * message, (6,), small.norm.weight, small.norm.bias)
    torch.testing.assert_close(small(x, other), expected)


def test_padding_gives_nothing(small, pair):
    x, other = pair
    junk = torch.full((2, 3, 6), 1e3, dtype=torch.float64)
    mask = torch.tensor([False] * 3 + [True] * 15 + [False] * 3).repeat(2, 1)
    padded = small(*(torch.cat([junk, rows, junk], 1) for rows in (x, other)), mask)
    torch.testing.assert_close(padded[:, 3:18], small(x, other))


def test_parts_give_the_whole(small, monkeypatch):
    pair = torch.randn(2, 1, 170, 6, dtype=torch.float64)  # longer than the widest context, 64 to both sides
    whole = small(*pair)
    monkeypatch.setattr(bridge, "SEGMENT", 17)
    with torch.no_grad():
        torch.testing.assert_close(small(*pair), whole)
