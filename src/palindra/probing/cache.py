"""Embeddings on disk by the content of sequence and source: computed once, streamed, and whole or refused."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, overload

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from palindra.errors import InputError
from palindra.probing.source import Source
from palindra.probing.sources.bases import require_letters, token_rows

Kind = Literal["mean", "max", "cls", "full"]
KINDS: tuple[str, ...] = get_args(Kind)
ROWS_TOGETHER = 512  # sequences of a file
NUMBERS_TOGETHER = 2**24  # features of a file, if each letter has its own
FILES_OPEN = 64  # of one table at a time
SUFFIX, DIGEST = ".safetensors", 32  # bytes of checksums


class Cache:
    """Embeddings in a folder.

    What was computed for a sequence by a source is found again, in whichever order and company it is asked for; the
    key is the text of the sequence and the fingerprint of the source. Features are computed some sequences at a time,
    and each file of them is written whole before the next ones are computed: after a kill the same call goes on where
    it stopped. Every file ends with a checksum, and one that is damaged is refused.

    Args:
        folder: made where it does not exist; may be shared by many sources.
        rows_together: sequences of one file.

    Examples:
        >>> import tempfile
        >>> from palindra.probing.sources import open_source
        >>> cache = Cache(tempfile.mkdtemp())
        >>> cache.embeddings(open_source("nucleotides"), ["AACG", "TTTT"], kind="mean")
        array([[0.5 , 0.25, 0.25, 0.  ],
               [0.  , 0.  , 0.  , 1.  ]], dtype=float32)
    """

    def __init__(self, folder: str | Path, *, rows_together: int = ROWS_TOGETHER) -> None:
        self.folder, self.rows_together = Path(folder), rows_together
        self._read: dict[Path, dict[bytes, Place]] = {}  # by the folders of sources
        self._checked: set[Path] = set()  # their files

    @overload
    def embeddings(
        self, source: Source, sequences: Sequence[str], *, kind: Literal["mean", "max", "cls"]
    ) -> NDArray[np.float32]: ...
    @overload
    def embeddings(self, source: Source, sequences: Sequence[str], *, kind: Literal["full"]) -> FullRows: ...
    @overload
    def embeddings(self, source: Source, sequences: Sequence[str], *, kind: Kind) -> NDArray[np.float32] | FullRows: ...
    def embeddings(self, source: Source, sequences: Sequence[str], *, kind: Kind) -> NDArray[np.float32] | FullRows:
        """Features of sequences, in their order.

        Args:
            source: computes what is not there yet.
            sequences: see :meth:`palindra.probing.source.Source.embed`.
            kind: ``"mean"`` or ``"max"`` over tokens, ``"cls"`` of the model's own summary: an array (rows, width).
                ``"full"``: rows of (tokens, width), read from disk when they are asked for.

        Raises:
            InputError: for a kind that there is not, a source without such a summary, or a file that is damaged.
        """
        if kind not in KINDS:
            raise InputError(f"embeddings of kind {kind!r}: choose {', '.join(KINDS)}.")
        require_letters(sequences)
        folder = self.folder / _short(source.fingerprint) / ("full" if kind == "full" else "pooled")
        places = self._places(folder)
        keys = [_digest(text.encode()) for text in sequences]
        missing: dict[bytes, int] = {}
        for row, key in enumerate(keys):
            if key not in places:
                missing.setdefault(key, row)  # each text once
        for rows in self._parts(source, sequences, list(missing.values())):
            texts = [sequences[row] for row in rows]
            tensors = _full(source, texts) if kind == "full" else _pooled(source, texts)
            path = _write(folder, [keys[row] for row in rows], tensors)
            places.update(_read(path, check=False))
            self._checked.add(path)
        found = [places[key] for key in keys]
        return FullRows(found) if kind == "full" else _gathered(found, kind, source)

    def _places(self, folder: Path) -> dict[bytes, Place]:
        """What is there, together with what other processes have written meanwhile."""
        places = self._read.setdefault(folder, {})
        for path in sorted(folder.glob("*" + SUFFIX)):
            if path not in self._checked:
                places.update(_read(path, check=True))
                self._checked.add(path)
        return places

    def _parts(self, source: Source, sequences: Sequence[str], rows: Sequence[int]) -> Iterator[list[int]]:
        """Rows that are computed and written together, bounded by the numbers that they can have."""
        part: list[int] = []
        letters = 0
        width = _width(source)
        for row in rows:
            if part and (len(part) == self.rows_together or (letters + len(sequences[row])) * width > NUMBERS_TOGETHER):
                yield part
                part, letters = [], 0
            part.append(row)
            letters += len(sequences[row])
        if part:
            yield part


class Place(NamedTuple):
    """Where the features of one sequence are."""

    path: Path
    row: int
    start: int  # first token in the file
    stop: int


class FullRows(Sequence[NDArray[np.float32]]):
    """Features of tokens, one array (tokens, width) for each sequence, read from disk when asked for.

    Args:
        places: of the sequences.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = list(places)
        self._open: dict[Path, Any] = {}

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, row: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, row: slice) -> FullRows: ...
    def __getitem__(self, row: int | slice) -> NDArray[np.float32] | FullRows:
        if isinstance(row, slice):
            return FullRows(self._places[row])
        return self._stretch(row, "features").numpy()

    @property
    def tokens(self) -> NDArray[np.int64]:
        """Tokens of each sequence."""
        return np.array([place.stop - place.start for place in self._places])

    def spans(self, row: int) -> NDArray[np.int64]:
        """The bases that the tokens of a sequence stand for ``(tokens, 2)``."""
        return self._stretch(row, "spans").numpy()

    def _stretch(self, row: int, name: str) -> Tensor:
        place = self._places[row]
        if place.path not in self._open:
            if len(self._open) == FILES_OPEN:
                self._open.clear()
            self._open[place.path] = safe_open(place.path, framework="pt")
        return self._open[place.path].get_slice(name)[place.start : place.stop]

    def __getstate__(self) -> dict[str, Any]:
        return {"_places": self._places, "_open": {}}  # open files stay with their process


def _pooled(source: Source, texts: Sequence[str]) -> dict[str, Tensor]:
    found = source.embed(texts)
    tensors = {"mean": found.mean(), "max": found.maximum()}
    return tensors if found.cls is None else {**tensors, "cls": found.cls}


def _full(source: Source, texts: Sequence[str]) -> dict[str, Tensor]:
    rows = list(token_rows(source.embed(texts)))
    counts = torch.tensor([len(features) for features, _ in rows])
    return {
        "features": torch.cat([features for features, _ in rows]),
        "spans": torch.cat([spans for _, spans in rows]),
        "offsets": torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)]),
    }


def _gathered(places: Sequence[Place], kind: str, source: Source) -> NDArray[np.float32]:
    """Rows of many files in their order; one file is held at a time."""
    by_path: dict[Path, list[int]] = {}
    for row, place in enumerate(places):
        by_path.setdefault(place.path, []).append(row)
    found: NDArray[np.float32] | None = None
    for path, rows in by_path.items():
        with safe_open(path, framework="np") as file:
            if kind not in file.keys():  # noqa: SIM118  a file of safetensors is no mapping
                raise InputError(
                    f"{source.name} has no summary token (CLS), so there are no embeddings of kind cls: choose "
                    "mean or max."
                )
            values = file.get_tensor(kind)
        if found is None:
            found = np.empty((len(places), values.shape[1]), dtype=np.float32)
        found[rows] = values[[places[row].row for row in rows]]
    return np.empty((0, 0), dtype=np.float32) if found is None else found


def _write(folder: Path, keys: Sequence[bytes], tensors: dict[str, Tensor]) -> Path:
    """A file that is there whole or not at all, named by what is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (_digest(b"".join(keys)).hex()[:DIGEST] + SUFFIX)
    keyed = torch.frombuffer(bytearray(b"".join(keys)), dtype=torch.uint8).view(len(keys), DIGEST)
    content = {**{name: value.contiguous() for name, value in tensors.items()}, "keys": keyed}
    sums = {name: _digest(_bytes(value)).hex() for name, value in content.items()}
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}.partial")  # others may write the same file
    partial.write_bytes(save(content, metadata=sums))
    partial.replace(path)
    return path


def _read(path: Path, *, check: bool) -> dict[bytes, Place]:
    """Which sequences are in a file, and where.

    Raises:
        InputError: if it is not as it was written.
    """
    try:
        with safe_open(path, framework="pt") as file:
            names, sums = set(file.keys()), file.metadata() or {}
            if "keys" not in names or names != set(sums):
                raise ValueError("parts are missing")
            for name in names if check else ():
                if _digest(_bytes(file.get_tensor(name))).hex() != sums[name]:
                    raise ValueError("the checksum differs")
            keys = file.get_tensor("keys").numpy()
            offsets = file.get_tensor("offsets").tolist() if "offsets" in names else list(range(len(keys) + 1))
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(
            f"{path}: this file of embeddings is damaged: {error}. Remove it; what was in it is computed again."
        ) from error
    return {bytes(key): Place(path, row, offsets[row], offsets[row + 1]) for row, key in enumerate(keys)}


def _width(source: Source) -> int:
    try:
        return source.width
    except ValueError:  # a function that was not called yet
        return 1


def _bytes(tensor: Tensor) -> Any:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy()


def _digest(content: Any) -> bytes:
    return hashlib.sha256(content).digest()


def _short(fingerprint: str) -> str:
    return _digest(fingerprint.encode()).hex()[:DIGEST]
