"""Where to begin to read a file, gzipped or not, so that a line in its middle comes first."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from palindra.data.variants.lines import Place

_GZIP = b"\x1f\x8b\x08"
_EXTRA = 4  # flag of a gzip header: a field with extra data follows
_HEADER, _TAIL = 12, 4  # bytes before the extra data; bytes at the end that say how much a block unpacks to


def places(path: str | Path, lines: Iterable[tuple[int, int]]) -> list[Place]:
    r"""Where lines lie whose bytes are known.

    In a plain file a line is found at once, in one that is packed in blocks (bgzip) its block is. Of another gzip file
    everything before the line has to be unpacked again.

    Args:
        path: of the file.
        lines: of each how many lines and how many unpacked bytes lie before it; in their order.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> folder = TemporaryDirectory()
        >>> plain = Path(folder.name, "calls.vcf")
        >>> _ = plain.write_text("first\nsecond\n")
        >>> places(plain, [(1, 6)])
        [Place(line=1, seek=6, skip=0)]
        >>> folder.cleanup()

    Source:
        The SAM/BAM Format Specification Working Group (2023), section 4.1 "The BGZF compression format".
    """
    found: list[Place] = []
    with Path(path).open("rb") as file:
        if file.read(len(_GZIP)) != _GZIP:
            return [Place(line, before, 0) for line, before in lines]
        at = unpacked = 0
        size = _block_size(file, at)
        for line, before in lines:
            while size and unpacked + (inside := _unpacked_size(file, at, size)) <= before:
                at, unpacked = at + size, unpacked + inside
                size = _block_size(file, at)
            found.append(Place(line, at, before - unpacked))
    return found


def is_seekable(path: str | Path) -> bool:
    """Whether a line in the middle is found without unpacking all before it: in plain files and in those of bgzip."""
    with Path(path).open("rb") as file:
        return file.read(len(_GZIP)) != _GZIP or _block_size(file, 0) > 0


def _block_size(file: IO[bytes], at: int) -> int:
    """Bytes of the BGZF block that begins there, 0 where none does."""
    file.seek(at)
    header = file.read(_HEADER)
    if len(header) < _HEADER or not header.startswith(_GZIP) or not header[3] & _EXTRA:
        return 0
    extra = file.read(int.from_bytes(header[10:12], "little"))
    while len(extra) >= 4:
        name, length = extra[:2], int.from_bytes(extra[2:4], "little")
        if name == b"BC" and length == 2 and len(extra) >= 6:
            return int(struct.unpack("<H", extra[4:6])[0]) + 1
        extra = extra[4 + length :]
    return 0


def _unpacked_size(file: IO[bytes], at: int, size: int) -> int:
    file.seek(at + size - _TAIL)
    return int.from_bytes(file.read(_TAIL), "little")
