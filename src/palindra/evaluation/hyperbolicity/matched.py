"""Delta beside its matched nulls: the only way in which it says anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from palindra.evaluation.hyperbolicity.four_point import Delta, delta
from palindra.evaluation.hyperbolicity.nulls import Draw
from palindra.evaluation.hyperbolicity.sampled import average_delta
from palindra.evaluation.hyperbolicity.subjects import Subject
from palindra.evaluation.statistics import Interval, mean_interval

Standing = Literal["below", "within", "above"]


@dataclass(frozen=True)
class Draws:
    """A number of the points among those of random draws.

    Args:
        values: of the draws.
        p_lower: share of draws that are as low as the points or lower, one added above and below.
        p_higher: the same for as high or higher.
    """

    values: list[float]
    p_lower: float
    p_higher: float

    @classmethod
    def around(cls, observed: float, values: Sequence[float]) -> Draws:
        """Draws with the shares that are no higher, and no lower, than what was observed.

        Examples:
            >>> Draws.around(0.2, [0.1, 0.3, 0.4]).p_lower
            0.5
        """
        drawn, total = np.array(values), len(values) + 1
        lower, higher = ((drawn <= observed + 1e-12).sum(), (drawn >= observed - 1e-12).sum())
        return cls(list(values), (1 + int(lower)) / total, (1 + int(higher)) / total)

    @property
    def mean(self) -> float:
        """Of the draws."""
        return float(np.mean(self.values)) if self.values else float("nan")

    @property
    def low(self) -> float:
        """2.5th percentile of the draws."""
        return float(np.quantile(self.values, 0.025)) if self.values else float("nan")

    @property
    def high(self) -> float:
        """97.5th percentile of the draws."""
        return float(np.quantile(self.values, 0.975)) if self.values else float("nan")

    @property
    def standing(self) -> Standing:
        """Whether the points are below, within or above what draws give by chance (two-sided 5 %)."""
        if self.p_lower <= 0.025:
            return "below"
        return "above" if self.p_higher <= 0.025 else "within"


@dataclass(frozen=True)
class Null:
    """Random points that are alike, and where the points stand among them.

    Args:
        name: how they were made.
        relative: relative delta.
        average: twice the mean delta of quadruples over the mean distance.
        unknown: draws that had a pair without a finite distance and do not count.
    """

    name: str
    relative: Draws
    average: Draws
    unknown: int


@dataclass(frozen=True)
class Hyperbolicity:
    """Relative delta of points with its nulls.

    Args:
        name: of the points.
        metric: in words.
        points: how many there are.
        size: points of a subset.
        exact: whether all points were taken at once.
        relative: 2 delta / diameter, the mean over subsets, with the interval over the choice of subsets.
        average: twice the mean delta of quadruples over the mean distance, likewise.
        deltas: of each subset.
        nulls: of equal size.
        notes: of what was left out.
    """

    name: str
    metric: str
    points: int
    size: int
    exact: bool
    relative: Interval
    average: Interval
    deltas: list[Delta]
    nulls: list[Null]
    notes: tuple[str, ...]


def hyperbolicity(
    subject: Subject, *, size: int = 60, subsets: int = 20, repeats: int = 100, seed: int
) -> Hyperbolicity:
    """Relative delta of random subsets, beside that of as many points drawn from each null.

    Args:
        subject: what is measured.
        size: of a subset; all points are taken once where there are no more.
        subsets: how many.
        repeats: draws of each null; with fewer than 39 no share is small enough to mean anything.
        seed: of subsets and draws.

    Raises:
        ValueError: for fewer than four points, or points that all coincide.

    Examples:
        >>> from palindra.data.phylogenies import yule_tree
        >>> from palindra.evaluation.hyperbolicity.subjects import of_tree
        >>> found = hyperbolicity(of_tree(yule_tree(12, seed=0)), repeats=40, seed=0)
        >>> found.relative.value < 1e-9, [null.relative.standing for null in found.nulls]
        (True, ['below', 'below'])
    """
    if size < 4 or subsets < 1 or repeats < 1:
        raise ValueError(f"{subsets} subsets of {size} points, {repeats} draws: 1, 4 and 1 are the least.")
    count = min(size, subject.count)
    exact = subject.count <= size
    rng = np.random.default_rng(seed)
    rows = [np.arange(count)] if exact else [rng.choice(subject.count, count, replace=False) for _ in range(subsets)]
    matrices = [subject.measure(np.sort(part)) for part in rows]
    found = [delta(distances) for distances in matrices]
    relative = mean_interval([item.relative for item in found])
    average = mean_interval([relative_average(distances, seed=seed) for distances in matrices])
    streams = np.random.SeedSequence(seed).spawn(len(subject.nulls))
    nulls = []
    for (name, draw), stream in zip(subject.nulls.items(), streams, strict=True):
        drawn = _draw(draw, count, repeats, np.random.default_rng(stream))
        nulls.append(
            Null(
                name,
                Draws.around(relative.value, [delta(distances).relative for distances in drawn]),
                Draws.around(average.value, [relative_average(distances, seed=seed) for distances in drawn]),
                repeats - len(drawn),
            )
        )
    return Hyperbolicity(
        subject.name, subject.metric, subject.count, count, exact, relative, average, found, nulls, subject.notes
    )


def relative_average(distances: NDArray[np.float64], *, seed: int, quadruples: int = 5000) -> float:
    """Twice the mean delta of random quadruples over the mean distance: what is typical, not the worst case.

    Examples:
        >>> relative_average(np.array([[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0.0]]), seed=0)
        1.5
    """
    mean = float(distances.sum()) / (len(distances) * (len(distances) - 1))
    return 2 * average_delta(distances, quadruples=quadruples, seed=seed).value / mean


def conclude(found: Hyperbolicity) -> list[str]:
    """What the numbers say, in plain sentences; the first says that delta alone says nothing.

    Examples:
        >>> from palindra.evaluation.hyperbolicity.subjects import of_embeddings
        >>> cloud = of_embeddings(np.random.default_rng(0).normal(size=(30, 8)), name="noise")
        >>> print(conclude(hyperbolicity(cloud, repeats=40, seed=0))[1])
        noise: no sign of a tree. Its delta is within what points without a tree give (Gaussian, permuted).
    """
    first = (
        f"{found.name}: relative delta {found.relative.value:.3f} (0 is a tree, 1 the farthest from one). A low delta "
        "alone shows nothing, for points without any tree get one too where they have many dimensions; what counts is "
        "the comparison with the nulls."
    )
    lost = [
        f"{null.unknown} draws of the null {null.name!r} had pairs without a finite distance and are not counted."
        for null in found.nulls
        if null.unknown
    ]
    worst = _names({null.name: null.relative for null in found.nulls})
    typical = _names({null.name: null.average for null in found.nulls})
    said = [_verdict(worst)]
    if typical:
        where = "; ".join(f"{place} that of {names}" for place, names in typical.items())
        said.append(
            f"The average over quadruples, which no single point decides, is {found.average.value:.3f} of the mean "
            f"distance: {where}."
        )
    return [first, *(f"{found.name}: {sentence}" for sentence in [*said, *found.notes, *lost])]


def _names(draws: dict[str, Draws]) -> dict[Standing, str]:
    """The names of the nulls below, within and above which the points stand."""
    places: tuple[Standing, ...] = ("below", "within", "above")
    by = {
        place: ", ".join(name for name, item in draws.items() if item.values and item.standing == place)
        for place in places
    }
    return {place: names for place, names in by.items() if names}


def _verdict(by: dict[Standing, str]) -> str:
    if not by:
        return "there is no null to compare with, so nothing can be said."
    if set(by) == {"below"}:
        return (
            f"nearer to a tree than points alike without one ({by['below']}). That fits a hierarchy; a few tight "
            "clusters can do the same, so it does not prove one."
        )
    if "below" in by:
        rest = " and ".join(f"{place} that of {names}" for place, names in by.items() if place != "below")
        return (
            f"no clear sign of a tree. Its delta is below that of points without a tree of one kind ({by['below']}), "
            f"but {rest}: such points have as low a delta."
        )
    where = " and ".join(f"{place} what points without a tree give ({names})" for place, names in by.items())
    return f"no sign of a tree. Its delta is {where}."


def _draw(draw: Draw, count: int, repeats: int, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    drawn = [draw(rng, count) for _ in range(repeats)]
    return [distances for distances in drawn if np.isfinite(distances).all()]
