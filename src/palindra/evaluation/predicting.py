"""Run anybody's model over many sequences: batches, device, eval mode, and which of its outputs is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from palindra.errors import InputError


@contextmanager
def predictor(
    predict: Callable[[Tensor], Any], *, output: str | int | None = None, batch_size: int = 256
) -> Iterator[Callable[[Tensor], Tensor]]:
    """A function from ``(sequences, channels, length)`` of any dtype to the outputs, float32 on the CPU.

    A module is put into eval mode for the duration of the ``with`` block (and each of its parts back into the mode it
    had), and gets its input on its own device and in its own dtype; a function gets float32 on the input's device.
    No gradients are recorded.

    Args:
        predict: a module or a function.
        output: the field or number of the output when there are several; the first by default.
        batch_size: sequences at a time.

    Examples:
        >>> with predictor(lambda x: {"size": x.sum((1, 2)), "zero": 0 * x}, output="size", batch_size=2) as run:
        ...     run(torch.ones(3, 4, 5, dtype=torch.int8))
        tensor([20., 20., 20.])
    """
    module = predict if isinstance(predict, nn.Module) else nn.Module()
    weight = next((p for p in [*module.parameters(), *module.buffers()] if p.is_floating_point()), torch.zeros(()))
    device = weight.device if isinstance(predict, nn.Module) else None
    in_training = [part for part in module.modules() if part.training]

    def run(sequences: Tensor) -> Tensor:
        batches = [batch.to(device=device, dtype=weight.dtype) for batch in torch.split(sequences, batch_size)]
        outputs = [_chosen(predict(batch), output).float().cpu() for batch in batches]
        joined = torch.cat(outputs)
        if len(joined) != len(sequences):
            raise InputError(
                f"the model gave {len(joined)} outputs for {len(sequences)} sequences; "
                "its first dimension has to be the batch."
            )
        return joined

    try:
        module.eval()
        with torch.no_grad():
            yield run
    finally:
        for part in in_training:
            part.training = True


def _chosen(outputs: Any, which: str | int | None) -> Tensor:
    """One tensor out of a tensor, tuple, named tuple, mapping or object with fields."""
    if isinstance(outputs, Tensor) and which is None:
        return outputs
    named = _named(outputs)
    values = list(named.values()) or (list(outputs) if isinstance(outputs, (tuple, list)) else [])
    tensors = {key: value for key, value in [*enumerate(values), *named.items()] if isinstance(value, Tensor)}
    found = next(iter(tensors.values()), None) if which is None else tensors.get(which)
    if found is None:
        raise InputError(
            f"the model returned {type(outputs).__name__} with tensors under {list(tensors)}, and output={which!r} is "
            "none of them."
        )
    return found


def _named(outputs: Any) -> dict[str, Any]:
    if isinstance(outputs, Tensor):
        return {}
    if hasattr(outputs, "keys"):
        return {name: outputs[name] for name in outputs.keys()}  # noqa: SIM118 - mappings that iterate otherwise
    return outputs._asdict() if hasattr(outputs, "_asdict") else dict(getattr(outputs, "__dict__", {}))
