"""Models and tokenizers of transformers, read whole or refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from palindra.errors import InputError

MASKED, CAUSAL, ENCODER = "AutoModelForMaskedLM", "AutoModelForCausalLM", "AutoModel"
UNLIMITED = 10**6  # tokenizers without a longest length have a huge one
_LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_seqlen", "max_sequence_length")
_NOT_USED = ("pooler", "contact_head", "position_ids")  # parts that no feature comes from


@dataclass(frozen=True)
class Loaded:
    """A model of transformers with its tokenizer."""

    model: nn.Module  # with the head of a language model where there is one
    encoder: nn.Module  # gives the features of every layer
    tokenizer: Any
    config: dict[str, Any]
    causal: bool
    has_head: bool
    limit: int | None  # tokens that it reads at most, special ones included
    code: str  # checksum of code that was run from its folder


def load(text: str, *, trust_remote_code: bool = False, seed: int | None = None) -> Loaded:
    """Read a model and its tokenizer from a folder, without a network, or by their name on the model hub.

    Args:
        text: folder or name.
        trust_remote_code: let it run the code in its folder.
        seed: draw new weights with it instead of reading those that were saved.

    Raises:
        InputError: for a folder that holds none, weights that are missing, or code that is not trusted.
    """
    transformers = _transformers()
    folder = Path(text)
    if not folder.is_dir() and (folder.is_absolute() or text.startswith(".") or text.count("/") > 1):
        raise InputError(f"{text}: no such folder. Give a folder with a model of transformers, or owner/name.")
    options: dict[str, Any] = {"local_files_only": folder.is_dir(), "trust_remote_code": trust_remote_code}
    with _quiet(transformers), _readable(text):
        plain, _ = transformers.PretrainedConfig.get_config_dict(text, local_files_only=folder.is_dir())
        if not plain:
            raise InputError(f"{text}: holds no model of transformers: config.json is missing or empty.")
        if plain.get("auto_map") and not trust_remote_code:
            raise _untrusted(text)
        config = transformers.AutoConfig.from_pretrained(text, **options)
        tokenizer = transformers.AutoTokenizer.from_pretrained(text, **options)
        kind = _kind(plain)
        model = _model(transformers, text, kind, config, options, seed)
        if model is None:  # its head was not saved
            kind, model = ENCODER, _model(transformers, text, ENCODER, config, options, seed)
    if model is None:
        raise InputError(f"{text}: its weights cannot be read.")
    has_head = kind == CAUSAL or (kind == MASKED and tokenizer.mask_token_id is not None)
    encoder = model.get_encoder() if config.is_encoder_decoder else model if kind == ENCODER else model.base_model
    code = _code(folder) if trust_remote_code else ""
    return Loaded(
        model, encoder, tokenizer, config.to_dict(), kind == CAUSAL, has_head, _limit(model, config, tokenizer), code
    )


def _kind(config: dict[str, Any]) -> str:
    """Which class of transformers reads a model with its head."""
    if config.get("is_encoder_decoder"):
        return ENCODER
    names = " ".join([*(config.get("architectures") or []), *(config.get("auto_map") or {})])
    if "MaskedLM" in names:
        return MASKED
    return CAUSAL if "CausalLM" in names or "LMHeadModel" in names else ENCODER


def _model(transformers: Any, text: str, kind: str, config: Any, options: dict[str, Any], seed: int | None) -> Any:
    """A model in single precision with all weights that features come from; None where only its head is missing."""
    auto = getattr(transformers, kind)
    if seed is not None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return auto.from_config(config, trust_remote_code=options["trust_remote_code"]).float().eval()
    model, loaded = auto.from_pretrained(text, config=config, dtype=torch.float32, output_loading_info=True, **options)
    missing = sorted(name for name in loaded["missing_keys"] if not any(part in name for part in _NOT_USED))
    wrong = sorted(str(name) for name in loaded["mismatched_keys"])
    prefix = getattr(model, "base_model_prefix", "") + "."
    heads = [name for name in missing if kind != ENCODER and not name.startswith(prefix)]
    if wrong or len(heads) < len(missing):
        names = [*wrong, *(name for name in missing if name not in heads)]
        raise InputError(
            f"{text}: {len(names)} weights are missing or of another shape ({', '.join(names[:3])}), and would be "
            "random numbers. Restore the folder; if the architecture needs its own code, allow that with "
            "trust_remote_code; a random model as a control is hf-random."
        )
    return None if heads else model.eval()


def _limit(model: nn.Module, config: Any, tokenizer: Any) -> int | None:
    """The fewest of the lengths that configuration, table of positions and tokenizer name."""
    found = [int(value) for name in _LENGTHS if isinstance(value := getattr(config, name, None), int) and value > 0]
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding):
            reserved = 0 if part.padding_idx is None else part.padding_idx + 1  # positions count from behind padding
            found.append(part.num_embeddings - reserved)
    if tokenizer.model_max_length and tokenizer.model_max_length < UNLIMITED:
        found.append(int(tokenizer.model_max_length))
    return min(found, default=None)


def _code(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.glob("*.py")) if folder.is_dir() else []:
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()


def _transformers() -> Any:
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise InputError("transformers is not installed: pip install 'palindra[hub]'.") from error
    return transformers


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No progress bars and reports of transformers for the duration of a block; what they say is checked here."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def _readable(text: str) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except InputError:
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ImportError,
        RuntimeError,
        SafetensorError,
    ) as error:
        if "trust_remote_code" in str(error):
            raise _untrusted(text) from error
        first = " ".join(line.strip() for line in str(error).splitlines()[:2])
        raise InputError(f"{text}: transformers cannot read a model and its tokenizer there: {first}") from error


def _untrusted(text: str) -> InputError:
    return InputError(
        f"{text}: this model brings its own code, which would be run on your machine. Read the code, and allow it with "
        "trust_remote_code if you trust it."
    )
