"""Multipliers of smooth functions of any inputs: their derivative, averaged on the way from references to sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from palindra.interpretation.attribution.backward import ruled_together
from palindra.interpretation.attribution.followed import plain
from palindra.interpretation.attribution.pair import Pair

NODES = 32  # of the integral for functions without a rule of their own


def integrated(pair: Pair, nodes: int = NODES) -> Any:
    """Any smooth function: its derivative averaged along the line between the two inputs.

    Exact for polynomials of a degree up to twice the number of nodes; with one node for products of two tensors.
    """
    references = [plain(tensor) for tensor in pair.given]
    with torch.no_grad():
        found = plain(pair.run([tensor.detach() for tensor in references]))
    values = [found] if isinstance(found, Tensor) else list(found) if isinstance(found, (tuple, list)) else []
    numbers = [place for place, value in enumerate(values) if isinstance(value, Tensor) and value.is_floating_point()]
    moving = [place for place, tensor in enumerate(references) if tensor.is_floating_point()]
    if not numbers or not moving:
        return found
    places, weights = np.polynomial.legendre.leggauss(nodes)

    def multipliers(grads: Any) -> list[Tensor | None]:
        total: list[Any] = [None] * len(moving)
        for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
            between = [tensor.detach() for tensor in references]
            for number in moving:
                x, reference = pair.step.inputs[number], between[number]
                line = torch.where(x == reference, reference, torch.lerp(reference, x, float(place)))
                between[number] = line.requires_grad_()
            with torch.enable_grad():
                results = pair.run(between)
            chosen = [results] if isinstance(results, Tensor) else [results[number] for number in numbers]
            kept = [
                (result, grad)
                for result, grad in zip(chosen, grads, strict=True)
                if grad is not None and result.requires_grad
            ]
            if not kept:
                return total
            parts = torch.autograd.grad(
                [result for result, _ in kept],
                [between[number] for number in moving],
                [grad for _, grad in kept],
                allow_unused=True,
            )
            for number, part in enumerate(parts):
                if part is not None:
                    total[number] = part * weight if total[number] is None else total[number].add_(part, alpha=weight)
        return total

    ready = ruled_together([values[number] for number in numbers], multipliers, *[references[n] for n in moving])
    if isinstance(found, Tensor):
        return ready[0]
    for number, value in zip(numbers, ready, strict=True):
        values[number] = value
    return type(found)(*values) if hasattr(found, "_fields") else type(found)(values)


def product(pair: Pair) -> Any:
    """Products of two or more tensors, which are polynomials along the line: half as many nodes are exact."""
    return integrated(pair, nodes=(len(pair.given) + 1) // 2)
