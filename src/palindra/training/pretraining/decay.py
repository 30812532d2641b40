"""Which weights are pulled towards zero: matrices and kernels, and nothing that sets a scale or a time."""

from __future__ import annotations

from torch import nn

from palindra.training.module import weights_with_decay

SPARED = frozenset({"A_log", "dt_bias", "D", "d", "decay", "correction", "bias"})
"""Last parts of names of parameters of recurrences that are rates, steps and skips, whatever their shape."""


def weight_groups(network: nn.Module) -> tuple[list[str], list[str]]:
    """Names of the parameters with weight decay and of those without.

    Decayed are weights of linear maps and convolutions (tied ones too, which are stored as flat vectors) and every
    other parameter with two or more dimensions. Spared are biases, scales of norms, and ``A_log``, ``dt_bias`` and
    ``D`` of recurrences, whose decay would be a wish for some time scale (Gu & Dao, 2023).

    Examples:
        >>> network = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
        >>> weight_groups(network)
        (['0.weight'], ['0.bias', '1.weight', '1.bias'])
    """
    kernels = {id(parameter) for parameter in weights_with_decay(network)}
    norms = {
        id(parameter)
        for layer in network.modules()
        if "norm" in type(layer).__name__.lower()
        for parameter in layer.parameters(recurse=False)
    }
    decayed: list[str] = []
    spared: list[str] = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        kept = name.rpartition(".")[2] in SPARED or id(parameter) in norms
        pulled = id(parameter) in kernels or (parameter.ndim >= 2 and not kept)
        (decayed if pulled and name.rpartition(".")[2] not in SPARED else spared).append(name)
    return decayed, spared
