"""Maps over pairs: which entries a sequence of its own length owns, and how the triangle of a map is read.

A map ``(batch, channels, length, length)`` of a padded batch is valid in the square of each sequence's own ``lengths``
and zero outside. Lengths and masks are plain integer and boolean tensors; they are never parameters or buffers.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from palindra.symmetry import Involution, Position, Rep


def require_lengths(lengths: Tensor, x: Tensor) -> None:
    """Raise unless there is one length for each row of ``x``, from 1 to the padded length."""
    padded = x.shape[-1]
    if lengths.shape != x.shape[:1] or lengths.is_floating_point():
        raise ValueError(
            f"lengths must be one integer per sequence: got shape {tuple(lengths.shape)} of {lengths.dtype} for a "
            f"batch of {x.shape[0]}."
        )
    if torch.compiler.is_compiling():
        return
    shortest, longest = int(lengths.min()), int(lengths.max())
    if shortest < 1 or longest > padded:
        wrong = shortest if shortest < 1 else longest
        raise ValueError(f"a sequence cannot have length {wrong} in a batch padded to {padded}: give 1 to {padded}.")


def valid_positions(lengths: Int[Tensor, " batch"], padded: int) -> Bool[Tensor, "batch padded"]:
    """Which positions belong to each sequence of a padded batch.

    Examples:
        >>> valid_positions(torch.tensor([1, 3]), 3).int().tolist()
        [[1, 0, 0], [1, 1, 1]]
    """
    return torch.arange(padded, device=lengths.device) < lengths[:, None]


def pair_mask(lengths: Int[Tensor, " batch"], padded: int) -> Bool[Tensor, "batch 1 padded padded"]:
    """The valid square of each sequence, to multiply or index maps with.

    Examples:
        >>> pair_mask(torch.tensor([2]), 3).int().tolist()
        [[[[1, 1, 0], [1, 1, 0], [0, 0, 0]]]]
    """
    valid = valid_positions(lengths, padded)
    return (valid[:, :, None] & valid[:, None, :])[:, None]


def triangle_mask(
    lengths: Int[Tensor, " batch"], padded: int, *, separation: int = 0
) -> Bool[Tensor, "batch 1 padded padded"]:
    """Valid entries ``(s, t)`` with ``t - s >= separation``: each pair once; 0 includes the diagonal.

    Examples:
        >>> triangle_mask(torch.tensor([2]), 3).int().tolist()
        [[[[1, 1, 0], [0, 1, 0], [0, 0, 0]]]]
    """
    return pair_mask(lengths, padded).triu(separation)


def zero_outside(
    x: Float[Tensor, "batch channels length length"], lengths: Int[Tensor, " batch"] | None
) -> Float[Tensor, "batch channels length length"]:
    """The map with zeros outside the valid squares, whatever stood there (also nan); as it is without lengths."""
    return x if lengths is None else x.masked_fill(~pair_mask(lengths, x.shape[-1]), 0.0)


def triangle_mean(
    values: Float[Tensor, "batch channels length length"],
    lengths: Int[Tensor, " batch"] | None = None,
    *,
    separation: int = 0,
    per_sequence: bool = False,
) -> Tensor:
    """Mean of a loss map over the valid upper triangle, the diagonal included.

    Entries outside (padding, the lower triangle) count neither above nor below the line; code that averages over all
    ``length x length`` entries, zeros included, gives losses that depend on the padding.

    Args:
        values: one loss per entry.
        lengths: of the sequences of a padded batch; None when nothing is padded.
        separation: the least ``t - s`` that counts.
        per_sequence: mean of each sequence's mean, so that long sequences do not weigh more.

    Raises:
        ValueError: if no entry is left.

    Examples:
        >>> triangle_mean(torch.tensor([[[[1., 2.], [9., 3.]]]]))
        tensor(2.)
    """
    if lengths is None:
        lengths = torch.full(values.shape[:1], values.shape[-1], device=values.device)
    require_lengths(lengths, values)
    mask = triangle_mask(lengths, values.shape[-1], separation=separation)
    counts = mask.flatten(1).sum(1) * values.shape[1]
    if not torch.compiler.is_compiling() and not bool((counts if per_sequence else counts.sum()).all()):
        raise ValueError(
            f"no entry with t - s >= {separation} in a sequence of length {int(lengths.min())}: leave such sequences "
            "out, or lower the separation."
        )
    sums = values.masked_fill(~mask, 0.0).flatten(1).sum(1)
    return (sums / counts).mean() if per_sequence else sums.sum() / counts.sum()


def self_cartesian(
    x: Float[Tensor, "batch features length"],
) -> Float[Tensor, "batch twice_features length length"]:
    """Every pair of positions side by side, a map of type ``Rep(regular=features)``.

    Channel ``k`` holds ``x_k(s)`` and its partner ``2n-1-k`` holds ``x_k(t)``. For looking and testing: before a layer
    use :class:`palindra.nn.pair.OuterConv2d`, which never makes this map.

    Examples:
        >>> self_cartesian(torch.tensor([[[5., 7.]]]))[0].tolist()
        [[[5.0, 5.0], [7.0, 7.0]], [[5.0, 7.0], [5.0, 7.0]]]
    """
    length = x.shape[-1]
    rows = x[..., :, None].expand(*x.shape, length)
    return torch.cat([rows, rows.transpose(-1, -2).flip(1)], dim=1)


def symmetrised(x: Tensor, rep: Rep) -> Tensor:
    """The nearest map that transposition leaves as it is: ``(x + R x) / 2``."""
    return (x + Involution(rep, Position.TRANSPOSE).act(x)) / 2


def asymmetry(x: Tensor, rep: Rep) -> float:
    """Largest ``|x - R x|`` relative to the largest ``|x|``: 0 for a map that transposition leaves as it is.

    Examples:
        >>> asymmetry(torch.tensor([[[[0., 1.], [-1., 0.]]]]), Rep(odd=1))
        0.0
    """
    with torch.no_grad():
        scale = x.abs().max().clamp(min=torch.finfo(x.dtype).tiny)
        return float((x - Involution(rep, Position.TRANSPOSE).act(x)).abs().max() / scale)
