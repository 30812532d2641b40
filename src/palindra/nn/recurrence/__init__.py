"""Recurrences in linear time: the delta rule and selective state spaces, in chunks and step by step, and layers."""

from palindra.nn.recurrence.comba import Comba
from palindra.nn.recurrence.delta import delta_rule, delta_rule_steps
from palindra.nn.recurrence.layer import RecurrentLayer, State, spared_from_decay
from palindra.nn.recurrence.mamba import Mamba
from palindra.nn.recurrence.mamba2 import Mamba2
from palindra.nn.recurrence.per_channel import channel_scan, channel_scan_steps
from palindra.nn.recurrence.per_head import selective_scan, selective_scan_steps
from palindra.nn.recurrence.short_conv import causal_conv

__all__ = [
    "Comba",
    "Mamba",
    "Mamba2",
    "RecurrentLayer",
    "State",
    "causal_conv",
    "channel_scan",
    "channel_scan_steps",
    "delta_rule",
    "delta_rule_steps",
    "selective_scan",
    "selective_scan_steps",
    "spared_from_decay",
]
