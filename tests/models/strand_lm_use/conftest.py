"""Tiny language models of every kind, in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from palindra.models.caduceus import Caduceus, CaduceusConfig, CaduceusLanguageModel
from palindra.models.strand_lm import StrandLM, StrandLMConfig

SIZES = {"width": 8, "depth": 1, "heads": 2, "key_size": 4, "feed_forward": 1.0, "window": 5, "stem_kernel": 3}
KINDS = ("tied", "untied", "siamese", "bidirectional", "single", "Caduceus-PS", "Caduceus-Ph")

Make = Callable[..., nn.Module]


def _strand_lm(mixer: str, **changes: object) -> StrandLM:
    return StrandLM(StrandLMConfig(mixer=mixer, **SIZES | changes))  # type: ignore[arg-type]


def _caduceus(equivariant: bool) -> CaduceusLanguageModel:
    config = CaduceusConfig(width=8, depth=2, state_size=2, equivariant=equivariant, swapped=equivariant)
    return CaduceusLanguageModel(Caduceus(config))


@pytest.fixture(scope="session")
def make() -> Make:
    """``make("tied")``: a model with weights of size one, so that nothing is hidden by small numbers."""

    def made(kind: str, seed: int = 0, **changes: object) -> nn.Module:
        torch.manual_seed(seed)
        model: nn.Module = (
            _caduceus(kind == "Caduceus-PS") if kind.startswith("Caduceus") else _strand_lm(kind, **changes)
        )
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "A_log" not in name and "dt" not in name:
                    parameter.add_(0.3 * torch.randn_like(parameter))
        return model.eval()

    return made


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest, make: Make) -> nn.Module:
    """Each kind in turn."""
    return make(request.param)


@pytest.fixture
def tokens() -> Tensor:
    """Letters, N and the mask, of an odd length."""
    return torch.randint(0, 6, (3, 13), generator=torch.Generator().manual_seed(5))
