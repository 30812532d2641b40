"""A tensor that is followed through a model, so that single operations can be given another backward pass.

The model runs as it is written: no module is changed, none gets a hook, and a layer that is called twice or reads its
input on both strands is simply two operations, or one on twice as many rows. Whatever is computed from a followed
tensor is followed as well; what is computed from weights alone is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from palindra.models.local.in_place import operations_in_place


class Follower(Protocol):
    """What decides how an operation on followed tensors is computed."""

    @property
    def rewritten(self) -> Mapping[Any, Callable[..., Any]]:
        """Operations that are run as others, which are followed in their turn."""

    @property
    def copies(self) -> bool:
        """Whether operations get copies of followed tensors, because the model overwrites some later."""

    def compute(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The results of one operation; arguments hold followed tensors, results need not."""


class Followed(Tensor):
    """A tensor of any values; operations on it go through its follower."""

    follower: Follower
    alternatives: Any = None  # where a tensor was put together by choosing, what was chosen from

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Let the follower compute one operation, and follow its results."""
        kwargs = kwargs or {}
        given = followed_tensors((args, kwargs)) if func not in _READS else []
        if given and func in given[0].follower.rewritten:
            return given[0].follower.rewritten[func](*args, **kwargs)
        with torch._C.DisableTorchFunctionSubclass():
            if not given:
                return func(*args, **kwargs)
            follower = given[0].follower
            fresh = _FRESH.get(func)
            changed = args[0] if args and (fresh is not None or kwargs.get("inplace")) else None
            kwargs = {name: value for name, value in kwargs.items() if name != "inplace"}
            if follower.copies and not _overwrites(func):
                args, kwargs = replaced((args, kwargs), [_wrapped(tensor.clone(), follower) for tensor in given])
            elif isinstance(changed, Followed):
                args = (_wrapped(changed.clone(), follower), *args[1:])
            found = follower.compute(fresh or func, args, kwargs)
            if changed is not None:
                found = changed.copy_(plain(found))
            written = args[0] if func is Tensor.__setitem__ else changed
            if written is not None and not isinstance(written, Followed):
                written.__class__ = Followed  # a constant that was written to is one no more
                written.follower = follower
            return _wrapped(found, follower)


def follow(x: Tensor, follower: Follower) -> Followed:
    """The same tensor, followed; gradients flow through."""
    with torch._C.DisableTorchFunctionSubclass():
        made: Followed = x.clone().as_subclass(Followed)
        made.follower = follower
        return made


def plain(tree: Any) -> Any:
    """Arguments or results with ordinary tensors in place of followed ones; gradients flow through."""
    if isinstance(tree, Followed):
        with torch._C.DisableTorchFunctionSubclass():
            return tree.as_subclass(Tensor)
    if isinstance(tree, dict):
        return {name: plain(branch) for name, branch in tree.items()}
    if isinstance(tree, (tuple, list)) and not isinstance(tree, torch.Size):
        return _same_container(tree, [plain(branch) for branch in tree])
    return tree


def followed_tensors(tree: Any) -> list[Followed]:
    """All followed tensors among arguments, in order."""
    found: list[Followed] = []
    for one in tree:
        if isinstance(one, Followed):
            found.append(one)
        elif isinstance(one, dict):
            found += followed_tensors(one.values())
        elif isinstance(one, (tuple, list)) and not isinstance(one, torch.Size):
            found += followed_tensors(one)
    return found


def replaced(tree: Any, tensors: Sequence[Tensor]) -> Any:
    """Arguments with other tensors in place of the followed ones, in the order of :func:`followed_tensors`."""
    remaining = iter(tensors)

    def swap(branch: Any) -> Any:
        if isinstance(branch, Followed):
            return next(remaining)
        if isinstance(branch, dict):
            return {name: swap(value) for name, value in branch.items()}
        if isinstance(branch, (tuple, list)) and not isinstance(branch, torch.Size):
            return _same_container(branch, [swap(value) for value in branch])
        return branch

    return swap(tree)


def functions(*names: str) -> list[Callable[..., Any]]:
    """What torch calls by these names: methods of tensors, functions, and functions of networks."""
    places = (Tensor, torch, functional, torch.special)
    return [getattr(place, name) for name in names for place in places if hasattr(place, name)]


def _overwrites(function: Any) -> bool:
    """Whether an operation changes its first argument in a way for which there is no other operation."""
    name = getattr(function, "__name__", "")
    return function is Tensor.__setitem__ or (name.endswith("_") and not name.endswith("__") and function not in _FRESH)


def _same_container(like: Any, parts: list[Any]) -> Any:
    kind = type(like)
    return kind(*parts) if hasattr(like, "_fields") else kind(parts)


def _wrapped(found: Any, follower: Follower) -> Any:
    if isinstance(found, Tensor):
        if not isinstance(found, Followed):
            found = found.as_subclass(Followed)
        found.follower = follower
        return found
    if isinstance(found, (tuple, list)) and not isinstance(found, torch.Size):
        return _same_container(found, [_wrapped(part, follower) for part in found])
    return found


_FRESH = operations_in_place()
_READS = {
    *(getattr(Tensor, name).__get__ for name in ("shape", "dtype", "device", "ndim", "requires_grad", "is_cuda")),
    *(getattr(Tensor, name).__get__ for name in ("layout", "is_mps", "is_quantized", "is_sparse", "is_nested")),
    *(getattr(Tensor, name) for name in ("size", "dim", "numel", "is_floating_point", "is_complex", "__len__")),
    *(getattr(Tensor, name) for name in ("is_contiguous", "stride", "get_device", "nelement", "ndimension")),
    torch.is_floating_point,
    torch.is_complex,
    torch.numel,
}
