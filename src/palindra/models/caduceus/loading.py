"""Published folders of Caduceus: ``config.json`` beside ``model.safetensors`` or ``pytorch_model.bin``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from palindra.errors import InputError
from palindra.models.caduceus.config import CaduceusConfig, complement_table
from palindra.models.caduceus.layers import SHARED
from palindra.models.caduceus.model import Caduceus

CONFIG, SAFE, BINARY = "config.json", "model.safetensors", "pytorch_model.bin"

_TABLES = re.compile(r"(^|\.)complement_map$")
_HEADS = ("lm_head.lm_head.weight", "lm_head.weight")
_OTHER_HEADS = ("score.", "lm_head.")  # of sequence classifiers and of the language model


def load_caduceus(folder: str | Path) -> Caduceus:
    """The network of a published checkpoint, in evaluation mode.

    Weights are read from safetensors, or from a ``.bin`` file of which only tensors are unpickled.

    Args:
        folder: with ``config.json`` and the weights, as on the model hub.

    Raises:
        InputError: for another architecture or vocabulary, or weights that do not fit the configuration.
    """
    folder = Path(folder)
    path = folder / CONFIG
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}. A folder with {CONFIG} and weights is needed.") from error
    config = CaduceusConfig.from_published(plain, where=str(path))
    source, tensors = read_weights(folder)
    model = Caduceus(config)
    _fill(model, from_published(tensors, config, where=str(source)), str(source))
    return model.eval()


def save_caduceus(folder: str | Path, model: Caduceus) -> None:
    """Write ``config.json`` and ``model.safetensors`` with the published names."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(model.config.to_published(), indent=2)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")
    save_file(to_published(model), folder / SAFE, metadata={"format": "pt"})


def read_weights(folder: Path) -> tuple[Path, dict[str, Tensor]]:
    """The tensors of a checkpoint and the file that they come from.

    Raises:
        InputError: if there is none, or it holds something other than tensors.
    """
    path = next((folder / name for name in (SAFE, BINARY) if (folder / name).is_file()), None)
    if path is None:
        raise InputError(f"{folder}: there are no weights: {SAFE} or {BINARY} is needed beside {CONFIG}.")
    try:
        tensors = load_file(path) if path.name == SAFE else torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"{path}: the weights cannot be read: {first} Download the file again.") from error
    except Exception as error:  # unpickling refuses with an error class of its own
        raise InputError(
            f"{path}: holds something other than tensors, which is not loaded because it could run code. Save the "
            "weights as safetensors."
        ) from error
    if not isinstance(tensors, Mapping) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise InputError(f"{path}: is no table of tensors by their names.")
    return path, dict(tensors)


def published_name(name: str, config: CaduceusConfig) -> str:
    """The name in checkpoints of a parameter of :class:`Caduceus`.

    Examples:
        >>> published_name("layers.0.norm.weight", CaduceusConfig())
        'backbone.layers.0.norm.weight'
        >>> published_name("layers.0.mixer.mamba_fwd.D", CaduceusConfig())
        'backbone.layers.0.mixer.submodule.mamba_fwd.D'
    """
    wrapped = config.equivariant
    if name.startswith("embeddings."):
        return "backbone.embeddings.word_embeddings." + ("embedding." if wrapped else "") + "weight"
    if wrapped:
        name = name.replace(".mixer.", ".mixer.submodule.")
        if not config.swapped:
            name = name.replace("norm.", "norm.submodule.").replace("norm_f.", "norm_f.submodule.")
    return f"backbone.{name}"


def to_published(model: Caduceus) -> dict[str, Tensor]:
    """Weights under their published names, tied ones once."""
    return {
        "caduceus." + published_name(name, model.config): value.detach().clone().contiguous()
        for name, value in model.state_dict().items()
    }


def from_published(tensors: Mapping[str, Tensor], config: CaduceusConfig, *, where: str) -> dict[str, Tensor]:
    """Weights under the names of :class:`Caduceus` from a checkpoint.

    A head must be tied to the embedding, and complement tables must be those of the vocabulary.

    Raises:
        InputError: if they are not, or weights are missing or left over.
    """
    given = {name.removeprefix("caduceus."): value for name, value in tensors.items()}
    table = torch.tensor(complement_table(config.vocabulary_size))
    for name in [name for name in given if _TABLES.search(name)]:
        if not torch.equal(given.pop(name).long().cpu(), table):
            raise InputError(
                f"{where}: the complement table {name} is not that of the vocabulary of Caduceus, in which A, C, G and "
                "T have the ids 7 to 10: the checkpoint has another vocabulary."
            )
    embedding = given.get(published_name("embeddings.weight", config))
    for name in _HEADS:
        head = given.pop(name, None)
        if head is not None and embedding is not None and not torch.equal(head, embedding):
            raise InputError(f"{where}: the head {name} is not the embedding; only tied heads are known.")
    given = {name: value for name, value in given.items() if not name.startswith(_OTHER_HEADS)}
    with torch.device("meta"):
        names = list(Caduceus(config).state_dict())
    _join_tied(given, config, where)
    found = {}
    for name in names:
        published = published_name(name, config)
        if published not in given:
            raise InputError(
                f"{where}: {published} is missing, which the configuration asks for: the weights are of another "
                f"architecture (they hold {', '.join(sorted(given)[:3])} and so on)."
            )
        found[name] = given[published]
    known = {published_name(name, config) for name in names}
    if unknown := sorted(given.keys() - known):
        raise InputError(
            f"{where}: {unknown[0]} is no weight of the network that the configuration describes: the weights are of "
            "another architecture."
        )
    return found


def _join_tied(given: dict[str, Tensor], config: CaduceusConfig, where: str) -> None:
    """Keep one of the two names of each weight that both directions share; files hold one or both."""
    if not config.tied_projections:
        return
    for name in [n for n in given if ".mamba_rev." in n and n.removesuffix(".weight").endswith(SHARED)]:
        value = given.pop(name)
        kept = given.setdefault(name.replace(".mamba_rev.", ".mamba_fwd."), value)
        if not torch.equal(kept, value):
            raise InputError(
                f"{where}: {name} differs from that of mamba_fwd, but the configuration says that both directions "
                "share it (bidirectional_weight_tie). Correct the configuration."
            )


def _fill(model: Caduceus, found: Mapping[str, Tensor], where: str) -> None:
    own = model.state_dict()
    for name, value in found.items():
        if value.shape != own[name].shape:
            raise InputError(
                f"{where}: {published_name(name, model.config)} has the shape {tuple(value.shape)}, but the "
                f"configuration asks for {tuple(own[name].shape)}."
            )
    model.load_state_dict({name: value.to(own[name].dtype) for name, value in found.items()})
