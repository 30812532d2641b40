"""Scores of variants as named columns: per target, and over all targets that were chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from palindra.cli.variants.models import VariantModel
from palindra.data.genome import Genome
from palindra.data.variants import Variant, allele_windows, normalise
from palindra.data.variants.header import InfoField
from palindra.errors import InputError
from palindra.evaluation.variants import LocalModel, VariantScores, score_alleles
from palindra.sequences import one_hot

Array = NDArray[np.float64]
SCORES = ("difference", "log-fold-change", "max", "sum")
PREFIX = "PALINDRA_"
STATUS = f"{PREFIX}STATUS"
_WORDS = {"difference": "alternate minus reference", "log_fold_change": "log2 of alternate over reference"}
_OVER = {"max": "largest magnitude over targets, with its sign", "sum": "sum over targets"}
_HOW = {
    "": "",
    "robust_": ", of predictions averaged over shifted windows",
    "spread_": ", standard deviation over shifts and strands",
}


class AnyScorer(Protocol):
    """What scores variants, whatever the model: columns, how they are declared, and what has to stay the same."""

    @property
    def genome(self) -> Genome: ...

    @property
    def batch_size(self) -> int: ...

    @property
    def length(self) -> int:
        """Letters of a window."""
        ...

    @property
    def margin(self) -> int:
        """Letters by which windows are moved at most."""
        ...

    @property
    def columns(self) -> dict[str, str]: ...

    @property
    def info(self) -> dict[str, InfoField]: ...

    @property
    def settings(self) -> dict[str, object]: ...

    def __call__(self, variants: Sequence[Variant]) -> dict[str, Array]: ...


@dataclass(frozen=True)
class Scorer:
    """Turns variants into columns of scores.

    Args:
        model: what scores.
        genome: that windows are read from.
        targets: numbers of the outputs that are written.
        shifts: of the windows.
        both_strands: whether strands are averaged.
        scores: which of `SCORES` are written.
        batch_size: windows at a time.
    """

    model: VariantModel
    genome: Genome
    targets: Sequence[int]
    shifts: Sequence[int]
    both_strands: bool
    scores: Sequence[str] = SCORES
    batch_size: int = 64

    @property
    def length(self) -> int:
        """Letters of a window."""
        return self.model.length

    @property
    def margin(self) -> int:
        """Letters by which windows are moved at most."""
        return max(map(abs, self.shifts))

    @property
    def settings(self) -> dict[str, object]:
        """What has to be the same when a command goes on."""
        return {
            "model": self.model.identity,
            "targets": [self.model.names[number] for number in self.targets],
            "shifts": list(self.shifts),
            "both_strands": self.both_strands,
            "score": list(self.scores),
            "window": self.length,
            "outputs": str(self.model.reading),
            "batch_size": self.batch_size,
        }

    @property
    def measures(self) -> list[str]:
        """Difference and log fold change, or the first alone where values may be of any sign."""
        return ["difference"] if self.model.reading.kind == "value" else ["difference", "log_fold_change"]

    @property
    def columns(self) -> dict[str, str]:
        """Name and meaning of each column of scores, in order."""
        asked = [measure for measure in self.measures if measure.replace("_", "-") in self.scores]
        over = [name for name in _OVER if name in self.scores]
        found: dict[str, str] = {}
        for how in self._ways:
            for measure in asked:
                for number in self.targets:
                    name = self.model.names[number]
                    found[f"{how}{measure}_{name}"] = f"{_WORDS[measure]}, {name}{_HOW[how]}"
            if how != "spread_":
                found |= {
                    f"{how}{name}_{measure}": f"{_OVER[name]}, of {_WORDS[measure]}{_HOW[how]}"
                    for name in over
                    for measure in self.measures
                }
        return found

    @property
    def info(self) -> dict[str, InfoField]:
        """For each column its declaration as INFO field; names have the letters that VCF allows, none twice."""
        found: dict[str, InfoField] = {}
        taken: set[str] = set()
        for column, meaning in self.columns.items():
            plain = name = PREFIX + re.sub(r"[^0-9A-Za-z_.]+", "_", column)
            number = 1
            while name in taken:
                number += 1
                name = f"{plain}_{number}"
            taken.add(name)
            found[column] = InfoField(name, "A", "Float", meaning)
        return found

    def check(self) -> None:
        """Refuse options that the model cannot follow, before anything is read.

        Raises:
            InputError: saying which.
        """
        unknown = [name for name in self.scores if name not in SCORES]
        if unknown:
            raise InputError(f"--score {unknown[0]}: choose from {', '.join(SCORES)}, several with commas.")
        if tuple(self.scores) != SCORES and "log-fold-change" in self.scores and len(self.measures) == 1:
            raise InputError(
                "--score log-fold-change: the model gives values that may be negative, so only differences exist. For "
                "another kind of output of module:function say --kind coverage or --kind probability."
            )
        if self.both_strands and not self.model.knows_strands:
            raise InputError("--both-strands: the target is strand-specific, so strands cannot be averaged.")
        if self.margin >= self.length // 2:
            raise InputError(
                f"--shifts {','.join(map(str, self.shifts))}: the model reads {self.model.length} bp, so shifts have "
                f"to be smaller than {self.model.length // 2}."
            )

    def __call__(self, variants: Sequence[Variant]) -> dict[str, Array]:
        """The columns of scores of variants, one row for each, in their order."""
        if not variants:
            return {name: np.empty(0) for name in self.columns}
        spelled = [normalise(self.genome, variant) for variant in variants]
        windows = allele_windows(self.genome, spelled, self.length, margin=self.margin)
        found = score_alleles(
            self._local,
            *map(one_hot, windows),
            reading=self.model.reading,
            shifts=self.shifts,
            both_strands=self.both_strands,
            batch_size=self.batch_size,
        )
        if len(found) != len(variants):
            raise InputError(
                f"the model gave {len(found)} scores for {len(variants)} variants; it has to give one each."
            )
        named = self._named(found)
        return {name: named[name] for name in self.columns}

    @cached_property
    def _local(self) -> LocalModel:
        """The model, looked at once, not for every block of variants."""
        return LocalModel(self.model.network)

    @property
    def _ways(self) -> list[str]:
        shifted = any(self.shifts)
        return ["", *(["robust_"] if shifted else []), *(["spread_"] if shifted or self.both_strands else [])]

    def _named(self, found: VariantScores) -> dict[str, Array]:
        tables = {"": found.all_standard, "robust_": found.all_robust, "spread_": found.all_spread}
        named: dict[str, Array] = {}
        for how in self._ways:
            for measure in self.measures:
                values = tables[how][measure][:, list(self.targets)]
                for place, number in enumerate(self.targets):
                    named[f"{how}{measure}_{self.model.names[number]}"] = values[:, place]
                named[f"{how}max_{measure}"] = _largest(values)
                named[f"{how}sum_{measure}"] = values.sum(1)
        return named


def _largest(values: Array) -> Array:
    """In each row the entry of largest magnitude, with its sign."""
    size = np.where(np.isnan(values), -1.0, np.abs(values))
    return np.take_along_axis(values, size.argmax(1)[:, None], axis=1)[:, 0]
