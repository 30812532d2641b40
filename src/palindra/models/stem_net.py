"""A small network over the stems of thermodynamic pair probabilities that learns where they are wrong."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from palindra.data.rna import TURNER
from palindra.models.stem_features import feature_names


@dataclass(frozen=True)
class StemNetConfig:
    """Sizes of a :class:`StemNet`, and the energies that it reads.

    Raises:
        ValueError: without energies.
    """

    parameters: tuple[str, ...] = (TURNER,)  # names of sets of energies, see palindra.data.rna.PARAMETERS
    hidden: int = 8  # 0 for a linear correction
    dropout: float = 0.2

    def __post_init__(self) -> None:
        """Check what can be checked without building the model."""
        if not self.parameters or self.hidden < 0:
            raise ValueError(f"one set of energies and hidden >= 0 are needed, got {self}.")

    @property
    def features(self) -> int:
        """Numbers about each pair."""
        return len(feature_names(len(self.parameters)))


class StemNet(nn.Module):
    """Logit of a pair = mean logit of its thermodynamic probabilities + a learned correction.

    It is a convolution over the map of pairs with taps where stems are (four pairs inwards, four outwards, and eight
    neighbours that bulges make), evaluated at likely pairs alone, and pointwise layers behind it. The last
    layer begins at zero: the untrained network is thermodynamics. With few numbers and a penalty on the correction it
    learns what families have in common.

    Args:
        config: sizes.

    Examples:
        >>> net = StemNet(StemNetConfig())
        >>> net(torch.tensor([0.5]), torch.randn(1, 49))
        tensor([0.5000], grad_fn=<AddBackward0>)
        >>> sum(parameter.numel() for parameter in net.parameters())
        481
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, config: StemNetConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(config.features))
        self.register_buffer("spread", torch.ones(config.features))
        hidden = config.hidden
        layers: list[nn.Module] = []
        if hidden:
            layers += [nn.Linear(config.features, hidden), nn.ReLU(), nn.Dropout(config.dropout)]
            layers += [nn.Linear(hidden, hidden), nn.ReLU()]
        last = nn.Linear(hidden or config.features, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(*layers, last)

    def standardise(self, features: Float[Tensor, "pairs features"]) -> None:
        """Take mean and spread of the features from training rows."""
        self.mean.copy_(features.mean(0))
        self.spread.copy_(features.std(0) + 1e-3)

    def correction(self, features: Float[Tensor, "pairs features"]) -> Float[Tensor, " pairs"]:
        """What is added to the prior."""
        return self.layers((features - self.mean) / self.spread).squeeze(-1)

    def forward(
        self, prior: Float[Tensor, " pairs"], features: Float[Tensor, "pairs features"]
    ) -> Float[Tensor, " pairs"]:
        return prior + self.correction(features)
