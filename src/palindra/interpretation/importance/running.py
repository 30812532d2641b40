"""Run a model over sequences that are made batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.sequences import one_hot
from palindra.sequences.alphabet import Codes

Predict = Callable[[Tensor], Tensor]
"""From one-hot ``(batch, 4, length)`` to one number per sequence, ``(batch,)``, or several, ``(batch, outputs)``."""

Values = NDArray[np.float64]


@contextmanager
def scorer(predict: Predict) -> Iterator[Callable[[Codes], Values]]:
    """A function from codes ``(rows, length)`` to numbers ``(rows, outputs)``; modules run in eval mode.

    A module gets its input on its own device and in its own dtype, a function gets float32 on the CPU. No gradients
    are recorded, and every part of a module is put back into the mode it had.
    """
    module = predict if isinstance(predict, nn.Module) else nn.Module()
    weight = next((p for p in [*module.parameters(), *module.buffers()] if p.is_floating_point()), torch.zeros(()))
    in_training = [part for part in module.modules() if part.training]

    def run(codes: Codes) -> Values:
        outputs = predict(one_hot(codes).to(device=weight.device, dtype=weight.dtype))
        return _numbers(outputs, len(codes))

    try:
        module.eval()
        with torch.no_grad():
            yield run
    finally:
        for part in in_training:
            part.training = True


def streamed(run: Callable[[Codes], Values], parts: Iterable[Codes], batch_size: int) -> Values:
    """Numbers for all rows of all parts, which are joined or cut to batches of one size; one batch is held at a time.

    Args:
        run: of :func:`scorer`.
        parts: sequences ``(rows, length)``, made while they are read.
        batch_size: sequences at a time.
    """
    if batch_size < 1:
        raise ValueError(f"batches of {batch_size} sequences: at least one is needed.")
    found: list[Values] = []
    waiting: list[Codes] = []
    rows = 0
    for part in parts:
        waiting.append(part)
        rows += len(part)
        if rows >= batch_size:
            joined = np.concatenate(waiting)
            whole = rows - rows % batch_size
            found += [run(joined[start : start + batch_size]) for start in range(0, whole, batch_size)]
            waiting, rows = [joined[whole:]], rows - whole
    if rows:
        found.append(run(np.concatenate(waiting)))
    return np.concatenate(found)


def _numbers(outputs: Any, rows: int) -> Values:
    if not isinstance(outputs, Tensor) or outputs.ndim not in (1, 2) or len(outputs) != rows:
        shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise InputError(
            f"the model gave {shape} for {rows} sequences, and importance is measured on one number per sequence or "
            "several, (batch,) or (batch, outputs): choose one output, and reduce a track, e.g. to its mean."
        )
    return outputs.detach().double().cpu().numpy().reshape(rows, -1)
