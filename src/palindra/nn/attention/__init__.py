"""Softmax attention on both strands: full and in windows, with positions that the other strand counts from its end."""

from palindra.nn.attention.full import full_attention
from palindra.nn.attention.heads import default_head
from palindra.nn.attention.layer import Attention
from palindra.nn.attention.local import local_attention
from palindra.nn.attention.positions import alibi_bias, alibi_slopes, rotary
from palindra.nn.attention.strand import StrandAttention

__all__ = [
    "Attention",
    "StrandAttention",
    "alibi_bias",
    "alibi_slopes",
    "default_head",
    "full_attention",
    "local_attention",
    "rotary",
]
