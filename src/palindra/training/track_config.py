"""How a model of tracks is trained: every number that a run depends on besides its data, its network and its seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from palindra.errors import InputError
from palindra.symmetry import Target
from palindra.training.evoaug import EvoAug
from palindra.training.module import check_batch_size, check_settings
from palindra.training.regularisers.settings import RANGES, RegulariserSettings, check_combination
from palindra.training.strategies import Strategy
from palindra.training.track_batches import TrackAugmentation
from palindra.training.track_losses import LOSSES, Loss


@dataclass(frozen=True)
class TrackTrainingConfig(RegulariserSettings):
    """How a model of tracks is trained; the defaults are those of GOPHER (Toneyan, Tang & Koo, 2022).

    Examples:
        >>> TrackTrainingConfig(loss="mse", crop="random").evolution.names
        ()
        >>> TrackTrainingConfig(loss="possion")
        Traceback (most recent call last):
        palindra.errors.InputError: training.loss: there is no loss 'possion'. Known: poisson, mse, ...
    """

    loss: str = "poisson"  # one of palindra.training.track_losses.LOSSES
    labels: Literal["tracks", "activity"] = "tracks"  # coverage, or one label per window and track
    length: int = 2048  # letters that the model reads of a stored window
    bin_size: int = 1  # positions whose mean is one target
    epochs: int = 100  # at most, those of `finetune_epochs` included
    batch_size: int = 64  # over all devices together
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-3  # peak
    weight_decay: float = 0.0  # of kernels and linear maps only
    schedule: Literal["plateau", "cosine", "constant"] = "plateau"
    plateau_factor: float = 0.2  # of the learning rate, after ...
    plateau_patience: int = 3  # ... epochs without a better validation loss
    plateau_minimum: float = 1e-7  # learning rate
    warmup: float = 0.1  # share of all steps (cosine)
    patience: int = 6  # epochs without a better validation loss before stopping; 0 never stops early
    gradient_clip: float = 0.0  # largest norm; 0 for none
    weight_average: float = 0.0  # decay per step of the exponential average of weights; 0 for none
    crop: Literal["centre", "random"] = "centre"  # where in the stored window training reads
    shift: int = 0  # random shift about the centre, bp either way
    reverse_complement: bool = False  # whatever the strategy; 'augment' and others turn it on themselves
    evoaug: tuple[str, ...] = ()  # changes of the letters, see palindra.training.evoaug.EvoAug
    evoaug_most: int = 2  # changes per sequence
    evoaug_hard: bool = True  # exactly that many
    mutation_rate: float = 0.05
    deletion: tuple[int, ...] = (0, 20)  # shortest and longest, bp
    insertion: tuple[int, ...] = (0, 20)
    translocation: tuple[int, ...] = (0, 20)
    inversion: tuple[int, ...] = (0, 20)
    noise: float = 0.2
    finetune_epochs: int = 0  # the last ones, from the best weights before, without evoaug
    finetune_factor: float = 0.1  # of the learning rate in these
    workers: int = 0  # processes that read data for each device; 0 reads in a thread
    precision: Literal["auto", "bf16", "float32"] = "auto"
    accumulate: int = 1  # parts that a batch is read in, one after the other, where memory holds no more
    devices: int = 1  # of each node
    nodes: int = 1  # machines

    def __post_init__(self) -> None:
        check_settings(self, _RANGES | RANGES)
        check_combination(self)
        if self.loss not in LOSSES:
            raise InputError(f"training.loss: there is no loss {self.loss!r}. Known: {', '.join(LOSSES)}.")
        if self.finetune_epochs and (self.finetune_epochs >= self.epochs or not self.evoaug):
            raise InputError(
                f"training.finetune_epochs is {self.finetune_epochs}: these are the last of all {self.epochs} epochs, "
                "without evoaug; leave at least one epoch before them and name changes in evoaug."
            )
        if self.crop == "random" and self.shift:
            raise InputError("training.crop 'random' reads any place of the window already: set training.shift to 0.")
        check_batch_size(self)
        _ = self.evolution  # checks itself

    @property
    def processes(self) -> int:
        """That train together, one for each device."""
        return self.devices * self.nodes

    @property
    def evolution(self) -> EvoAug:
        """The changes of letters that ``evoaug`` names."""
        return EvoAug(
            self.evoaug,
            most=self.evoaug_most,
            hard=self.evoaug_hard,
            mutation_rate=self.mutation_rate,
            deletion=self.deletion,
            insertion=self.insertion,
            translocation=self.translocation,
            inversion=self.inversion,
            noise=self.noise,
        )

    @property
    def loss_function(self) -> Loss:
        """The loss that ``loss`` names."""
        return LOSSES[self.loss]

    def augmentation(self, target: Target, strategy: Strategy) -> TrackAugmentation:
        """What is changed at random in training windows."""
        return TrackAugmentation(
            target,
            reverse_complement=self.reverse_complement or strategy.augment,
            crop=self.crop,
            shift=self.shift,
            evoaug=self.evolution,
        )


_TINY, _LARGE = math.nextafter(0, 1), math.nextafter(math.inf, 0)
_RANGES = {
    "length": (1, math.inf),
    "bin_size": (1, math.inf),
    "epochs": (0, math.inf),
    "batch_size": (1, math.inf),
    "learning_rate": (_TINY, _LARGE),
    "weight_decay": (0, math.inf),
    "plateau_factor": (_TINY, 1),
    "plateau_patience": (1, math.inf),
    "plateau_minimum": (0, math.inf),
    "warmup": (0, 1),
    "patience": (0, math.inf),
    "gradient_clip": (0, math.inf),
    "weight_average": (0, 1),
    "shift": (0, math.inf),
    "finetune_epochs": (0, math.inf),
    "finetune_factor": (_TINY, 1),
    "workers": (0, math.inf),
    "accumulate": (1, math.inf),
    "devices": (1, math.inf),
    "nodes": (1, math.inf),
}
