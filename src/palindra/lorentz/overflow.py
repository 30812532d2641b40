"""Which layer overflowed: said only when something did, so that it costs nothing else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.lorentz.curvature import Curvature


def require_finite_outputs(network: nn.Module, x: Tensor, outputs: Tensor) -> None:
    """Raise unless the outputs of a network are finite, naming the first layer whose own are not.

    Only the outputs are looked at. Where they are not finite, the network is run once more on a copy of its state.

    Args:
        network: what was run.
        x: its inputs.
        outputs: what it gave.

    Raises:
        InputError: naming the layer, its curvature, and what to do.
    """
    if torch.compiler.is_compiling() or torch.compiler.is_exporting() or outputs.isfinite().all():
        return
    where = first_overflow(network, x) if x.isfinite().all() else "the input, before any layer"
    curved = {f"{m().item():.3g}" for m in network.modules() if isinstance(m, Curvature)}
    raise InputError(
        f"the outputs became NaN or infinite; the first layer with such values is {where}. Space coordinates overflow "
        f"float32 at a distance of 45 / sqrt K from the origin (curvature K: {', '.join(sorted(curved)) or 'none'}). "
        "Lower the learning rate or the curvature, or scale the inputs."
    )


@torch.no_grad()
def first_overflow(network: nn.Module, x: Tensor) -> str:
    """The name of the first layer (of those without layers inside that compute) with an output that is not finite."""
    found: list[str] = []
    handles = []
    names = {module: name for name, module in network.named_modules()}

    def look(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor) and not output.isfinite().all():
            found.append(f"{names[module] or 'the network'} ({type(module).__name__.removeprefix('Parametrized')})")

    state = {name: value.clone() for name, value in network.state_dict().items()}
    inner: Any = network.forward
    try:
        handles = [module.register_forward_hook(look) for module in network.modules() if module is not network]
        getattr(network, "compute", inner)(x)
    finally:
        for handle in handles:
            handle.remove()
        network.load_state_dict(state)
    return found[0] if found else "the last one"
