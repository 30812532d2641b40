"""The selective state-space recurrence of Mamba: a decay for every channel and every number that it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from palindra.nn.recurrence.chunks import compute_dtype, with_skip


def _checked(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, skip: Tensor | None, state: Tensor | None) -> None:
    if x.dim() != 3 or a.dim() != 2:
        raise ValueError(
            f"a scan over channels needs x of shape (batch, channels, length) and a of shape (channels, kept), got "
            f"{tuple(x.shape)} and {tuple(a.shape)}."
        )
    (batch, channels, length), kept = x.shape, a.shape[1]
    needed = {"dt": (batch, channels, length), "a": (channels, kept), "b": (batch, kept, length)}
    needed["c"], given = needed["b"], {"dt": dt, "a": a, "b": b, "c": c}
    if skip is not None:
        needed["skip"], given["skip"] = (channels,), skip
    if state is not None:
        needed["state"], given["state"] = (batch, channels, kept), state
    for name, shape in needed.items():
        if given[name].shape != shape:
            raise ValueError(f"{name} must have shape {shape} beside x of {tuple(x.shape)}, got "
                             f"{tuple(given[name].shape)}.")  # fmt: skip


def _prepared(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor | None) -> list[Tensor]:
    """What is written, dt, b, c with positions first, a and a state, in the dtype of the recurrence."""
    dtype = compute_dtype(x, dt, a, b, c, state)
    if state is None:
        state = x.new_zeros(*x.shape[:2], a.shape[1])
    x, dt, b, c = (t.to(dtype).movedim(-1, 0) for t in (x, dt, b, c))
    return [dt * x, dt, b, c, a.to(dtype), state.to(dtype)]


def _segment(inputs: Sequence[Tensor], a: Tensor, state: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """One segment: chunks run side by side from nothing, then each is given what the ones before it left.

    ``(length, batch, channels or kept)`` in; the loops have ``chunk`` and ``length / chunk`` turns.
    """
    length = len(inputs[0])
    lanes = -(-length // chunk)
    filled = [functional.pad(t, (0, 0, 0, 0, 0, lanes * chunk - length)) for t in inputs]
    written, dt, b, c = (
        torch.unflatten(t, 0, (lanes, chunk)).transpose(0, 1) for t in filled
    )  # (chunk, lanes, batch, ...)
    decay = (dt.unsqueeze(-1) * a).exp()
    added = written.unsqueeze(-1) * b.unsqueeze(-2)
    kept = functional.pad(state.unsqueeze(0), (0, 0, 0, 0, 0, 0, 0, lanes - 1))
    alone = []
    for step_decay, step_added in zip(decay.unbind(), added.unbind(), strict=True):
        kept = torch.addcmul(step_added, step_decay, kept)
        alone.append(kept)
    states = torch.stack(alone)

    summed = dt[:, 1:].cumsum(0)  # of the lanes after the first, which began with the state
    last, entering = states[-1, 0], []
    for lane, whole in zip(states[-1, 1:].unbind(), (summed[-1].unsqueeze(-1) * a).exp().unbind(), strict=True):
        entering.append(last)
        last = torch.addcmul(lane, whole, last)
    if entering:
        carried = (summed.unsqueeze(-1) * a).exp() * torch.stack(entering)
        states = torch.cat([states[:, :1], states[:, 1:] + carried], dim=1)
    out = (states @ c.unsqueeze(-1)).squeeze(-1)
    return out.transpose(0, 1).flatten(0, 1)[:length], last


def _lanes(state: Tensor) -> int:
    """How many chunks run side by side: enough to keep the device busy at every step."""
    return max(1, (2**20 if state.is_cuda else 2**13) // max(1, state.numel()))


def channel_scan(
    x: Float[Tensor, "batch channels length"],
    dt: Float[Tensor, "batch channels length"],
    a: Float[Tensor, "channels kept"],
    b: Float[Tensor, "batch kept length"],
    c: Float[Tensor, "batch kept length"],
    *,
    skip: Float[Tensor, " channels"] | None = None,
    state: Float[Tensor, "batch channels kept"] | None = None,
    chunk: int = 32,
) -> tuple[Float[Tensor, "batch channels length"], Float[Tensor, "batch channels kept"]]:
    """Read a sequence with a selective state space that keeps a few numbers for every channel (Mamba).

    For channel d and number n of it::

        h_t[d, n] = exp(dt_t[d] a[d, n]) h_{t-1}[d, n] + dt_t[d] b_t[n] x_t[d]
        y_t[d] = sum_n c_t[n] h_t[d, n] + skip[d] x_t[d]

    Computed in float32 at least, also under autocast; equal to :func:`channel_scan_steps` up to rounding, at any
    length. The numbers kept at every position exist for one segment at a time: only the states between segments are
    stored for the gradient, the rest is computed again, so memory is linear in the length and does not grow with
    ``kept``.

    Args:
        x: inputs.
        dt: step sizes, at least zero; 0 leaves the state as it is.
        a: rates, negative.
        b: how inputs are written, the same for all channels.
        c: how the state is read.
        skip: what of the input is added to the output.
        state: what an earlier part of the sequence left; nothing by default.
        chunk: positions in each of the parts that are computed side by side; changes time and memory only.

    Returns:
        Outputs in the dtype of ``x``, and the state after the last position, in float32 at least.

    Raises:
        ValueError: for shapes that do not fit.

    Examples:
        >>> import torch
        >>> x, dt, b = torch.randn(1, 6, 100), torch.rand(1, 6, 100), torch.randn(1, 4, 100)
        >>> y, state = channel_scan(x, dt, -torch.ones(6, 4), b, b)
        >>> y.shape, state.shape
        (torch.Size([1, 6, 100]), torch.Size([1, 6, 4]))

    Source: Gu & Dao, 2023 (https://arxiv.org/abs/2312.00752).
    """
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1 position, got {chunk}.")
    _checked(x, dt, a, b, c, skip, state)
    with torch.autocast(x.device.type, enabled=False):
        *inputs, a, kept = _prepared(x, dt, a, b, c, state)
        segment = partial(_segment, chunk=chunk)
        if torch.is_grad_enabled():
            segment = partial(checkpoint, segment, use_reentrant=False, preserve_rng_state=False)
        outs = [inputs[0][:0]]
        for part in zip(*(torch.split(t, chunk * _lanes(kept)) for t in inputs), strict=True):
            if len(part[0]):
                out, kept = segment(part, a, kept)
                outs.append(out)
        return with_skip(torch.cat(outs).movedim(0, -1), x, skip), kept


def channel_scan_steps(
    x: Float[Tensor, "batch channels length"],
    dt: Float[Tensor, "batch channels length"],
    a: Float[Tensor, "channels kept"],
    b: Float[Tensor, "batch kept length"],
    c: Float[Tensor, "batch kept length"],
    *,
    skip: Float[Tensor, " channels"] | None = None,
    state: Float[Tensor, "batch channels kept"] | None = None,
) -> tuple[Float[Tensor, "batch channels length"], Float[Tensor, "batch channels kept"]]:
    """Do what :func:`channel_scan` does one position after the other: the definition, slow.

    Examples:
        >>> import torch
        >>> one = torch.ones(1, 1, 1)
        >>> y, state = channel_scan_steps(3 * one, one, torch.tensor([[0.5]]).log(), one, one, state=2 * one)
        >>> state.item()  # 0.5 * 2 + 1 * 3
        4.0
    """
    _checked(x, dt, a, b, c, skip, state)
    with torch.autocast(x.device.type, enabled=False):
        written, dt, b, c, a, kept = _prepared(x, dt, a, b, c, state)
        outs = [written[:0]]
        for t in range(len(dt)):
            kept = (dt[t].unsqueeze(-1) * a).exp() * kept + written[t].unsqueeze(-1) * b[t].unsqueeze(-2)
            outs.append((kept @ c[t].unsqueeze(-1)).movedim(-1, 0))
        return with_skip(torch.cat(outs).movedim(0, -1), x, skip), kept
