"""Evolution-inspired changes of training sequences (EvoAug), each a function of (seed, epoch, row)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palindra.data.order import integers, uniform
from palindra.errors import InputError

Codes = NDArray[np.uint8]  # (rows, length), 0..3 for A, C, G, T and 4 for anything else
Rows = NDArray[np.int64]

UNKNOWN = 4
_STRETCHES = ("deletion", "insertion", "translocation", "inversion")
_HOW_MANY, _WHICH, _SIZE, _PLACE, _LETTERS = range(16, 21)  # streams; 0 and 1 are the strand and the shift
_NOISE_KEY = b"palindra.evoaug.noise"
_COLUMNS = 1 << 21  # positions that a row of random numbers may have


@dataclass(frozen=True)
class EvoAug:
    """Which changes are made, how large they are and how many of them a sequence gets (Lee et al., 2023).

    Every sequence gets changes of its own, drawn anew in every epoch from those that are named and made in that order
    (noise last). All keep the length. **Targets stay as they are**, as in EvoAug: a change is taken to leave the
    function of the sequence alone. For a profile this is only nearly so: where letters are deleted, inserted or
    translocated, what lies beside them moves by up to the length of the change (half of it for deletions and
    insertions) while its targets do not. Keep changes short against a bin, or finish with ``finetune_epochs`` on
    unchanged sequences (the second stage of EvoAug). Letters that are not A, C, G or T stay unknown.

    Args:
        names: any of ``mutation``, ``deletion``, ``insertion``, ``translocation``, ``inversion``, ``noise``.
        most: changes per sequence.
        hard: every sequence gets ``most`` changes (EvoAug's *hard*); otherwise 1 to ``most``, all equally likely
            (*soft*).
        mutation_rate: share of letters that change. ``round(rate / 0.75 * length)`` positions are drawn without
            replacement and get a random letter, a quarter of which is the letter that was there.
        deletion: shortest and longest deleted stretch, bp; what is missing is filled with random letters, half of
            them before and half behind the sequence.
        insertion: shortest and longest inserted random stretch, bp; half as many letters are cut off at either end.
            (EvoAug lengthens all sequences instead; here the model's input length is one number.)
        translocation: shortest and longest rotation, bp, in either direction: the sequence is cut in two and its
            pieces change places.
        inversion: shortest and longest stretch that is replaced by its reverse complement, bp.
        noise: standard deviation of normal noise on the one-hot tensor.

    Raises:
        InputError: for an unknown name, a range that is none, or numbers out of range.

    Examples:
        >>> plan = EvoAug(("inversion",), inversion=(4, 4))
        >>> plan.edit(np.array([[0, 0, 0, 1]], dtype=np.uint8), seed=0, epoch=0, rows=np.array([7]))
        array([[2, 3, 3, 3]], dtype=uint8)
    """

    names: tuple[str, ...] = ()
    most: int = 2
    hard: bool = True
    mutation_rate: float = 0.05
    deletion: tuple[int, ...] = (0, 20)
    insertion: tuple[int, ...] = (0, 20)
    translocation: tuple[int, ...] = (0, 20)
    inversion: tuple[int, ...] = (0, 20)
    noise: float = 0.2

    def __post_init__(self) -> None:
        known = (*_CHANGES, "noise")
        for name in self.names:
            if name not in known or self.names.count(name) > 1:
                raise InputError(f"evoaug {list(self.names)}: {name!r} is needed once, and one of {', '.join(known)}.")
        for name in _STRETCHES:
            value = getattr(self, name)
            if len(value) != 2 or not 0 <= value[0] <= value[1]:
                raise InputError(
                    f"evoaug {name} is {list(value)}: a shortest and a longest length are needed, e.g. [0, 20]."
                )
        if not 0 <= self.mutation_rate <= 0.75:
            raise InputError(f"evoaug mutation_rate is {self.mutation_rate}: a share from 0 to 0.75 is needed.")
        if not 0 <= self.noise < np.inf:
            raise InputError(f"evoaug noise is {self.noise}: a standard deviation of at least 0 is needed.")
        if self.most < 1:
            raise InputError(
                f"evoaug most is {self.most}: at least 1 change per sequence is needed; name none for none."
            )

    @property
    def longest(self) -> int:
        """The longest stretch that any of the named changes touches, bp; no sequence may be shorter."""
        return max((getattr(self, name)[1] for name in self.names if name in _STRETCHES), default=0)

    def chosen(self, *, seed: int, epoch: int, rows: Rows) -> NDArray[np.bool_]:
        """Which of the named changes each row gets, ``(rows, names)``."""
        most = min(self.most, len(self.names))
        if not self.names:
            return np.zeros((len(rows), 0), dtype=bool)
        number = np.full(len(rows), most) if self.hard else integers(seed, epoch, rows, _HOW_MANY, 1, most + 1)
        rank = _table(seed, epoch, rows, _WHICH, len(self.names)).argsort(1).argsort(1)
        return rank < number[:, None]

    def edit(self, codes: Codes, *, seed: int, epoch: int, rows: Rows) -> Codes:
        """All changes but noise, as new codes ``(rows, length)``.

        Args:
            codes: letters of the sequences.
            seed: of the run.
            epoch: number of the pass.
            rows: number of each sequence in its split.
        """
        chosen = self.chosen(seed=seed, epoch=epoch, rows=rows)
        codes = codes.copy()
        for column, name in enumerate(self.names):
            if name in _CHANGES and (here := chosen[:, column]).any():
                codes[here] = _CHANGES[name](self, codes[here], _Draws(name, seed, epoch, rows[here]))
        return codes

    def add_noise(self, one_hot: NDArray[np.float32], *, seed: int, epoch: int, rows: Rows) -> None:
        """Noise on the rows of ``one_hot`` ``(rows, 4, length)`` that get it, in place."""
        if "noise" not in self.names:
            return
        here = self.chosen(seed=seed, epoch=epoch, rows=rows)[:, self.names.index("noise")]
        for place in np.flatnonzero(here):
            key = hashlib.blake2b(f"{seed} {epoch} {rows[place]}".encode(), key=_NOISE_KEY, digest_size=16).digest()
            normal = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
            one_hot[place] += np.float32(self.noise) * normal.standard_normal(one_hot.shape[1:], dtype=np.float32)


class _Draws:
    """The random numbers of one kind of change, those of different kinds independent of each other."""

    def __init__(self, name: str, seed: int, epoch: int, rows: Rows) -> None:
        self.key = (seed, epoch, rows)
        self.first = 100 * (1 + list(_CHANGES).index(name))

    def sizes(self, limits: tuple[int, ...]) -> Rows:
        """One length per row, both limits included."""
        return integers(*self.key, self.first + _SIZE, limits[0], limits[1] + 1)

    def places(self, count: Rows) -> Rows:
        """One place per row, from 0 to ``count`` (excluded)."""
        return np.floor(uniform(*self.key, self.first + _PLACE) * count).astype(np.int64)

    def table(self, columns: int) -> NDArray[np.float64]:
        """Numbers in [0, 1), ``(rows, columns)``."""
        return _table(*self.key, self.first + _WHICH, columns)

    def letters(self, columns: int) -> Codes:
        """Random letters ``(rows, columns)``."""
        return np.floor(4 * _table(*self.key, self.first + _LETTERS, columns)).astype(np.uint8)


def _table(seed: int, epoch: int, rows: Rows, stream: int, columns: int) -> NDArray[np.float64]:
    return uniform(seed, epoch, rows[:, None] * _COLUMNS + np.arange(columns), stream)


def _mutate(plan: EvoAug, codes: Codes, draws: _Draws) -> Codes:
    length = codes.shape[1]
    count = min(round(plan.mutation_rate / 0.75 * length), length)
    if count == 0:
        return codes
    order = draws.table(length)
    drawn = order <= np.partition(order, count - 1, axis=1)[:, count - 1 : count]
    return np.where(drawn & (codes < UNKNOWN), draws.letters(length), codes)


def _delete(plan: EvoAug, codes: Codes, draws: _Draws) -> Codes:
    size, length = draws.sizes(plan.deletion)[:, None], codes.shape[1]
    place = draws.places(length - size[:, 0] + 1)[:, None]
    source = np.arange(length) - size // 2
    source = np.where(source >= place, source + size, source)
    # In front of the sequence the fill has numbers 0, 1, ...; behind it they go on.
    fill = np.where(source < 0, source + size // 2, source - length + size // 2)
    return _gather(codes, source, fill, (source < 0) | (source >= length), draws.letters(plan.deletion[1] + 1))


def _insert(plan: EvoAug, codes: Codes, draws: _Draws) -> Codes:
    size, length = draws.sizes(plan.insertion)[:, None], codes.shape[1]
    place = draws.places(np.full(len(codes), length + 1))[:, None]
    position = np.arange(length) + size // 2  # in the longer sequence
    new = (position >= place) & (position < place + size)
    source = np.where(position >= place + size, position - size, position)
    return _gather(codes, source, position - place, new, draws.letters(plan.insertion[1] + 1))


def _translocate(plan: EvoAug, codes: Codes, draws: _Draws) -> Codes:
    size, length = draws.sizes(plan.translocation)[:, None], codes.shape[1]
    direction = 2 * draws.places(np.full(len(codes), 2))[:, None] - 1
    return np.take_along_axis(codes, (np.arange(length) - direction * size) % length, 1)


def _invert(plan: EvoAug, codes: Codes, draws: _Draws) -> Codes:
    size, length = draws.sizes(plan.inversion)[:, None], codes.shape[1]
    start = draws.places(length - size[:, 0] + 1)[:, None]
    position = np.arange(length)
    inside = (position >= start) & (position < start + size)
    source = np.where(inside, 2 * start + size - 1 - position, position)
    moved = np.take_along_axis(codes, source, 1)
    return np.where(inside & (moved < UNKNOWN), 3 - moved, moved).astype(np.uint8)


def _gather(codes: Codes, source: Rows, fill: Rows, new: NDArray[np.bool_], letters: Codes) -> Codes:
    """Letters of the sequence where it has them, and new ones elsewhere."""
    kept = np.take_along_axis(codes, source.clip(0, codes.shape[1] - 1), 1)
    return np.where(new, np.take_along_axis(letters, fill.clip(0, letters.shape[1] - 1), 1), kept)


_CHANGES: dict[str, Callable[[EvoAug, Codes, _Draws], Codes]] = {
    "mutation": _mutate,
    "deletion": _delete,
    "insertion": _insert,
    "translocation": _translocate,
    "inversion": _invert,
}
