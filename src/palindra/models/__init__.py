"""Models: one architecture per file, generic over types; ``MODELS`` names them for the command line."""

from __future__ import annotations

from typing import Any

from torch import nn

from palindra.models.hyperbolic_cnn import HyperbolicCNN, HyperbolicCNNConfig
from palindra.models.kmer_linear import KmerLinear, KmerLinearConfig
from palindra.models.predictor import Predictor, predict_batches
from palindra.models.strand_cnn import StrandCNN, StrandCNNConfig
from palindra.models.strand_lm.classifier import LanguageModelClassifier, LanguageModelClassifierConfig
from palindra.models.strand_recurrent import StrandRecurrent, StrandRecurrentConfig
from palindra.models.strand_resnet import StrandResNet, StrandResNetConfig
from palindra.models.strand_transformer import StrandTransformer, StrandTransformerConfig

MODELS: dict[str, tuple[type[nn.Module], type[Any]]] = {
    "strand_resnet": (StrandResNet, StrandResNetConfig),
    "strand_cnn": (StrandCNN, StrandCNNConfig),
    "hyperbolic_cnn": (HyperbolicCNN, HyperbolicCNNConfig),
    "kmer_linear": (KmerLinear, KmerLinearConfig),
    "strand_transformer": (StrandTransformer, StrandTransformerConfig),
    "strand_recurrent": (StrandRecurrent, StrandRecurrentConfig),
    "language_model": (LanguageModelClassifier, LanguageModelClassifierConfig),  # made by palindra finetune
}
"""Architecture and configuration by the name used on the command line and in run folders."""

__all__ = [
    "MODELS",
    "HyperbolicCNN",
    "HyperbolicCNNConfig",
    "KmerLinear",
    "KmerLinearConfig",
    "LanguageModelClassifier",
    "LanguageModelClassifierConfig",
    "Predictor",
    "StrandCNN",
    "StrandCNNConfig",
    "StrandRecurrent",
    "StrandRecurrentConfig",
    "StrandResNet",
    "StrandResNetConfig",
    "StrandTransformer",
    "StrandTransformerConfig",
    "predict_batches",
]
