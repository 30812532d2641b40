"""A tensor that knows where it differs from a reference: every operation on it recomputes those positions only.

A model runs twice as it is written. The first run reads the references and keeps what every operation gave, in order;
the second one reads alternates, whose tensors hold intervals of positions. Each operation of the second run is matched
with the same operation of the first. Operations without a rule are computed in full, for the whole sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from palindra.models.local.in_place import operations_in_place
from palindra.models.local.slices import Reference, Slices

Rule = Callable[["Call"], Any]
"""How an operation is computed on slices; None asks for the full pass."""


class NotLocal(Exception):
    """Raised where a model does what cannot be matched between two runs; the message says what."""


@dataclass
class Step:
    """One operation of the reference pass."""

    function: Any
    outputs: list[Reference]
    container: Any = None  # what the results came in, where there are several
    following: Any = None  # the operation after it
    uses: int = 0  # operations that read its results
    batch: slice = field(default_factory=lambda: slice(None))  # rows that an indexing of the batch took
    memo: dict[str, Any] = field(default_factory=dict)  # what rules derive from weights, made once
    scratch: dict[str, Tensor] = field(default_factory=dict)  # memory of the tape
    row_by_row: bool = False  # whether no number may depend on which other alternates are computed with it


@dataclass
class Tape:
    """The operations of the reference pass, in order."""

    rules: Mapping[Any, Rule]  # by function or method of torch
    steps: list[Step] = field(default_factory=list)
    row_by_row: bool = False
    recording: bool = True
    position: int = 0
    full_from: list[str] = field(default_factory=list)  # operations without a rule, by name
    scratch: dict[str, Tensor] = field(default_factory=dict)

    def next(self, function: Any) -> Step:
        """The step of the reference pass that an operation belongs to."""
        if self.position >= len(self.steps) or self.steps[self.position].function is not function:
            raise NotLocal("the model takes other steps for one sequence than for another")
        self.position += 1
        return self.steps[self.position - 1]


class Whole:
    """Alternates as a whole tensor ``(alternates, ...)``."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def full(self) -> Tensor:
        """The tensor."""
        return self.tensor


class Flattened:
    """Slices whose axes behind the rows were joined: ``(alternates, entries)``."""

    def __init__(self, slices: Slices) -> None:
        self.slices = slices

    def full(self) -> Tensor:
        """The whole tensor."""
        return self.slices.full().flatten(1)


State = Slices | Flattened | Whole


class LocalTensor(Tensor):
    """A tensor of the reference pass (no state), or of alternates."""

    tape: Tape
    reference: Reference
    state: State | None
    step: Step | None  # that it comes from

    @staticmethod
    def of(tape: Tape, reference: Reference, state: State | None = None, step: Step | None = None) -> LocalTensor:
        """Wrap what a pass computed."""
        shape = reference.tensor.shape
        if isinstance(state, (Slices, Flattened)):
            sites = state.sites if isinstance(state, Slices) else state.slices.sites
            shape = torch.Size((sites.count, *shape[1:]))
        elif isinstance(state, Whole):
            if (
                len(state.tensor.shape) != len(shape)
                or sum(one != two for one, two in zip(state.tensor.shape, shape, strict=True)) > 1
            ):  # but for the number of sequences, which need not come first
                raise NotLocal("an operation gave another shape for one sequence than for another")
            shape = state.tensor.shape
        made: Any = Tensor._make_wrapper_subclass(
            LocalTensor, shape, dtype=reference.tensor.dtype, device=reference.tensor.device
        )
        made.tape, made.reference, made.state, made.step = tape, reference, state, step
        return made

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"LocalTensor{tuple(self.shape)}"

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute one operation on references, or on alternates by its rule."""
        kwargs = kwargs or {}
        if func in _QUESTIONS:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        first = args[0] if args else None
        changes_input = func in _IN_PLACE or bool(kwargs.get("inplace"))
        func = _IN_PLACE.get(func, func)
        if "inplace" in kwargs:
            kwargs = {name: value for name, value in kwargs.items() if name != "inplace"}
        tensors = _tensors((args, kwargs))
        tape = tensors[0].tape
        if tape.recording:
            for tensor in tensors:
                if tensor.step is not None:
                    tensor.step.uses += 1
        found = _record(tape, func, args, kwargs) if tape.recording else _replay(tape, func, args, kwargs, tensors)
        if changes_input and isinstance(first, LocalTensor) and isinstance(found, LocalTensor):
            first.reference, first.state, first.step = found.reference, found.state, found.step
            return first
        return found

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        """Never reached by what can be matched: there are no numbers in the wrapper itself."""
        raise NotLocal(f"{func} reads a tensor in a way that cannot be followed")


@dataclass
class Call:
    """One operation on alternates."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    step: Step
    tensors: list[LocalTensor]  # all arguments that hold alternates

    @property
    def output(self) -> Reference:
        """What the reference pass gave (the first of several)."""
        return self.step.outputs[0]

    @property
    def input(self) -> Slices | None:
        """The first argument where it holds slices and no other argument is changed."""
        state = self.tensors[0].state
        if len(self.tensors) > 1 or self.tensors[0] is not self.args[0] or not isinstance(state, Slices):
            return None
        return state

    def last_use(self, tensor: LocalTensor) -> bool:
        """Whether no other operation reads a tensor, so that its memory may be taken."""
        return tensor.step is not None and tensor.step.uses == 1

    def option(self, place: int, name: str, default: Any = None) -> Any:
        """An argument by place or by name."""
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)

    def run(self, replaced: Callable[[LocalTensor], Tensor], constant: Callable[[Tensor], Tensor] | None = None) -> Any:
        """The operation itself with other tensors in place of local ones, and of those that never change."""
        args, kwargs = _swapped((self.args, self.kwargs), replaced, constant)
        return self.function(*args, **kwargs)


def _record(tape: Tape, func: Any, args: Any, kwargs: Any) -> Any:
    given, named = _swapped((args, kwargs), lambda tensor: tensor.reference.tensor)
    found = func(*given, **named)
    outputs = _results(func, found)
    step = Step(func, [Reference(output) for output in outputs], None if isinstance(found, Tensor) else type(found))
    step.scratch, step.row_by_row = tape.scratch, tape.row_by_row
    if func is Tensor.__getitem__:
        index = args[1][0] if isinstance(args[1], tuple) and args[1] else args[1]
        if isinstance(index, slice):
            step.batch = slice(*index.indices(given[0].shape[0]))
    if tape.steps:
        tape.steps[-1].following = func
    tape.steps.append(step)
    return _wrapped(tape, step, [None] * len(outputs))


def _replay(tape: Tape, func: Any, args: Any, kwargs: Any, tensors: list[LocalTensor]) -> Any:
    step = tape.next(func)
    local = any(isinstance(tensor.state, (Slices, Flattened)) for tensor in tensors)
    call = Call(func, tuple(args), kwargs, step, tensors)
    states = tape.rules[func](call) if local and func in tape.rules else None
    if states is None:
        if local:
            tape.full_from.append(getattr(func, "__name__", str(func)))
        outputs = _results(func, call.run(_full))
        if len(outputs) != len(step.outputs):
            raise NotLocal(f"{func} gave other results for one sequence than for another")
        states = [Whole(output) for output in outputs]
    return _wrapped(tape, step, [_settled(state) for state in (states if isinstance(states, list) else [states])])


def _wrapped(tape: Tape, step: Step, states: Sequence[State | None]) -> Any:
    parts = [
        LocalTensor.of(tape, reference, state, step) for reference, state in zip(step.outputs, states, strict=True)
    ]
    if step.container is None:
        return parts[0]
    return step.container(parts)


def _settled(state: State) -> State:
    """Slices as wide as the sequence are a whole tensor."""
    if isinstance(state, Slices) and state.sites.width >= state.length:
        return Whole(state.full())
    return state


def _full(tensor: LocalTensor) -> Tensor:
    state = tensor.state
    assert state is not None
    return state.full()


def _swapped(
    tree: Any, replaced: Callable[[LocalTensor], Tensor], constant: Callable[[Tensor], Tensor] | None = None
) -> Any:
    if isinstance(tree, LocalTensor):
        return replaced(tree)
    if isinstance(tree, Tensor):
        return tree if constant is None else constant(tree)
    if isinstance(tree, dict):
        return {name: _swapped(branch, replaced, constant) for name, branch in tree.items()}
    if type(tree) in (tuple, list):
        return type(tree)(_swapped(branch, replaced, constant) for branch in tree)
    return tree


def _tensors(tree: Any) -> list[LocalTensor]:
    found: list[LocalTensor] = []
    for one in tree:
        kind = type(one)
        if kind is LocalTensor:
            found.append(one)
        elif kind in _NESTED and one:
            found += _tensors(one.values() if kind is dict else one)
    return found


def _results(func: Any, found: Any) -> list[Tensor]:
    if isinstance(found, Tensor):
        return [found]
    if isinstance(found, (tuple, list)) and found and all(isinstance(part, Tensor) for part in found):
        return list(found)
    raise NotLocal(f"{getattr(func, '__name__', func)} answers a question about the numbers in a tensor")


_NESTED = (tuple, list, dict, torch.Size)
_IN_PLACE = operations_in_place()
OVERWRITING = {fresh: same for same, fresh in _IN_PLACE.items()}
"""For operations that give a new tensor the ones that overwrite their input, where there are any."""
_QUESTIONS = {
    *(getattr(Tensor, name).__get__ for name in ("shape", "dtype", "device", "ndim", "requires_grad", "is_cuda")),
    *(getattr(Tensor, name).__get__ for name in ("layout", "is_mps", "is_quantized", "is_sparse", "is_nested")),
    *(getattr(Tensor, name) for name in ("size", "dim", "numel", "is_floating_point", "is_complex", "__len__")),
    *(getattr(Tensor, name) for name in ("is_contiguous", "stride", "get_device", "nelement", "ndimension")),
    torch.is_floating_point,
    torch.is_complex,
    torch.numel,
}
