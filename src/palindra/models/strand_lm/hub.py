"""Save and load language models as the model hub has them: safetensors, ``config.json``, a tokenizer, ``AutoModel``."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from palindra.errors import InputError
from palindra.models.saving import write_text
from palindra.models.strand_lm import StrandLM
from palindra.models.strand_lm.saving import load, save
from palindra.sequences.vocabulary import VOCABULARY

CONFIG, WEIGHTS = "config.json", "model.safetensors"
MODELLING, TOKENIZATION = "modeling_palindra.py", "tokenization_palindra.py"
HUB_FILES = ("*.json", "*.safetensors", "*.bin", "*.md")  # code of a repository is not downloaded, it is not run

_MODELLING = '''"""Classes of transformers for this model; the package palindra has them: pip install palindra."""

from palindra.models.strand_lm.hub_classes import StrandLMHubConfig, StrandLMHubMaskedLM, StrandLMHubModel

__all__ = ["StrandLMHubConfig", "StrandLMHubMaskedLM", "StrandLMHubModel"]
'''
_TOKENIZATION = '''"""The tokenizer of this model; the package palindra has it: pip install palindra."""

from palindra.models.strand_lm.tokenizer import StrandTokenizer

__all__ = ["StrandTokenizer"]
'''
_AUTO_MAP = {
    "AutoConfig": "modeling_palindra.StrandLMHubConfig",
    "AutoModel": "modeling_palindra.StrandLMHubModel",
    "AutoModelForMaskedLM": "modeling_palindra.StrandLMHubMaskedLM",
}
_AUTO_TOKENIZER = ["tokenization_palindra.StrandTokenizer", None]


def save_pretrained(model: StrandLM, folder: str | Path, *, extra: Mapping[str, Any] | None = None) -> Path:
    """Write a folder that :func:`from_pretrained`, ``palindra embed`` and ``AutoModel`` read.

    ``AutoModel.from_pretrained(folder, trust_remote_code=True)`` needs the package to be installed where it runs: the
    folder names its classes and holds no copy of the code.

    Args:
        model: the language model.
        folder: created where it does not exist.
        extra: further entries of ``config.json``, e.g. what the model was trained on.

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save(folder, model, dict(extra or {}))
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    config |= {
        "model_type": "strand_lm",
        "architectures": ["StrandLMHubMaskedLM"],
        "auto_map": _AUTO_MAP,
        "vocab_size": len(VOCABULARY),
        "pad_token_id": VOCABULARY.padding,
    }
    tokenizer = {
        "tokenizer_class": "StrandTokenizer",
        "auto_map": {"AutoTokenizer": _AUTO_TOKENIZER},
        "mask_token": "[MASK]",
        "pad_token": "[PAD]",
        "complement": {
            token: VOCABULARY.symbols[other]
            for token, other in zip(VOCABULARY.symbols, VOCABULARY.complement, strict=True)
        },
    }
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    write_text(folder / "tokenizer_config.json", json.dumps(tokenizer, indent=2) + "\n")
    write_text(folder / MODELLING, _MODELLING)
    write_text(folder / TOKENIZATION, _TOKENIZATION)
    return folder


def load_local(folder: str | Path) -> StrandLM:
    """The language model of a folder, in evaluation mode.

    Raises:
        InputError: if it holds none, or one of another vocabulary.
    """
    model, _ = load(Path(folder))
    return model.eval()


def from_pretrained(name: str | Path, *, revision: str | None = None, cache: str | Path | None = None) -> nn.Module:
    """A language model from a folder, or from the model hub by its name ``owner/name``.

    Checkpoints of Caduceus are read as well. Code that lies in a repository is neither downloaded nor run.

    Args:
        name: folder or name.
        revision: branch, tag or commit on the hub.
        cache: folder for downloads.

    Raises:
        InputError: if there is no such folder or model.
    """
    from palindra.models.strand_lm.opening import open_language_model

    if Path(name).is_dir():
        return open_language_model(name)
    text = str(name)
    if text.count("/") != 1 or text.startswith((".", "/")):
        raise InputError(f"{text}: no such folder, and no name on the model hub, which is written owner/name.")
    hub = _hub()
    try:
        folder = hub.snapshot_download(text, revision=revision, cache_dir=cache, allow_patterns=list(HUB_FILES))
    except (hub.errors.HfHubHTTPError, hub.errors.LocalEntryNotFoundError, OSError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"{text}: cannot be downloaded: {first} Check the name, or give a folder.") from error
    return open_language_model(folder)


def push_to_hub(
    model: StrandLM,
    name: str,
    *,
    private: bool = False,
    extra: Mapping[str, Any] | None = None,
    message: str = "Upload model",
) -> str:
    """Put a language model on the model hub, where ``hf auth login`` has been run.

    Args:
        model: the language model.
        name: ``owner/name``; made where it does not exist.
        private: whether a new one is private.
        extra: see :func:`save_pretrained`.
        message: of the commit.

    Returns:
        The address of the commit.
    """
    api = _hub().HfApi()
    with tempfile.TemporaryDirectory() as folder:
        save_pretrained(model, folder, extra=extra)
        api.create_repo(name, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=name, folder_path=folder, commit_message=message))


def _hub() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ModuleNotFoundError as error:
        raise InputError("huggingface_hub is not installed: pip install 'palindra[hub]'.") from error
    return huggingface_hub
