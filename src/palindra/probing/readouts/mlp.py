"""The multilayer perceptron on one vector a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class MlpConfig:
    """Sizes of the perceptron; the defaults are those of Tang (2024, chapter 3).

    The order of a layer is "batch norm first" as in the released code; the printed text has the activation first.
    """

    widths: tuple[int, ...] = (512, 256)
    scale: float = 1.0  # of all widths: 0.5, 1 and 2 were compared
    dropout: float = 0.5
    order: Literal["batch norm first", "activation first"] = "batch norm first"
    last_spread: float = 0.005  # standard deviation of the last layer's first weights


class Mlp(nn.Module):
    """Dense layers, each with batch norm, ReLU and dropout, and one linear layer that gives logits or values.

    Examples:
        >>> sum(p.numel() for p in Mlp(2560, 1).parameters())
        1444353
    """

    def __init__(self, width: int, outputs: int, config: MlpConfig | None = None) -> None:
        super().__init__()
        config = config or MlpConfig()
        layers: list[nn.Module] = []
        for size in (max(1, round(config.scale * size)) for size in config.widths):
            between: list[nn.Module] = [nn.BatchNorm1d(size), nn.ReLU()]
            if config.order == "activation first":
                between.reverse()
            layers += [nn.Linear(width, size), *between, nn.Dropout(config.dropout)]
            width = size
        last = nn.Linear(width, outputs)
        nn.init.normal_(last.weight, std=config.last_spread)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, x: Float[Tensor, "batch width"]) -> Float[Tensor, "batch outputs"]:
        return self.layers(x)
