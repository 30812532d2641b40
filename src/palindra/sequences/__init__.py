"""Alphabets, one-hot tensors, k-mers, edits and shuffles of biological sequences."""

from palindra.sequences.alphabet import DNA, PROTEIN, RNA, Alphabet
from palindra.sequences.codes import check_letters, decode_codes, encode
from palindra.sequences.edits import delete, insert, random_mutate, reverse_complement, shift, substitute
from palindra.sequences.kmers import canonical_kmers, count_kmers, kmer_order, kmer_rep, kmers
from palindra.sequences.onehot import codes_from_one_hot, from_one_hot, one_hot
from palindra.sequences.shuffle import dinucleotide_shuffle, nucleotide_shuffle

__all__ = [
    "DNA",
    "PROTEIN",
    "RNA",
    "Alphabet",
    "canonical_kmers",
    "check_letters",
    "codes_from_one_hot",
    "count_kmers",
    "decode_codes",
    "delete",
    "dinucleotide_shuffle",
    "encode",
    "from_one_hot",
    "insert",
    "kmer_order",
    "kmer_rep",
    "kmers",
    "nucleotide_shuffle",
    "one_hot",
    "random_mutate",
    "reverse_complement",
    "shift",
    "substitute",
]
