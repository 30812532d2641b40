"""Variants scored with a language model alone: likelihood and distance of embeddings, without any label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from palindra.cli.variants.scoring import PREFIX, Array
from palindra.data.genome import Genome
from palindra.data.variants import Variant, allele_windows, normalise
from palindra.data.variants.header import InfoField
from palindra.errors import InputError
from palindra.evaluation.zero_shot import embedding_distance, masked_log_ratio
from palindra.models.strand_lm.opening import CONFIG, open_language_model
from palindra.models.strand_lm.shipped import NAME, folder_of
from palindra.sequences import decode_codes

WINDOW = 512  # letters around a variant, unless asked otherwise
MEANINGS = {
    "log_ratio": "log-probability of the alternate letters less that of the reference letters while they are masked, "
    "nats, mean of both strands",
    "cosine": "1 less the cosine of the mean embeddings of both alleles, of both strands together",
    "l2": "Euclidean distance of the mean embeddings of both alleles, of both strands together",
}


def is_language_model(name: str) -> bool:
    """Whether a name stands for a language model: ``default``, or a folder of ``palindra pretrain`` or Caduceus."""
    folder = folder_of(name)
    return name == NAME or (folder.is_dir() and (folder / CONFIG).is_file() and not (folder / "config.toml").is_file())


@dataclass(frozen=True)
class LanguageScorer:
    """Turns variants into columns of zero-shot scores, the same whichever strand is read.

    Insertions and deletions have distances, but no log-ratio: no letter stands against another.

    Args:
        model: a language model.
        identity: what says whether it is the same model when a command goes on.
        genome: that windows are read from.
        length: of the windows, the variant in their middle.
        batch_size: windows at a time.
    """

    model: nn.Module
    identity: str
    genome: Genome
    length: int = WINDOW
    batch_size: int = 64
    margin: int = 0

    @property
    def columns(self) -> dict[str, str]:
        """Name and meaning of each column of scores, in order."""
        return MEANINGS

    @property
    def info(self) -> dict[str, InfoField]:
        """For each column its declaration as INFO field."""
        return {name: InfoField(PREFIX + name, "A", "Float", meaning) for name, meaning in self.columns.items()}

    @property
    def settings(self) -> dict[str, object]:
        """What has to be the same when a command goes on."""
        return {"model": self.identity, "window": self.length, "batch_size": self.batch_size, "score": [*MEANINGS]}

    def __call__(self, variants: Sequence[Variant]) -> dict[str, Array]:
        """The columns of scores of variants, one row for each, in their order."""
        found = {name: np.full(len(variants), np.nan) for name in MEANINGS}
        if not variants:
            return found
        spelled = [normalise(self.genome, variant) for variant in variants]
        reference, alternate = (decode_codes(codes) for codes in allele_windows(self.genome, spelled, self.length))
        found["cosine"], found["l2"] = embedding_distance(self.model, reference, alternate, batch_size=self.batch_size)
        if rows := [row for row, variant in enumerate(spelled) if len(variant.ref) == len(variant.alt)]:
            found["log_ratio"][rows] = masked_log_ratio(
                self.model,
                [reference[row] for row in rows],
                [alternate[row] for row in rows],
                batch_size=self.batch_size,
            )
        return found


def open_language_scorer(
    name: str, genome: Genome, *, window: int | None, batch_size: int, unused: Sequence[str] = ()
) -> LanguageScorer:
    """A scorer with the language model that a name stands for.

    Args:
        name: see :func:`is_language_model`.
        genome: that windows are read from.
        window: letters around a variant.
        batch_size: windows at a time.
        unused: options that were given and that a language model has no use for.

    Raises:
        InputError: for such options, and for a folder that cannot be read.
    """
    if unused:
        raise InputError(
            f"{name}: a language model has no outputs to choose or shift; leave out {', '.join(unused)}. Its scores "
            f"are {', '.join(MEANINGS)}."
        )
    from palindra.cli.embedding.running import weights_sha256

    folder = Path(folder_of(name))
    model = open_language_model(folder)
    return LanguageScorer(model, weights_sha256(folder), genome, window or WINDOW, batch_size)
