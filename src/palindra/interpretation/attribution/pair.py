"""One operation that is not linear, on sequences and on their references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from palindra.interpretation.attribution.followed import Followed, replaced


@dataclass
class Step:
    """One operation that is not linear, in the run on sequences."""

    function: Any
    inputs: list[Tensor]  # the followed ones
    versions: list[int]
    outputs: Any


@dataclass
class Pair:
    """An operation on references, and the same one on sequences."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    given: list[Followed]
    step: Step

    def run(self, tensors: list[Tensor]) -> Any:
        """The operation on other tensors."""
        args, kwargs = replaced((self.args, self.kwargs), tensors)
        return self.function(*args, **kwargs)
