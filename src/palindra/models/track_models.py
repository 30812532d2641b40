"""Models of tracks and window labels by the names that the command line and run folders use."""

from __future__ import annotations

from typing import Any

from torch import nn

from palindra.models.basenji import Basenji, BasenjiBinaryConfig, BasenjiConfig
from palindra.models.basset import Basset, BassetConfig
from palindra.models.bpnet import BPNet, BPNetConfig, OriginalBPNetConfig
from palindra.models.danq import DanQ, DanQConfig
from palindra.models.deepsea import DeepSEA, DeepSEAConfig
from palindra.models.gopher_cnn import CNN32Config, CNNBinaryConfig, GopherCNN, GopherCNNConfig
from palindra.models.residualbind import (
    LocalResidualBind,
    LocalResidualBindConfig,
    ResidualBind,
    ResidualBindBinaryConfig,
    ResidualBindConfig,
)
from palindra.models.track_resnet import TrackResNet, TrackResNetConfig

TRACK_MODELS: dict[str, tuple[type[nn.Module], type[Any]]] = {
    "track_resnet": (TrackResNet, TrackResNetConfig),
    "basenji": (Basenji, BasenjiConfig),
    "bpnet": (BPNet, BPNetConfig),
    "bpnet-original": (BPNet, OriginalBPNetConfig),
    "cnn": (GopherCNN, GopherCNNConfig),
    "cnn-32": (GopherCNN, CNN32Config),
    "residualbind": (ResidualBind, ResidualBindConfig),
    "residualbind-32": (LocalResidualBind, LocalResidualBindConfig),
    "basenji-binary": (Basenji, BasenjiBinaryConfig),
    "cnn-binary": (GopherCNN, CNNBinaryConfig),
    "residualbind-binary": (ResidualBind, ResidualBindBinaryConfig),
    "basset": (Basset, BassetConfig),
    "deepsea": (DeepSEA, DeepSEAConfig),
    "danq": (DanQ, DanQConfig),
}
"""Architecture and configuration with the published sizes as defaults, by name."""
