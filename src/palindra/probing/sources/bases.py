"""Tokens and the bases that they stand for: rows put together, features spread to bases, checks of both."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from palindra.errors import InputError
from palindra.probing.source import Embedded


def at_bases(embedded: Embedded, length: int) -> Float[Tensor, "batch length width"]:
    """Features of tokens as features of bases: each base has the mean over the tokens that stand for it.

    Bases that no token stands for, as those beyond the end of a shorter sequence, are zeros.

    Args:
        embedded: features of tokens.
        length: bases of the result.

    Raises:
        ValueError: if a token ends beyond the length.

    Examples:
        >>> two = Embedded(torch.tensor([[[1.0], [2.0]]]), torch.tensor([[[0, 2], [2, 3]]]))
        >>> at_bases(two, 4).flatten().tolist()
        [1.0, 1.0, 2.0, 0.0]
    """
    if embedded.spans.numel() and int(embedded.spans.max()) > length:
        raise ValueError(f"tokens end at base {int(embedded.spans.max())}, and {length} bases are asked for.")
    found = embedded.features.new_zeros(len(embedded.features), length, embedded.features.shape[-1])
    for row, (features, spans) in enumerate(token_rows(embedded)):
        found[row] = _spread(features, spans, length)
    return found


def _spread(features: Tensor, spans: Tensor, length: int) -> Tensor:
    starts, ends = spans[:, 0], spans[:, 1]
    spread = features.new_zeros(length, features.shape[-1])
    if bool((starts[1:] >= ends[:-1]).all()):  # copies, to the last bit
        owner = torch.repeat_interleave(torch.arange(len(spans)), ends - starts)
        first = torch.repeat_interleave(starts - (ends - starts).cumsum(0) + (ends - starts), ends - starts)
        spread[first + torch.arange(len(owner))] = features[owner]
        return spread
    steps = torch.zeros(length + 1, features.shape[-1] + 1, dtype=torch.float64)
    counted = torch.cat([features.double(), torch.ones(len(features), 1, dtype=torch.float64)], dim=1)
    steps.index_add_(0, starts, counted).index_add_(0, ends, -counted)
    total = steps.cumsum(0)[:-1]
    count = total[:, -1:].round()
    return torch.where(count > 0, total[:, :-1] / count.clamp(min=1), 0).to(features.dtype)


def token_rows(embedded: Embedded) -> Iterator[tuple[Float[Tensor, "tokens width"], Int[Tensor, "tokens 2"]]]:
    """Features and spans of each sequence without the fill."""
    for features, spans, real in zip(embedded.features, embedded.spans, embedded.mask, strict=True):
        yield features[real], spans[real]


def joined(features: Sequence[Tensor], spans: Sequence[Tensor], cls: Sequence[Tensor] | None = None) -> Embedded:
    """Sequences of any numbers of tokens as one batch, filled up with zeros."""
    rows = torch.nn.utils.rnn.pad_sequence([row.float() for row in features], batch_first=True)
    places = torch.nn.utils.rnn.pad_sequence([row.long() for row in spans], batch_first=True)
    return Embedded(rows, places, None if cls is None else torch.stack(list(cls)).float())


def single_bases(length: int) -> Int[Tensor, "length 2"]:
    """Spans of tokens that stand for one base each.

    Examples:
        >>> single_bases(3).tolist()
        [[0, 1], [1, 2], [2, 3]]
    """
    start = torch.arange(length)
    return torch.stack([start, start + 1], dim=1)


def even_windows(tokens: int, length: int) -> Int[Tensor, "tokens 2"]:
    """Spans of tokens made from windows of one size every so many bases, which cover the length exactly.

    The windows are those of the other strand read from its end. They may overlap, as those of convolutions do.

    Examples:
        >>> even_windows(3, 6).tolist(), even_windows(3, 7).tolist(), even_windows(3, 5).tolist()
        ([[0, 2], [2, 4], [4, 6]], [[0, 3], [2, 5], [4, 7]], [[0, 3], [1, 4], [2, 5]])
    """
    stride = max(length // tokens, 1)
    start = torch.arange(tokens) * stride
    return torch.stack([start, start + length - (tokens - 1) * stride], dim=1)


def batches(keys: Sequence[Hashable], size: int) -> Iterator[list[int]]:
    """Rows of one key together, so that nothing is padded and no row feels another one.

    Examples:
        >>> list(batches([5, 7, 5, 5], 2))
        [[0, 2], [3], [1]]
    """
    groups: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    for rows in groups.values():
        yield from (rows[start : start + size] for start in range(0, len(rows), size))


def shown(row: int, text: str) -> str:
    """A sequence as errors name it.

    Examples:
        >>> shown(0, "ACGTACGTACGTACGT")
        'sequence 1 (ACGTACGTACGT..., 16 letters)'
    """
    return f"sequence {row + 1} ({text[:12]}{'...' if len(text) > 12 else ''}, {len(text):,} letters)"


def require_finite(features: Tensor, rows: Sequence[int], sequences: Sequence[str], source: str, layer: str) -> None:
    """Make sure that features are numbers.

    Raises:
        InputError: with the sequence and the layer.
    """
    fine = features.isfinite().flatten(1).all(1)
    if not bool(fine.all()):
        row = rows[int(fine.int().argmin())]
        raise InputError(
            f"{shown(row, sequences[row])}: {layer} of {source} gives features that are no finite numbers (NaN or "
            "infinite). The weights are damaged, or do not fit the architecture; choose another model or layer."
        )


def require_letters(sequences: Sequence[str]) -> None:
    """Make sure that there are sequences, none of them empty.

    Raises:
        InputError: naming the first that is.
    """
    if isinstance(sequences, str) or not len(sequences):
        raise InputError("a list of sequences is needed, with one at least.")
    for row, text in enumerate(sequences):
        if not text:
            raise InputError(f"sequence {row + 1} is empty: leave it out.")
