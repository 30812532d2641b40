"""Batches of windows to pretrain on, each a function of (seed, step, part), whoever reads it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from palindra.data.language import LanguageData, Windows, WindowStream, corrupt
from palindra.data.order import uniform
from palindra.sequences.vocabulary import VOCABULARY
from palindra.training.pretraining.config import PretrainingConfig

_STRAND_STREAM = 12
_VALID_SEED = 0  # of masks for scores: the same for every run, so that scores can be compared


class LanguageBatch(NamedTuple):
    """Windows with hidden letters."""

    tokens: Tensor  # (windows, length) int64, as the model reads them
    targets: Tensor  # (windows, length) int64: what was there, -100 where it is not scored
    real: Tensor  # (windows, length) bool: False on padding
    places: tuple[str, ...]  # of each window, contig:start-end
    rows: Tensor  # (windows,) int64: numbers of the windows, of validation


class TrainingBatches(Dataset[LanguageBatch]):
    """The parts of the batches of some steps, for one process.

    Item n is part ``n % accumulate`` of step ``first_step + n // accumulate``; a process reads its share of the part.

    Args:
        data: genome and splits.
        config: sizes and masking.
        seed: of windows and masks.
        first_step: of these steps.
        steps: how many.
        rank: of this process.
        processes: that share the batches.
    """

    def __init__(
        self,
        data: LanguageData,
        config: PretrainingConfig,
        *,
        seed: int,
        first_step: int,
        steps: int,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.data, self.config, self.seed = data, config, seed
        self.first_step, self.steps, self.rank, self.processes = first_step, steps, rank, processes
        self._streams: dict[int, WindowStream] = {}

    def __len__(self) -> int:
        return self.steps * self.config.accumulate

    def __getitem__(self, number: int) -> LanguageBatch:
        step, part = divmod(number, self.config.accumulate)
        step += self.first_step
        length, since, windows = self.config.stage(step)
        share = windows // (self.config.accumulate * self.processes)
        first = (step - since) * windows + (part * self.processes + self.rank) * share
        found: list[LanguageBatch] = []
        for turn, laid, rows in self._stream(length).part(first, share):
            found.append(self._hidden(laid, rows, turn))
        return found[0] if len(found) == 1 else _joined(found)

    def _stream(self, length: int) -> WindowStream:
        if length not in self._streams:
            self._streams = {length: WindowStream(self.data, length, seed=self.seed, packed=self.config.packed)}
        return self._streams[length]

    def _hidden(self, laid: Windows, rows: np.ndarray, turn: int) -> LanguageBatch:
        config = self.config
        tokens, targets = laid.tokens(rows), np.empty((len(rows), laid.length), dtype=np.int64)
        turned = config.reverse_complement & (uniform(self.seed, turn, rows, _STRAND_STREAM) < 0.5)
        for at, row in enumerate(rows.tolist()):
            rng = np.random.default_rng([self.seed, laid.length, turn, row])
            weights = laid.weights(row, config.soft_masked)
            letters = VOCABULARY.reverse_complement(tokens[at]) if turned[at] else tokens[at]
            tokens[at], targets[at] = corrupt(
                letters,
                rng,
                rate=config.mask_rate,
                weights=weights[::-1] if turned[at] else weights,
                spans=config.mask_span,
            )
        return _batch(tokens, targets, laid, rows)


class ScoredBatches(Dataset[LanguageBatch]):
    """Windows of validation or test with hidden letters that are the same in every run.

    All chosen letters become the mask symbol: one that stayed would be known. Process r takes every
    ``processes``-th batch; one for which there is none reads the first again, with nothing to score.

    Args:
        windows: over the split.
        rate: share of letters that are hidden at once.
        batch_size: windows at a time.
        only: numbers of the windows to read; all by default.
        rank: of this process.
        processes: that share the batches.
    """

    def __init__(
        self,
        windows: Windows,
        *,
        rate: float,
        batch_size: int,
        only: np.ndarray | None = None,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.windows, self.rate = windows, rate
        chosen = np.arange(len(windows)) if only is None else only
        parts = [chosen[at : at + batch_size] for at in range(0, len(chosen), batch_size)]
        self.idle = rank >= len(parts)
        self.parts = parts[:1] if self.idle else parts[rank::processes]

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, number: int) -> LanguageBatch:
        rows, windows = self.parts[number], self.windows
        tokens = windows.tokens(rows)
        targets = np.full(tokens.shape, -100, dtype=np.int64)
        for at, row in enumerate(rows.tolist()):
            rng = np.random.default_rng([_VALID_SEED, windows.length, row])
            weights = windows.weights(row, 1.0)
            tokens[at], targets[at] = corrupt(tokens[at], rng, rate=self.rate, weights=weights, masked=1.0, random=0.0)
        if self.idle:
            targets[:] = -100
        return _batch(tokens, targets, windows, rows)


def _batch(tokens: np.ndarray, targets: np.ndarray, laid: Windows, rows: np.ndarray) -> LanguageBatch:
    return LanguageBatch(
        torch.from_numpy(tokens.astype(np.int64)),
        torch.from_numpy(targets),
        torch.from_numpy(tokens != VOCABULARY.padding),
        tuple(laid.where(row) for row in rows.tolist()),
        torch.from_numpy(rows),
    )


def _joined(parts: list[LanguageBatch]) -> LanguageBatch:
    tokens, targets, real, places, rows = zip(*parts, strict=True)
    return LanguageBatch(
        torch.cat(tokens),
        torch.cat(targets),
        torch.cat(real),
        tuple(p for some in places for p in some),
        torch.cat(rows),
    )
