"""Bytes and lines of a file that may be gzipped, with one clear error for each way it can be broken."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from palindra.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class TextFile:
    """The lines of a text file (without line ends) and the hash of the file as it lies on disk."""

    name: str
    lines: list[str]
    sha256: str


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a file as they lie on disk.

    Raises:
        InputError: if there is no such file, it is a folder, may not be read or is empty.
    """
    with _opened(path) as file:
        return file.read()


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file as it lies on disk, read piece by piece; raises what ``read_bytes`` raises."""
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_text(path: str | Path) -> TextFile:
    """Read a text file, unpacking it if it is gzipped (whatever it is called).

    Raises:
        InputError: also if the gzip data are cut off or damaged, or the content is not UTF-8 text; text errors name
            the line.
    """
    content = read_bytes(path)
    digest = hashlib.sha256(content).hexdigest()
    if content.startswith(_GZIP_MAGIC):
        try:
            content = gzip.decompress(content)
        except EOFError:
            raise InputError(f"{path}: the gzip data end too early, so the file is cut off. Copy it again.") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path}: the gzip data are damaged ({error}). Copy the file again.") from None
    elif Path(path).suffix == ".gz":
        raise InputError(f"{path}: is named .gz but is not gzipped. Rename it, or copy it again.")
    junk = content.find(b"\0")
    if junk >= 0:
        raise _not_text(path, content, junk)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_text(path, content, error.start) from None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise InputError(f"{path}: is empty.")
    return TextFile(name=str(path), lines=lines, sha256=digest)


@contextmanager
def _opened(path: str | Path) -> Iterator[BufferedReader]:
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give one file.")
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path}: is empty.")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


def _not_text(path: str | Path, content: bytes, position: int) -> InputError:
    line = content.count(b"\n", 0, position) + 1
    return InputError(
        f"{path} line {line}: not text (byte 0x{content[position]:02x}). Needed is a TSV, CSV or FASTA file in UTF-8 "
        "(may be gzipped), or a Parquet (.parquet) or HDF5 (.h5) file with its usual suffix."
    )
