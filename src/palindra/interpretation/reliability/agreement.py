"""How far attribution maps of several models, methods or strands say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import nan
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from palindra.errors import InputError
from palindra.interpretation.importance.estimates import Estimate, estimates
from palindra.symmetry import DNA_STRAND

Maps = NDArray[np.floating]


class Agreement(NamedTuple):
    """How alike two sets of maps are, sequence by sequence."""

    first: str
    second: str
    pearson: NDArray[np.float64]  # (sequences,), over letters and positions; NaN where a map is constant
    spearman: NDArray[np.float64]  # the same of ranks
    top: NDArray[np.float64]  # share of the most important positions that both have (Jaccard)

    def estimate(self, level: float = 0.95) -> Estimate:
        """Mean Pearson correlation with its interval over sequences; maps that are constant are left out."""
        known = self.pearson[~np.isnan(self.pearson)]
        if not len(known):
            return Estimate(f"{self.first}, {self.second}", nan, nan, nan, nan, nan, 0)
        return estimates([f"{self.first}, {self.second}"], known[None], level=level)[0]


def agreement(maps: Mapping[str, Maps], *, top: float = 0.1) -> list[Agreement]:
    """Every pair of members (seeds of one recipe, or methods on one model) on the same sequences.

    Args:
        maps: name of each member, and its maps ``(sequences, 4, length)``.
        top: share of positions that are called most important, by the length of their four attributions.

    Raises:
        InputError: for fewer than two members, or maps of other shapes.

    Examples:
        >>> one = np.random.default_rng(0).normal(size=(1, 4, 20))
        >>> found = agreement({"a": one, "b": 3 * one})[0]
        >>> round(found.pearson.item(), 6), round(found.spearman.item(), 6), found.top.item()
        (1.0, 1.0, 1.0)
    """
    names = list(maps)
    shapes = {np.shape(member) for member in maps.values()}
    if len(names) < 2 or len(shapes) != 1 or len(next(iter(shapes))) != 3:
        raise InputError(
            f"maps of {len(names)} members with shapes {sorted(shapes)}: at least two are compared, all "
            "(sequences, 4, length) of the same sequences."
        )
    return [
        Agreement(a, b, pearson(maps[a], maps[b]), spearman(maps[a], maps[b]), overlap(maps[a], maps[b], top))
        for number, a in enumerate(names)
        for b in names[number + 1 :]
    ]


def pearson(first: Maps, second: Maps) -> NDArray[np.float64]:
    """Pearson correlation over all but the first axis, ``(sequences,)``; NaN where one of them is constant."""
    a, b = (np.asarray(maps, dtype=np.float64).reshape(len(maps), -1) for maps in (first, second))
    a, b = (flat - flat.mean(1, keepdims=True) for flat in (a, b))
    sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    product = (a * b).sum(1)
    return np.where(sizes > 0, product / np.where(sizes > 0, sizes, 1), np.nan)


def spearman(first: Maps, second: Maps) -> NDArray[np.float64]:
    """Rank correlation over all but the first axis, ``(sequences,)``."""
    from scipy.stats import rankdata

    return pearson(*(rankdata(np.reshape(maps, (len(maps), -1)), axis=1) for maps in (first, second)))


def overlap(first: Maps, second: Maps, top: float) -> NDArray[np.float64]:
    """Positions that are among the most important of both, as a share of those of either, ``(sequences,)``."""
    if not 0 < top <= 1:
        raise InputError(f"a share of {top} of all positions: choose a number above 0, and 1 at most.")
    count = max(1, round(top * first.shape[-1]))
    chosen = []
    for maps in (first, second):
        order = np.argsort(-np.linalg.norm(maps, axis=1), axis=1, kind="stable")[:, :count]
        mask = np.zeros((len(maps), maps.shape[-1]), dtype=np.bool_)
        np.put_along_axis(mask, order, True, axis=1)
        chosen.append(mask)
    return (chosen[0] & chosen[1]).sum(1) / (chosen[0] | chosen[1]).sum(1)


def strand_agreement(attribute: Callable[[Tensor], Tensor], one_hot: Tensor, *, batch_size: int = 32) -> Agreement:
    """Maps of sequences beside those of their reverse complements, turned back: equal for an equivariant model.

    Args:
        attribute: from one-hot ``(batch, 4, length)`` to maps of that shape, of an output that is the same for both
            strands.
        one_hot: ``(sequences, 4, length)``.
        batch_size: sequences at a time.
    """
    given, other = [], []
    for part in torch.split(one_hot, batch_size):
        with torch.enable_grad():
            given.append(attribute(part).detach())
            other.append(DNA_STRAND.act(attribute(DNA_STRAND.act(part)).detach()))
    names = ("as given", "from the other strand")
    members = (torch.cat(part).double().cpu().numpy() for part in (given, other))
    return agreement(dict(zip(names, members, strict=True)))[0]
