"""Language models of both strands: exactly equivariant ones, CrossDNA as published, and what lies between them."""

from palindra.models.strand_lm.bridge import Bridge
from palindra.models.strand_lm.config import StrandLMConfig
from palindra.models.strand_lm.discrepancy import Discrepancy, StrandAverage, rc_discrepancy
from palindra.models.strand_lm.heads import fuse
from palindra.models.strand_lm.layer import StrandLayer
from palindra.models.strand_lm.model import LMOutput, StrandLM
from palindra.models.strand_lm.objective import (
    ObjectiveWeights,
    agreement_loss,
    gate_supervision_loss,
    objective_weights,
    semantic_loss,
)
from palindra.models.strand_lm.teacher import Teacher

__all__ = [
    "Bridge",
    "Discrepancy",
    "LMOutput",
    "ObjectiveWeights",
    "StrandAverage",
    "StrandLM",
    "StrandLMConfig",
    "StrandLayer",
    "Teacher",
    "agreement_loss",
    "fuse",
    "gate_supervision_loss",
    "objective_weights",
    "rc_discrepancy",
    "semantic_loss",
]
