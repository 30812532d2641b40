"""Caduceus-PS and -Ph, read from published checkpoints and run in plain PyTorch."""

from palindra.models.caduceus.config import TOKENS, CaduceusConfig, complement_table
from palindra.models.caduceus.language import CaduceusLanguageModel
from palindra.models.caduceus.loading import load_caduceus, save_caduceus
from palindra.models.caduceus.model import Caduceus, CaduceusOutput

__all__ = [
    "TOKENS",
    "Caduceus",
    "CaduceusConfig",
    "CaduceusLanguageModel",
    "CaduceusOutput",
    "complement_table",
    "load_caduceus",
    "save_caduceus",
]
