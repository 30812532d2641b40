"""Attribution: what each letter is worth, by gradients, mutants and differences from references."""

from palindra.interpretation.attribution.attribute import Method, attribute
from palindra.interpretation.attribution.deeplift import DeepLiftShap
from palindra.interpretation.attribution.entropy import MaskedModel, delta_entropy, language_model_map
from palindra.interpretation.attribution.gradients import (
    CORRECTED_GRADIENT,
    INPUT_TIMES_GRADIENT,
    SALIENCY,
    Gradient,
    SmoothGrad,
)
from palindra.interpretation.attribution.integrated import IntegratedGradients, on_simplex, straight
from palindra.interpretation.attribution.mutagenesis import InSilicoMutagenesis, full_passes
from palindra.interpretation.attribution.outputs import Output, map_entries, profile_shape, total, value
from palindra.interpretation.attribution.references import DinucleotideShuffles, uniform, zeros
from palindra.interpretation.attribution.result import Attribution
from palindra.interpretation.attribution.trained import TrainedOutput, labelled_output, positive_rows, track_output

__all__ = [
    "CORRECTED_GRADIENT",
    "INPUT_TIMES_GRADIENT",
    "SALIENCY",
    "Attribution",
    "DeepLiftShap",
    "DinucleotideShuffles",
    "Gradient",
    "InSilicoMutagenesis",
    "IntegratedGradients",
    "MaskedModel",
    "Method",
    "Output",
    "SmoothGrad",
    "TrainedOutput",
    "attribute",
    "delta_entropy",
    "full_passes",
    "labelled_output",
    "language_model_map",
    "map_entries",
    "on_simplex",
    "positive_rows",
    "profile_shape",
    "straight",
    "total",
    "track_output",
    "uniform",
    "value",
    "zeros",
]
