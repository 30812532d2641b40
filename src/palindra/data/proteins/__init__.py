"""Proteins: alignments, structures, contacts, and the features that contacts are predicted from."""

from palindra.data.proteins.alignment import GAP, UNKNOWN, Alignment
from palindra.data.proteins.batches import ContactBatch, ContactExample, pad_examples
from palindra.data.proteins.contact_map import ContactMap, contact_map
from palindra.data.proteins.couplings import (
    average_product_correction,
    coupling_strength,
    mean_field_couplings,
    mutual_information,
)
from palindra.data.proteins.features import PAIR_FEATURES, RESIDUE_FEATURES, ContactFeatures, contact_features
from palindra.data.proteins.msa_files import read_alignment
from palindra.data.proteins.placing import place_sequence
from palindra.data.proteins.potential import mean_potential, miyazawa_jernigan
from palindra.data.proteins.profile import column_profile, entropy, gap_share, sequence_weights
from palindra.data.proteins.structure import Chain, read_structure

__all__ = [
    "GAP",
    "PAIR_FEATURES",
    "RESIDUE_FEATURES",
    "UNKNOWN",
    "Alignment",
    "Chain",
    "ContactBatch",
    "ContactExample",
    "ContactFeatures",
    "ContactMap",
    "average_product_correction",
    "column_profile",
    "contact_features",
    "contact_map",
    "coupling_strength",
    "entropy",
    "gap_share",
    "mean_field_couplings",
    "mean_potential",
    "miyazawa_jernigan",
    "mutual_information",
    "pad_examples",
    "place_sequence",
    "read_alignment",
    "read_structure",
    "sequence_weights",
]
