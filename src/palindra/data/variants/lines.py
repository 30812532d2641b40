"""The lines of a text file of any size, gzipped or not, one after the other."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from palindra.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_BCF_MAGIC = "BCF"
_PIECE = 1 << 20  # bytes that are passed over at a time


@dataclass(frozen=True)
class Place:
    """Where a line begins, so that a file can be read from it on.

    Args:
        line: lines before it.
        seek: bytes of the file that are passed over; there a line, or a gzip member, begins.
        skip: bytes that are unpacked behind them and passed over.
    """

    line: int = 0
    seek: int = 0
    skip: int = 0


@dataclass
class LastLine:
    """The line that was read last: its text, and where it lies among the unpacked bytes of its file."""

    text: str = ""
    start: int = 0
    end: int = 0


BEGINNING = Place()


def numbered_lines(
    path: str | Path, *, place: Place = BEGINNING, last: LastLine | None = None
) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text, without line end, of every line that is not blank.

    Bytes that are no UTF-8 come back unchanged when the text is written with ``errors="surrogateescape"``.

    Args:
        path: of the file.
        place: where to begin.
        last: is kept at the line that was given last; its bytes are counted from the place.

    Raises:
        InputError: if there is no such file, it is a folder or empty, its gzip data are cut off or damaged, or it is no
            text; from the line on that can no longer be read.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give one file.")
    number, last = place.line, last or LastLine()
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path}: is empty.")
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(place.seek)
            if not packed and path.suffix in (".gz", ".bgz"):
                raise InputError(f"{path}: is named {path.suffix} but is not gzipped. Rename it, or copy it again.")
            stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw) if packed else raw)
            _skip(stream, place.skip)
            # Only \n ends a line here: other signs that Python takes for ends may stand in an INFO field.
            with io.TextIOWrapper(stream, "utf-8", "surrogateescape", newline="\n") as text:
                for number, line in enumerate(text, start=place.line + 1):
                    size = len(line) if line.isascii() else len(line.encode("utf-8", "surrogateescape"))
                    last.start, last.end = last.end, last.end + size
                    if number == 1:
                        line = line.encode("utf-8", "surrogateescape").decode("utf-8-sig", "surrogateescape")
                    if line.startswith(_BCF_MAGIC) and number == 1:
                        raise InputError(f"{path}: is a BCF file; a VCF is needed: bcftools view -O z -o calls.vcf.gz.")
                    if "\0" in line:
                        raise InputError(f"{path} line {number}: not text. A VCF is needed, gzipped or not.")
                    if line.strip():
                        last.text = line.rstrip("\r\n")
                        yield number, last.text
    except EOFError:
        raise _broken(path, number, "the gzip data end too early, so the file is cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _broken(path, number, f"the gzip data are damaged ({error})") from None
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


def _skip(stream: IO[bytes], size: int) -> None:
    while size > 0 and (passed := len(stream.read(min(size, _PIECE)))):
        size -= passed


def _broken(path: Path, number: int, what: str) -> InputError:
    return InputError(f"{path} after line {number}: {what}. Copy the file again.")
