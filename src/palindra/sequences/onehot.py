"""Sequences as one-hot tensors (batch, letters, length), and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from palindra.errors import InputError
from palindra.sequences.alphabet import DNA, Alphabet, Codes
from palindra.sequences.codes import check_codes, decode_codes, encode

Ambiguous = Literal["zero", "uniform", "shared"]

_BLOCK = 1 << 17  # bytes of codes compared with all letters while they are in the cache
_TOLERANCE = 0.01  # wider than the rounding of a third in bfloat16, narrower than a share of one in twenty


def one_hot(
    sequences: Iterable[str] | Codes,
    alphabet: Alphabet = DNA,
    *,
    ambiguous: Ambiguous = "zero",
    dtype: torch.dtype = torch.int8,
    names: Sequence[str] | None = None,
) -> Shaped[Tensor, "batch letters length"]:
    """Turn sequences of one length, or their codes, into a one-hot tensor.

    Args:
        sequences: strings of one length, or the array that `encode` made of them.
        alphabet: the alphabet that they are written with; its letters are the channels.
        ambiguous: what N and all other ambiguity codes become: ``"zero"`` all zeros; ``"uniform"`` 1/n on each of the
            n letters; ``"shared"`` equal shares on the letters that the code stands for. All commute with the reverse
            complement.
        dtype: of the result; a floating one where shares are asked for.
        names: where each sequence came from, for errors, see `encode`.

    Raises:
        InputError: for sequences that `encode` refuses.
        ValueError: if shares are asked for in an integer type, or for an unknown ``ambiguous``.

    Examples:
        >>> one_hot(["ACNR"])[0]
        tensor([[1, 0, 0, 0],
                [0, 1, 0, 0],
                [0, 0, 0, 0],
                [0, 0, 0, 0]], dtype=torch.int8)
        >>> one_hot(["ACNR"], ambiguous="shared", dtype=torch.float32)[0, :, 2:].T
        tensor([[0.2500, 0.2500, 0.2500, 0.2500],
                [0.5000, 0.0000, 0.5000, 0.0000]])
    """
    if ambiguous not in ("zero", "uniform", "shared"):
        raise ValueError(f"ambiguous={ambiguous!r} is unknown; choose 'zero', 'uniform' or 'shared'.")
    if ambiguous != "zero" and not dtype.is_floating_point:
        raise ValueError(f"ambiguous={ambiguous!r} needs a floating dtype, not {dtype}; e.g. dtype=torch.float32.")
    if isinstance(sequences, np.ndarray) and sequences.dtype == np.uint8:
        codes = sequences
        check_codes(codes, alphabet)
    else:
        codes = encode(sequences, alphabet, names=names)
    x = torch.from_numpy(_letter_planes(codes, len(alphabet.letters))).to(dtype)
    if ambiguous != "zero":
        any_letter = alphabet.shares[len(alphabet.letters)]
        shares = torch.from_numpy(alphabet.shares if ambiguous == "shared" else np.tile(any_letter, (256, 1))).to(dtype)
        rows, positions = np.nonzero(codes >= len(alphabet.letters))
        x[rows, :, positions] = shares[codes[rows, positions].astype(np.int64)]
    return x


def from_one_hot(x: Shaped[Tensor, "batch letters length"], alphabet: Alphabet = DNA) -> list[str]:
    """Turn a one-hot tensor back into strings, whichever way its ambiguity codes were written.

    Zeros and uniform shares become N (X in protein), equal shares of some letters the code that stands for them.

    Raises:
        ValueError: if the channels do not fit the alphabet or a position is neither a letter nor an ambiguity code.

    Examples:
        >>> from_one_hot(one_hot(["ACNR"]))
        ['ACNN']
    """
    return decode_codes(codes_from_one_hot(x, alphabet), alphabet)


def codes_from_one_hot(x: Shaped[Tensor, "batch letters length"], alphabet: Alphabet = DNA) -> Codes:
    """Turn a one-hot tensor into codes of shape (rows, length), see `from_one_hot`."""
    check_one_hot(x, alphabet)
    codes = torch.zeros(x.shape[0], x.shape[2], dtype=torch.uint8, device=x.device)
    known = known_positions(x)
    for letter in range(1, x.shape[1]):
        codes += (x[:, letter] == 1).view(torch.uint8) * letter
    rows, positions = (~known).nonzero(as_tuple=True)
    codes[rows, positions] = _ambiguity_codes(x[rows, :, positions], rows, positions, alphabet)
    return codes.cpu().numpy()


def known_positions(x: Shaped[Tensor, "batch letters length"]) -> Bool[Tensor, "batch length"]:
    """Where a one-hot tensor has exactly one letter, and not N or any other shares of letters."""
    ones = torch.zeros(x.shape[0], x.shape[2], dtype=torch.uint8, device=x.device)
    others = ones.clone()
    for channel in x.unbind(1):  # one plane of bytes at a time: several times faster than sums over channels
        ones += (channel == 1).view(torch.uint8)
        others += (channel != 0).view(torch.uint8)
    return (ones == 1) & (others == 1)


def check_one_hot(x: Tensor, alphabet: Alphabet) -> None:
    """Make sure that a tensor has the shape (batch, letters, length) of an alphabet."""
    if x.ndim != 3 or x.shape[1] != len(alphabet.letters):
        raise InputError(
            f"a one-hot tensor of {alphabet.name} has the shape (batch, {len(alphabet.letters)}, length), "
            f"not {tuple(x.shape)}; `one_hot` makes it from sequences."
        )


def _letter_planes(codes: Codes, letters: int) -> npt.NDArray[np.int8]:
    """Compare all codes with each letter: int8 zeros and ones, (rows, letters, length).

    Whole planes of bytes are compared at once, which the processor does 16 to 64 at a time; looking up a row of
    a (codes, letters) table for each position is many times slower.
    """
    rows, length = codes.shape
    planes = np.empty((rows, letters, length), dtype=np.bool_)
    step = max(1, _BLOCK // max(1, length))
    for start in range(0, rows, step):
        block = codes[start : start + step]
        for letter in range(letters):
            np.equal(block, np.uint8(letter), out=planes[start : start + step, letter])
    return planes.view(np.int8)


def _ambiguity_codes(columns: Tensor, rows: Tensor, positions: Tensor, alphabet: Alphabet) -> Tensor:
    """The codes of columns (columns, letters) of zeros or equal shares, which were found at these places."""
    shares = torch.from_numpy(alphabet.shares).to(columns.device, torch.float32)[len(alphabet.letters) :]
    shares = torch.cat([shares, torch.zeros_like(shares[:1])])  # zeros mean any letter, which comes first
    distance = (columns.float()[:, None] - shares).abs().amax(-1)  # (columns, ambiguity codes)
    best, code = distance.min(1)
    if (best > _TOLERANCE).any() or best.isnan().any():
        wrong = int((~(best <= _TOLERANCE)).nonzero()[0])
        values = ", ".join(f"{value:.3g}" for value in columns[wrong].tolist())
        raise ValueError(
            f"row {int(rows[wrong])}, position {int(positions[wrong]) + 1}: the channels ({values}) are neither one "
            f"letter of {alphabet.name} nor zeros nor the equal shares of an ambiguity code: no letter stands for them."
        )
    return (code % (len(shares) - 1) + len(alphabet.letters)).to(torch.uint8)
