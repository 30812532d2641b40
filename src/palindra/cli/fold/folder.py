"""What folds: the model that ships with the package, or one that was trained here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError

DEFAULT = "default"  # the word for the model that ships with the package


class Folder(Protocol):
    """A model of pair probabilities."""

    @property
    def name(self) -> str:
        """Of the model."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Training data, families, seeds, scores on validation."""

    @property
    def threshold(self) -> float:
        """Probability above which pairs are chosen; it was itself chosen on validation."""

    @property
    def longest(self) -> int | None:
        """Bases of the longest molecule in training, None where not known."""

    def probabilities(self, sequence: str) -> NDArray[np.float32]:
        """Chance of every pair ``(length, length)``, symmetric, zeros on the diagonal."""


def open_folder(model: str) -> Folder:
    """The model of that name: ``default``, a run folder, or a file of weights.

    Raises:
        InputError: if there is none, or it is no model of pairs.
    """
    from palindra.models.folding import load_folder

    if model == DEFAULT:
        return load_folder(None)
    if not Path(model).exists():
        raise InputError(
            f"{model}: there is no such run folder or file of weights. The word {DEFAULT} stands for the model that "
            "ships with palindra."
        )
    return load_folder(Path(model))


def families_seen(folder: Folder) -> tuple[str, ...]:
    """Families of the training data, as far as the model says."""
    found = folder.settings.get("families", ())
    return tuple(str(name) for name in found) if not isinstance(found, str) else (found,)
