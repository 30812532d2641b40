"""Folders of language models: the configuration as JSON and the weights as safetensors, no pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

import palindra
from palindra.errors import InputError
from palindra.models.saving import write_tensors, write_text
from palindra.models.strand_lm.config import StrandLMConfig
from palindra.models.strand_lm.model import StrandLM
from palindra.sequences.vocabulary import VOCABULARY

CONFIG, WEIGHTS = "config.json", "model.safetensors"
MODEL = "strand_lm"


def save(folder: str | Path, model: StrandLM, extra: Mapping[str, Any] | None = None) -> None:
    """Write ``config.json`` and ``model.safetensors``; each is written whole or not at all.

    Args:
        folder: created where it does not exist.
        model: what is saved.
        extra: further entries of ``config.json``, e.g. what the model was trained on.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    described = {
        **(extra or {}),
        "model": MODEL,
        "config": asdict(model.config),
        "vocabulary": str(VOCABULARY),
        "palindra": palindra.__version__,
    }
    write_tensors(folder / WEIGHTS, {name: value.detach() for name, value in model.state_dict().items()})
    write_text(folder / CONFIG, json.dumps(described, indent=1) + "\n")


def load(folder: str | Path) -> tuple[StrandLM, dict[str, Any]]:
    """The model of a folder, in evaluation mode, and everything that ``config.json`` says.

    Raises:
        InputError: if the folder holds another architecture or vocabulary, or if a file is missing or damaged.
    """
    folder = Path(folder)
    meta = read_meta(folder)
    names = {field.name for field in fields(StrandLMConfig)}
    if unknown := sorted(set(meta["config"]) - names):
        raise InputError(
            f"{folder / CONFIG}: config has an entry {unknown[0]!r} unknown to palindra {palindra.__version__}; the "
            f"model was written by palindra {meta.get('palindra', 'of an unknown version')}. Install that version."
        )
    try:
        model = StrandLM(StrandLMConfig(**meta["config"]))
    except (InputError, TypeError) as error:
        raise InputError(f"{folder / CONFIG}: {error}") from error
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder / WEIGHTS}: cannot be read: {error}. Restore the file from a copy.") from error
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        raise InputError(
            f"{folder / WEIGHTS}: these are weights of another model: {wrong[0]} has shape "
            f"{found.get(wrong[0], 'none, it is missing')}, and {CONFIG} asks for "
            f"{expected.get(wrong[0], 'none, it does not exist')} ({len(wrong)} differ). Take both files from one "
            "folder."
        )
    model.load_state_dict(weights)
    return model.eval(), meta


def read_meta(folder: str | Path) -> dict[str, Any]:
    """What ``config.json`` says, after a check that it is of a model of this kind and vocabulary.

    Raises:
        InputError: if it is missing, damaged, or of something else.
    """
    path = Path(folder) / CONFIG
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}). A language model is a folder with {CONFIG} and {WEIGHTS}, as "
            "palindra pretrain writes it."
        ) from error
    except ValueError as error:
        raise InputError(f"{path}: is not JSON: {error}. Restore the file from a copy.") from error
    kind = meta.get("model", meta.get("model_type")) if isinstance(meta, dict) else None
    if kind != MODEL or not isinstance(meta.get("config"), dict):
        raise InputError(
            f"{path}: describes a model of kind {kind!r}, and {MODEL!r} with its config is needed: the folder "
            "belongs to another architecture."
        )
    if meta.get("vocabulary") != str(VOCABULARY):
        raise InputError(
            f"{path}: the model has the vocabulary {meta.get('vocabulary')!r}, and this library {str(VOCABULARY)!r}: "
            "its tokens would be read as others. Install the version of palindra that wrote it."
        )
    return meta
