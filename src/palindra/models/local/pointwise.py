"""Operations that treat every position alone: they are run on the slices as they are."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from palindra.models.local.local_tensor import OVERWRITING, Call, Flattened, LocalTensor, Rule, State
from palindra.models.local.sites import Sites, hull
from palindra.models.local.slices import Reference, Slices, held

_NAMES = [
    "abs", "acos", "asin", "atan", "atan2", "ceil", "celu", "clamp", "clamp_max", "clamp_min", "clip", "contiguous",
    "clone", "cos", "cosh", "detach", "div", "divide", "double", "elu", "eq", "erf", "erfc", "exp", "exp2", "expm1",
    "float", "floor", "fmax", "fmin", "ge", "gelu", "gt", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "le", "leaky_relu", "log", "log10", "log1p", "log2", "logical_and", "logical_not", "logical_or", "logit",
    "logsigmoid", "lt", "maximum", "minimum", "mish", "mul", "multiply", "nan_to_num", "ne", "neg", "negative",
    "ones_like", "pow", "reciprocal", "relu", "relu6", "round", "rsqrt", "rsub", "selu", "sigmoid", "sign", "silu",
    "sin", "sinh", "softplus", "softsign", "softshrink", "sqrt", "square", "sub", "subtract", "tan", "tanh",
    "tanhshrink", "threshold", "true_divide", "where", "zeros_like", "full_like", "__add__", "__radd__", "__sub__",
    "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__", "__div__", "__rdiv__", "__neg__", "__pow__",
    "__rpow__", "__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__", "__and__", "__or__", "__invert__",
    "masked_fill", "lerp", "addcmul", "type_as", "add", "to",
]  # fmt: skip

_DROPOUTS = ("dropout", "dropout1d", "dropout2d", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")


def functions(*names: str) -> list[Any]:
    """What torch calls by these names: methods of tensors, functions, and functions of networks."""
    places = (Tensor, torch, functional)
    return [getattr(place, name) for name in names for place in places if hasattr(place, name)]


def pointwise(call: Call) -> State | None:
    """Any function of one or several tensors, entry by entry; intervals are joined where they differ."""
    if len(call.args) == 1 and not call.kwargs and isinstance(state := call.tensors[0].state, Slices):
        if call.function in _SHARING:
            return untouched(call)
        if call.output.tensor.shape != state.reference.tensor.shape:
            return None
        overwriting = OVERWRITING.get(call.function) if call.last_use(call.tensors[0]) else None
        if overwriting is not None and state.taken is not None:
            found = overwriting(state.taken)
        else:
            given = state.passing_value(call.step.scratch)
            found = call.function(given)
            if found is given:
                return untouched(call)
        return Slices(call.output, state.axis, state.sites, value=found, owned=True)
    states = [tensor.state for tensor in call.tensors]
    slices = [state for state in states if isinstance(state, Slices)]
    if len(slices) < len(states) or len({_from_right(state) for state in slices}) > 1:
        return None
    if len({state.length for state in slices}) > 1:
        return None
    sites, right = hull([state.sites for state in slices]), _from_right(slices[0])
    constants: list[Tensor] = []

    def replaced(tensor: LocalTensor) -> Tensor:
        state: Any = tensor.state
        return state.value_at(sites).movedim(1, state.axis)

    def constant(tensor: Tensor) -> Tensor:
        constants.append(tensor)
        return _constant_slices(tensor, sites, right, slices[0])

    ndim = slices[0].reference.tensor.ndim
    output = call.output.tensor
    if output.ndim != ndim or any(
        tensor.ndim > ndim or (tensor.ndim == ndim and tensor.shape[0] != 1) for tensor in _plain(call)
    ):
        return None
    found = call.run(replaced, constant)
    return Slices(call.output, output.ndim - right, sites, value=found.movedim(output.ndim - right, 1))


def add(call: Call) -> State | None:
    """Sums and differences: of two changed tensors the differences are added, which needs no reference."""
    states = [tensor.state for tensor in call.tensors]
    once = [call.last_use(tensor) for tensor in call.tensors]
    same = all(
        isinstance(state, Slices) and state.reference.tensor.shape == call.output.tensor.shape for state in states
    )
    sign = -1 if call.function in _MINUS else 1
    if same and len(states) == 2 and not call.kwargs and len(call.args) == 2:
        one, two = states
        assert isinstance(one, Slices)
        assert isinstance(two, Slices)
        if one.axis == two.axis:
            sites = hull([one.sites, two.sites])
            first = sites.same_place(one.sites) or not sites.same_place(two.sites)
            wide, other, mine = (one, two, once[0]) if first else (two, one, once[1] and sign > 0)
            total = wide.delta_at(sites)
            total = total if first or sign > 0 else -total
            there = mine and one is not two and wide.owned_delta and total is wide.delta
            return Slices(
                call.output,
                one.axis,
                sites,
                delta=_plus(call, total, other, sites, sign if first else 1, overwrite=there),
                owned=True,
            )
    return pointwise(call)


def _plus(call: Call, total: Tensor, other: Slices, sites: Sites, sign: int, *, overwrite: bool) -> Tensor:
    if other.sites.places is not sites.places:
        return total + sign * other.delta_at(sites)
    # Either nothing reads the first summand again, or the memory is of this step alone.
    found = total if overwrite else held(call.step.memo, "sum", total, total.shape).copy_(total)
    first = other.sites.offset - sites.offset
    found[:, first : first + other.sites.width].add_(other.delta, alpha=sign)
    return found


def scale(call: Call) -> State | None:
    """Products with a number, or with a number per channel, of known differences."""
    state = call.input
    factor = call.args[1] if len(call.args) == 2 else None
    if state is not None and state.known_delta and isinstance(factor, (int, float)) and not call.kwargs:
        return Slices(call.output, state.axis, state.sites, delta=call.function(state.delta, factor))
    return pointwise(call)


def batch_norm(call: Call) -> Slices | None:
    """Normalisation by running statistics, a factor and a summand per channel."""
    state = call.input
    if state is None or call.option(5, "training", False) or state.axis == 1:
        return None
    if not state.known_delta:
        return pointwise_of_first(call)
    if "factor" not in call.step.memo:
        variance, weight = call.option(2, "running_var"), call.option(3, "weight")
        if variance is None:
            return None
        factor = (variance + call.option(7, "eps", 1e-5)).rsqrt()
        call.step.memo["factor"] = factor if weight is None else factor * weight
    shape = (-1, *[1] * (state.reference.tensor.ndim - 3))
    return Slices(call.output, state.axis, state.sites, delta=state.delta * call.step.memo["factor"].view(shape))


def pointwise_of_first(call: Call) -> Slices | None:
    """Functions of one changed tensor whose other arguments belong to channels."""
    state = call.input
    if state is None or call.output.tensor.shape != state.reference.tensor.shape:
        return None
    found: Tensor = call.run(lambda _: state.logical)
    return Slices(call.output, state.axis, state.sites, value=found.movedim(state.axis, 1))


def dropout(call: Call) -> Slices | Flattened | None:
    """Nothing, in evaluation mode."""
    return None if call.option(2, "training", True) else untouched(call)


def untouched(call: Call) -> Slices | Flattened | None:
    """The same numbers again."""
    state = call.tensors[0].state
    if isinstance(state, Flattened):
        return state
    if not isinstance(state, Slices):
        return None
    if state.known_delta:
        return Slices(call.output, state.axis, state.sites, delta=state.delta)
    return Slices(call.output, state.axis, state.sites, value=state.value)


def layer_norm(call: Call) -> Slices | None:
    """Normalisation over the last axes, where positions lie before them."""
    state = call.input
    if state is None or state.axis >= state.reference.tensor.ndim - len(call.option(1, "normalized_shape")):
        return None
    return pointwise_of_first(call)


def _from_right(state: Slices) -> int:
    return state.reference.tensor.ndim - state.axis


def _plain(call: Call) -> list[Tensor]:
    found: list[Tensor] = []
    call_tree = (call.args, call.kwargs)

    def visit(tree: Any) -> None:
        if isinstance(tree, Tensor) and not isinstance(tree, LocalTensor):
            found.append(tree)
        elif isinstance(tree, (tuple, list)):
            for branch in tree:
                visit(branch)
        elif isinstance(tree, dict):
            visit(list(tree.values()))

    visit(call_tree)
    return found


def _constant_slices(tensor: Tensor, sites: Sites, right: int, like: Slices) -> Tensor:
    """What a tensor that never changes holds in each interval, where it has positions."""
    ndim = like.reference.tensor.ndim
    if tensor.ndim < right or tensor.shape[-right] == 1:
        return tensor
    shaped = tensor.view(*[1] * (ndim - tensor.ndim), *tensor.shape)
    first_row = Sites.of(sites.rows * 0, sites.starts, alternates=sites.alternates, width=sites.width)
    found = Reference(shaped).slices(ndim - right, first_row)
    return found.expand(-1, sites.alternates, *found.shape[2:]).flatten(0, 1).movedim(1, ndim - right)


_SHARING = set(functions("contiguous", "detach", "clone"))
_MINUS = set(functions("sub", "subtract", "__sub__")) | {operator.sub}
RULES: dict[Any, Rule] = {
    **dict.fromkeys(functions(*_NAMES), pointwise),
    **dict.fromkeys(functions("add", "__add__", "sub", "subtract", "__sub__"), add),
    **dict.fromkeys(functions("mul", "div", "__mul__", "__rmul__", "__truediv__"), scale),
    **dict.fromkeys(functions(*_DROPOUTS), dropout),
    **dict.fromkeys(functions("batch_norm"), batch_norm),
    **dict.fromkeys(functions("layer_norm"), layer_norm),
}
