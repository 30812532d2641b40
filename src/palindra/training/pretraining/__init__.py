"""Masked language models of genomes, trained to the end or from wherever training stopped."""

from palindra.training.pretraining.batches import LanguageBatch, ScoredBatches, TrainingBatches
from palindra.training.pretraining.classes import ClassBits, window_bits
from palindra.training.pretraining.config import PretrainingConfig
from palindra.training.pretraining.decay import weight_groups
from palindra.training.pretraining.fit import Pretrained, pretrain, require_trainable, score_split
from palindra.training.pretraining.module import PretrainingModule, bits_of

__all__ = [
    "ClassBits",
    "LanguageBatch",
    "Pretrained",
    "PretrainingConfig",
    "PretrainingModule",
    "ScoredBatches",
    "TrainingBatches",
    "bits_of",
    "pretrain",
    "require_trainable",
    "score_split",
    "weight_groups",
    "window_bits",
]
