"""One segment of the delta rule in chunks, with its gradient in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from palindra.nn.recurrence.chunks import decay_within, into_chunks


def _solve(matrix: Tensor, right: Tensor, *, upper: bool) -> Tensor:
    """Solve with ones on the diagonal, which is not read."""
    return torch.linalg.solve_triangular(matrix, right, upper=upper, unitriangular=True)


class ChunkedDelta(torch.autograd.Function):
    """``S_t = a_t S_{t-1} + k_t (v_t - S_{t-1}^T p_t)^T`` and ``o_t = S_t^T q_t`` for tensors cut into chunks.

    With the decays of :func:`palindra.nn.recurrence.chunks.decay_within`, the residuals of a chunk are
    ``E = (I + before * (P K^T))^{-1} (V - entering_before * P S)``, a unit lower-triangular system, and everything
    else is a product of matrices; only the states at chunk borders are computed one after the other.

    The gradient of the logarithms of decays needs no matrix: q_t is always multiplied by exp(G_t), p_t by
    exp(G_{t-1}), k_t by exp(-G_t) and the last state by exp(G_last), where G are the running sums; so the gradient
    with respect to G_t is q_t . dq_t - k_t . dk_t, and so on.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, p: Tensor, log_decay: Tensor, state: Tensor) -> Any:
        decay = decay_within(log_decay)
        system = (p @ k.mT).mul_(decay.before)
        scores = (q @ k.mT).mul_(decay.within)
        right = torch.cat([v, p * decay.entering_before], -1)
        given, read = torch.split(_solve(system, right, upper=False), [v.shape[-1], p.shape[-1]], -1)
        leaving = k * decay.leaving
        residuals, states = torch.empty_like(v), v.new_empty(len(v) + 1, *state.shape)
        states[0] = state
        for n in range(len(v)):
            torch.baddbmm(given[n], read[n], states[n], alpha=-1, out=residuals[n])
            torch.baddbmm(decay.whole[n] * states[n], leaving[n].mT, residuals[n], out=states[n + 1])
        out = (q * decay.entering) @ states[:-1]
        out += scores @ residuals
        ctx.save_for_backward(q, k, p, log_decay, system, scores, read, residuals, states)
        return out, states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor, d_last: Tensor) -> tuple[Tensor, ...]:
        with torch.autocast(d_out.device.type, enabled=False):
            return _gradients(ctx.saved_tensors, d_out.contiguous(), d_last)


def _gradients(saved: Sequence[Tensor], d_out: Tensor, d_last: Tensor) -> tuple[Tensor, ...]:
    q, k, p, log_decay, system, scores, read, residuals, states = saved
    decay = decay_within(log_decay)
    leaving = k * decay.leaving
    d_states = torch.empty_like(states)
    d_states[:-1] = (q * decay.entering).mT @ d_out
    d_states[-1] = d_last
    d_residuals = scores.mT @ d_out
    for n in reversed(range(len(q))):
        d_residuals[n].baddbmm_(leaving[n], d_states[n + 1])
        d_states[n].addcmul_(decay.whole[n], d_states[n + 1]).baddbmm_(read[n].mT, d_residuals[n], alpha=-1)
    d_v = _solve(system.mT, d_residuals, upper=True)

    d_scores = (d_out @ residuals.mT).mul_(decay.within)
    d_system = (d_v @ residuals.mT).mul_(decay.before)
    d_q = (d_out @ states[:-1].mT).mul_(decay.entering)
    d_q += d_scores @ k
    d_p = (d_v @ states[:-1].mT).mul_(decay.entering_before)
    d_p = (d_p + d_system @ k).neg_()
    d_k = (residuals @ d_states[1:].mT).mul_(decay.leaving)
    d_k += d_scores.mT @ q
    d_k -= d_system.mT @ p

    at_step, before_step = (q * d_q).sum(-1) - (k * d_k).sum(-1), (p * d_p).sum(-1)
    at_end = (states[1:] * d_states[1:]).sum((-2, -1)).unsqueeze(-1)
    d_log = (at_step + before_step).flip(-1).cumsum(-1).flip(-1) - before_step + at_end
    return d_q, d_k, d_v, d_p, d_log, d_states[0]


def chunked_delta(inputs: Sequence[Tensor], state: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """One segment of q, k, v, p ``(batch, heads, length, size)`` and the logarithms of decays.

    Returns:
        Outputs ``(chunks, batch * heads, chunk, size)`` and the state after the last position.
    """
    return ChunkedDelta.apply(*(into_chunks(x, chunk) for x in inputs), state)  # type: ignore[no-untyped-call]
