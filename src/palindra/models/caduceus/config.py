"""What a Caduceus network is made of, and the same as its published ``config.json``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from palindra.errors import InputError

TOKENS = ("[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]", "A", "C", "G", "T", "N")
"""The published vocabulary; the place of a token is its id. Networks have rows for 16, the last four unused."""

PAIRS = {"A": "T", "C": "G", "G": "C", "T": "A"}  # every other token is its own complement
MODEL_TYPE = "caduceus"


def complement_table(size: int) -> tuple[int, ...]:
    """The id of the complement of every token id.

    The table is indexed by the id. (Published code makes it of the values of a dictionary in the order in which they
    were inserted, which is another table as soon as the order changes.)

    Examples:
        >>> complement_table(16)[7:12]
        (10, 9, 8, 7, 11)
    """
    ids = {token: number for number, token in enumerate(TOKENS)}
    table = [ids[PAIRS.get(token, token)] for token in TOKENS]
    return (*table, *range(len(table), size))


@dataclass(frozen=True)
class CaduceusConfig:
    """Sizes and switches of a :class:`Caduceus`; plain numbers only.

    Raises:
        ValueError: for sizes that make no network.
    """

    width: int = 256
    depth: int = 4
    vocabulary_size: int = 16  # 12 tokens and four rows that are not used
    state_size: int = 16
    conv_width: int = 4
    expand: int = 2
    time_rank: int = 0  # of the map to time steps; 0 for width / 16, rounded up
    equivariant: bool = True  # PS: both strands through the same layers. Off: Ph, one strand
    bidirectional: bool = True
    multiply: bool = False  # the two directions are multiplied instead of added
    tied_projections: bool = True  # the two directions share the maps in and out
    swapped: bool = True  # PS: every layer exchanges the two strands, as released configurations do (fused path)
    rms_norm: bool = True
    norm_epsilon: float = 1e-5
    residual_float32: bool = True  # at least; float64 stays

    def __post_init__(self) -> None:
        sizes = (self.width, self.depth, self.state_size, self.conv_width, self.expand)
        if min(sizes) < 1 or self.time_rank < 0 or self.vocabulary_size < len(TOKENS):
            raise ValueError(f"sizes must be positive and there are {len(TOKENS)} tokens at least, got {self}.")

    @property
    def rank(self) -> int:
        """Rank of the map to time steps."""
        return self.time_rank or math.ceil(self.width / 16)

    @classmethod
    def from_published(cls, plain: Mapping[str, Any], *, where: str = "config.json") -> CaduceusConfig:
        """The configuration that a published ``config.json`` stands for.

        Args:
            plain: what the file holds.
            where: its name, for errors.

        Raises:
            InputError: for another architecture or vocabulary.
        """
        kind = plain.get("model_type")
        if kind != MODEL_TYPE:
            raise InputError(
                f"{where}: the model_type is {kind!r} and not {MODEL_TYPE!r}: the folder holds another architecture. "
                "Give the folder of a Caduceus-PS or -Ph checkpoint."
            )
        try:
            multiple = int(plain.get("pad_vocab_size_multiple", 8))
            size = -(-int(plain["vocab_size"]) // multiple) * multiple
            state = dict(plain.get("ssm_cfg") or {})
            rank = state.get("dt_rank", "auto")
            config = cls(
                width=int(plain["d_model"]),
                depth=int(plain["n_layer"]),
                vocabulary_size=size,
                state_size=int(state.get("d_state", 16)),
                conv_width=int(state.get("d_conv", 4)),
                expand=int(state.get("expand", 2)),
                time_rank=0 if rank == "auto" else int(rank),
                equivariant=bool(plain.get("rcps", False)),
                bidirectional=bool(plain.get("bidirectional", True)),
                multiply=plain.get("bidirectional_strategy", "add") == "ew_multiply",
                tied_projections=bool(plain.get("bidirectional_weight_tie", True)),
                swapped=bool(plain.get("rcps", False)) and bool(plain.get("fused_add_norm", False)),
                rms_norm=bool(plain.get("rms_norm", True)),
                norm_epsilon=float(plain.get("norm_epsilon", 1e-5)),
                residual_float32=bool(plain.get("residual_in_fp32", True)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{where}: this is no configuration of Caduceus: {error!r} is missing or wrong."
            ) from error
        for name, value in (("bias", False), ("conv_bias", True)):
            if state.get(name, value) != value:
                raise InputError(f"{where}: ssm_cfg.{name} is {state[name]}; only {value} is known.")
        _require_vocabulary(plain, config, where)
        return config

    def to_published(self) -> dict[str, Any]:
        """The same as a published ``config.json``."""
        return {
            "model_type": MODEL_TYPE,
            "architectures": ["CaduceusForMaskedLM"],
            "d_model": self.width,
            "n_layer": self.depth,
            "vocab_size": self.vocabulary_size,
            "pad_vocab_size_multiple": 8,
            "rcps": self.equivariant,
            "bidirectional": self.bidirectional,
            "bidirectional_strategy": "ew_multiply" if self.multiply else "add",
            "bidirectional_weight_tie": self.tied_projections,
            "fused_add_norm": self.swapped,
            "rms_norm": self.rms_norm,
            "norm_epsilon": self.norm_epsilon,
            "residual_in_fp32": self.residual_float32,
            "ssm_cfg": {
                "d_state": self.state_size,
                "d_conv": self.conv_width,
                "expand": self.expand,
                "dt_rank": self.time_rank or "auto",
                "bias": False,
                "conv_bias": True,
            },
            "complement_map": {str(one): other for one, other in enumerate(complement_table(self.vocabulary_size))},
        }


def _require_vocabulary(plain: Mapping[str, Any], config: CaduceusConfig, where: str) -> None:
    given = plain.get("complement_map")
    if given is None:
        return
    known = complement_table(config.vocabulary_size)
    for one, other in given.items():
        if not 0 <= int(one) < len(known) or known[int(one)] != int(other):
            raise InputError(
                f"{where}: the complement of token {one} is {other}, but the vocabulary of Caduceus has the ids "
                f"{', '.join(f'{t} {n}' for n, t in enumerate(TOKENS))}: the checkpoint has another vocabulary."
            )
