"""Precision, recall and average precision of rankings of all items, per user, and two baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palindra.data.recommendation import Histories, last_items

if TYPE_CHECKING:
    from palindra.models.cosrec import CosRec

Scores = Callable[[NDArray[np.int64]], NDArray[np.floating]]
"""From user numbers ``(batch,)`` to scores ``(batch, items)``; column i is item i + 1."""

AT = (1, 5, 10)


class Rankings(NamedTuple):
    """One value per user with something to predict; means over users are what articles report."""

    users: NDArray[np.int64]
    precision: dict[int, NDArray[np.float64]]  # at N: hits / N
    recall: dict[int, NDArray[np.float64]]  # at N: hits / targets
    average_precision: NDArray[np.float64]  # over the full ranking
    targets: int  # all of them
    unreachable: int  # targets that are no candidates: never in training, or taken there before; always missed

    def means(self) -> dict[str, float]:
        """``{"MAP": ..., "P@1": ..., "R@10": ...}``."""
        found = {"MAP": float(self.average_precision.mean())}
        found |= {f"P@{n}": float(values.mean()) for n, values in self.precision.items()}
        return found | {f"R@{n}": float(values.mean()) for n, values in self.recall.items()}


def rank_metrics(ranks: Sequence[int], targets: int, at: Sequence[int] = AT) -> tuple[list[float], list[float], float]:
    """Precision and recall at each N, and average precision, from the places of the hits.

    Precision has the denominator N also for a user with fewer than N targets, so it may stay below 1 for the best
    ranking. Average precision is the mean over *all* targets of the precision at their places; a target that is not
    ranked adds 0.

    Args:
        ranks: places of the targets that are ranked, from 1.
        targets: how many there are, ranked or not.
        at: the N.

    Examples:
        >>> precision, recall, average = rank_metrics([1, 3], targets=2)
        >>> precision, recall, round(average, 4)
        ([1.0, 0.4, 0.2], [0.5, 1.0, 1.0], 0.8333)
    """
    places = np.sort(np.asarray(ranks, dtype=np.float64))
    hits = [int((places <= n).sum()) for n in at]
    average = float((np.arange(1, len(places) + 1) / places).sum()) / targets
    return [h / n for h, n in zip(hits, at, strict=True)], [h / targets for h in hits], average


def rank_all(
    scores: Scores,
    past: Sequence[NDArray[np.int64]],
    future: Sequence[NDArray[np.int64]],
    known: NDArray[np.int64],
    *,
    at: Sequence[int] = AT,
    batch_size: int = 256,
) -> Rankings:
    """Rank all candidates for every user and compare with what the user took next.

    Candidates are the items of the training part except those that the user took in ``past``; equal scores are ranked
    by item number. Users without future items are left out. Targets are distinct items.

    Args:
        scores: of all items for some users.
        past: items of each user that are removed.
        future: what is to be found.
        known: the candidates.
        at: the N of precision and recall.
        batch_size: users at a time.

    Raises:
        ValueError: if no user has future items, or a score is NaN.
    """
    users = np.array([user for user, items in enumerate(future) if len(items)], dtype=np.int64)
    if not len(users):
        raise ValueError("no user has items to be found: take a later split, or longer histories.")
    found, total, reachable = [], 0, 0
    for start in range(0, len(users), batch_size):
        batch = users[start : start + batch_size]
        table = np.asarray(scores(batch))
        if np.isnan(table).any():
            raise ValueError("scores are NaN; the model has diverged. Use a lower learning rate.")
        for user, row in zip(batch, table, strict=True):
            candidates = np.setdiff1d(known, past[user])
            order = candidates[np.argsort(-row[candidates - 1], kind="stable")]
            targets = np.unique(future[user])
            ranks = np.flatnonzero(np.isin(order, targets)) + 1
            total, reachable = total + len(targets), reachable + len(ranks)
            found.append(rank_metrics(ranks.tolist(), len(targets), at))
    precision, recall, average = zip(*found, strict=True)
    return Rankings(
        users,
        dict(zip(at, np.array(precision).T, strict=True)),
        dict(zip(at, np.array(recall).T, strict=True)),
        np.array(average),
        total,
        total - reachable,
    )


def model_scores(model: CosRec, past: Sequence[NDArray[np.int64]]) -> Scores:
    """Scores of a model that reads the last items of each user; the model must be in evaluation mode."""
    import torch

    last = torch.from_numpy(last_items(past, model.config.length))

    def scores(users: NDArray[np.int64]) -> NDArray[np.floating]:
        rows = torch.from_numpy(users)
        with torch.inference_mode():
            found: NDArray[np.floating] = model.score_all(rows, last[rows]).numpy()
        return found

    return scores


def popularity(histories: Histories) -> Scores:
    """How many users took an item in training: the same ranking for everybody.

    Examples:
        >>> from palindra.data.recommendation import Interactions, split_in_time
        >>> rows = Interactions.from_rows([(u, i, t) for u in "ab" for t, i in enumerate([u, "x", "y", "z", u + "2"])])
        >>> popularity(split_in_time(rows, train=80, valid=0))(np.array([0])).tolist()
        [[1.0, 2.0, 2.0, 2.0, 0.0, 1.0, 0.0]]
    """
    counts = np.bincount(
        np.concatenate([np.unique(items) for items in histories.train]), minlength=len(histories.items) + 1
    )[1:].astype(np.float64)
    return lambda users: np.broadcast_to(counts, (len(users), len(counts)))


def item_neighbours(histories: Histories, *, neighbours: int = 50, shrinkage: float = 0.0) -> Scores:
    """Item-kNN: the summed cosine similarity of an item to the user's items, by who took them.

    Args:
        histories: training items.
        neighbours: similar items kept for each item.
        shrinkage: added to the product of norms, so that similarities of rare items count less.

    Source: Deshpande & Karypis (2004).
    """
    from scipy.sparse import csr_array

    rows = np.repeat(np.arange(len(histories.users)), [len(np.unique(items)) for items in histories.train])
    columns = np.concatenate([np.unique(items) for items in histories.train]) - 1
    taken = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(histories.users), len(histories.items)))
    norms = np.sqrt(np.asarray(taken.sum(axis=0)).ravel())
    similar = (taken.T @ taken).tocoo()
    values = similar.data / (norms[similar.row] * norms[similar.col] + shrinkage)
    other = similar.row != similar.col
    row, column, values = similar.row[other], similar.col[other], values[other]
    order = np.lexsort((column, -values, row))  # by row, most similar first
    row, column, values = row[order], column[order], values[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)  # place among the neighbours of the row
    kept = rank < neighbours
    # Column i holds the neighbours of item i: a user's score of i sums over those of them that the user took.
    table = csr_array((values[kept], (column[kept], row[kept])), shape=similar.shape)
    return lambda users: (taken[users] @ table).toarray()
