"""Models that recompute only what a change of the sequence reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from palindra.errors import InputError
from palindra.models.local import layout, pointwise, reductions, windows
from palindra.models.local.local_tensor import LocalTensor, NotLocal, Rule, Tape
from palindra.models.local.sites import Array, Sites
from palindra.models.local.slices import Reference, Slices

RULES: dict[Any, Rule] = {**pointwise.RULES, **windows.RULES, **layout.RULES, **reductions.RULES}
TOLERANCE = 1e-5  # largest difference from the full pass, absolute up to outputs of 1 and relative above
TRIED = 3  # alternates that are compared with the full pass, once per model and length

Reduce = Callable[[Any], Tensor]


class LocalModel:
    """A model whose alternates recompute only the positions that a change can reach, layer by layer.

    The references are read once. Of every alternate, each operation computes the interval of positions that the change
    reaches, with borders from the reference, up to the first operation that needs all positions: sums, means and
    maxima over positions and dense layers on them add what is new to what the reference gave. Operations that are not
    known are computed in full for the whole sequence. For every length a few alternates are compared with the full
    pass first; a model that cannot be followed, or that differs, is computed in full throughout.

    Args:
        model: any network of one-hot sequences ``(batch, letters, length)``, as it is; evaluation mode is used.
        reduce: of the outputs, e.g. a sum over positions, or the choice of one of several; None for a tensor as it is.
        local: whether to do so at all.

    Examples:
        >>> network = nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        >>> model = LocalModel(network)
        >>> reference = torch.eye(4)[[0, 1, 2, 3] * 25].T[None]
        >>> with model.reading(reference) as read:
        ...     outputs = read.replaced(rows=[0, 0], starts=[10, 50], letters=torch.eye(4)[[0, 1]][:, :, None])
        >>> outputs.shape, model.full_from, model.refused
        (torch.Size([2, 8]), (), None)
    """

    def __init__(self, model: nn.Module, *, reduce: Reduce | None = None, local: bool = True) -> None:
        self.model, self.reduce = model, reduce
        self.refused: str | None = None if local else "it was not asked for"
        self.full_from: tuple[str, ...] = ()
        self._tried: set[int] = set()  # lengths

    @contextmanager
    def reading(
        self, reference: Tensor, *, reduce: Reduce | None = None, row_by_row: bool = False
    ) -> Iterator[References]:
        """The reference pass, and what reads alternates of it for as long as the ``with`` block lasts.

        Args:
            reference: one-hot ``(references, letters, length)`` of any dtype.
            reduce: of the outputs, in place of that of the model.
            row_by_row: products of matrices of one size for every alternate: a little slower, and no bit of an output
                depends on which other alternates are computed with it.
        """
        parts = [part for part in self.model.modules() if part.training]
        self.model.eval()
        try:
            with torch.no_grad(), parametrize.cached():
                yield References(self, self._placed(reference), reduce or self.reduce, row_by_row)
        finally:
            for part in parts:
                part.training = True

    def pairs(self, ref: Tensor, alt: Tensor, *, reduce: Reduce | None = None) -> tuple[Tensor, Tensor]:
        """Outputs for pairs of alleles ``(rows, letters, length)``, on the CPU; equal references are read once.

        Alternates are grouped by the width of what changes, so that a long deletion does not slow down others.
        """
        rows, firsts = _distinct(ref)
        with self.reading(ref[firsts], reduce=reduce, row_by_row=True) as read:
            outputs: list[Tensor | None] = [None] * len(ref)
            start, width = _few_widths(*changed_columns(ref, alt), ref.shape[-1])
            for size in np.unique(width).tolist():
                chosen = np.flatnonzero(width == size)
                if size == 0:
                    found = read.outputs[rows[chosen]]
                else:
                    columns = torch.from_numpy(start[chosen, None] + np.arange(size))
                    index = columns[:, None].expand(-1, ref.shape[1], -1).to(alt.device)
                    letters = alt[torch.from_numpy(chosen).to(alt.device)].gather(2, index)
                    found = read.replaced(rows[chosen], start[chosen], letters)
                for row, output in zip(chosen.tolist(), found.cpu(), strict=True):
                    outputs[row] = output
            kept = [output for output in outputs if output is not None]
            reference = read.outputs[rows].cpu()
            return reference, torch.stack(kept) if kept else reference.clone()

    def _placed(self, one_hot: Tensor) -> Tensor:
        weight = next((p for p in [*self.model.parameters(), *self.model.buffers()] if p.is_floating_point()), None)
        if weight is None:
            return one_hot.float()
        return one_hot.to(weight.device, weight.dtype)


class References:
    """References that were read, and their alternates; made by :meth:`LocalModel.reading`."""

    def __init__(self, owner: LocalModel, reference: Tensor, reduce: Reduce | None, row_by_row: bool) -> None:
        self.owner, self.reference, self.reduce, self.row_by_row = owner, reference, reduce, row_by_row
        self.tape: Tape | None = None
        self.outputs = self._full(reference) if owner.refused is not None else self._recorded()

    def replaced(self, rows: Any, starts: Any, letters: Tensor, *, alternates: int = 1) -> Tensor:
        """Outputs of references in which a few columns are replaced.

        Args:
            rows: the reference of every site.
            starts: the first column of every site.
            letters: what stands there instead ``(sites * alternates, letters, columns)``, one-hot.
            alternates: of each site, which follow each other.
        """
        if len(letters) == 0:
            return self.outputs[:0]
        sites = Sites.of(rows, starts, alternates=alternates, width=letters.shape[2])
        letters = letters.to(self.reference.device, self.reference.dtype)
        key = self.reference.shape[-1]
        if self.tape is not None and key not in self.owner._tried:
            self.owner._tried.add(key)
            self._try(sites, letters)
        if self.tape is not None:
            try:
                return self._local(sites, letters)
            except NotLocal as reason:
                self._refuse(str(reason))
        return self._full(self._whole(sites, letters))

    def _recorded(self) -> Tensor:
        self.tape = Tape(RULES, row_by_row=self.row_by_row)
        try:
            found = self._reduced(self.owner.model(LocalTensor.of(self.tape, Reference(self.reference))))
            if not isinstance(found, LocalTensor):
                raise NotLocal("the outputs do not come from the sequences")
        except (NotLocal, RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError) as reason:
            self._refuse(f"{type(reason).__name__}: {reason}")
            return self._full(self.reference)  # raises what the model itself has to say
        if found.step is not None:
            found.step.uses += 1  # by whoever gets it
        self.tape.recording = False
        return _one_each(found.reference.tensor, len(self.reference))

    def _local(self, sites: Sites, letters: Tensor) -> Tensor:
        tape = self.tape
        assert tape is not None
        tape.position, tape.full_from = 0, []
        reference = Reference(self.reference)
        value = letters.transpose(1, 2).contiguous()
        given = LocalTensor.of(tape, reference, Slices(reference, 2, sites, value=value))
        found = self._reduced(self.owner.model(given))
        if not isinstance(found, LocalTensor) or found.state is None:
            raise NotLocal("the outputs do not come from the sequences")
        self.owner.full_from = tuple(dict.fromkeys(tape.full_from))
        return _one_each(found.state.full(), sites.count)

    def _try(self, sites: Sites, letters: Tensor) -> None:
        """Compare a few alternates with the full pass."""
        some = np.unique(np.linspace(0, len(sites.rows) - 1, min(TRIED, len(sites.rows))).astype(np.int64))
        chosen = np.concatenate([some * sites.alternates + number for number in range(sites.alternates)])
        few = Sites.of(
            np.repeat(sites.rows, sites.alternates)[chosen],
            np.repeat(sites.starts, sites.alternates)[chosen],
            alternates=1,
            width=sites.width,
        )
        picked = letters[torch.from_numpy(chosen).to(letters.device)]
        expected = self._full(self._whole(few, picked))
        try:
            found = self._local(few, picked)
        except (NotLocal, RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError) as reason:
            self._refuse(f"{type(reason).__name__}: {reason}")
            return
        scale = max(1.0, float(expected.abs().max())) if expected.numel() else 1.0
        worst = float((found - expected).abs().nan_to_num(nan=0.0).max()) if found.shape == expected.shape else np.inf
        if worst > TOLERANCE * scale:
            self._refuse(f"local and full pass differ by {worst:.1e}")

    def _refuse(self, reason: str) -> None:
        self.tape, self.owner.refused = None, reason

    def _whole(self, sites: Sites, letters: Tensor) -> Tensor:
        reference = Reference(self.reference)
        return Slices(reference, 2, sites, value=letters.transpose(1, 2).contiguous()).full()

    def _full(self, one_hot: Tensor) -> Tensor:
        return _one_each(self._reduced(self.owner.model(one_hot)), len(one_hot))

    def _reduced(self, outputs: Any) -> Tensor:
        return outputs if self.reduce is None else self.reduce(outputs)


def _one_each(outputs: Tensor, count: int) -> Tensor:
    """Outputs as they are.

    Raises:
        InputError: if a model drops rows, e.g. when it is spread over devices.
    """
    if len(outputs) != count:
        raise InputError(f"the model gave {len(outputs)} outputs for {count} sequences; it has to give one each.")
    return outputs


def local_difference(
    model: nn.Module | LocalModel, ref: Tensor, alt: Tensor, *, reduce: Reduce | None = None
) -> tuple[Tensor, Tensor]:
    """Outputs of both alleles, equal to two full passes within 1e-5, with only what differs computed twice.

    Args:
        model: a network, or a :class:`LocalModel` of it.
        ref: one-hot ``(rows, letters, length)``.
        alt: the same with the alternate alleles.
        reduce: of the outputs.
    """
    local = model if isinstance(model, LocalModel) else LocalModel(model)
    return local.pairs(ref, alt, reduce=reduce)


def changed_columns(ref: Tensor, alt: Tensor) -> tuple[Array, Array]:
    """The first column in which each pair differs, and the number of columns from there to the last one.

    Examples:
        >>> ref, alt = torch.zeros(2, 4, 9), torch.zeros(2, 4, 9)
        >>> alt[0, 1, 3] = alt[0, 0, 5] = 1
        >>> [found.tolist() for found in changed_columns(ref, alt)]
        [[3, 0], [3, 0]]
    """
    differs = (ref != alt).any(1).cpu().numpy()
    any_, length = differs.any(1), differs.shape[1]
    first = np.where(any_, differs.argmax(1), 0)
    last = np.where(any_, length - 1 - differs[:, ::-1].argmax(1), -1)
    return first, last - first + 1


def _few_widths(first: Array, width: Array, length: int) -> tuple[Array, Array]:
    """Widths rounded up to powers of two, so that changes of many widths are few groups; none reaches over the end."""
    rounded = np.where(width > 1, 2 ** np.ceil(np.log2(np.maximum(width, 1))).astype(np.int64), width)
    wider = np.minimum(rounded, length)
    return np.minimum(first, length - wider), wider


def _distinct(ref: Tensor) -> tuple[Array, Tensor]:
    """For each row the number of its sequence among the different ones, and the first row of each of those."""
    codes = ref.to(torch.int8) if not ref.is_floating_point() else ref
    numbers: dict[bytes, int] = {}
    rows, firsts = np.empty(len(ref), dtype=np.int64), list[int]()
    for row, content in enumerate(codes.cpu().contiguous().numpy()):
        key = content.tobytes()
        if key not in numbers:
            numbers[key] = len(numbers)
            firsts.append(row)
        rows[row] = numbers[key]
    return rows, torch.tensor(firsts, dtype=torch.int64)
