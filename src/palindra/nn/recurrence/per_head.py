"""The selective state-space recurrence of Mamba-2: one decay for all of a head, in chunks of matrix products."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from palindra.nn.recurrence.chunks import SEGMENT, compute_dtype, decay_within, from_chunks, into_chunks, with_skip


def _checked(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, skip: Tensor | None, state: Tensor | None) -> None:
    if x.dim() != 4 or b.dim() != 4:
        raise ValueError(
            f"a selective scan needs x of shape (batch, heads, length, size) and b of shape (batch, groups, length, "
            f"state size), got {tuple(x.shape)} and {tuple(b.shape)}."
        )
    batch, heads, length, size = x.shape
    groups, kept = b.shape[1], b.shape[3]
    if not groups or heads % groups:
        raise ValueError(f"{heads} heads do not fall into {groups} groups of equal size.")
    needed = {"dt": (batch, heads, length), "a": (heads,), "b": (batch, groups, length, kept), "c": b.shape}
    given = {"dt": dt, "a": a, "b": b, "c": c}
    if skip is not None:
        needed["skip"], given["skip"] = (heads,), skip
    if state is not None:
        needed["state"], given["state"] = (batch, heads, kept, size), state
    for name, shape in needed.items():
        if given[name].shape != shape:
            raise ValueError(f"{name} must have shape {tuple(shape)} beside x of {tuple(x.shape)}, got "
                             f"{tuple(given[name].shape)}.")  # fmt: skip


def _prepared(
    x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What is written, the logarithms of decays, b, c and a state, in the dtype of the recurrence."""
    dtype = compute_dtype(x, dt, a, b, c, state)
    if state is None:
        state = x.new_zeros(*x.shape[:2], b.shape[-1], x.shape[-1])
    x, dt, a, b, c, state = (t.to(dtype) for t in (x, dt, a, b, c, state))
    return dt.unsqueeze(-1) * x, dt * a.unsqueeze(-1), b, c, state


def _segment(inputs: Sequence[Tensor], state: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """One segment with the state ``(batch, groups, heads of a group, state size, size)``, without any loop."""
    written, log_decay, b, c = inputs
    batch, groups, members = state.shape[:3]
    length, heads, by_group = written.shape[2], (batch, groups, members), (batch, groups, 1)
    written, logs = (torch.unflatten(into_chunks(t, chunk), 1, heads) for t in (written, log_decay))
    b, c = (torch.unflatten(into_chunks(t, chunk), 1, by_group) for t in (b, c))
    decay = decay_within(logs)
    added = b.mT @ (decay.leaving * written)  # to the state, by every chunk alone

    between = decay_within(logs.sum(-1).movedim(0, -1))  # (batch, groups, members, chunks, chunks)
    start = state.flatten(-2).unsqueeze(-2)
    flat = added.flatten(-2).movedim(0, -2)
    states = between.before @ flat + between.entering_before * start
    last = between.leaving.mT @ flat + between.whole * start
    states = torch.unflatten(states.movedim(-2, 0), -1, state.shape[-2:])

    out = decay.entering * (c @ states) + (decay.within * (c @ b.mT)) @ written
    return from_chunks(out.flatten(1, 3), batch, length), torch.unflatten(last.squeeze(-2), -1, state.shape[-2:])


def selective_scan(
    x: Float[Tensor, "batch heads length size"],
    dt: Float[Tensor, "batch heads length"],
    a: Float[Tensor, " heads"],
    b: Float[Tensor, "batch groups length kept"],
    c: Float[Tensor, "batch groups length kept"],
    *,
    skip: Float[Tensor, " heads"] | None = None,
    state: Float[Tensor, "batch heads kept size"] | None = None,
    chunk: int = 64,
) -> tuple[Float[Tensor, "batch heads length size"], Float[Tensor, "batch heads kept size"]]:
    """Read a sequence with a selective state space whose heads each forget at one rate (Mamba-2, "SSD").

    With a state S of shape (kept, size) for every head::

        S_t = exp(dt_t a) S_{t-1} + dt_t b_t x_t^T
        y_t = S_t^T c_t + skip x_t

    Computed in float32 at least, also under autocast; equal to :func:`selective_scan_steps` up to rounding, at any
    length, with gradients. Time and memory are linear in the length.

    Args:
        x: inputs.
        dt: step sizes, at least zero; 0 leaves the state as it is.
        a: rates, negative.
        b: how inputs are written; heads are dealt to groups in order, a group shares ``b`` and ``c``.
        c: how the state is read.
        skip: what of the input is added to the output, one number per head.
        state: what an earlier part of the sequence left; nothing by default.
        chunk: positions computed together; changes time and memory only.

    Returns:
        Outputs in the dtype of ``x``, and the state after the last position, in float32 at least.

    Raises:
        ValueError: for shapes that do not fit.

    Examples:
        >>> import torch
        >>> x, dt, b = torch.randn(1, 4, 100, 8), torch.rand(1, 4, 100), torch.randn(1, 2, 100, 16)
        >>> y, state = selective_scan(x, dt, -torch.ones(4), b, b)
        >>> y.shape, state.shape
        (torch.Size([1, 4, 100, 8]), torch.Size([1, 4, 16, 8]))

    Source: Dao & Gu, 2024 (https://arxiv.org/abs/2405.21060).
    """
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1 position, got {chunk}.")
    _checked(x, dt, a, b, c, skip, state)
    with torch.autocast(x.device.type, enabled=False):
        *inputs, kept = _prepared(x, dt, a, b, c, state)
        kept = torch.unflatten(kept, 1, (b.shape[1], -1))
        outs = [inputs[0][:, :, :0]]
        for part in zip(*(torch.split(t, max(SEGMENT, chunk), dim=2) for t in inputs), strict=True):
            if length := part[0].shape[2]:
                out, kept = _segment(part, kept, min(chunk, length))
                outs.append(out)
        return with_skip(torch.cat(outs, dim=2), x, skip), kept.flatten(1, 2)


def selective_scan_steps(
    x: Float[Tensor, "batch heads length size"],
    dt: Float[Tensor, "batch heads length"],
    a: Float[Tensor, " heads"],
    b: Float[Tensor, "batch groups length kept"],
    c: Float[Tensor, "batch groups length kept"],
    *,
    skip: Float[Tensor, " heads"] | None = None,
    state: Float[Tensor, "batch heads kept size"] | None = None,
) -> tuple[Float[Tensor, "batch heads length size"], Float[Tensor, "batch heads kept size"]]:
    """Do what :func:`selective_scan` does one position after the other: the definition, slow.

    Examples:
        >>> import torch
        >>> one = torch.ones(1, 1, 1, 1)
        >>> rate = torch.tensor([0.5]).log()
        >>> y, state = selective_scan_steps(3 * one, one[0], rate, one, one, state=2 * one)
        >>> state.item()  # 0.5 * 2 + 1 * 3
        4.0
    """
    _checked(x, dt, a, b, c, skip, state)
    with torch.autocast(x.device.type, enabled=False):
        written, logs, b, c, kept = _prepared(x, dt, a, b, c, state)
        b, c = (t.repeat_interleave(x.shape[1] // b.shape[1], dim=1) for t in (b, c))
        outs = [written[:, :, :0]]
        for t in range(x.shape[2]):
            kept = logs[:, :, t, None, None].exp() * kept + b[:, :, t, :, None] * written[:, :, t : t + 1]
            outs.append(c[:, :, t : t + 1] @ kept)
        return with_skip(torch.cat(outs, dim=2), x, skip), kept
