"""Features of every sequence of a file, written while they are computed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import palindra
from palindra.cli.embedding.stores import checked_suffix, open_store
from palindra.cli.inputs import choose
from palindra.cli.provenance import versions
from palindra.data import read_sequences
from palindra.errors import InputError
from palindra.models.strand_lm.opening import open_language_model
from palindra.models.strand_lm.reading import in_evaluation, read_both
from palindra.models.strand_lm.tiling import read_in_tiles
from palindra.sequences.vocabulary import VOCABULARY

POOLS = ("position", "mean", "strand")
LONGEST = 131_072  # letters that are read in one piece unless tiles are asked for
LETTERS_TOGETHER = 65_536  # in a batch
SEQUENCES_AHEAD = 1024  # among which those of one length are looked for

Read = Callable[[Tensor], Tensor]  # tokens (batch, length) to features (batch, length, width)


class Written(NamedTuple):
    """What a file of embeddings holds."""

    path: Path
    sequences: int
    shape: tuple[int, int]


def embed_file(
    model: nn.Module,
    source: Path,
    path: Path,
    output: Path,
    *,
    pool: str,
    tile: int = 0,
    overlap: int = 0,
    dtype: str = "float32",
    sequence_column: str | None = None,
    command: str = "",
    device: str = "cpu",
) -> Written:
    """Write the features of all sequences of a file, in their order and with their names.

    Args:
        model: a language model.
        source: the folder that it was read from.
        path: of the sequences.
        output: see :func:`palindra.cli.embedding.stores.open_store`.
        pool: ``position`` keeps every position, of both strands together; ``mean`` averages the features of the given
            strand over its letters; ``strand`` averages those of both strands, so that both give the same vector.
        tile: longer sequences are read in tiles of so many letters; 0 refuses those beyond :data:`LONGEST`.
        overlap: letters that neighbouring tiles share; 0 for a quarter of a tile.
        dtype: of the features, ``float32`` or ``float16``.
        sequence_column: of a table.
        command: that was run.
        device: where to compute.

    Raises:
        InputError: for sequences that are too long or hold no letter, and for files that cannot be read or written.
    """
    choose("--pool", pool, POOLS)
    choose("--dtype", dtype, ("float32", "float16"))
    checked_suffix(output)
    overlap = _checked_overlap(tile, overlap)
    names, sequences, places = read_sequences(path, sequence_column=sequence_column)
    tokens = [VOCABULARY.encode(text, name=place) for text, place in zip(sequences, places, strict=True)]
    for letters, place in zip(tokens, places, strict=True):
        _require_readable(letters, place, tile)
    lengths = np.array([len(row) for row in tokens], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]) if pool == "position" else None
    width = int(model.hidden_width)  # type: ignore[arg-type]
    shape = (int(lengths.sum()) if pool == "position" else len(tokens), width)
    model.to(device)

    def read(batch: Tensor) -> Tensor:
        found = read_both(model, batch.to(device, torch.int64))
        return (found.strands[:, 0] if pool == "mean" else found.hidden).float().cpu()

    provenance = {
        "palindra": palindra.__version__,
        "command": command,
        "pool": pool,
        "model": source.name,
        "model_sha256": weights_sha256(source),
        "sequences": path.name,
        "sequences_sha256": _sha256(path),
        "tile": tile,
        "overlap": overlap,
        "versions": versions(),
    }
    with (
        in_evaluation(model),
        open_store(output, shape=shape, dtype=dtype, ids=names, offsets=offsets, provenance=provenance) as rows,
    ):
        for row, start, features in _features(read, tokens, tile=tile, overlap=overlap, whole=pool != "position"):
            first = row if offsets is None else int(offsets[row]) + start
            rows[first : first + len(features)] = _finite(features, places[row]).numpy().astype(dtype)
    return Written(output, len(tokens), shape)


def _features(
    read: Read, tokens: Sequence[NDArray[np.uint8]], *, tile: int, overlap: int, whole: bool
) -> Iterator[tuple[int, int, Tensor]]:
    """Row, first position and features; of whole sequences one mean over their letters."""
    for row, batch in _batches(tokens):
        length = batch.shape[1]
        if tile and length > tile:
            parts = read_in_tiles(lambda x: read(x[None])[0], batch[0], tile=tile, overlap=overlap)
            if not whole:
                yield from ((row[0], start, part) for start, part in parts)
                continue
            known = (batch[0] < VOCABULARY.letters).double()[:, None]
            total = sum((known[start : start + len(part)] * part).sum(0) for start, part in parts)
            yield row[0], 0, (total / known.sum()).float()[None]
            continue
        found = read(batch)
        if whole:
            known = (batch < VOCABULARY.letters).double()[..., None]
            found = ((found * known).sum(1) / known.sum(1)).float()[:, None]
        yield from ((one, 0, features) for one, features in zip(row, found, strict=True))


def _batches(tokens: Sequence[NDArray[np.uint8]]) -> Iterator[tuple[list[int], Tensor]]:
    """Sequences of one length together, from stretches of the file, so that none needs padding."""
    for start in range(0, len(tokens), SEQUENCES_AHEAD):
        by_length: dict[int, list[int]] = {}
        for row in range(start, min(start + SEQUENCES_AHEAD, len(tokens))):
            by_length.setdefault(len(tokens[row]), []).append(row)
        for length, rows in by_length.items():
            together = max(1, LETTERS_TOGETHER // length)
            for first in range(0, len(rows), together):
                some = rows[first : first + together]
                yield some, torch.from_numpy(np.stack([tokens[row] for row in some]))


def open_model(folder: Path) -> nn.Module:
    """A language model, or that of a fine-tuned run folder.

    Raises:
        InputError: for any other folder.
    """
    if not (folder / "config.toml").is_file():
        return open_language_model(folder)
    from palindra.models.saving import load_run
    from palindra.models.strand_lm.classifier import LanguageModelClassifier

    members = load_run(folder).predictor.members
    if len(members) != 1 or not isinstance(members[0], LanguageModelClassifier):
        raise InputError(
            f"{folder}: this run was not fine-tuned from a language model. Give one written by palindra finetune or "
            "palindra pretrain."
        )
    return members[0].language_model


def weights_sha256(folder: Path) -> str:
    """Checksum of the weights in a folder."""
    found = [folder / name for name in ("model.safetensors", "weights.safetensors", "pytorch_model.bin")]
    return next((_sha256(path) for path in found if path.is_file()), "")


def _checked_overlap(tile: int, overlap: int) -> int:
    if tile < 0 or overlap < 0 or (tile and overlap >= tile) or (overlap and not tile):
        raise InputError(f"--tile {tile} --overlap {overlap}: tiles share fewer letters than they have, and 0 or more.")
    return overlap or tile // 4


def _require_readable(tokens: NDArray[np.uint8], place: str, tile: int) -> None:
    if len(tokens) == 0 or not (tokens < VOCABULARY.letters).any():
        raise InputError(f"{place}: the sequence has no A, C, G or T. Remove it.")
    if len(tokens) > LONGEST and not tile:
        raise InputError(
            f"{place}: {len(tokens):,} letters, but more than {LONGEST:,} are not read in one piece: give the length "
            "of tiles, e.g. --tile 32768, or cut the sequence."
        )


def _finite(features: Tensor, place: str) -> Tensor:
    if not bool(features.isfinite().all()):
        raise InputError(f"{place}: the features are not finite numbers: the weights of the model are damaged.")
    return features


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
