"""RNA secondary structures: read, written, checked for copies, divided into splits, and made into batches."""

from palindra.data.rna.batches import PairBatch, batch_rows, crop_offsets, pair_batch
from palindra.data.rna.copies import CopyAudit, Overlap, audit_copies, without_copies
from palindra.data.rna.dataset import StructureSet
from palindra.data.rna.dot_bracket import format_dot_bracket, format_pairs, parse_dot_bracket, read_dot_bracket
from palindra.data.rna.files import read_rna_fasta, read_structures, write_structures
from palindra.data.rna.five_lines import format_five_lines, read_five_lines
from palindra.data.rna.letters import CANONICAL, LETTERS, check_rna, is_canonical, read_letters, rna_codes
from palindra.data.rna.nesting import NestedSplit, crossing_pairs, heaviest_nested, nested_levels, split_nested
from palindra.data.rna.overlap import Nearest, kmer_clusters, nearest_by_kmers
from palindra.data.rna.partner_tables import format_bpseq, format_ct, read_bpseq, read_ct
from palindra.data.rna.splits import family_folds, hold_out_family, split_clusters, split_structures_at_random
from palindra.data.rna.structure import Pairs, Structure, check_pairs, pair_map, pairs_from_partners
from palindra.data.rna.tables import format_table, parse_pairs, read_structure_table
from palindra.data.rna.vienna import (
    PARAMETERS,
    TURNER,
    Folded,
    Pairing,
    energy_parameters,
    maximum_expected_accuracy,
    minimum_free_energy,
    pairing_probabilities,
)

__all__ = [
    "CANONICAL",
    "LETTERS",
    "PARAMETERS",
    "TURNER",
    "CopyAudit",
    "Folded",
    "Nearest",
    "NestedSplit",
    "Overlap",
    "PairBatch",
    "Pairing",
    "Pairs",
    "Structure",
    "StructureSet",
    "audit_copies",
    "batch_rows",
    "check_pairs",
    "check_rna",
    "crop_offsets",
    "crossing_pairs",
    "energy_parameters",
    "family_folds",
    "format_bpseq",
    "format_ct",
    "format_dot_bracket",
    "format_five_lines",
    "format_pairs",
    "format_table",
    "heaviest_nested",
    "hold_out_family",
    "is_canonical",
    "kmer_clusters",
    "maximum_expected_accuracy",
    "minimum_free_energy",
    "nearest_by_kmers",
    "nested_levels",
    "pair_batch",
    "pair_map",
    "pairing_probabilities",
    "pairs_from_partners",
    "parse_dot_bracket",
    "parse_pairs",
    "read_bpseq",
    "read_ct",
    "read_dot_bracket",
    "read_five_lines",
    "read_letters",
    "read_rna_fasta",
    "read_structure_table",
    "read_structures",
    "rna_codes",
    "split_clusters",
    "split_nested",
    "split_structures_at_random",
    "without_copies",
    "write_structures",
]
