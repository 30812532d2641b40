"""What folds: the model that ships with the package, or one that was trained here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from palindra.errors import InputError

DEFAULT = "default"  # the word for the model that ships with the package
WEIGHTS = "weights.safetensors"  # of a run folder; what describes them lies beside it as .toml


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
        """Bases of the longest molecule that it folds, None for no limit."""

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
    place = Path(model)
    if not place.exists():
        raise InputError(
            f"{model}: there is no such run folder or file of weights. The word {DEFAULT} stands for the model that "
            "ships with palindra."
        )
    if not place.is_dir():
        return load_folder(place)
    if not (place / WEIGHTS).is_file() or not (place / WEIGHTS).with_suffix(".toml").is_file():
        raise InputError(
            f"{model}: not a run folder of a model that folds, which holds {WEIGHTS} and a .toml of that name."
        )
    return load_folder(place / WEIGHTS)


def families_seen(folder: Folder) -> tuple[str, ...]:
    """Families of the training data, as far as the model says."""
    found = _training(folder).get("families", ())
    return tuple(str(name) for name in found) if not isinstance(found, str) else (found,)


def longest_seen(folder: Folder) -> int | None:
    """Bases of the longest molecule in training, None where the model does not say."""
    found = _training(folder).get("longest")
    return int(found) if found is not None else None


def facts(folder: Folder) -> dict[str, str]:
    """What the model says of itself, as names and values."""
    found: dict[str, str] = {}
    for name, value in folder.settings.items():
        for key, inner in value.items() if isinstance(value, Mapping) else [("", value)]:
            said = ", ".join(map(str, inner)) if isinstance(inner, list | tuple) else str(inner)
            found[f"{name}, {key}" if key else name] = said
    return found


def _training(folder: Folder) -> Mapping[str, Any]:
    """Its training data, which stand in a table of their own or among all settings."""
    training = folder.settings.get("training")
    return training if isinstance(training, Mapping) else folder.settings
