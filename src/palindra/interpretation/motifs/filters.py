"""First-layer filters to motifs: the sub-sequences that activate a filter, aligned and counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from palindra.data.motifs import Motif
from palindra.errors import InputError
from palindra.interpretation.motifs.first_layer import Field, FirstLayer, first_layer
from palindra.symmetry import Rep

WIDTH = 24  # bp of an aligned sub-sequence
SHARE = 0.5  # of the largest activation, above which a position is a site
LIMIT = 10_000  # sub-sequences of a filter


@dataclass(frozen=True, eq=False)
class FilterMotif:
    """The motif of a filter, or of two that are each other's reverse complement.

    Args:
        motif: ``sites`` is the number of sub-sequences averaged. Without any, all chances are 1/4.
        channels: of the layer that the motif stands for: one, or both of a pair.
        maximum: largest activation (of either sign on odd channels) over all sequences.
        places: activations above the threshold by position of the middle letter ``(length,)``, also those too close
            to an end to be averaged.
    """

    motif: Motif
    channels: tuple[int, ...]
    maximum: float
    places: NDArray[np.int64]


class _View(NamedTuple):
    """One way in which orbits of channels show their motif: for each orbit a channel, its sign, and the strand."""

    orbits: list[int]
    channels: list[int]
    sign: int
    other_strand: bool


def filter_motifs(
    model: nn.Module,
    x: Float[Tensor, "batch 4 length"],
    *,
    layer: str | None = None,
    rep: Rep | None = None,
    width: int = WIDTH,
    share: float = SHARE,
    limit: int = LIMIT,
    batch_size: int = 256,
) -> list[FilterMotif]:
    """Align what activates each filter of the first layer of a network, and count letters.

    A first pass over the sequences finds the largest activation of each filter; a second one all positions above half
    of it. The letters around each such position are averaged, the first ``limit`` of each filter. A position too close
    to an end for the window is left out, and the scan goes on behind it.

    Filters of an equivariant layer are one motif for each orbit of channels. Sites of the second filter of a pair are
    read on the other strand, where they are sites of the first. Sites of an even channel count on both strands, and an
    odd channel shows its motif on the other strand where it is negative. Sequences on the other strand thus give the
    same motifs. Whether a layer is equivariant is measured and not taken from what its type says.

    Args:
        model: any network of one-hot DNA, see :func:`first_layer`.
        x: one-hot DNA of any dtype; where letters are not known, all zeros.
        layer: name of the layer of filters; the first activation by default.
        rep: how its channels change on the other strand, where the layer does not say it itself.
        width: of the windows in bp, even; half of it on each side of the middle of the receptive field.
        share: of the largest activation, which sites exceed.
        limit: sub-sequences averaged at most for one motif, shared among its channels and strands.
        batch_size: sequences at a time.

    Returns:
        Motifs of full width, called ``filter_0`` and so on after their first channel; see :func:`trim`.

    Raises:
        InputError: if there is no layer of filters, or the window is longer than the sequences.

    Examples:
        >>> from palindra.sequences import one_hot
        >>> network = nn.Sequential(nn.Conv1d(4, 1, 4), nn.ReLU())
        >>> with torch.no_grad():
        ...     _ = network[0].weight.copy_(one_hot(["TGAC"])), network[0].bias.fill_(-3)
        >>> found = filter_motifs(network, one_hot(["AAATGACAAATGACCC", "TGACTGACAAAAAAAA"]), width=6)
        >>> found[0].motif.chances.argmax(axis=1), found[0].motif.sites
        (array([0, 3, 2, 0, 1, 0]), 3)

    Source: Alipanahi et al. (2015); Koo & Ploenzke (2021) for the windows.
    """
    if width < 2 or width % 2:
        raise ValueError(f"windows have an even width of at least 2, not {width}.")
    if x.ndim == 3 and x.shape[-1] < width:
        raise InputError(
            f"sub-sequences of {width} bp do not fit into sequences of {x.shape[-1]}; use a smaller width."
        )
    with first_layer(model, x, layer=layer, rep=rep, batch_size=batch_size) as chosen:
        views, orbits = _views(chosen)
        maximum = _maximum(chosen, x, views, len(orbits), batch_size)
        counts = torch.zeros(len(orbits), width, 4, dtype=torch.int64)
        sites = torch.zeros(len(views), len(orbits), dtype=torch.int64)
        places = torch.zeros(len(orbits), x.shape[-1], dtype=torch.int64)
        shares = [limit // sum(orbit in view.orbits for view in views) for orbit in range(len(orbits))]
        for start in range(0, len(x), batch_size):
            batch = x[start : start + batch_size]
            found = chosen.activations(batch)
            for number, view in enumerate(views):
                orbit, row, position = _sites(found, view, share * maximum)
                left, middle = _window(chosen.field, position, width, view.other_strand)
                seen = middle.clamp(0, x.shape[-1] - 1)
                places.view(-1).index_add_(0, orbit * x.shape[-1] + seen, torch.ones_like(orbit))
                inside = (left >= 0) & (left + width <= x.shape[-1])
                orbit, row, left = orbit[inside], row[inside], left[inside]
                kept = sites[number, orbit] + _rank(orbit, len(orbits)) < torch.tensor(shares)[orbit]
                orbit, row, left = orbit[kept], row[kept], left[kept]
                windows = batch[row[:, None], :, left[:, None] + torch.arange(width)].to("cpu", torch.int64)
                windows = windows.flip(1, 2) if view.other_strand else windows  # (sites, width, 4)
                counts.index_add_(0, orbit, windows)
                sites[number] += torch.bincount(orbit, minlength=len(orbits))
    return [
        FilterMotif(
            Motif(f"filter_{channels[0]}", _chances(counts[number]), int(sites[:, number].sum())),
            channels,
            float(maximum[number]),
            places[number].numpy(),
        )
        for number, channels in enumerate(orbits)
    ]


def _views(layer: FirstLayer) -> tuple[list[_View], list[tuple[int, ...]]]:
    """How each orbit of channels shows its motif, and the channels of each orbit."""
    if layer.rep is None:
        every = list(range(layer.channels))
        return [_View(every, every, 1, False)], [(channel,) for channel in every]
    regular, even, odd = layer.rep.regular, layer.rep.even, layer.rep.odd
    first = [*range(regular), *range(2 * regular, layer.channels)]  # of each orbit, in the order of the orbits
    orbits = list(range(len(first)))
    steady, signed = slice(regular + even), slice(regular + even, regular + even + odd)
    image = [layer.rep.permutation[channel] for channel in first]
    views = [
        _View(orbits, first, 1, False),
        _View(orbits[steady], image[steady], 1, True),
        _View(orbits[signed], image[signed], -1, True),
    ]
    paired = [tuple(dict.fromkeys(pair)) for pair in zip(first, image, strict=True)]
    return [view for view in views if view.orbits], paired


def _maximum(layer: FirstLayer, x: Tensor, views: list[_View], orbits: int, batch_size: int) -> Tensor:
    largest = torch.zeros(orbits)  # nothing below zero is an activation
    for batch in torch.split(x, batch_size):
        found = layer.activations(batch)
        for view in views:
            best = (view.sign * found[:, view.channels]).amax(dim=(0, 2))
            largest[view.orbits] = torch.maximum(largest[view.orbits], best)
    return largest


def _sites(found: Tensor, view: _View, threshold: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Orbit, row and position of each activation above the threshold, ordered by orbit, row and position."""
    values = view.sign * found[:, view.channels].transpose(0, 1)
    number, row, position = (values > threshold[view.orbits, None, None]).nonzero(as_tuple=True)
    return torch.tensor(view.orbits)[number], row, position


def _window(field: Field, position: Tensor, width: int, other_strand: bool) -> tuple[Tensor, Tensor]:
    """First letter of the window around each position, and the letter that it is centred on.

    A receptive field of odd size has a middle letter, the first one of the right half of the window; on the other
    strand that is the last one of the left half.
    """
    start = field.start + position * field.stride
    right = start + (field.size - field.size // 2 if other_strand else field.size // 2)
    return right - width // 2, right - 1 if other_strand else right


def _rank(orbit: Tensor, orbits: int) -> Tensor:
    """Number of each site among those of its orbit, where sites are ordered by orbit."""
    number = torch.bincount(orbit, minlength=orbits)
    return torch.arange(len(orbit)) - (number.cumsum(0) - number)[orbit]


def _chances(counts: Tensor) -> NDArray[np.float64]:
    known = counts.numpy().astype(np.float64)
    total = known.sum(axis=1, keepdims=True)
    return np.where(total > 0, known / np.maximum(total, 1), 0.25)
