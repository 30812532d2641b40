"""Scores of variants from a language model alone, without any label: likelihood and distance of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from palindra.errors import InputError
from palindra.models.strand_lm.reading import in_evaluation, read_both
from palindra.sequences import encode
from palindra.sequences.vocabulary import VOCABULARY

Array = NDArray[np.float64]

MOST_SUBSTITUTED = 50  # more differences than this between windows of one length are an insertion or deletion


@dataclass(frozen=True)
class ZeroShotScores:
    """Scores of variants, one per row, the same whichever strand the alleles are given on.

    Args:
        log_ratio: log-probability of the alternate letters less that of the reference letters while they are masked,
            in nats, averaged over both strands: positive where the model finds the alternate likelier. Alleles that
            are exchanged change its sign. NaN where the alleles are no substitution of known letters.
        cosine: one less the cosine of the mean embeddings of both alleles, 0 to 2; the same when they are exchanged.
        l2: Euclidean distance of the mean embeddings.
    """

    log_ratio: Array
    cosine: Array
    l2: Array

    def __len__(self) -> int:
        return len(self.log_ratio)


def zero_shot_scores(
    model: nn.Module, reference: Sequence[str], alternate: Sequence[str], *, batch_size: int = 64
) -> ZeroShotScores:
    """Score alternate alleles against their references with a language model.

    Args:
        model: ``model(tokens, mask) -> LMOutput``, see :func:`palindra.models.strand_lm.opening.open_language_model`.
        reference: windows around the variants.
        alternate: the same windows with the alternate alleles; of another length where letters are inserted or deleted.
        batch_size: windows at a time.

    Raises:
        InputError: if there are not as many alternates as references.

    Source: masked log-ratio as in Meier et al. (2021), here averaged over both strands.
    """
    _require_pairs(reference, alternate)
    with in_evaluation(model):
        ratio = _log_ratios(model, reference, alternate, batch_size)
        cosine, l2 = _distances(model, reference, alternate, batch_size)
    return ZeroShotScores(ratio, cosine, l2)


def masked_log_ratio(
    model: nn.Module, reference: Sequence[str], alternate: Sequence[str], *, batch_size: int = 64
) -> Array:
    """The ``log_ratio`` of :func:`zero_shot_scores` alone, which reads each window once.

    Several letters that differ are masked together and their log-ratios are added.

    Raises:
        InputError: if there are not as many alternates as references.
    """
    _require_pairs(reference, alternate)
    with in_evaluation(model):
        return _log_ratios(model, reference, alternate, batch_size)


def embedding_distance(
    model: nn.Module, reference: Sequence[str], alternate: Sequence[str], *, batch_size: int = 64
) -> tuple[Array, Array]:
    """The ``cosine`` and ``l2`` of :func:`zero_shot_scores` alone; alleles may differ in length.

    Raises:
        InputError: if there are not as many alternates as references.
    """
    _require_pairs(reference, alternate)
    with in_evaluation(model):
        return _distances(model, reference, alternate, batch_size)


def _log_ratios(model: nn.Module, reference: Sequence[str], alternate: Sequence[str], batch_size: int) -> Array:
    found = np.full(len(reference), np.nan)
    by_length: dict[int, list[int]] = {}
    pairs = [_tokens(one, two) for one, two in zip(reference, alternate, strict=True)]
    for row, (one, two) in enumerate(pairs):
        if one.shape == two.shape and _is_substitution(one, two):
            by_length.setdefault(len(one), []).append(row)
    for rows in by_length.values():
        for start in range(0, len(rows), batch_size):
            some = rows[start : start + batch_size]
            ref, alt = (torch.from_numpy(np.stack([pairs[row][allele] for row in some])).long() for allele in (0, 1))
            found[some] = _ratio(model, ref, alt)
    return found


def _ratio(model: nn.Module, ref: Tensor, alt: Tensor) -> Array:
    differ = ref != alt
    masked = torch.where(differ, VOCABULARY.mask, ref)
    gained = _gain(model, masked, ref, alt, differ)
    masked, ref, alt = (VOCABULARY.reverse_complement(tokens) for tokens in (masked, ref, alt))
    return ((gained + _gain(model, masked, ref, alt, differ.flip(1))) / 2).numpy()


def _gain(model: nn.Module, masked: Tensor, ref: Tensor, alt: Tensor, differ: Tensor) -> Tensor:
    """Log-ratios of one strand, added up over the letters that differ, in float64."""
    device = next(model.parameters()).device
    distinct, which = torch.unique(masked, dim=0, return_inverse=True)  # several alternates share one masked window
    logits = model(distinct.to(device), None).logits[..., : VOCABULARY.letters]
    log_p = logits.double().log_softmax(-1).cpu()[which]
    letters = [torch.where(differ, tokens, 0)[..., None] for tokens in (alt, ref)]
    gains = (log_p.gather(-1, letters[0]) - log_p.gather(-1, letters[1])).squeeze(-1)
    return torch.stack([gain[place].sort().values.sum() for gain, place in zip(gains, differ, strict=True)])


def _distances(
    model: nn.Module, reference: Sequence[str], alternate: Sequence[str], batch_size: int
) -> tuple[Array, Array]:
    first, second = (_embeddings(model, windows, batch_size) for windows in (reference, alternate))
    length = first.norm(dim=1) * second.norm(dim=1)
    cosine = 1 - (first * second).sum(1) / length.clamp(min=torch.finfo(length.dtype).tiny)
    same = torch.tensor([one.upper() == two.upper() for one, two in zip(reference, alternate, strict=True)])
    l2 = (first - second).norm(dim=1)  # of one sequence in two batches not always 0
    return torch.where(same, 0.0, cosine.clamp(min=0)).numpy(), torch.where(same, 0.0, l2).numpy()


def _embeddings(model: nn.Module, windows: Sequence[str], batch_size: int) -> Tensor:
    """Mean embeddings of sequences of any lengths, of both strands together, float64 ``(rows, features)``."""
    device = next(model.parameters()).device
    numbers = {text: number for number, text in enumerate(dict.fromkeys(windows))}
    tokens = [VOCABULARY.encode(text, name=f"window {text[:20]}...") for text in numbers]
    by_length: dict[int, list[int]] = {}
    for row, codes in enumerate(tokens):
        by_length.setdefault(len(codes), []).append(row)
    found: dict[int, Tensor] = {}
    for rows in by_length.values():
        for start in range(0, len(rows), batch_size):
            some = rows[start : start + batch_size]
            batch = torch.from_numpy(np.stack([tokens[row] for row in some])).long().to(device)
            means = read_both(model, batch).hidden.double().mean(1).cpu()
            found |= dict(zip(some, means, strict=True))
    return torch.stack([found[numbers[text]] for text in windows])


def _tokens(one: str, two: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return VOCABULARY.from_codes(encode([one])[0]), VOCABULARY.from_codes(encode([two])[0])


def _is_substitution(one: NDArray[Any], two: NDArray[Any]) -> bool:
    """Whether letters are replaced by letters; nothing but that."""
    differ = one != two
    known = (one[differ] < VOCABULARY.letters) & (two[differ] < VOCABULARY.letters)
    return differ.sum() <= MOST_SUBSTITUTED and bool(known.all())


def _require_pairs(reference: Sequence[str], alternate: Sequence[str]) -> None:
    if isinstance(reference, str) or isinstance(alternate, str) or len(reference) != len(alternate) or not reference:
        raise InputError(
            f"{len(reference)} references and {len(alternate)} alternates are given: two lists of windows of one "
            "length are needed, one alternate for each reference."
        )
