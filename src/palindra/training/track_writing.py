"""One stream of predictions of many tracks, handed to one writer per track at the same time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from palindra.training.track_regions import Piece

TrackPiece = tuple[str, int, NDArray[np.float32], int]  # chromosome, start, values of one track, positions of a value

_WAITING = 4  # pieces that wait for each writer
_SECONDS = 0.1


class _BrokenOffError(Exception):
    """Another writer, or what makes the predictions, failed."""


def write_each_track(
    pieces: Iterable[Piece], tracks: int, write: Callable[[int, Iterator[TrackPiece]], object]
) -> None:
    """Predict once, write every track: ``write(number, pieces of that track)`` runs for all tracks side by side.

    Memory holds a few pieces per track. If a writer fails the others stop, and its error is raised.

    Args:
        pieces: of :func:`palindra.training.track_regions.predict_regions`.
        tracks: their number.
        write: takes the number of a track and its pieces, e.g. ``lambda n, pieces: write_bigwig(paths[n], chromosomes,
            pieces)``.

    Examples:
        >>> from palindra.training.track_regions import Piece
        >>> found = {}
        >>> stream = [Piece("one", at, np.array([[at], [-at]], dtype=np.float32), 1) for at in range(3)]
        >>> write_each_track(stream, 2, lambda n, pieces: found.update({n: [float(p[2][0]) for p in pieces]}))
        >>> found[0], found[1]
        ([0.0, 1.0, 2.0], [0.0, -1.0, -2.0])
    """
    queues: list[queue.Queue[TrackPiece | None]] = [queue.Queue(_WAITING) for _ in range(tracks)]
    stop = threading.Event()

    def of_one(number: int) -> Iterator[TrackPiece]:
        while True:
            try:
                piece = queues[number].get(timeout=_SECONDS)
            except queue.Empty:
                if stop.is_set():
                    raise _BrokenOffError from None
                continue
            if piece is None:
                return
            yield piece

    def run(number: int) -> None:
        try:
            write(number, of_one(number))
        except BaseException:
            stop.set()
            raise

    def hand_out(number: int, piece: TrackPiece | None) -> None:
        while not stop.is_set():
            try:
                return queues[number].put(piece, timeout=_SECONDS)
            except queue.Full:
                continue

    with ThreadPoolExecutor(max(tracks, 1)) as pool:
        writers = [pool.submit(run, number) for number in range(tracks)]
        try:
            for piece in pieces:
                if stop.is_set():
                    break
                for number in range(tracks):
                    hand_out(number, (piece.chrom, piece.start, piece.values[number], piece.bin_size))
            for number in range(tracks):
                hand_out(number, None)
        except BaseException:
            stop.set()
            raise
    errors = [error for writer in writers if (error := writer.exception()) is not None]
    if errors:
        raise next((error for error in errors if not isinstance(error, _BrokenOffError)), errors[0])
