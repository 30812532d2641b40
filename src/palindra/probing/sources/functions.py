"""Any function of sequences as a source, by its name ``module:function``."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palindra.errors import InputError
from palindra.models.imported import imported
from palindra.probing.source import Embedded, Source
from palindra.probing.sources.bases import batches, joined, require_finite, require_letters

Call = Callable[[list[str]], Any]


class FunctionSource:
    """Features from a function of sequences of one length.

    It is given a list of strings and returns features ``(batch, tokens, width)``, or ``(batch, width)`` for one token
    per sequence, as tensor or array; or a tuple of them and the half-open stretch of bases of each token
    ``(tokens, 2)`` or ``(batch, tokens, 2)``. Without them tokens share out the length evenly.

    Args:
        function: see above. Its attributes ``width``, ``parameters`` and ``fingerprint`` are used where it has them.
        name: as reports print it.
        fingerprint: of the function, where it has none of its own.
        batch_size: sequences at a time.

    Examples:
        >>> source = FunctionSource(lambda texts: torch.ones(len(texts), 2, 3), "ones", fingerprint="1")
        >>> source.embed(["ACGT"]).spans.tolist(), source.width
        ([[[0, 2], [2, 4]]], 3)
    """

    def __init__(self, function: Call, name: str, *, fingerprint: str, batch_size: int = 64) -> None:
        self.function, self.name, self.batch_size = function, name, batch_size
        self.parameters = int(getattr(function, "parameters", 0))
        self.fingerprint = str(getattr(function, "fingerprint", fingerprint))
        self._width: int | None = getattr(function, "width", None)

    @property
    def width(self) -> int:
        """Features of a token, which a function without the attribute ``width`` says when it is first called.

        Raises:
            AttributeError: before that, as for anything that is not there yet (protocols are checked by looking).
        """
        if self._width is None:
            raise AttributeError(f"{self.name}: the width is known after the first call of embed.")
        return self._width

    @torch.no_grad()
    def embed(self, sequences: Sequence[str]) -> Embedded:
        """Features of tokens; sequences of one length are given to the function together.

        Raises:
            InputError: for what is no features, or spans that are not within the sequences.
        """
        require_letters(sequences)
        features: dict[int, Tensor] = {}
        spans: dict[int, Tensor] = {}
        for rows in batches([len(text) for text in sequences], self.batch_size):
            texts = [sequences[row] for row in rows]
            found, places = self._checked(self.function(texts), len(texts), len(texts[0]))
            require_finite(found, rows, sequences, self.name, "the result")
            features |= dict(zip(rows, found, strict=True))
            spans |= dict(zip(rows, places, strict=True))
        order = range(len(sequences))
        return joined([features[row] for row in order], [spans[row] for row in order])

    def _checked(self, found: Any, rows: int, length: int) -> tuple[Tensor, Tensor]:
        given, places = found if isinstance(found, tuple) and not hasattr(found, "_fields") else (found, None)
        features = _tensor(given).float().cpu()
        features = features[:, None] if features.dim() == 2 else features
        tokens = features.shape[1] if features.dim() == 3 else 0
        if features.dim() != 3 or len(features) != rows or not tokens:
            raise InputError(
                f"{self.name}: gives an array of shape {tuple(features.shape)} for {rows} sequences of {length} "
                "letters; (sequences, tokens, features) or (sequences, features) is needed."
            )
        if self._width not in (None, features.shape[2]):
            raise InputError(f"{self.name}: gives {features.shape[2]} features, and gave {self._width} before.")
        self._width = int(features.shape[2])
        if places is None:
            if tokens != 1 and length % tokens:
                raise InputError(
                    f"{self.name}: gives {tokens} tokens for {length} letters, which they do not share out evenly. Let "
                    "it return (features, spans), with the first base and the one after the last of each token."
                )
            edges = torch.arange(tokens + 1) * length // tokens
            places = torch.stack([edges[:-1], edges[1:]], dim=1)
        spans = _tensor(places).long().cpu()
        spans = spans.expand(rows, *spans.shape) if spans.dim() == 2 else spans
        fits = spans.shape == (rows, tokens, 2)
        if not fits or bool((spans[..., 0] < 0).any() | (spans[..., 1] > length).any()):
            raise InputError(
                f"{self.name}: the spans of its tokens, of shape {tuple(spans.shape)}, are to be of shape "
                f"{(rows, tokens, 2)} and within 0 and {length}."
            )
        return features, spans


def open_function(text: str, *, batch_size: int) -> Source:
    """The source that ``module:function`` names, imported from the current folder or the installed packages.

    An object that is a source itself is taken as it is.

    Raises:
        InputError: if there is no such module or name.
    """
    module_name, colon, attribute = text.partition(":")
    if not colon or not attribute or not module_name:
        raise InputError(f"call:{text}: write call:module:function, e.g. call:my_models:embed.")
    found, module = imported(text, shown=f"call:{text}")
    if isinstance(found, Source) and not inspect.isclass(found):
        return found
    if not callable(found):
        raise InputError(f"call:{text}: is neither a source nor a function, but {type(found).__name__}.")
    path = getattr(module, "__file__", None)
    code = Path(path).read_bytes() if path and Path(path).is_file() else module_name.encode()
    fingerprint = hashlib.sha256(attribute.encode() + b"\0" + code).hexdigest()
    return FunctionSource(found, f"call:{text}", fingerprint=fingerprint, batch_size=batch_size)


def _tensor(values: Any) -> Tensor:
    return values.detach() if isinstance(values, Tensor) else torch.from_numpy(np.asarray(values))
