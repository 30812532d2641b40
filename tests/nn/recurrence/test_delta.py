"""The delta rule: chunks give what single steps give, and what is corrected reads the state before it decays."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from palindra.nn.recurrence import delta_rule, delta_rule_steps
from palindra.nn.recurrence.chunks import decay_within

NAMES = ("q", "k", "v", "p", "log_decay", "beta", "state")


def inputs(length: int, *, dtype=torch.float64, batch=2, heads=3, key=5, value=7, seed=0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    q, k, p = (functional.normalize(draw(batch, heads, length, key), dim=-1) for _ in range(3))
    log_decay = -functional.softplus(3 * draw(batch, heads, length))
    values = (q, k, draw(batch, heads, length, value), p, log_decay, draw(batch, heads, length).sigmoid())
    named = zip(NAMES, (*values, draw(batch, heads, key, value)), strict=True)
    return {name: x.to(dtype).requires_grad_() for name, x in named}


def with_gradients(rule, given: dict[str, Tensor], **options) -> list[Tensor]:
    """Outputs, the last state, and the gradients of a function of both."""
    out, state = rule(**given, **options)
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    loss = (out * weights).sum() + out.square().sum() + (state * state.cos()).sum()
    return [out, state, *torch.autograd.grad(loss, list(given.values()))]


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 16, 23, 40])
def test_chunks_give_what_steps_give_in_float64(length):
    given = inputs(length)
    for ours, steps in zip(
        with_gradients(delta_rule, given, chunk=8), with_gradients(delta_rule_steps, given), strict=True
    ):
        torch.testing.assert_close(ours, steps, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("chunk", [1, 3, 32, 64, 1000])
def test_chunks_of_every_size_give_the_same(chunk):
    given = inputs(70)
    for ours, steps in zip(
        with_gradients(delta_rule, given, chunk=chunk), with_gradients(delta_rule_steps, given), strict=True
    ):
        torch.testing.assert_close(ours, steps, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("length", [31, 64, 100])
def test_chunks_give_what_steps_give_in_float32(length):
    exact = with_gradients(delta_rule_steps, inputs(length))
    for ours, right in zip(with_gradients(delta_rule, inputs(length, dtype=torch.float32)), exact, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours.double(), right, rtol=1e-5, atol=1e-5 * float(right.detach().abs().max()))


def test_one_step_by_hand_reads_the_state_before_it_decays():
    """S = a S0 + b k (v - S0 p): with S0 2, a .25, k = p = 1, v 3, b .5 it is .5 + .5 (3 - 2), not .5 + .5 (3 - .5)."""
    one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    for rule in (delta_rule, delta_rule_steps):
        decay, beta = one[..., 0] * 0.25, one[..., 0] * 0.5
        out, state = rule(3 * one, one, 3 * one, one, decay.log(), beta, state=2 * one)
        assert state.item() == pytest.approx(1.0, abs=1e-15)
        assert state.item() != pytest.approx(0.25 * 2 + 0.5 * (3 - 0.25 * 2))
        assert out.item() == pytest.approx(3.0, abs=1e-15)


def test_two_sizes_by_an_independent_loop():
    given = inputs(11, batch=1, heads=1)
    q, k, v, p, log_decay, beta, state = (given[name].detach().numpy()[0, 0] for name in NAMES)
    outs = []
    for t in range(11):
        residual = v[t] - state.T @ p[t]
        state = np.exp(log_decay[t]) * state + beta[t] * np.outer(k[t], residual)
        outs.append(state.T @ q[t] / math.sqrt(5))
    out, last = delta_rule(**given, chunk=4)
    np.testing.assert_allclose(out[0, 0].detach(), outs, atol=1e-13)
    np.testing.assert_allclose(last[0, 0].detach(), state, atol=1e-13)


def test_parts_with_the_state_give_the_whole(monkeypatch):
    monkeypatch.setattr("palindra.nn.recurrence.delta.SEGMENT", 16)
    given = {name: x.detach() for name, x in inputs(50).items()}
    whole, last = delta_rule(**given, chunk=8)
    state, outs = given.pop("state"), []
    for start, stop in ((0, 0), (0, 3), (3, 29), (29, 50)):
        out, state = delta_rule(**{name: x[:, :, start:stop] for name, x in given.items()}, state=state, chunk=8)
        outs.append(out)
    torch.testing.assert_close(torch.cat(outs, dim=2), whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=1e-12, atol=1e-12)


def test_segments_change_neither_values_nor_gradients(monkeypatch):
    given = inputs(70)
    whole = with_gradients(delta_rule, given, chunk=8)
    monkeypatch.setattr("palindra.nn.recurrence.delta.SEGMENT", 16)
    for ours, right in zip(with_gradients(delta_rule, given, chunk=8), whole, strict=True):
        torch.testing.assert_close(ours, right, rtol=1e-12, atol=1e-12)


def test_no_state_is_a_state_of_zeros():
    given = inputs(9)
    start = torch.zeros_like(given.pop("state"))
    torch.testing.assert_close(delta_rule(**given), delta_rule(**given, state=start), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forgetting_everything_in_an_instant_stays_exact(dtype):
    """Decays of exp(-1000) and of exactly nothing beside slow ones: masked entries and large sums do no harm."""
    given = {name: x.detach() for name, x in inputs(48, dtype=dtype).items()}
    given["log_decay"] = given["log_decay"] * 0.01
    given["log_decay"][:, :, ::5] = -1000.0
    given["log_decay"][:, :, 7::11] = -math.inf
    given["log_decay"].requires_grad_()
    given["k"].requires_grad_()
    found = []
    for rule in (delta_rule, delta_rule_steps):
        out, state = rule(**given)
        found.append([out, state, *torch.autograd.grad(out.square().sum(), (given["k"], given["log_decay"]))])
    tolerance = 1e-10 if dtype == torch.float64 else 1e-5
    for ours, steps in zip(*found, strict=True):
        assert ours.isfinite().all()
        torch.testing.assert_close(ours, steps, rtol=tolerance, atol=tolerance)


def test_positions_that_write_and_forget_nothing_leave_the_state():
    given = {name: x.detach() for name, x in inputs(20).items()}
    still = dict(given, log_decay=torch.zeros(2, 3, 20), beta=torch.zeros(2, 3, 20))
    torch.testing.assert_close(delta_rule(**still)[1], given["state"], rtol=0, atol=0)


def test_outputs_do_not_depend_on_what_follows():
    given = {name: x.detach() for name, x in inputs(40).items()}
    changed = {name: x if name == "state" else x.clone() for name, x in given.items()}
    for name in NAMES[:-1]:
        changed[name][:, :, 19] *= 0.5
    moved = (delta_rule(**changed, chunk=8)[0] - delta_rule(**given, chunk=8)[0]).abs().amax((0, 1, 3)) > 1e-12
    assert not moved[:19].any()
    assert moved[19:25].all()


def test_half_precision_is_computed_in_float32():
    given = {name: x.detach() for name, x in inputs(30, dtype=torch.bfloat16).items()}
    out, state = delta_rule(**given)
    right, last = delta_rule_steps(**{name: x.double() for name, x in given.items()})
    assert (out.dtype, state.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(state.double(), last, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(out.double(), right, rtol=2**-8, atol=1e-5)


def test_autocast_changes_nothing():
    given = inputs(30, dtype=torch.float32)
    plain = with_gradients(delta_rule, given)
    with torch.autocast("cpu", torch.bfloat16):
        cast = with_gradients(delta_rule, given)
    for ours, right in zip(cast, plain, strict=True):
        torch.testing.assert_close(ours, right, rtol=0, atol=0)


def test_decays_between_positions_by_hand():
    kept = decay_within(torch.tensor([0.5, 0.2, 0.1], dtype=torch.float64).log())
    torch.testing.assert_close(kept.before[2], torch.tensor([0.2, 1.0, 0.0], dtype=torch.float64))
    torch.testing.assert_close(kept.entering[:, 0], torch.tensor([0.5, 0.1, 0.01], dtype=torch.float64))
    torch.testing.assert_close(kept.entering_before[:, 0], torch.tensor([1.0, 0.5, 0.1], dtype=torch.float64))
    torch.testing.assert_close(kept.leaving[:, 0], torch.tensor([0.02, 0.1, 1.0], dtype=torch.float64))
    assert kept.whole.item() == pytest.approx(0.01)
    assert (kept.within.triu(1) == 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": torch.zeros(2, 3, 9, 4)}, "k must have shape"),
        ({"v": torch.zeros(2, 3, 8, 7)}, "v must have shape"),
        ({"q": torch.zeros(2, 9, 5)}, "needs q of shape"),
        ({"beta": torch.zeros(2, 3, 9, 1)}, "beta must have shape"),
        ({"state": torch.zeros(2, 3, 7, 5)}, "state must have shape"),
        ({"chunk": 0}, "at least 1 position"),
    ],
)
def test_errors_say_what_is_needed(change, message):
    with pytest.raises(ValueError, match=message):
        delta_rule(**{**inputs(9), **change})
