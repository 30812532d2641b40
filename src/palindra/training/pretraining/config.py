"""How a language model is pretrained: every number that a run depends on besides its data, its network and its seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from palindra.errors import InputError
from palindra.training.module import check_settings


@dataclass(frozen=True)
class PretrainingConfig:
    """How a masked language model is trained.

    Examples:
        >>> config = PretrainingConfig(length=1024, first_length=256, length_warmup=0.5, steps=100)
        >>> [(config.length_at(step), config.windows_at(step)) for step in (0, 25, 50, 99)]
        [(256, 128), (512, 64), (1024, 32), (1024, 32)]
        >>> config.epochs, config.steps_of(0)
        (1, 100)
    """

    length: int = 1024  # positions of a window
    first_length: int = 0  # of the first windows; doubled until `length` during `length_warmup`; 0 for no warm-up
    length_warmup: float = 0.1  # share of all steps in which windows are shorter
    packed: bool = False  # short pieces share a window, with letters N between them
    mask_rate: float = 0.15  # share of letters that are scored
    mask_span: int = 1  # positions hidden together
    soft_masked: float = 1.0  # chance of lower-case letters to be scored, relative to others; 0 leaves them out
    reverse_complement: bool = False  # read half of the windows from the other strand (for models without symmetry)
    steps: int = 2000  # of the optimiser
    valid_every: int = 500  # steps between validations, which are the points that training can go on from
    valid_windows: int = 0  # windows of such a validation, evenly spread; 0 takes all
    batch_size: int = 32  # windows of full length per step, over all devices and parts
    accumulate: int = 1  # parts of a batch that are read one after the other
    learning_rate: float = 1e-3  # peak
    final_rate: float = 0.0  # share of the peak that the cosine ends at
    warmup: float = 0.05  # share of all steps in which the rate rises
    weight_decay: float = 0.1  # of matrices only
    gradient_clip: float = 1.0  # largest norm; 0 for none
    checkpointing: bool = False  # compute activations of layers again in the backward pass instead of keeping them
    semantic: float = 0.0  # weight of agreement with a slow teacher (0.12 in CrossDNA); reached after `semantic_steps`
    semantic_steps: int = 10000
    teacher_decay: float = 0.999  # per step
    gate: float = 0.0  # weight of the loss that asks the gate which strand is which (0.02 in CrossDNA; untied only)
    gate_from: int = 0  # step from which it counts; before, both strands are weighed alike (5000 in CrossDNA)
    precision: Literal["auto", "bf16", "float32"] = "auto"
    strategy: Literal["auto", "ddp", "fsdp"] = "auto"
    devices: int = 1  # of each node
    nodes: int = 1  # machines

    def __post_init__(self) -> None:
        check_settings(self, _RANGES)
        start = self.first_length or self.length
        doublings = math.log2(self.length / start) if start <= self.length else -1.0
        if doublings < 0 or doublings != int(doublings):
            raise InputError(
                f"training.first_length is {start} and training.length {self.length}: windows are doubled, so the last "
                f"length is 2, 4, 8, ... times the first, e.g. {max(1, self.length // 8)}."
            )
        if self.strategy == "fsdp" and self.semantic:
            raise InputError(
                "training.semantic needs a whole teacher on each device, which fsdp does not keep: use ddp."
            )
        share = self.accumulate * self.processes
        if self.batch_size % share:
            raise InputError(
                f"training.batch_size is {self.batch_size}: {self.processes} device(s) and {self.accumulate} part(s) "
                f"do not share it evenly. Choose a multiple of {share}."
            )

    @property
    def processes(self) -> int:
        """That train together, one for each device."""
        return self.devices * self.nodes

    @property
    def lengths(self) -> tuple[int, ...]:
        """Lengths of windows, in the order of training."""
        start = self.first_length or self.length
        return tuple(start << n for n in range(int(math.log2(self.length / start)) + 1))

    @property
    def epochs(self) -> int:
        """Stretches of training that end with a validation."""
        return -(-self.steps // self.valid_every)

    def steps_of(self, epoch: int) -> int:
        """Steps of one such stretch; the last may have fewer."""
        return min(self.valid_every, self.steps - epoch * self.valid_every)

    def stage(self, step: int) -> tuple[int, int, int]:
        """The length of windows at a step, the first step with that length, and windows per step.

        A step reads as many positions at every length.
        """
        *short, last = self.lengths
        warm = round(self.length_warmup * self.steps)
        edges = [warm * number // max(len(short), 1) for number in range(len(short) + 1)]
        number = sum(edge <= step for edge in edges[1:]) if short else 0
        length = [*short, last][number]
        return length, edges[number] if short else 0, self.batch_size * (self.length // length)

    def length_at(self, step: int) -> int:
        """Positions of a window at a step."""
        return self.stage(step)[0]

    def windows_at(self, step: int) -> int:
        """Windows of a step, over all devices and parts."""
        return self.stage(step)[2]

    def rate_factor(self, step: int) -> float:
        """Share of the peak learning rate at a step: linear up, then a cosine down."""
        warm = max(1, round(self.warmup * self.steps))
        if step < warm:
            return (step + 1) / warm
        done = min(1.0, (step - warm) / max(1, self.steps - warm))
        return self.final_rate + (1 - self.final_rate) * 0.5 * (1 + math.cos(math.pi * done))


_TINY, _LARGE = math.nextafter(0, 1), math.nextafter(math.inf, 0)
_RANGES = {
    "length": (1, math.inf),
    "first_length": (0, math.inf),
    "length_warmup": (0, 1),
    "mask_rate": (_TINY, math.nextafter(1, 0)),
    "mask_span": (1, math.inf),
    "soft_masked": (0, 1),
    "steps": (1, math.inf),
    "valid_every": (1, math.inf),
    "valid_windows": (0, math.inf),
    "batch_size": (1, math.inf),
    "accumulate": (1, math.inf),
    "learning_rate": (_TINY, _LARGE),
    "final_rate": (0, 1),
    "warmup": (0, 1),
    "weight_decay": (0, _LARGE),
    "gradient_clip": (0, _LARGE),
    "semantic": (0, _LARGE),
    "semantic_steps": (1, math.inf),
    "teacher_decay": (0, 1),
    "gate": (0, _LARGE),
    "gate_from": (0, math.inf),
    "devices": (1, math.inf),
    "nodes": (1, math.inf),
}
