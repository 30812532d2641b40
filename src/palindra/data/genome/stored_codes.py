"""The codes of a genome kept in a file: built once, found again only while they are those of the FASTA.

The file has the codes of all chromosomes, one byte per base, then a JSON text with names, lengths and the SHA-256 of
the FASTA, then the length of that text and a mark. It appears under its name only when it is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from palindra.data.files import hash_file
from palindra.data.genome.fasta_codes import write_codes
from palindra.errors import InputError

_MARK = b"PALCODE1"
_TAIL = 8 + len(_MARK)  # bytes after the JSON text: its length, the mark
_SETTLED = 2_000_000_000  # nanoseconds after which another write surely gives a file another time of change


@dataclass(frozen=True)
class StoredCodes:
    """Where the codes of a FASTA lie: the file, name and length of each chromosome, SHA-256 of the FASTA."""

    path: Path
    chromosomes: dict[str, int]
    fingerprint: str
    stamp: tuple[int, ...] = ()

    @classmethod
    def read(cls, path: Path) -> StoredCodes:
        """What the end of the file says.

        Raises:
            InputError: if it is cut off or another kind of file.
            OSError: if it cannot be read.
        """
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            tail = file.read()
            length = int.from_bytes(tail[:8], "little")
            if len(tail) == _TAIL and tail.endswith(_MARK) and length <= size - _TAIL:
                file.seek(size - _TAIL - length)
                about = json.loads(file.read(length))
                if sum(about["chromosomes"].values()) == size - _TAIL - length:
                    return cls(path, about["chromosomes"], about["sha256"], tuple(about["stamp"]))
        raise InputError(f"{path}: is not a whole file of codes. Remove it; it will be built anew.")


def stored_codes(fasta: Path, cache: Path | None) -> StoredCodes:
    """The codes of a FASTA, found or built.

    They lie in ``cache`` if that is given; otherwise next to the FASTA, or, where that folder cannot be written, in the
    user's cache folder (``$XDG_CACHE_HOME/palindra``, by default ``~/.cache/palindra``). Codes of a FASTA that has
    changed since are built anew, with a warning. Processes that need the same codes at once wait for the first.

    Raises:
        InputError: if the FASTA cannot be read, changes while it is read, or its codes can be written nowhere.
    """
    places = _places(fasta, cache)
    current = _Current(fasta)
    found, _ = _valid(places, current)
    if found is not None:
        return found
    with _alone(fasta) as alone:
        found, stale = _valid(places, current)  # another process may have built them by now
        if found is not None:
            return found
        built = _build(fasta, places, current, alone)
    if stale is not None:
        warnings.warn(f"{fasta} has changed since {stale} was made of it: its codes were built anew.", stacklevel=3)
    return built


class _Current:
    """Size, time and hash of the FASTA as it is now; the hash is taken only if it is needed, and then once."""

    def __init__(self, fasta: Path) -> None:
        self.fasta = fasta
        self._hash: str | None = None
        self.stamp = self._stamp()

    def _stamp(self) -> tuple[int, ...]:
        try:
            about = self.fasta.stat()
        except OSError:
            return ()  # hash_file says what is wrong
        return (about.st_size, about.st_ino, about.st_mtime_ns, about.st_ctime_ns)

    @property
    def hash(self) -> str:
        if self._hash is None:
            self._hash = hash_file(self.fasta)
            self.check()
        return self._hash

    def check(self) -> None:
        if self.stamp != self._stamp():
            raise InputError(f"{self.fasta}: changed while it was being read. Try again when it is complete.")

    def agrees(self, codes: StoredCodes) -> bool:
        """Whether codes are those of this file: of its size, and of its hash.

        The hash is not taken again while not even the time of change of the inode differs, which every write and every
        restored time stamp moves on. A file that was written just before its codes is always hashed, as another write
        within one tick of the clock would show no later time.
        """
        *stamp, built = codes.stamp
        if not self.stamp or self.stamp[0] != stamp[0]:
            return False
        settled = built - self.stamp[3] > _SETTLED
        return (settled and tuple(stamp) == self.stamp) or codes.fingerprint == self.hash


def _valid(places: list[Path], current: _Current) -> tuple[StoredCodes | None, Path | None]:
    """The first file of codes that is valid, or else the first one that is not."""
    stale: Path | None = None
    for place in places:
        codes = None
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # absent, cut off or of another kind
            codes = StoredCodes.read(place)
        if codes is not None and current.agrees(codes):
            return codes, None
        stale = stale if stale or codes is None else place
    return None, stale


def _build(fasta: Path, places: list[Path], current: _Current, alone: bool) -> StoredCodes:
    fingerprint = current.hash
    refusals = []
    for place in places:
        part = place.with_name(f".{place.name}.{os.getpid()}-{time.monotonic_ns()}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if alone:
                for left in place.parent.glob(f".{place.name}.*.part"):  # of a process that was killed
                    left.unlink(missing_ok=True)
            with part.open("xb") as file:
                chromosomes = write_codes(fasta, file)
                current.check()
                stamp = (*current.stamp, time.time_ns())
                about = {"sha256": fingerprint, "stamp": stamp, "fasta": fasta.name, "chromosomes": chromosomes}
                text = json.dumps(about).encode()
                file.write(text + len(text).to_bytes(8, "little") + _MARK)
                file.flush()
                os.fsync(file.fileno())
            part.replace(place)
            return StoredCodes(place, chromosomes, fingerprint, stamp)
        except OSError as error:
            refusals.append(f"{place.parent} ({error.strerror})")
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    raise InputError(
        f"{fasta}: its codes (one byte per base) can be written neither next to it nor elsewhere: {', '.join(refusals)}"
        ". Give a folder with enough space as cache."
    )


def _places(fasta: Path, cache: Path | None) -> list[Path]:
    # In a folder for many genomes, two of them may have one file name.
    whole = fasta.resolve()
    distinct = f"{fasta.name}.{hashlib.sha256(os.fsencode(whole)).hexdigest()[:12]}.codes"
    if cache is not None:
        return [cache / distinct]
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [fasta.with_name(f"{fasta.name}.codes"), user / "palindra" / distinct]


@contextlib.contextmanager
def _alone(fasta: Path) -> Iterator[bool]:
    """Wait until no other process builds from this FASTA; False where the system has no such locks.

    The lock is on the FASTA itself, so it leaves no file behind and ends with its process. Without it two processes
    may both build, and the last one to finish renames its whole file over the other's, which is equal.
    """
    with contextlib.ExitStack() as stack:
        locked = False
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            file = stack.enter_context(fasta.open("rb"))
            fcntl.flock(file, fcntl.LOCK_EX)
            locked = True
        yield locked
