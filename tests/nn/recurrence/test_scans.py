"""Selective state spaces: chunks give what single steps give, for both forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from palindra.nn.recurrence import channel_scan, channel_scan_steps, selective_scan, selective_scan_steps


def _draw(seed: int):
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def by_head(length: int, dtype=torch.float64) -> dict[str, Tensor]:
    """Two groups of three heads."""
    draw = _draw(0)
    x, dt, a = draw(2, 6, length, 7), functional.softplus(draw(2, 6, length)), -draw(6).exp()
    b, c, skip, state = draw(2, 2, length, 5), draw(2, 2, length, 5), draw(6), draw(2, 6, 5, 7)
    return {name: t.to(dtype).requires_grad_() for name, t in locals().items() if isinstance(t, Tensor)}


def by_channel(length: int, dtype=torch.float64) -> dict[str, Tensor]:
    draw = _draw(1)
    x, dt, a = draw(2, 7, length), functional.softplus(draw(2, 7, length)), -draw(7, 3).exp()
    b, c, skip, state = draw(2, 3, length), draw(2, 3, length), draw(7), draw(2, 7, 3)
    return {name: t.to(dtype).requires_grad_() for name, t in locals().items() if isinstance(t, Tensor)}


FORMS = [
    pytest.param(selective_scan, selective_scan_steps, by_head, 2, id="heads"),
    pytest.param(channel_scan, channel_scan_steps, by_channel, -1, id="channels"),
]
ALONG = ("x", "dt", "b", "c")


def with_gradients(scan, given: dict[str, Tensor], **options) -> list[Tensor]:
    y, state = scan(**given, **options)
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
    loss = (y * weights).sum() + y.square().sum() + (state * state.cos()).sum()
    return [y, state, *torch.autograd.grad(loss, list(given.values()))]


@pytest.mark.parametrize("length", [1, 7, 8, 9, 23, 40])
@pytest.mark.parametrize(("scan", "steps", "inputs", "dim"), FORMS)
def test_chunks_give_what_steps_give_in_float64(scan, steps, inputs, dim, length):
    given = inputs(length)
    for ours, right in zip(with_gradients(scan, given, chunk=8), with_gradients(steps, given), strict=True):
        torch.testing.assert_close(ours, right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("scan", "steps", "inputs", "dim"), FORMS)
def test_chunks_give_what_steps_give_in_float32(scan, steps, inputs, dim):
    exact = with_gradients(steps, inputs(100))
    for ours, right in zip(with_gradients(scan, inputs(100, torch.float32)), exact, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours.double(), right, rtol=1e-5, atol=1e-5 * float(right.detach().abs().max()))


@pytest.mark.parametrize("chunk", [1, 3, 64, 1000])
@pytest.mark.parametrize(("scan", "steps", "inputs", "dim"), FORMS)
def test_chunks_of_every_size_give_the_same(scan, steps, inputs, dim, chunk):
    given = inputs(70)
    for ours, right in zip(with_gradients(scan, given, chunk=chunk), with_gradients(steps, given), strict=True):
        torch.testing.assert_close(ours, right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("scan", "steps", "inputs", "dim"), FORMS)
def test_segments_and_lanes_change_neither_values_nor_gradients(scan, steps, inputs, dim, monkeypatch):
    given = inputs(70)
    whole = with_gradients(scan, given, chunk=8)
    monkeypatch.setattr("palindra.nn.recurrence.per_head.SEGMENT", 16)
    for lanes in (1, 2, 4):
        monkeypatch.setattr("palindra.nn.recurrence.per_channel._lanes", lambda state, lanes=lanes: lanes)
        for ours, right in zip(with_gradients(scan, given, chunk=8), whole, strict=True):
            torch.testing.assert_close(ours, right, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("scan", "steps", "inputs", "dim"), FORMS)
def test_parts_with_the_state_give_the_whole(scan, steps, inputs, dim):
    given = {name: t.detach() for name, t in inputs(50).items()}
    whole, last = scan(**given, chunk=8)
    state, outs = given["state"], []
    for start, stop in ((0, 0), (0, 3), (3, 29), (29, 50)):
        part = {name: given[name].narrow(dim, start, stop - start) for name in ALONG}
        y, state = scan(**{**given, **part, "state": state}, chunk=8)
        outs.append(y)
    torch.testing.assert_close(torch.cat(outs, dim=dim), whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("scan", "steps", "inputs", "dim"), FORMS)
def test_outputs_do_not_depend_on_what_follows(scan, steps, inputs, dim):
    given = {name: t.detach() for name, t in inputs(40).items()}
    changed = {name: t.clone() for name, t in given.items()}
    for name in ALONG:
        changed[name].select(dim, 19).mul_(0.5)
    moved = (scan(**changed, chunk=8)[0] - scan(**given, chunk=8)[0]).abs().movedim(dim, 0).flatten(1).amax(1) > 1e-12
    assert not moved[:19].any()
    assert moved[19:25].all()


@pytest.mark.parametrize(("scan", "steps", "inputs", "dim"), FORMS)
def test_steps_of_size_zero_leave_the_state(scan, steps, inputs, dim):
    given = {name: t.detach() for name, t in inputs(20).items()}
    given["dt"] = torch.zeros_like(given["dt"])
    torch.testing.assert_close(scan(**given)[1], given["state"], rtol=0, atol=0)


@pytest.mark.parametrize(("scan", "steps", "inputs", "dim"), FORMS)
def test_long_steps_forget_without_harm(scan, steps, inputs, dim):
    given = inputs(40, torch.float32)
    given["dt"] = (given["dt"].detach() * 1e4).requires_grad_()
    for ours, right in zip(with_gradients(scan, given, chunk=8), with_gradients(steps, given), strict=True):
        assert ours.isfinite().all()
        torch.testing.assert_close(ours, right, rtol=1e-4, atol=1e-5 * float(right.detach().abs().max()))


@pytest.mark.parametrize(("scan", "steps", "inputs", "dim"), FORMS)
def test_half_precision_is_computed_in_float32(scan, steps, inputs, dim):
    given = {name: t.detach().bfloat16() for name, t in inputs(30).items()}
    with torch.autocast("cpu", torch.bfloat16):
        y, state = scan(**given)
    right, last = steps(**{name: t.double() for name, t in given.items()})
    assert (y.dtype, state.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(state.double(), last, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(y.double(), right, rtol=2**-8, atol=1e-4)


def test_heads_by_an_independent_loop():
    given = by_head(9)
    x, dt, a, b, c, skip, states = (given[n].detach().numpy() for n in ("x", "dt", "a", "b", "c", "skip", "state"))
    y, last = selective_scan(**given, chunk=4)
    for head in range(6):
        state = states[1, head]
        for t in range(9):
            state = np.exp(dt[1, head, t] * a[head]) * state
            state = state + dt[1, head, t] * np.outer(b[1, head // 3, t], x[1, head, t])
            right = c[1, head // 3, t] @ state + skip[head] * x[1, head, t]
            np.testing.assert_allclose(y[1, head, t].detach(), right, atol=1e-12)
        np.testing.assert_allclose(last[1, head].detach(), state, atol=1e-12)


def test_channels_by_an_independent_loop():
    given = by_channel(9)
    x, dt, a, b, c, skip, states = (given[n].detach().numpy() for n in ("x", "dt", "a", "b", "c", "skip", "state"))
    y, last = channel_scan(**given, chunk=4)
    for channel in range(7):
        state = states[1, channel]
        for t in range(9):
            state = np.exp(dt[1, channel, t] * a[channel]) * state + dt[1, channel, t] * x[1, channel, t] * b[1, :, t]
            right = c[1, :, t] @ state + skip[channel] * x[1, channel, t]
            np.testing.assert_allclose(y[1, channel, t].detach(), right, atol=1e-12)
        np.testing.assert_allclose(last[1, channel].detach(), state, atol=1e-12)


def test_channels_with_one_rate_are_heads_of_one_column():
    """Where every number of a channel decays alike, both forms are the same recurrence."""
    given = {name: t.detach() for name, t in by_channel(30).items()}
    given["a"] = given["a"][:, :1].expand(7, 3)
    y, state = channel_scan(**given)
    other, kept = selective_scan(
        given["x"].unsqueeze(-1),
        given["dt"],
        given["a"][:, 0],
        given["b"].mT.unsqueeze(1),
        given["c"].mT.unsqueeze(1),
        skip=given["skip"],
        state=given["state"].unsqueeze(-1),
    )
    torch.testing.assert_close(other.squeeze(-1), y, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(kept.squeeze(-1), state, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("scan", "inputs", "change", "message"),
    [
        (selective_scan, by_head, {"b": torch.zeros(2, 4, 9, 5)}, "6 heads do not fall into 4 groups"),
        (selective_scan, by_head, {"dt": torch.zeros(2, 6, 8)}, "dt must have shape"),
        (selective_scan, by_head, {"state": torch.zeros(2, 6, 7, 5)}, "state must have shape"),
        (selective_scan, by_head, {"x": torch.zeros(2, 6, 9)}, "needs x of shape"),
        (selective_scan, by_head, {"chunk": 0}, "at least 1 position"),
        (channel_scan, by_channel, {"a": torch.zeros(7)}, "needs x of shape"),
        (channel_scan, by_channel, {"c": torch.zeros(2, 9, 3)}, "c must have shape"),
        (channel_scan, by_channel, {"skip": torch.zeros(1)}, "skip must have shape"),
        (channel_scan, by_channel, {"chunk": -1}, "at least 1 position"),
    ],
)
def test_errors_say_what_is_needed(scan, inputs, change, message):
    with pytest.raises(ValueError, match=message):
        scan(**{**inputs(9), **change})
