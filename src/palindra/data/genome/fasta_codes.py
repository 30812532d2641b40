"""A FASTA file of any size to one byte per base, read piece by piece."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from palindra.errors import InputError
from palindra.sequences.alphabet import DNA, ILLEGAL

OTHER = len(DNA.letters)  # the code of N, of every other ambiguity code, and of positions outside a chromosome

_PIECE = 1 << 22  # bytes read at a time: what building holds in memory, whatever the genome
_GZIP_MAGIC = b"\x1f\x8b"
_BLANKS = b" \t\r\n"
_TABLE = bytes(code if code == ILLEGAL else min(code, OTHER) for code in DNA.byte_table)


def write_codes(fasta: Path, out: BinaryIO) -> dict[str, int]:
    """Write the codes of all sequences one after the other: 0 to 3 for ACGT, 4 for every other letter.

    Args:
        fasta: the file, gzipped or not; a name is what stands before the first blank of a header.
        out: where the bytes go.

    Returns:
        Name and length of each sequence in the order of the file.

    Raises:
        InputError: naming file and line, if the gzip data are cut off or damaged, letters stand before the first
            header, a name is missing or comes twice, a record is empty, or a letter is not DNA.
    """
    parser = _Parser(fasta, out)
    for piece in _pieces(fasta):
        parser.feed(piece)
    return parser.finish()


def _pieces(fasta: Path) -> Iterator[bytes]:
    with fasta.open("rb") as file:
        packed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if not packed:
            if fasta.suffix == ".gz":
                raise InputError(f"{fasta}: is named .gz but is not gzipped. Rename it, or copy it again.")
            while piece := file.read(_PIECE):
                yield piece
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            while piece := _unpack(unpacked, fasta):
                yield piece


def _unpack(unpacked: gzip.GzipFile, fasta: Path) -> bytes:
    try:
        return unpacked.read(_PIECE)
    except EOFError:
        raise InputError(f"{fasta}: the gzip data end too early, so the file is cut off. Copy it again.") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{fasta}: the gzip data are damaged ({error}). Copy the file again.") from None


class _Parser:
    """Headers and letters of pieces that may be cut anywhere."""

    def __init__(self, fasta: Path, out: BinaryIO) -> None:
        self.fasta = fasta
        self.out = out
        self.lengths: dict[str, int] = {}
        self.name: str | None = None  # of the record that letters belong to
        self.header: bytearray | None = None  # of the header line that has begun and not ended
        self.line = 1
        self.line_starts = True  # whether the next byte is the first of its line

    def feed(self, piece: bytes) -> None:
        position = 0
        while position < len(piece):
            if self.header is None:
                mark = piece.find(b">", position)
                stop = mark if mark >= 0 else len(piece)
                self._letters(piece[position:stop])
                position = stop
                if mark >= 0:
                    if not self.line_starts:
                        raise self._refused(">", self.line)
                    self.header = bytearray()
                    position += 1
            else:
                end = piece.find(b"\n", position)
                stop = end if end >= 0 else len(piece)
                self.header += piece[position:stop]
                position = stop + 1
                if end >= 0:
                    self._begin(self.header)
                    self.header, self.line, self.line_starts = None, self.line + 1, True

    def finish(self) -> dict[str, int]:
        if self.header is not None:
            self._begin(self.header)
        self._check_last()
        if not self.lengths:
            raise InputError(f"{self.fasta}: has no sequence. A FASTA file has records of a line '>name' and letters.")
        return self.lengths

    def _begin(self, header: bytearray) -> None:
        self._check_last()
        words = header.decode("utf-8", "replace").split(maxsplit=1)
        if not words or header[:1].isspace():
            raise InputError(f"{self.fasta} line {self.line}: a header without a name. Write '>name'.")
        if words[0] in self.lengths:
            raise InputError(f"{self.fasta} line {self.line}: a second record {words[0]!r}. Names must be distinct.")
        self.name = words[0]
        self.lengths[self.name] = 0

    def _check_last(self) -> None:
        if self.name is not None and not self.lengths[self.name]:
            raise InputError(f"{self.fasta} line {self.line}: record {self.name!r} before has no sequence. Remove it.")

    def _letters(self, text: bytes) -> None:
        if not text:
            return
        codes = text.translate(_TABLE, _BLANKS)
        if codes and self.name is None:
            line = self.line + text[: len(text) - len(text.lstrip())].count(b"\n")
            raise InputError(f"{self.fasta} line {line}: not FASTA, whose records begin with a line '>name'.")
        if bytes([ILLEGAL]) in codes:
            place = next(place for place, byte in enumerate(text) if _TABLE[byte] == ILLEGAL and byte not in _BLANKS)
            raise self._refused(chr(text[place]), self.line + text.count(b"\n", 0, place))
        if self.name is not None:
            self.lengths[self.name] += len(codes)
            self.out.write(codes)
        self.line += text.count(b"\n")
        self.line_starts = text.endswith(b"\n")

    def _refused(self, letter: str, line: int) -> InputError:
        return InputError(
            f"{self.fasta} line {line}: {letter!r} in record {self.name!r} is not DNA. {DNA.refusal(letter)}"
        )
