"""Sequences with a planted grammar whose every effect is known: a closed-form model, and data drawn from it.

The model reads motifs, distances and orientations exactly as the grammar says, so that an analysis which is right
recovers the grammar from it without any training; a trained network adds its own errors to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from palindra.errors import InputError
from palindra.sequences import encode, one_hot, reverse_complement
from palindra.sequences.alphabet import Codes
from palindra.symmetry import DNA_STRAND


@dataclass(frozen=True)
class PlantedMotif:
    """A motif, and what each of its instances on either strand adds."""

    letters: str
    effect: float


@dataclass(frozen=True)
class Rule:
    """What a pair of motifs adds when the two stand as the rule says; every ordered pair of instances counts.

    Read in the direction of the first motif, so that a rule says the same on both strands.

    Args:
        first: number of the motif from which distances are read.
        second: number of the other one.
        weights: what is added with 0, 1, 2, ... letters between the two.
        side: whether the second stands behind the first, before it, or either.
        direction: whether both point the same way, in opposite ways, or either.
    """

    first: int
    second: int
    weights: tuple[float, ...]
    side: Literal["behind", "before", "either"] = "either"
    direction: Literal["same", "opposite", "either"] = "either"


@dataclass(frozen=True)
class Grammar:
    """Motifs and rules whose effects are added up; a multiplicative grammar adds on the logarithm of its output.

    Args:
        motifs: all different, also from each other's reverse complements.
        rules: for pairs.
        base: output of a sequence without motifs, or its logarithm.
        multiplicative: whether the output is the exponential of the sum, so that effects are factors.

    Raises:
        InputError: for motifs that are not letters A, C, G, T, or equal, or rules for motifs that are not there.

    Examples:
        >>> motifs = PlantedMotif("GATAAG", 1.0), PlantedMotif("TTGACG", 0.5)
        >>> grammar = Grammar(motifs, (Rule(0, 1, (0.0, 0.0, 2.0)),))
        >>> grammar.output([0, 1], [2.0]), Grammar(grammar.motifs, multiplicative=True).output([1, 0], [])
        (2.5, 2.718281828459045)
    """

    motifs: tuple[PlantedMotif, ...]
    rules: tuple[Rule, ...] = ()
    base: float = 0.0
    multiplicative: bool = False

    def __post_init__(self) -> None:
        every = [motif.letters for motif in self.motifs]
        if not every or any(not letters or set(letters) - set("ACGT") for letters in every):
            raise InputError(f"planted motifs are written with capital A, C, G, T, at least one; got {every}.")
        if len({min(letters, reverse_complement(letters)) for letters in every}) < len(every):
            raise InputError(f"planted motifs must differ, also on the other strand; got {every}.")
        for rule in self.rules:
            if not {rule.first, rule.second} <= set(range(len(every))) or not rule.weights:
                raise InputError(f"{rule} names a motif that is not among {len(every)}, or has no weights.")

    def output(self, counts: Sequence[float], pairs: Sequence[float] = ()) -> float:
        """Output for numbers of instances and for what the rules add, written down without any sequence."""
        total = self.base + sum(n * motif.effect for n, motif in zip(counts, self.motifs, strict=False)) + sum(pairs)
        return float(np.exp(total)) if self.multiplicative else float(total)


class Oracle(nn.Module):
    """The grammar as a network without parameters: from one-hot ``(batch, 4, length)`` to ``(batch, 1)``.

    It gives both strands of a sequence the same output, and has gradients: an instance is a match of all letters,
    ``relu(matches - width + 1)``. Unknown letters match nothing.

    Args:
        grammar: what it computes.
        logarithm: give the sum itself also for a multiplicative grammar.

    Examples:
        >>> oracle = Oracle(Grammar((PlantedMotif("GATAAG", 1.5),)))
        >>> oracle(one_hot(["CCGATAAGCC", "CCCTTATCCC"], dtype=torch.float32)).ravel().tolist()
        [1.5, 1.5]
    """

    def __init__(self, grammar: Grammar, *, logarithm: bool = False) -> None:
        super().__init__()
        self.grammar, self.exponential = grammar, grammar.multiplicative and not logarithm
        for number, motif in enumerate(grammar.motifs):
            self.register_buffer(f"kernel_{number}", one_hot([motif.letters], dtype=torch.float32), persistent=False)

    def instances(self, x: Float[Tensor, "batch 4 length"]) -> list[tuple[Tensor, Tensor]]:
        """For each motif its instances on the given and on the other strand, by first position from the left.

        A motif that is its own reverse complement counts one half on each.
        """
        found = []
        for number, motif in enumerate(self.grammar.motifs):
            kernel = self.get_buffer(f"kernel_{number}").to(x)
            share = 0.5 if motif.letters == reverse_complement(motif.letters) else 1.0
            both = functional.conv1d(x, torch.cat([kernel, DNA_STRAND.act(kernel)]))
            both = share * (both - (len(motif.letters) - 1)).relu()
            found.append((both[:, 0], both[:, 1]))
        return found

    def forward(self, x: Float[Tensor, "batch 4 length"]) -> Float[Tensor, "batch 1"]:
        total = self.grammar.base + self._forward_strand(x) + self._forward_strand(DNA_STRAND.act(x))
        return (total.exp() if self.exponential else total)[:, None]

    def _forward_strand(self, x: Tensor) -> Tensor:
        """What motifs on the given strand add, and rules whose first motif is on it."""
        found = self.instances(x)
        total = x.new_zeros(len(x))
        for motif, (given, _) in zip(self.grammar.motifs, found, strict=True):
            total = total + motif.effect * given.sum(1)
        for rule in self.grammar.rules:
            partners = {"same": [0], "opposite": [1], "either": [0, 1]}[rule.direction]
            second = sum((found[rule.second][strand] for strand in partners), x.new_zeros(()))
            total = total + (found[rule.first][0] * self._reached(rule, second)).sum(1)
        return total

    def _reached(self, rule: Rule, second: Tensor) -> Tensor:
        """For each place of the first motif the weights of all instances of the second around it."""
        first_width, second_width = (len(self.grammar.motifs[n].letters) for n in (rule.first, rule.second))
        weights = second.new_tensor(rule.weights)
        offsets, values = [], []
        if rule.side != "before":
            offsets.append(first_width + torch.arange(len(weights)))
            values.append(weights)
        if rule.side != "behind":
            offsets.append(-second_width - torch.arange(len(weights)))
            values.append(weights)
        offset, value = torch.cat(offsets), torch.cat(values)
        size, before = int(offset.abs().max()), second.shape[1]
        kernel = second.new_zeros(2 * size + 1)
        kernel[offset.to(kernel.device) + size] = value
        places = before + second_width - first_width  # places at which the first can begin
        padded = functional.pad(second, (size, size + max(0, places - before)))
        return functional.conv1d(padded[:, None], kernel[None, None])[:, 0, :places]


class Planted(NamedTuple):
    """Sequences with instances of planted motifs."""

    codes: Codes  # (rows, length)
    values: NDArray[np.float64]  # (rows,), of the oracle, without noise
    truth: NDArray[np.bool_]  # (rows, length), letters of instances, planted ones and those that chance made


def planted_sequences(
    grammar: Grammar, rows: int, length: int, seed: int, *, instances: int = 3, backgrounds: Codes | None = None
) -> Planted:
    """Sequences with random numbers of instances, at random places apart from each other and on random strands.

    Row r depends on the seed and r alone. One half of the rows of a grammar with rules gets a pair at a distance that
    one of its rules speaks of.

    Args:
        grammar: what is planted.
        rows: how many sequences.
        length: of each.
        seed: of backgrounds, places and strands.
        instances: largest number of single instances in a row.
        backgrounds: ``(rows, length)``, e.g. shuffled genome; by default letters with equal chances.

    Raises:
        InputError: when the instances may not fit, or backgrounds have another shape.
    """
    widths = [len(motif.letters) for motif in grammar.motifs]
    reach = [widths[rule.first] + len(rule.weights) + widths[rule.second] for rule in grammar.rules]
    needed = 2 * (instances * max(widths) + max(reach, default=0))
    if length < needed:
        raise InputError(f"{instances} instances and a pair need sequences of at least {needed} letters, not {length}.")
    if backgrounds is not None and backgrounds.shape != (rows, length):
        raise InputError(
            f"backgrounds of shape {backgrounds.shape} for {rows} sequences of {length} letters: give one for each."
        )
    codes = np.empty((rows, length), dtype=np.uint8)
    for row in range(rows):
        random = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, row))))
        letters = random.integers(4, size=length, dtype=np.uint8)
        codes[row] = letters if backgrounds is None else backgrounds[row]
        blocks = [_single(grammar, random) for _ in range(random.integers(0, instances + 1))]
        if grammar.rules and random.random() < 0.5:
            blocks.append(_pair(grammar, grammar.rules[random.integers(len(grammar.rules))], random))
        _place(codes[row], blocks, random)
    x = one_hot(codes, dtype=torch.float32)
    with torch.no_grad():
        values = torch.cat([Oracle(grammar)(part) for part in torch.split(x, 512)])[:, 0].double().numpy()
    return Planted(codes, values, instance_letters(grammar, codes))


def instance_letters(grammar: Grammar, codes: Codes) -> NDArray[np.bool_]:
    """Which letters belong to an instance of any motif on either strand, ``(rows, length)``."""
    truth = np.zeros(codes.shape, dtype=np.bool_)
    for motif in grammar.motifs:
        windows = np.lib.stride_tricks.sliding_window_view(codes, len(motif.letters), axis=1)
        for letters in encode([motif.letters, reverse_complement(motif.letters)]):
            row, start = (windows == letters).all(-1).nonzero()
            truth[row[:, None], start[:, None] + np.arange(len(letters))] = True
    return truth


def seeded_grammar(
    seed: int,
    kind: Literal["distance", "orientation", "cooperativity"],
    *,
    multiplicative: bool = False,
    width: int = 8,
) -> Grammar:
    """A grammar of two random motifs with one rule that an analysis has to find.

    - ``distance``: the pair adds only at gaps of 4 to 12, most in the middle, on either side.
    - ``orientation``: only when the second stands behind the first, pointing the other way, at gaps up to 20.
    - ``cooperativity``: the same at all gaps up to 30 in any orientation.

    Motifs and sizes of effects depend on the seed.
    """
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, width))))
    motifs: list[str] = []
    while len(motifs) < 2:
        letters = "".join(random.choice(list("ACGT"), size=width))
        if letters != reverse_complement(letters) and letters not in (*motifs, *map(reverse_complement, motifs)):
            motifs.append(letters)
    alone, together = random.uniform(0.5, 1.0, size=2), random.uniform(0.8, 1.2)
    bump = tuple(float(together * max(0.0, 1 - abs(gap - 8) / 5)) for gap in range(13))
    rules = {
        "distance": Rule(0, 1, bump),
        "orientation": Rule(0, 1, (float(together),) * 21, side="behind", direction="opposite"),
        "cooperativity": Rule(0, 1, (float(together),) * 31),
    }
    planted = tuple(PlantedMotif(letters, float(effect)) for letters, effect in zip(motifs, alone, strict=True))
    return Grammar(planted, (rules[kind],), multiplicative=multiplicative)


def _single(grammar: Grammar, random: np.random.Generator) -> Codes:
    letters = grammar.motifs[random.integers(len(grammar.motifs))].letters
    return encode([_turned(letters, random.random() < 0.5)])[0]


def _pair(grammar: Grammar, rule: Rule, random: np.random.Generator) -> Codes:
    """Both motifs of a rule as it says, at a gap with a weight, the letters between them N."""
    first, second = grammar.motifs[rule.first].letters, grammar.motifs[rule.second].letters
    opposite = random.random() < 0.5 if rule.direction == "either" else rule.direction == "opposite"
    behind = random.random() < 0.5 if rule.side == "either" else rule.side == "behind"
    gaps = np.flatnonzero(rule.weights)
    gap = "N" * int(random.choice(gaps) if len(gaps) else 0)
    second = _turned(second, opposite)
    block = first + gap + second if behind else second + gap + first
    return encode([_turned(block, random.random() < 0.5)])[0]


def _turned(letters: str, turn: bool) -> str:
    return reverse_complement(letters) if turn else letters


def _place(codes: Codes, blocks: Sequence[Codes], random: np.random.Generator) -> None:
    """Write blocks in random order, with random lengths of background before, between and behind them."""
    free = len(codes) - sum(map(len, blocks))
    cuts = np.sort(random.integers(0, free + 1, size=len(blocks)))
    begin = 0
    for number, which in enumerate(random.permutation(len(blocks))):
        block = blocks[which]
        start = cuts[number] + begin
        known = np.flatnonzero(block < 4)
        codes[start + known] = block[known]
        begin += len(block)
