"""What a sequence loses when instances of a pattern are overwritten with random letters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError
from palindra.interpretation.importance.effects import BATCH
from palindra.interpretation.importance.estimates import Estimate, estimates
from palindra.interpretation.importance.running import Predict, Values, scorer, streamed
from palindra.sequences import reverse_complement
from palindra.sequences.alphabet import DNA, Codes

_TRIES = 100


@dataclass(frozen=True, eq=False)
class Occlusion:
    """Outputs with and without instances of a pattern.

    Args:
        row: number of the sequence of each instance ``(instances,)``; sequences without any are left out.
        start: its first position.
        given: outputs of the sequences that have instances ``(sequences, outputs)``.
        all_lost: outputs without any of their instances, averaged over draws, ``(sequences, outputs)``.
        one_lost: outputs without one instance ``(instances, outputs)``.
    """

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    given: Values
    all_lost: Values
    one_lost: Values

    @property
    def rows(self) -> NDArray[np.int64]:
        """Numbers of the sequences that have instances, in the order of ``given``."""
        return np.unique(self.row)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Instances in each of these sequences."""
        return np.unique(self.row, return_counts=True)[1]

    @property
    def effect(self) -> Values:
        """What all instances of a sequence together are worth: output as given minus output without them."""
        return self.given - self.all_lost

    @property
    def instance_effect(self) -> Values:
        """What each instance is worth while the others stay."""
        return self.given[np.searchsorted(self.rows, self.row)] - self.one_lost

    def by_count(self, output: int = 0, *, most: int = 3, level: float = 0.95) -> list[Estimate]:
        """Mean effect of all instances in sequences with 1, 2, ... and at least ``most`` of them.

        The interval and the paired test are over sequences, with against without; see :meth:`Effects.estimates`.
        Groups without sequences are left out.
        """
        group = np.minimum(self.counts, most)
        found = []
        for number in np.unique(group):
            name = f"at least {number}" if number == most else str(number)
            found += estimates([name], self.effect[group == number][:, output][None], level=level)
        return found


def find_instances(codes: Codes, pattern: str, *, both_strands: bool = True) -> NDArray[np.bool_]:
    """Where a pattern begins that matches exactly, on either strand, ``(rows, length - width + 1)``.

    Args:
        codes: ``(rows, length)``; letters that are not certain match nothing.
        pattern: letters and ambiguity codes (N for any), e.g. ``TGANTCA``.
        both_strands: whether its reverse complement counts as well; a place that matches both is one instance.

    Raises:
        InputError: for a pattern longer than the sequences, or with a letter that is not DNA.

    Examples:
        >>> from palindra.sequences import encode
        >>> find_instances(encode(["GATAATATC"]), "GATA").nonzero()[1]
        array([0, 5])
    """
    signs = [code for code in pattern.upper() if code not in DNA.symbols]
    if not pattern or signs:
        raise InputError(f"the pattern {pattern!r} has to be DNA: write A, C, G, T and ambiguity codes such as N.")
    if len(pattern) > codes.shape[1]:
        raise InputError(
            f"the pattern {pattern} has {len(pattern)} letters and the sequences {codes.shape[1]}: it cannot occur."
        )
    windows = np.lib.stride_tricks.sliding_window_view(codes, len(pattern), axis=1)
    found = np.zeros(windows.shape[:2], dtype=np.bool_)
    for one in (pattern, reverse_complement(pattern)) if both_strands else (pattern,):
        match = np.ones_like(found)
        for place, sign in enumerate(one.upper()):
            allowed = np.zeros(len(DNA.symbols), dtype=np.bool_)
            allowed[: len(DNA.letters)] = DNA.shares[DNA.symbols.index(sign)] > 0
            match &= allowed[windows[..., place]]
        found |= match
    return found


def occlusion(
    predict: Predict,
    codes: Codes,
    pattern: str,
    *,
    draws: int = 25,
    seed: int = 0,
    both_strands: bool = True,
    batch_size: int = BATCH,
) -> Occlusion:
    """Overwrite each instance of a pattern, and all of a sequence, with random letters, and average over draws.

    Letters are drawn with equal chances and drawn again while an instance is left that touches them, so that none is
    merely moved. Instances of both strands are one list, so that a pattern and its reverse complement give the same
    numbers in any model.

    Args:
        predict: see :func:`global_importance`.
        codes: ``(rows, length)``; those without an instance are left out.
        pattern: letters and ambiguity codes.
        draws: of random letters for each.
        seed: of the letters, which depend on the row and the draw.
        both_strands: see :func:`find_instances`.
        batch_size: sequences at a time.

    Raises:
        InputError: when no sequence has an instance, or random letters cannot destroy it.

    Source: Toneyan, Tang & Koo (2022), Nature Machine Intelligence.
    """
    row, start = find_instances(codes, pattern, both_strands=both_strands).nonzero()
    if not len(row) or draws < 1:
        raise InputError(
            f"{pattern} occurs in none of {len(codes)} sequences, or {draws} draws were asked for: give sequences "
            "that have it, and at least one draw."
        )
    rows = np.unique(row)

    def variants() -> Iterator[Codes]:
        yield from (codes[one : one + 1] for one in rows)
        for one in rows:
            places = start[row == one]
            for chosen in (places, *places[:, None]):
                key = (seed, int(one), *chosen.tolist()) if len(chosen) == 1 else (seed, int(one))
                random = np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
                yield _overwritten(
                    codes[one], chosen, np.setdiff1d(places, chosen), pattern, draws, random, both_strands
                )

    with scorer(predict) as run:
        outputs = streamed(run, variants(), batch_size)
    given, lost = outputs[: len(rows)], outputs[len(rows) :].reshape(-1, draws, outputs.shape[1]).mean(1)
    # The entries of a sequence are one without all of its instances, and then one without each.
    number = np.searchsorted(rows, row) + 1 + np.arange(len(row))
    everything = np.delete(np.arange(len(lost)), number)
    return Occlusion(row, start, given, lost[everything], lost[number])


def _overwritten(
    codes: Codes,
    places: NDArray[np.int64],
    kept: NDArray[np.int64],
    pattern: str,
    draws: int,
    random: np.random.Generator,
    both_strands: bool,
) -> Codes:
    """Copies ``(draws, length)`` of one sequence with random letters at all letters of the instances at ``places``.

    Instances that are ``kept`` may stay where they share letters; no other may arise.
    """
    width = len(pattern)
    touched = np.unique((places[:, None] + np.arange(width)).ravel())
    near = np.unique((touched[:, None] - np.arange(width)).ravel())  # starts of windows that hold such a letter
    near = np.setdiff1d(near[(near >= 0) & (near <= len(codes) - width)], kept)
    copies = np.repeat(codes[None], draws, axis=0)
    again = np.arange(draws)
    for _ in range(_TRIES):
        copies[np.ix_(again, touched)] = random.integers(4, size=(len(again), len(touched)), dtype=np.uint8)
        left = find_instances(copies[again], pattern, both_strands=both_strands)[:, near].any(1)
        again = again[left]
        if not len(again):
            return copies
    raise InputError(
        f"random letters make {pattern} again {_TRIES} times in a row: occlusion needs a pattern that is rarer."
    )
