"""Edits of sequences: the other strand, single letters, random mutations and shifts."""

from __future__ import annotations

from typing import overload

import numpy as np
import torch
from jaxtyping import Int, Num
from torch import Tensor

from palindra.errors import InputError
from palindra.sequences.alphabet import DNA, Alphabet, Codes
from palindra.sequences.codes import check_letters
from palindra.sequences.onehot import check_one_hot, known_positions


@overload
def reverse_complement(sequence: str, alphabet: Alphabet = ...) -> str: ...
@overload
def reverse_complement(sequence: Tensor, alphabet: Alphabet = ...) -> Tensor: ...
@overload
def reverse_complement(sequence: Codes, alphabet: Alphabet = ...) -> Codes: ...
def reverse_complement(sequence: str | Tensor | Codes, alphabet: Alphabet = DNA) -> str | Tensor | Codes:
    """The other strand, read in its own direction.

    Strings keep their case; ambiguity codes become the code of the complementary letters (R <-> Y, K <-> M, B <-> V,
    D <-> H; S, W, N and gaps stay).

    Args:
        sequence: a string, a one-hot tensor (..., letters, length), or codes (..., length) from `encode`.
        alphabet: DNA or RNA.

    Raises:
        InputError: for protein, or at a letter that the alphabet does not have.

    Examples:
        >>> reverse_complement("aaCRN")
        'NYGtt'
    """
    complement = alphabet.complement_codes  # first of all, because it refuses protein
    if isinstance(sequence, str):
        check_letters([sequence], alphabet)
        return sequence[::-1].translate(alphabet.complement_text)
    if isinstance(sequence, Tensor):
        return alphabet.rep.act(sequence.flip(-1), dim=-2)
    return np.ascontiguousarray(complement[sequence[..., ::-1]])


def substitute(sequence: str, position: int, letter: str, *, alphabet: Alphabet = DNA) -> str:
    """Replace the letter at a position, counted from 0, by another one.

    Raises:
        InputError: if the position is not in the sequence or the letter is not one letter of the alphabet.

    Examples:
        >>> substitute("AAAA", 1, "G")
        'AGAA'
    """
    if len(letter) != 1:
        raise InputError(f"one letter is substituted by one letter, not by {letter!r}; use delete and insert.")
    check_letters([letter], alphabet)
    _check_range(sequence, position, position + 1)
    return sequence[:position] + letter + sequence[position + 1 :]


def insert(sequence: str, position: int, letters: str, *, alphabet: Alphabet = DNA) -> str:
    """Put letters before a position, counted from 0; the length of the sequence appends them.

    Raises:
        InputError: if the position is not in the sequence or a letter is not in the alphabet.

    Examples:
        >>> insert("AAAA", 1, "GG")
        'AGGAAA'
    """
    check_letters([letters], alphabet)
    _check_range(sequence, position, position)
    return sequence[:position] + letters + sequence[position:]


def delete(sequence: str, position: int, count: int = 1) -> str:
    """Remove ``count`` letters from a position on, counted from 0.

    Raises:
        InputError: if not all of these letters are in the sequence.

    Examples:
        >>> delete("ACGT", 1, 2)
        'AT'
    """
    if count < 0:
        raise InputError(f"{count} letters cannot be deleted: the number must not be negative.")
    _check_range(sequence, position, position + count)
    return sequence[:position] + sequence[position + count :]


def random_mutate(
    x: Num[Tensor, "batch letters length"],
    *,
    generator: torch.Generator,
    rate: float | None = None,
    count: int | None = None,
    alphabet: Alphabet = DNA,
) -> Num[Tensor, "batch letters length"]:
    """Substitute letters at random, each by one of the other letters with equal probability.

    Positions that are not exactly one letter (N) are left as they are.

    Args:
        x: one-hot sequences; they are not changed in place.
        generator: the source of randomness. One on the CPU gives the same mutations on every device.
        rate: the probability that a position is mutated; or
        count: the number of positions that are mutated in every sequence, drawn without replacement.
        alphabet: the alphabet of ``x``.

    Raises:
        ValueError: unless exactly one of rate and count is given and in its range.
        InputError: if a sequence has fewer than ``count`` letters.

    Examples:
        >>> x = torch.eye(4)[None]
        >>> mutated = random_mutate(x, count=2, generator=torch.Generator().manual_seed(0))
        >>> int((mutated != x).any(1).sum())
        2
    """
    check_one_hot(x, alphabet)
    letters, batch, length = len(alphabet.letters), x.shape[0], x.shape[2]
    drawn = torch.rand(batch, length, dtype=torch.float64, generator=generator, device=generator.device).to(x.device)
    step = torch.randint(1, letters, (batch, length), generator=generator, device=generator.device).to(x.device)
    known = known_positions(x)
    if rate is not None and count is None and 0 <= rate <= 1:
        chosen = known & (drawn < rate)
    elif count is not None and rate is None and count >= 0:
        _check_enough_letters(known, count)
        ranks = drawn.masked_fill(~known, 2.0).argsort(dim=1).argsort(dim=1)  # unknown positions rank last
        chosen = ranks < count
    else:
        raise ValueError(f"give either a rate from 0 to 1 or a count of at least 0, not {rate=} and {count=}.")
    # The letter `step` places further in the alphabet is never the same letter.
    channel = torch.arange(letters, device=x.device)[:, None]
    mutated = (channel == ((x.to(torch.float32).argmax(1) + step) % letters)[:, None]).to(x.dtype)
    return torch.where(chosen[:, None], mutated, x)


def shift(
    x: Num[Tensor, "batch channels length"], offsets: Int[Tensor, " batch"]
) -> Num[Tensor, "batch channels length"]:
    """Move every sequence by its own number of positions; what moves in is zero.

    A positive offset moves towards the end. Shifting and then taking the other strand equals taking the other strand
    and then shifting by the negative offset.

    Raises:
        ValueError: unless there is one integer offset for each sequence.

    Examples:
        >>> shift(torch.tensor([[[1, 2, 3]], [[1, 2, 3]]]), torch.tensor([1, -2]))
        tensor([[[0, 1, 2]],
                [[3, 0, 0]]])
    """
    if x.ndim != 3 or offsets.shape != x.shape[:1] or offsets.is_floating_point():
        raise ValueError(
            f"shift needs a tensor (batch, channels, length) and one integer offset for each sequence, not "
            f"{tuple(x.shape)} and {offsets.dtype} of shape {tuple(offsets.shape)}."
        )
    source = torch.arange(x.shape[-1], device=x.device) - offsets.to(x.device, torch.int64)[:, None]  # (batch, length)
    inside = (source >= 0) & (source < x.shape[-1])
    moved = x.gather(-1, source.where(inside, 0)[:, None].expand_as(x))
    return moved.where(inside[:, None], torch.zeros((), dtype=x.dtype, device=x.device))


def _check_range(sequence: str, start: int, end: int) -> None:
    if not 0 <= start <= end <= len(sequence):
        raise InputError(
            f"positions {start} to {end} (from 0, end not included) are not inside a sequence of "
            f"{len(sequence)} letters."
        )


def _check_enough_letters(known: Tensor, count: int) -> None:
    fewest, row = known.sum(1).min(0) if len(known) else (torch.tensor(count), torch.tensor(0))
    if fewest < count:
        raise InputError(
            f"row {int(row)} has {int(fewest)} letters that are not ambiguous, so that {count} cannot be mutated; "
            "lower the count, or leave this sequence out."
        )
