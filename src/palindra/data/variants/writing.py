"""VCF text compressed in blocks (bgzip) that can be appended to, indexed (tabix), and sorted without memory for all."""

from __future__ import annotations

import heapq
import importlib
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from palindra.data.variants.lines import numbered_lines
from palindra.errors import InputError

_END = 28  # bytes of the empty block that ends a BGZF file
_TBI_LIMIT = 1 << 29  # positions that a .tbi can hold; a .csi holds longer contigs
_RUN = 100_000  # lines sorted in memory at a time


def compressed(text: str, scratch: Path) -> bytes:
    """Text as BGZF blocks without the block that ends a file, so that more can be appended.

    Args:
        text: whole lines; its surrogate escapes become the bytes that they stand for.
        scratch: a folder that can be written.

    Raises:
        InputError: if pysam is missing.
    """
    with tempfile.NamedTemporaryFile(dir=scratch, suffix=".gz") as place:
        with _pysam().BGZFile(place.name, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        return Path(place.name).read_bytes()[:-_END]


def end_of_file(scratch: Path) -> bytes:
    """The empty block that ends a BGZF file."""
    with tempfile.NamedTemporaryFile(dir=scratch, suffix=".gz") as place:
        _pysam().BGZFile(place.name, "wb").close()
        return Path(place.name).read_bytes()[-_END:]


def index(path: Path, *, longest: int) -> Path:
    """Write the tabix index of a sorted bgzipped VCF beside it.

    Args:
        path: of the VCF.
        longest: length of its longest contig: above 512 Mb the index is a ``.csi``.

    Returns:
        The index.

    Raises:
        InputError: if the records are not sorted.
    """
    csi = longest >= _TBI_LIMIT
    pysam = _pysam()
    loudness = pysam.set_verbosity(0)  # position 0 (a telomere) is legal, and warned of
    try:
        pysam.tabix_index(str(path), preset="vcf", force=True, csi=csi)
    except OSError as error:
        raise InputError(f"{path}: cannot be indexed ({error}): are its records sorted?") from None
    finally:
        pysam.set_verbosity(loudness)
    return path.with_name(path.name + (".csi" if csi else ".tbi"))


def sort(path: Path, target: Path, contigs: Sequence[str]) -> None:
    """Write the records of a VCF in the order of contigs and positions; equal places keep their order.

    Runs of lines are sorted in memory, kept as files, and merged.

    Args:
        path: a VCF, compressed or not.
        target: the bgzipped file to write.
        contigs: all names, in order.
    """
    rank = {name: place for place, name in enumerate(contigs)}

    def key(line: str) -> tuple[int, int]:
        chrom, position, _ = line.split("\t", 2)
        return rank[chrom], int(position)

    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        header: list[str] = []
        runs: list[Path] = []
        lines = (text for _, text in numbered_lines(path))
        for first in lines:
            header.append(first)
            if first.startswith("#CHROM"):
                break
        while part := sorted(islice(lines, _RUN), key=key):
            runs.append(Path(folder, f"{len(runs)}.vcf"))
            with runs[-1].open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                file.writelines(line + "\n" for line in part)
        with _pysam().BGZFile(str(target), "wb") as out:
            for line in chain(header, heapq.merge(*map(_lines, runs), key=key)):
                out.write((line + "\n").encode("utf-8", "surrogateescape"))


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for line in file:
            yield line.rstrip("\n")


def require_pysam() -> None:
    """Make sure that compressed VCF files can be written.

    Raises:
        InputError: if pysam is missing.
    """
    _pysam()


def _pysam() -> Any:
    try:
        return importlib.import_module("pysam")
    except ImportError:
        raise InputError(
            "compressed and indexed VCF files need pysam, which is not installed: pip install 'palindra[genome]'"
        ) from None
