"""What the model holds alike: embeddings as points of a plane, and the nearest training sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from palindra.cli.explain.blocks import Wanted, vectors_of
from palindra.cli.explain.material import Material, Reference
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.subject import PROBABILITY, Subject
from palindra.errors import InputError
from palindra.interpretation.views import nearest, project
from palindra.report.explanation.contents import Cloud

NEIGHBOURS = 5
SHOWN = 20  # sequences with their nearest ones
MOST = 5000  # training sequences
MINE, THEIRS = "embeddings", "embeddings of training data"

Neighbours = list[tuple[str, list[tuple[str, float, str]]]]


def wanted(
    subject: Subject, material: Material, train: Reference | None, settings: Settings, say: Callable[[str], None]
) -> dict[str, Wanted]:
    """The embeddings that are needed: of the explained sequences and of as many training sequences as are compared."""
    found = {MINE: vectors_of("embeddings", subject, material.codes, settings)}
    if train is not None:
        if len(train.codes) > MOST:
            say(f"the first {MOST:,} of {len(train.codes):,} training sequences are compared")
        found[THEIRS] = vectors_of("embeddings of training data", subject, train.codes[:MOST], settings)
    return found


def draw(
    subject: Subject,
    material: Material,
    train: Reference | None,
    made: Mapping[str, Mapping[str, Tensor]],
    settings: Settings,
    say: Callable[[str], None],
) -> tuple[list[Cloud], Neighbours]:
    """Planes of the penultimate representations, and the nearest training sequences of the first explained ones."""
    mine = made[MINE]["vectors"].numpy()
    colours = {f"explained output ({subject.name})": material.outputs.tolist()}
    measured = _numbers(material.labels)
    if measured is not None:
        colours["label"] = measured.tolist()
        if subject.positive is None:
            colours["error"] = np.abs(material.outputs - measured).tolist()
        elif subject.unit == PROBABILITY:
            colours["error"] = np.abs(1 / (1 + np.exp(-material.outputs)) - measured).tolist()
    found: Neighbours = []
    if train is not None:
        theirs = made[THEIRS]["vectors"].numpy()
        index, distance = nearest(theirs, mine, k=min(NEIGHBOURS, len(theirs)))
        colours["distance from training data"] = distance[:, 0].tolist()
        found = [
            (
                material.names[row],
                [
                    (train.names[at], float(apart), train.labels[at])
                    for at, apart in zip(index[row].tolist(), distance[row], strict=True)
                ],
            )
            for row in range(min(SHOWN, len(mine)))
        ]
    if settings.umap:
        say("UMAP is compiled at its first use, about a minute; numba keeps what it can in its cache folder")
    clouds = []
    for method in ("pca", "umap") if settings.umap else ("pca",):
        try:
            plane = project(mine, method, settings.seed)
        except InputError as error:
            say(f"embeddings are not drawn: {error}")
            continue
        clouds.append(Cloud(plane.title, plane.x.tolist(), plane.y.tolist(), list(material.names), colours))
    return clouds, found


def _numbers(labels: list[str]) -> NDArray[np.float64] | None:
    try:
        return np.array([float(text) for text in labels])
    except ValueError:
        return None
