"""Readouts of frozen features: linear models and a perceptron on one vector a row, the baseline CNN on all tokens."""

from palindra.probing.readouts.cnn import BINDING, INSERT, LENTI_MPRA, SPLICING, Cnn, CnnConfig, ConvSize
from palindra.probing.readouts.examples import Features, Goal
from palindra.probing.readouts.fitting import CNNS, READOUTS, NetworkReadout, Readout, default_cnn, fit_readout
from palindra.probing.readouts.linear import PENALTIES, LinearReadout, fit_linear
from palindra.probing.readouts.losses import bernoulli_kl
from palindra.probing.readouts.mlp import Mlp, MlpConfig
from palindra.probing.readouts.training import Training

__all__ = [
    "BINDING",
    "CNNS",
    "INSERT",
    "LENTI_MPRA",
    "PENALTIES",
    "READOUTS",
    "SPLICING",
    "Cnn",
    "CnnConfig",
    "ConvSize",
    "Features",
    "Goal",
    "LinearReadout",
    "Mlp",
    "MlpConfig",
    "NetworkReadout",
    "Readout",
    "Training",
    "bernoulli_kl",
    "default_cnn",
    "fit_linear",
    "fit_readout",
]
