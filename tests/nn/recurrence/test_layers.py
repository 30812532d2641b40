"""Recurrent layers: the formulas, causality, parts and wholes, padding, sizes, and what weight decay spares."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from palindra.nn import count_parameters, recurrence
from palindra.nn.recurrence import Comba, Mamba, Mamba2, RecurrentLayer, State, causal_conv, spared_from_decay

KINDS = {
    "Comba": lambda: Comba(6, heads=3, key_size=5, expand=1.4, conv_width=4),
    "Mamba": lambda: Mamba(6, state_size=3, conv_width=3),
    "Mamba2": lambda: Mamba2(6, state_size=5, head_size=3, groups=2, conv_width=5),
}


def build(kind: str, dtype: torch.dtype = torch.float64) -> RecurrentLayer:
    """A layer whose every parameter matters."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = KINDS[kind]()
        with torch.no_grad():
            for name, parameter in layer.named_parameters():
                if name != "A_log":
                    parameter.add_(0.3 * torch.randn_like(parameter))
    return layer.to(dtype)


@pytest.fixture(params=sorted(KINDS))
def layer(request) -> RecurrentLayer:
    return build(request.param)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(2, 41, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_every_public_layer_is_tested():
    found = {name for name in recurrence.__all__ if isinstance(getattr(recurrence, name), type)}
    assert found - {"RecurrentLayer", "State"} == set(KINDS)
    assert all(getattr(recurrence, name).__doc__ for name in recurrence.__all__)


def test_parts_give_what_one_pass_gives(layer, x):
    state, outs = None, []
    for part in torch.split(x, [1, 2, 17, 21], dim=1):
        y, state = layer.run(part, state)
        outs.append(y)
    whole, last = layer.run(x)
    torch.testing.assert_close(torch.cat(outs, dim=1), whole, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(tuple(state), tuple(last), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(layer(x), whole, rtol=0, atol=0)


def test_gradients_flow_through_the_state(layer, x):
    first, state = layer.run(x[:, :15])
    rest, _ = layer.run(x[:, 15:], state)
    parts = torch.autograd.grad(torch.cat([first, rest], dim=1).square().sum(), list(layer.parameters()))
    whole = torch.autograd.grad(layer(x).square().sum(), list(layer.parameters()))
    for ours, right in zip(parts, whole, strict=True):
        torch.testing.assert_close(ours, right, rtol=1e-9, atol=1e-9)


def test_long_sequences_are_read_in_segments_that_caches_hold(layer, x, monkeypatch):
    mask = torch.arange(41).expand(2, -1) < torch.tensor([[41], [23]])
    whole = {given is None: layer(x, mask=given) for given in (None, mask)}
    seen = []
    run = type(layer).run
    monkeypatch.setattr(
        type(layer), "run", lambda self, x, *a, **k: (seen.append(x.shape[1]), run(self, x, *a, **k))[1]
    )
    monkeypatch.setattr("palindra.nn.recurrence.layer.LEAST_SEGMENT", 1)
    monkeypatch.setattr("palindra.nn.recurrence.layer.SEGMENT", 32)  # of two rows
    for given in (None, mask):
        for gradients in (False, True):
            seen.clear()
            with torch.set_grad_enabled(gradients):
                parts = layer(x, mask=given)
            torch.testing.assert_close(parts, whole[given is None], rtol=1e-10, atol=1e-10)
            assert seen == [16, 16, 9]


def test_outputs_do_not_depend_on_what_follows(layer, x):
    changed = x.clone()
    changed[:, 20] += 1
    moved = (layer(changed) - layer(x)).abs().amax((0, 2)) > 1e-12
    assert not moved[:20].any()
    assert moved[20:].any()
    assert moved[20]


def test_padding_at_either_end_is_as_if_it_were_not_there(layer, x):
    real = layer(x)
    junk = torch.full((2, 13, 6), 3.0, dtype=torch.float64)
    mask = torch.cat([torch.zeros(2, 13), torch.ones(2, 41), torch.zeros(2, 13)], dim=1).bool()
    y, state = layer.run(torch.cat([junk, x, junk], dim=1), mask=mask)
    torch.testing.assert_close(y[:, 13:-13], real, rtol=1e-10, atol=1e-10)
    assert (y[~mask] == 0).all()
    torch.testing.assert_close(state.memory, layer.run(x)[1].memory, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_float32_and_autocast_stay_near(kind, x):
    right = build(kind)(x).detach()
    layer = build(kind, torch.float32)
    torch.testing.assert_close(layer(x.float()).double(), right, rtol=1e-4, atol=1e-5 * float(right.abs().max()))
    with torch.autocast("cpu", torch.bfloat16):
        y, state = layer.run(x.float())
    assert state.memory.dtype == torch.float32
    assert (y.double() - right).abs().max() < 0.05 * right.abs().max()
    half = build(kind, torch.bfloat16)
    y, state = half.run(x.bfloat16())
    assert (y.dtype, state.memory.dtype) == (torch.bfloat16, torch.float32)
    assert (y.double() - right).abs().max() < 0.1 * right.abs().max()
    half(x.bfloat16()).float().square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in half.parameters())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_parameter_matters(kind, x):
    layer = build(kind)
    layer(x).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 1e-9, name


def comba_by_formula(layer: Comba, x: torch.Tensor) -> torch.Tensor:
    """Section by section with loops over heads and positions; x is ``(length, width)``."""
    key, value, heads = 5, 7, 3

    def mixed(projected: torch.Tensor, taps: torch.Tensor) -> torch.Tensor:
        out = torch.zeros_like(projected)
        for t in range(len(projected)):
            for back in range(4):
                if t - back >= 0:
                    out[t] += taps[:, 0, 3 - back] * projected[t - back]
        return out * torch.sigmoid(out)

    matrices, taps = layer.qkv.weight.split([15, 15, 21]), layer.conv.weight.split([15, 15, 21])
    q, k, v = (mixed(x @ matrix.T, tap) for matrix, tap in zip(matrices, taps, strict=True))
    y = torch.zeros(len(x), heads * value, dtype=x.dtype)
    for h in range(heads):
        state = torch.zeros(key, value, dtype=x.dtype)
        for t in range(len(x)):
            keys, values = k[t, h * key : (h + 1) * key], v[t, h * value : (h + 1) * value]
            p = torch.sigmoid(layer.decay[h]) * keys
            query = q[t, h * key : (h + 1) * key] - layer.D[h] * p
            query, keys, p = (w / (w.square().sum() + 1e-6).sqrt() for w in (query, keys, p))
            beta = torch.sigmoid(layer.write.weight[h] @ x[t])
            steps = functional.softplus(layer.forget.weight[h] @ x[t] + layer.dt_bias[h])
            kept = torch.exp(-torch.exp(layer.A_log[h]) * steps)
            state = kept * state + beta * torch.outer(keys, values - state.T @ p)
            out = state.T @ query / math.sqrt(key)
            out = out / (out.square().mean() + 1e-5).sqrt() * layer.norm.weight
            y[t, h * value : (h + 1) * value] = out
    return (y * torch.sigmoid(x @ layer.gate.weight.T)) @ layer.out.weight.T


def test_comba_is_the_formulas_written_out(x):
    layer = build("Comba")
    with torch.no_grad():
        torch.testing.assert_close(layer(x)[1], comba_by_formula(layer, x[1]), rtol=1e-10, atol=1e-10)


def test_the_inner_decay_acts_through_the_query_alone(x):
    """p is normalised, so the decay leaves it; with D = 0 it acts on nothing."""
    layer = build("Comba")
    with torch.no_grad():
        layer.D.zero_()
        before = layer(x)
        layer.decay.add_(2)
        torch.testing.assert_close(layer(x), before, rtol=1e-4, atol=1e-4 * float(before.abs().max()))
        layer.D.fill_(0.5)
        before = layer(x)
        layer.decay.sub_(4)
        assert (layer(x) - before).abs().max() > 0.01 * before.abs().max()


@pytest.mark.parametrize(
    ("width", "heads", "key", "expand", "conv"), [(128, 8, 64, 1.0, 4), (48, 3, 10, 2.0, 4), (7, 2, 5, 0.6, 3)]
)
def test_comba_has_the_parameters_of_the_formula(width, heads, key, expand, conv):
    layer = Comba(width, heads=heads, key_size=key, expand=expand, conv_width=conv)
    keys, values = heads * key, round(heads * key * expand)
    formula = width * (2 * keys + 3 * values + 2 * heads) + conv * (2 * keys + values) + 4 * heads + values // heads
    assert count_parameters(layer) == formula


def test_published_sizes():
    assert count_parameters(Comba(128)) == 335_968
    # width 256 of Caduceus: input map, convolution, x_proj, dt_proj, A_log, D, output map
    assert count_parameters(Mamba(256)) == 256 * 1024 + 512 * 5 + 512 * 48 + 17 * 512 + 512 * 16 + 512 + 512 * 256
    # input map, convolution of 640 channels, three numbers per head, norm, output map
    assert count_parameters(Mamba2(256)) == 256 * (1024 + 128 + 8) + 640 * 5 + 3 * 8 + 512 + 512 * 256


def test_mamba_has_the_published_names():
    shapes = {name: tuple(p.shape) for name, p in Mamba(32, state_size=5, bias=True).named_parameters()}
    assert shapes == {
        "in_proj.weight": (128, 32),
        "in_proj.bias": (128,),
        "conv1d.weight": (64, 1, 4),
        "conv1d.bias": (64,),
        "x_proj.weight": (12, 64),
        "dt_proj.weight": (64, 2),
        "dt_proj.bias": (64,),
        "A_log": (64, 5),
        "D": (64,),
        "out_proj.weight": (32, 64),
        "out_proj.bias": (32,),
    }
    names = {name for name, _ in Mamba2(32, head_size=8).named_parameters()}
    assert names == {"in_proj.weight", "conv1d.weight", "conv1d.bias", "dt_bias", "A_log", "D", "norm.weight",
                     "out_proj.weight"}  # fmt: skip


def test_mamba_is_the_formulas_written_out(x):
    layer, x = build("Mamba"), x[0]
    with torch.no_grad():
        inner, gate = (x @ layer.in_proj.weight.T).split([12, 12], dim=-1)
        y, state = torch.zeros_like(inner), torch.zeros(12, 3, dtype=x.dtype)
        for t in range(len(x)):
            mixed = layer.conv1d.bias.clone()
            for back in range(3):
                if t - back >= 0:
                    mixed += layer.conv1d.weight[:, 0, 2 - back] * inner[t - back]
            mixed = functional.silu(mixed)
            low, b, c = (layer.x_proj.weight @ mixed).split([1, 3, 3])
            steps = functional.softplus(layer.dt_proj.weight @ low + layer.dt_proj.bias)
            for d in range(12):
                state[d] = torch.exp(-steps[d] * layer.A_log[d].exp()) * state[d] + steps[d] * mixed[d] * b
                y[t, d] = state[d] @ c + layer.D[d] * mixed[d]
        right = (y * functional.silu(gate)) @ layer.out_proj.weight.T
        torch.testing.assert_close(layer(x[None])[0], right, rtol=1e-10, atol=1e-10)


def test_mamba2_is_the_formulas_written_out(x):
    layer, x = build("Mamba2"), x[0]
    with torch.no_grad():
        gate, inputs, steps = (x @ layer.in_proj.weight.T).split([12, 32, 4], dim=-1)
        y, state = torch.zeros_like(gate), torch.zeros(4, 5, 3, dtype=x.dtype)
        for t in range(len(x)):
            mixed = layer.conv1d.bias.clone()
            for back in range(5):
                if t - back >= 0:
                    mixed += layer.conv1d.weight[:, 0, 4 - back] * inputs[t - back]
            inner, b, c = functional.silu(mixed).split([12, 10, 10])
            dt = functional.softplus(steps[t] + layer.dt_bias)
            for h in range(4):
                group = slice(5 * (h // 2), 5 * (h // 2) + 5)
                head = inner[3 * h : 3 * h + 3]
                state[h] = torch.exp(-dt[h] * layer.A_log[h].exp()) * state[h] + dt[h] * torch.outer(b[group], head)
                y[t, 3 * h : 3 * h + 3] = state[h].T @ c[group] + layer.D[h] * head
        halves = (y * functional.silu(gate)).split(6, dim=-1)
        normed = [half / (half.square().mean(-1, keepdim=True) + 1e-5).sqrt() for half in halves]
        right = (torch.cat(normed, dim=-1) * layer.norm.weight) @ layer.out_proj.weight.T
        torch.testing.assert_close(layer(x[None])[0], right, rtol=1e-10, atol=1e-10)


def test_the_beginning_is_as_published():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        comba, mamba, mamba2 = Comba(4, heads=2000, key_size=1), Mamba(512), Mamba2(1000, head_size=1)
    assert (comba.decay == 1).all()
    assert torch.allclose(comba.D, torch.tensor(0.02))
    for layer, low in ((comba, 0.0), (mamba2, 1.0)):
        rates = layer.A_log.detach().exp()
        assert low <= rates.min() < low + 0.1 < 15.9 < rates.max() <= 16.0001
        assert abs(float(rates.mean()) - (low + 16) / 2) < 0.5
    for bias in (comba.dt_bias, mamba2.dt_bias, mamba.dt_proj.bias):
        logs = functional.softplus(bias.detach().double()).log()
        assert (
            math.log(1e-3) - 1e-3 < logs.min() < math.log(1.2e-3) < math.log(9e-2) < logs.max() < math.log(1e-1) + 1e-3
        )
        assert abs(float(logs.mean()) - math.log(1e-2)) < 0.15
    torch.testing.assert_close(mamba.A_log[7].exp(), torch.arange(1.0, 17.0))
    assert (mamba.D == 1).all()
    assert (mamba2.D == 1).all()


def test_weight_decay_spares_rates_steps_and_corrections():
    model = nn.Sequential(*(build(kind) for kind in sorted(KINDS)))
    expected = {"0.A_log", "0.D", "0.dt_bias", "1.A_log", "1.D", "2.A_log", "2.D", "2.dt_bias"}
    assert spared_from_decay(model) == expected
    assert spared_from_decay(Mamba(6)) == {"A_log", "D"}
    fresh = nn.Sequential(*(KINDS[kind]() for kind in sorted(KINDS)))
    assert {name for name, p in fresh.named_parameters() if getattr(p, "_no_weight_decay", False)} == expected


def test_short_convolution_is_the_stock_one(x):
    conv = nn.Conv1d(6, 6, 4, groups=6, dtype=torch.float64)
    stock = conv(functional.pad(x.mT, (3, 0))).mT
    y, tail = causal_conv(x, conv)
    torch.testing.assert_close(y, stock, rtol=1e-12, atol=1e-12)
    assert torch.equal(tail, x[:, -3:])
    first, tail = causal_conv(x[:, :2], conv)
    rest, _ = causal_conv(x[:, 2:], conv, tail)
    torch.testing.assert_close(torch.cat([first, rest], dim=1), stock, rtol=1e-12, atol=1e-12)


def test_layers_survive_saving_and_copying(layer, x):
    other = build(type(layer).__name__)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(x), layer(x))


@pytest.mark.parametrize(
    ("build_and_run", "message"),
    [
        (lambda: Comba(6, key_size=5, expand=0.5), "whole numbers"),
        (lambda: Comba(6, heads=0), "whole numbers"),
        (lambda: Mamba(6, state_size=0), "must be positive"),
        (lambda: Mamba2(6, head_size=5), "heads of 5"),
        (lambda: Mamba2(6, head_size=4, groups=2), "2 groups"),
        (lambda: Comba(6, heads=2, key_size=3)(torch.zeros(2, 6, 41)), r"needs \(batch, length, 6\)"),
        (lambda: Mamba(6)(torch.zeros(2, 9, 6), mask=torch.ones(2, 9)), "mask must be bool"),
        (lambda: Mamba(6)(torch.zeros(2, 9, 6), mask=torch.ones(2, 8).bool()), "of shape"),
        (lambda: Mamba(6).run(torch.zeros(2, 9, 6), State(torch.zeros(2, 12, 16), torch.zeros(1, 3, 12))), "tail"),
        (lambda: Mamba(6).run(torch.zeros(2, 9, 6), State(torch.zeros(1, 12, 16), torch.zeros(2, 3, 12))), "state"),
    ],
)
def test_errors_say_what_is_needed(build_and_run, message):
    with pytest.raises(ValueError, match=message):
        build_and_run()
