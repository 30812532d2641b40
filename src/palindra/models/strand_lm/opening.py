"""Language models by their folder, whichever of the known kinds it holds, behind one interface."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from palindra.errors import InputError
from palindra.models.strand_lm import StrandLM, StrandLMConfig

CONFIG = "config.json"
STRAND_LM, CADUCEUS = "strand_lm", "caduceus"
KINDS = (STRAND_LM, CADUCEUS)


def open_language_model(folder: str | Path) -> nn.Module:
    """A language model in evaluation mode: ``model(tokens, mask) -> LMOutput``.

    Args:
        folder: written by ``palindra pretrain``, by :func:`palindra.models.strand_lm.hub.save_pretrained`, or a
            checkpoint of Caduceus-PS or -Ph.

    Raises:
        InputError: for a folder of anything else, or weights or a vocabulary that do not fit.
    """
    folder = Path(folder)
    kind = kind_of(folder)
    if kind == CADUCEUS:
        from palindra.models.caduceus import CaduceusLanguageModel, load_caduceus

        return CaduceusLanguageModel(load_caduceus(folder)).eval()
    from palindra.models.strand_lm.hub import load_local

    return load_local(folder)


def kind_of(folder: Path) -> str:
    """Which of the known kinds a folder holds.

    Raises:
        InputError: for none of them.
    """
    path = folder / CONFIG
    if not folder.is_dir():
        raise InputError(
            f"{folder}: there is no such folder. Give one written by palindra pretrain, a checkpoint of Caduceus, or "
            "default: the small model that ships."
        )
    if not path.is_file():
        hint = " It is a run folder of palindra train." if (folder / "config.toml").is_file() else ""
        raise InputError(
            f"{folder}: holds no language model, {CONFIG} is missing.{hint} Give a folder written by palindra pretrain "
            "or a checkpoint of Caduceus."
        )
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        named = str(plain.get("model") or plain.get("model_type"))
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if named not in KINDS:
        raise InputError(
            f"{path}: holds another architecture, {named!r}; {' and '.join(KINDS)} are known. Give a folder written by "
            "palindra pretrain, or a checkpoint of Caduceus."
        )
    return named


def describe(model: nn.Module) -> str:
    """A language model without its weights, as one line of text that :func:`from_description` reads."""
    kind = STRAND_LM if isinstance(model, StrandLM) else CADUCEUS
    return json.dumps({"model": kind, "config": asdict(model.config)}, sort_keys=True)  # type: ignore[call-overload]


def from_description(text: str) -> nn.Module:
    """A language model with new weights from what :func:`describe` gave.

    Raises:
        ValueError: for a text that describes none.
    """
    plain: dict[str, Any] = json.loads(text)
    fields: dict[str, Any] = plain["config"]
    if plain["model"] == STRAND_LM:
        return StrandLM(StrandLMConfig(**fields))
    if plain["model"] == CADUCEUS:
        from palindra.models.caduceus import Caduceus, CaduceusConfig, CaduceusLanguageModel

        return CaduceusLanguageModel(Caduceus(CaduceusConfig(**fields)))
    raise ValueError(f"{plain['model']!r} is no language model; {' and '.join(KINDS)} are known.")


def is_equivariant(model: nn.Module) -> bool:
    """Whether both strands give the same features by construction, so that one reading is enough."""
    if isinstance(model, StrandLM):
        return model.config.mixer in ("tied", "siamese") or model.config.exact_blocks
    return hasattr(model, "caduceus")  # its features are made of both strands, in Ph by reading twice
