"""Which positions of a FASTA are in lower case or in long gaps, kept as runs beside the codes of the genome."""

from __future__ import annotations

import contextlib
import gzip
import os
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.data.genome import Genome, covered, union
from palindra.data.genome.exclude import Spans
from palindra.errors import InputError

_PIECE = 1 << 22  # bytes read at a time
_GZIP_MAGIC = b"\x1f\x8b"
_LOWER = bytes(1 if 97 <= byte <= 122 else 0 for byte in range(256))
_BLANKS = b" \t\r\n"
_UNKNOWN = bytes(0 if byte in b"ACGTacgt" else 1 for byte in range(256))

GAP_LENGTH = 64  # letters other than A, C, G, T in a row that are a gap of the assembly


@dataclass(frozen=True)
class SoftMasked:
    """The lower-case stretches of each contig.

    The codes of a genome do not keep the case of letters. Repeats come in long stretches, so their ends are all that
    is stored: 16 bytes for a stretch of any length (the human genome has about 5 million).

    Args:
        spans: for each contig that has some, sorted and disjoint starts and ends, 0-based and half-open.
        gaps: the same for runs of at least ``GAP_LENGTH`` letters other than A, C, G, T.

    Examples:
        >>> repeats = SoftMasked({"chr1": np.array([[2, 5], [9, 11]])})
        >>> repeats.inside("chr1", 3, 10).tolist()
        [True, True, False, False, False, False, True]
        >>> repeats.positions
        5
    """

    spans: Mapping[str, Spans]
    gaps: Mapping[str, Spans] = field(default_factory=dict)

    @classmethod
    def of(cls, genome: Genome) -> SoftMasked:
        """The soft-masked stretches of the FASTA of a genome, found beside its codes or read once from the FASTA.

        Raises:
            InputError: if the FASTA is no longer the one that the codes were made of.
        """
        store = genome.path.with_name(f"{genome.path.name}.case.npz")
        found = _read(store, genome)
        if found is None:
            found = _runs(genome.fasta)
            lengths = genome.chromosomes
            if any(spans[-1, 1] > lengths.get(name, 0) for kind in found for name, spans in kind.items()):
                raise InputError(f"{genome.fasta}: has changed while it was in use. Start again.")
            _write(store, genome, found)
        return cls(*found)

    @property
    def positions(self) -> int:
        """Number of lower-case letters."""
        return sum(int((spans[:, 1] - spans[:, 0]).sum()) for spans in self.spans.values())

    def share(self, contig: str, start: int, end: int) -> float:
        """Share of a stretch that is in lower case."""
        spans = self.spans.get(contig, np.empty((0, 2), dtype=np.int64))
        return float(covered([[start, end]], spans)[0]) / (end - start)

    def inside(self, contig: str, start: int, end: int) -> NDArray[np.bool_]:
        """For each position of a stretch whether it is in lower case."""
        return inside(self.spans, contig, start, end)


def inside(spans: Mapping[str, Spans], contig: str, start: int, end: int) -> NDArray[np.bool_]:
    """For each position of a stretch whether it lies in any of the spans of its contig.

    Args:
        spans: for each contig sorted, disjoint starts and ends; contigs may be missing.
        contig: name.
        start: first position.
        end: the position after the last one.

    Examples:
        >>> inside({"a": np.array([[0, 2], [4, 5]])}, "a", 1, 6).tolist()
        [True, False, False, True, False]
    """
    found = np.zeros(end - start, dtype=bool)
    mine = spans.get(contig)
    if mine is not None and len(mine):
        first = int(np.searchsorted(mine[:, 1], start, side="right"))
        last = int(np.searchsorted(mine[:, 0], end, side="left"))
        for a, b in (mine[first:last] - start).tolist():
            found[max(a, 0) : max(b, 0)] = True
    return found


def _runs(fasta: Path) -> tuple[dict[str, Spans], dict[str, Spans]]:
    """Runs of lower case and long runs of unknown letters."""
    parts: tuple[dict[str, list[Spans]], dict[str, list[Spans]]] = ({}, {})
    place: dict[str, int] = {}
    for name, text in _letters(fasta):
        letters = text.translate(None, _BLANKS)
        begun = place.get(name, 0)
        place[name] = begun + len(letters)
        for table, kind in zip((_LOWER, _UNKNOWN), parts, strict=True):
            marked = np.frombuffer(letters.translate(table), dtype=np.int8)
            if marked.any():
                edges = np.flatnonzero(np.diff(marked, prepend=0, append=0))
                kind.setdefault(name, []).append(edges.reshape(-1, 2).astype(np.int64) + begun)
    # Runs that were cut by pieces touch and become one.
    lower, unknown = ({name: union(*some) for name, some in kind.items()} for kind in parts)
    long = {name: spans[spans[:, 1] - spans[:, 0] >= GAP_LENGTH] for name, spans in unknown.items()}
    return lower, {name: spans for name, spans in long.items() if len(spans)}


def _letters(fasta: Path) -> Iterator[tuple[str, bytes]]:
    """Names and letters of records, in pieces; the FASTA was checked when its codes were made."""
    header: bytearray | None = None
    name = ""
    for piece in _pieces(fasta):
        at = 0
        while at < len(piece):
            if header is None:
                mark = piece.find(b">", at)
                stop = mark if mark >= 0 else len(piece)
                yield name, piece[at:stop]
                header, at = (bytearray(), stop + 1) if mark >= 0 else (None, stop)
            else:
                end = piece.find(b"\n", at)
                stop = end if end >= 0 else len(piece)
                header += piece[at:stop]
                at = stop + 1
                if end >= 0:
                    name, header = (header.decode("utf-8", "replace").split(maxsplit=1) or [""])[0], None


def _pieces(fasta: Path) -> Iterator[bytes]:
    with fasta.open("rb") as file:
        packed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        source = gzip.GzipFile(fileobj=file) if packed else file
        while piece := source.read(_PIECE):
            yield piece


def _read(store: Path, genome: Genome) -> tuple[dict[str, Spans], dict[str, Spans]] | None:
    """What was stored for this content of the FASTA, or nothing."""
    broken = contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
    with broken, np.load(store, allow_pickle=False) as stored:
        if str(stored["fingerprint"]) == genome.fingerprint:
            lower, gaps = (_unpacked(stored, kind) for kind in ("lower", "gap"))
            return lower, gaps
    return None


def _unpacked(stored: Any, kind: str) -> dict[str, Spans]:
    names, ends = stored[f"{kind}_names"].tolist(), np.cumsum(stored[f"{kind}_sizes"])
    parts = np.split(stored[f"{kind}_spans"].astype(np.int64), ends)[: len(names)]
    return dict(zip(names, parts, strict=True))


def _write(store: Path, genome: Genome, found: tuple[dict[str, Spans], dict[str, Spans]]) -> None:
    """Keep the runs for the next time; where that folder cannot be written they are read again then."""
    partial = store.with_name(f".{store.name}.{os.getpid()}-{time.monotonic_ns()}.part")
    arrays: dict[str, Any] = {"fingerprint": np.array(genome.fingerprint)}
    for name, kind in zip(("lower", "gap"), found, strict=True):
        arrays[f"{name}_names"] = np.array(list(kind), dtype="U")
        arrays[f"{name}_sizes"] = np.array([len(some) for some in kind.values()], dtype=np.int64)
        arrays[f"{name}_spans"] = np.concatenate([np.empty((0, 2), dtype=np.int64), *kind.values()])
    with contextlib.suppress(OSError):
        try:
            with partial.open("xb") as file:
                np.savez_compressed(file, **arrays)
            partial.replace(store)
        finally:
            partial.unlink(missing_ok=True)
