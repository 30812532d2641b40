"""The gated delta rule: a memory of keys and values that forgets, and corrects itself before it writes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from palindra.nn.recurrence.chunks import SEGMENT, compute_dtype, from_chunks
from palindra.nn.recurrence.delta_chunks import chunked_delta
from palindra.nn.recurrence.kernels import Backend, fla_delta_rule, uses_fla


def _checked(q: Tensor, k: Tensor, v: Tensor, p: Tensor, log_decay: Tensor, beta: Tensor, state: Tensor | None) -> None:
    if q.dim() != 4 or v.dim() != 4:
        raise ValueError(
            f"the delta rule needs q of shape (batch, heads, length, key size) and v of shape (batch, heads, length, "
            f"value size), got {tuple(q.shape)} and {tuple(v.shape)}."
        )
    heads = q.shape[:3]
    needed = {"k": q.shape, "p": q.shape, "v": (*heads, v.shape[-1]), "log_decay": heads, "beta": heads}
    given = {"k": k, "p": p, "v": v, "log_decay": log_decay, "beta": beta}
    if state is not None:
        needed["state"], given["state"] = (*heads[:2], q.shape[-1], v.shape[-1]), state
    for name, shape in needed.items():
        if given[name].shape != shape:
            raise ValueError(f"{name} must have shape {tuple(shape)} beside q of {tuple(q.shape)}, got "
                             f"{tuple(given[name].shape)}.")  # fmt: skip


def _prepared(
    q: Tensor, k: Tensor, v: Tensor, p: Tensor, log_decay: Tensor, beta: Tensor, state: Tensor | None
) -> tuple[Tensor, ...]:
    """Scaled queries, keys times what is written of them, the rest, and a state, in the dtype of the recurrence."""
    _checked(q, k, v, p, log_decay, beta, state)
    dtype = compute_dtype(q, k, v, p, log_decay, beta, state)
    if state is None:
        state = v.new_zeros(*q.shape[:2], q.shape[-1], v.shape[-1])
    q, k, v, p, log_decay, beta, state = (x.to(dtype) for x in (q, k, v, p, log_decay, beta, state))
    return q * q.shape[-1] ** -0.5, k * beta.unsqueeze(-1), v, p, log_decay, state


def delta_rule(
    q: Float[Tensor, "batch heads length key"],
    k: Float[Tensor, "batch heads length key"],
    v: Float[Tensor, "batch heads length value"],
    p: Float[Tensor, "batch heads length key"],
    log_decay: Float[Tensor, "batch heads length"],
    beta: Float[Tensor, "batch heads length"],
    *,
    state: Float[Tensor, "batch heads key value"] | None = None,
    chunk: int = 32,
    backend: Backend = "auto",
) -> tuple[Float[Tensor, "batch heads length value"], Float[Tensor, "batch heads key value"]]:
    """Read a sequence with the delta rule, position after position in effect, chunk after chunk in time.

    With a state S of shape (key, value)::

        S_t = exp(log_decay_t) S_{t-1} + beta_t k_t (v_t - S_{t-1}^T p_t)^T
        o_t = S_t^T q_t / sqrt(key)

    What is corrected, ``v_t - S_{t-1}^T p_t``, reads the state before it decays. Computed in float32 at least, also
    under autocast; equal to :func:`delta_rule_steps` up to rounding, at any length, with gradients. Memory is linear
    in the length, and constant beside inputs and outputs where no gradients are asked.

    Args:
        q: queries.
        k: keys; their norm should be 1 (with beta below 2 the state then stays bounded).
        v: values.
        p: what the state is read with before it is corrected; ``p = k`` is the gated delta rule.
        log_decay: logarithm of what is kept of the state at each position, at most zero.
        beta: how much is written at each position; 0, with ``log_decay`` 0, leaves the state as it is.
        state: what an earlier part of the sequence left; nothing by default.
        chunk: positions computed together; changes time and memory only (32 is good on CPUs, 64 on GPUs).
        backend: ``"torch"`` runs anywhere; ``"fla"`` the kernels of flash-linear-attention, on CUDA; ``"auto"`` takes
            these where they are installed and inputs are in half precision.

    Returns:
        Outputs in the dtype of ``v``, and the state after the last position, in float32 at least.

    Raises:
        ValueError: for shapes that do not fit, or for a backend that is not there.

    Examples:
        >>> import torch
        >>> k = torch.nn.functional.normalize(torch.randn(1, 2, 100, 8), dim=-1)
        >>> v, log_decay, beta = torch.randn(1, 2, 100, 4), -torch.rand(1, 2, 100), torch.rand(1, 2, 100)
        >>> out, state = delta_rule(k, k, v, k, log_decay, beta)
        >>> out.shape, state.shape
        (torch.Size([1, 2, 100, 4]), torch.Size([1, 2, 8, 4]))

    The rule with p is that of Comba (Hu et al., 2025, https://arxiv.org/abs/2506.02475), the chunked form that of
    Yang et al., 2024 (https://arxiv.org/abs/2412.06464).
    """
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1 position, got {chunk}.")
    with torch.autocast(v.device.type, enabled=False):
        if uses_fla(backend, q):
            _checked(q, k, v, p, log_decay, beta, state)
            return fla_delta_rule(q, k, v, p, log_decay, beta, state)
        *inputs, kept = _prepared(q, k, v, p, log_decay, beta, state)
        batch, kept = len(kept), kept.flatten(0, 1)
        outs = [v.new_empty(*v.shape[:2], 0, v.shape[-1])]
        for part in zip(*(torch.split(x, max(SEGMENT, chunk), dim=2) for x in inputs), strict=True):
            if length := part[0].shape[2]:
                out, kept = chunked_delta(part, kept, min(chunk, length))
                outs.append(from_chunks(out, batch, length).to(v.dtype))
        return torch.cat(outs, dim=2), torch.unflatten(kept, 0, (batch, -1))


def delta_rule_steps(
    q: Float[Tensor, "batch heads length key"],
    k: Float[Tensor, "batch heads length key"],
    v: Float[Tensor, "batch heads length value"],
    p: Float[Tensor, "batch heads length key"],
    log_decay: Float[Tensor, "batch heads length"],
    beta: Float[Tensor, "batch heads length"],
    *,
    state: Float[Tensor, "batch heads key value"] | None = None,
) -> tuple[Float[Tensor, "batch heads length value"], Float[Tensor, "batch heads key value"]]:
    """Do what :func:`delta_rule` does one position after the other: the definition, slow.

    Examples:
        >>> import torch
        >>> one, half = torch.ones(1, 1, 1, 1), torch.full((1, 1, 1), 0.5)
        >>> out, state = delta_rule_steps(one, one, 3 * one, one, half.log(), half, state=2 * one)
        >>> state.item()  # 0.5 * 2 + 0.5 * (3 - 2)
        1.5
    """
    with torch.autocast(v.device.type, enabled=False):
        q, k, values, p, log_decay, kept = _prepared(q, k, v, p, log_decay, beta, state)
        decay, outs = log_decay.exp(), [values[:, :, :0]]
        for t in range(q.shape[2]):
            read = p[:, :, t : t + 1] @ kept
            written = k[:, :, t, :, None] * (values[:, :, t : t + 1] - read)
            kept = decay[:, :, t, None, None] * kept + written
            outs.append(q[:, :, t : t + 1] @ kept)
        return torch.cat(outs, dim=2).to(v.dtype), kept
