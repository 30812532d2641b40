"""Sequences that evolve along a tree, by substitutions, insertions and deletions, with their true alignment."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palindra.data.phylogenies.alignment import GAP, Alignment
from palindra.data.phylogenies.substitution import Matrix, Substitution, jc69
from palindra.data.phylogenies.tree import Tree

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Indels:
    """Insertions and deletions.

    Args:
        insertions: expected number per site and expected substitution.
        deletions: the same.
        mean_length: of either, geometrically distributed, 1 or more.
    """

    insertions: float = 0.0
    deletions: float = 0.0
    mean_length: float = 3.0

    def __post_init__(self) -> None:
        if not (0 <= self.insertions < math.inf and 0 <= self.deletions < math.inf and self.mean_length >= 1):
            raise ValueError(f"{self}: rates of 0 or more and a mean length of 1 or more are needed.")


@dataclass(frozen=True, eq=False)
class _State:
    """One sequence: of each letter its column in the history of all, its code and the rate of its site."""

    columns: Places
    letters: NDArray[np.int64]
    rates: Matrix


class _Order:
    """All columns that ever were, in order from left to right."""

    def __init__(self, columns: int) -> None:
        self.following = [*range(1, columns), -1]  # of each column the next one
        self.first = 0

    def insert(self, after: int, count: int) -> range:
        """New columns right of ``after`` (-1: at the left end)."""
        new = range(len(self.following), len(self.following) + count)
        right = self.following[after] if after >= 0 else self.first
        self.following += [*new[1:], right]
        if after >= 0:
            self.following[after] = new[0]
        else:
            self.first = new[0]
        return new

    def ranks(self) -> Places:
        """Place of each column from left to right."""
        found, column = np.zeros(len(self.following), dtype=np.int64), self.first
        for rank in range(len(found)):
            found[column] = rank
            column = self.following[column]
        return found


def evolve(
    tree: Tree,
    length: int,
    *,
    substitution: Substitution | None = None,
    gamma_shape: float | None = None,
    indels: Indels | None = None,
    seed: int,
) -> Alignment:
    """Sequences at the leaves of a tree, truly aligned; columns in which every leaf has a gap are left out.

    The root has letters in their long-run frequencies. On a branch, insertions and deletions are events of a Poisson
    process whose rate follows the current length; between them letters are substituted. An inserted piece has new
    letters in the long-run frequencies and new site rates; a deletion that reaches the right end is cut there.

    Args:
        tree: branch lengths in expected substitutions per site.
        length: of the root's sequence.
        substitution: the process of letters, JC69 by default.
        gamma_shape: sites have rates of a gamma distribution of mean 1 and this shape (Yang, 1994, without classes);
            None for equal rates.
        indels: none by default.
        seed: the same seed gives the same sequences.

    Raises:
        ValueError: for a length or shape that is not positive.

    Examples:
        >>> from palindra.data.phylogenies.growing import star_tree
        >>> still = evolve(star_tree(2).scaled(1e-9), 12, seed=1)
        >>> still.rows()[0] == still.rows()[1], still.codes.shape
        (True, (2, 12))
    """
    if length < 1 or (gamma_shape is not None and not 0 < gamma_shape < math.inf):
        raise ValueError(f"a length of {length} and a gamma shape of {gamma_shape}: positive numbers are needed.")
    model, events = substitution or jc69(), indels or Indels()
    rng, order = np.random.default_rng(seed), _Order(length)
    states = {0: _State(np.arange(length), *_new_letters(rng, length, model, gamma_shape))}
    ends: list[_State] = []
    waiting = [len(below) for below in tree.children]
    for node in range(len(tree.parents)):
        if node:
            parent = int(tree.parents[node])
            states[node] = _branch(
                states[parent], float(tree.lengths[node]), model, events, gamma_shape, order=order, rng=rng
            )
            waiting[parent] -= 1
            if not waiting[parent]:
                del states[parent]  # memory grows with the lineages that are open, not with the tree
        if not tree.children[node]:
            ends.append(states[node])
    return _align(ends, order, tree.leaf_names)


def _branch(
    state: _State,
    time: float,
    model: Substitution,
    events: Indels,
    gamma_shape: float | None,
    *,
    order: _Order,
    rng: np.random.Generator,
) -> _State:
    left = time
    while True:
        size = len(state.columns)
        inserting, deleting = events.insertions * (size + 1), events.deletions * size
        total = inserting + deleting
        wait = rng.exponential(1 / total) if total > 0 else math.inf
        state = _substitute(state, min(wait, left), model, rng)
        if wait >= left:
            return state
        left -= wait
        change = int(rng.geometric(1 / events.mean_length))
        if rng.random() * total < inserting:
            place = int(rng.integers(size + 1))
            after = int(state.columns[place - 1]) if place else -1
            letters, rates = _new_letters(rng, change, model, gamma_shape)
            new = np.array(order.insert(after, change))
            state = _State(
                np.insert(state.columns, place, new),
                np.insert(state.letters, place, letters),
                np.insert(state.rates, place, rates),
            )
        else:
            place = int(rng.integers(size))
            cut = slice(place, place + change)
            state = _State(np.delete(state.columns, cut), np.delete(state.letters, cut), np.delete(state.rates, cut))


def _substitute(state: _State, time: float, model: Substitution, rng: np.random.Generator) -> _State:
    if time <= 0 or not len(state.columns):
        return state
    if (state.rates == 1.0).all():
        chances = model.probabilities(time)[state.letters]
    else:
        chances = model.probabilities(time * state.rates)[np.arange(len(state.letters)), state.letters]
    return _State(state.columns, _draw(rng, chances), state.rates)


def _new_letters(
    rng: np.random.Generator, count: int, model: Substitution, gamma_shape: float | None
) -> tuple[NDArray[np.int64], Matrix]:
    letters = _draw(rng, np.tile(model.frequencies, (count, 1)))
    rates = np.ones(count) if gamma_shape is None else rng.gamma(gamma_shape, 1 / gamma_shape, size=count)
    return letters, rates


def _draw(rng: np.random.Generator, chances: Matrix) -> NDArray[np.int64]:
    """One letter per row of chances."""
    sums = np.cumsum(chances, axis=1)
    drawn = (rng.random(len(chances))[:, None] * sums[:, -1:] >= sums[:, :-1]).sum(axis=1)
    return np.asarray(drawn, dtype=np.int64)


def _align(ends: list[_State], order: _Order, names: tuple[str, ...]) -> Alignment:
    ranks = order.ranks()
    codes = np.full((len(ends), len(ranks)), GAP, dtype=np.uint8)
    for row, state in enumerate(ends):
        codes[row, ranks[state.columns]] = state.letters
    return Alignment(names, codes[:, (codes != GAP).any(axis=0)], "evolved sequences")
