"""Batches read ahead of the step that needs them, in their order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset

from palindra.training.track_batches import TrackBatch

_SECONDS = 0.1  # after which a thread looks whether anybody still waits for it


def loader(batches: Dataset[TrackBatch], *, workers: int = 0, pinned: bool = False) -> Any:
    """Something that iterates over batches by number, ahead of who reads them.

    Args:
        batches: gives ``batches[number]`` and its length.
        workers: processes that read; with 0 one thread of this process does, which starts at once, shares all memory
            and keeps up with most models. Take processes where augmentation is heavy and cores are free.
        pinned: put batches into page-locked memory, from which copies to a GPU do not wait.
    """
    if workers:
        return DataLoader(batches, batch_size=None, num_workers=workers, prefetch_factor=2, pin_memory=pinned)
    return Prefetched(batches, pinned=pinned)


class Prefetched:
    """The batches of a data set in their order, read by a thread while the one before is used.

    Errors of reading are raised where the batch would have come. The thread ends when the iteration does, whether it
    was finished, broken off or abandoned.

    Args:
        batches: gives ``batches[number]`` and its length.
        ahead: batches that wait to be used, at most.
        pinned: put batches into page-locked memory.
    """

    def __init__(self, batches: Any, *, ahead: int = 4, pinned: bool = False) -> None:
        self.batches, self.ahead, self.pinned = batches, ahead, pinned

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[TrackBatch]:
        ready: queue.Queue[TrackBatch | Exception] = queue.Queue(self.ahead)
        stop = threading.Event()
        thread = threading.Thread(target=self._read, args=(ready, stop), name="read batches", daemon=True)
        thread.start()
        try:
            for _ in range(len(self)):
                found = ready.get()
                if isinstance(found, Exception):
                    raise found
                yield found
        finally:
            stop.set()
            thread.join()

    def _read(self, ready: queue.Queue[TrackBatch | Exception], stop: threading.Event) -> None:
        try:
            for number in range(len(self)):
                batch: TrackBatch = self.batches[number]
                if self.pinned:
                    batch = TrackBatch(batch.one_hot.pin_memory(), batch.targets.pin_memory(), batch.rows)
                if not _put(ready, batch, stop):
                    return
        except Exception as error:  # whatever it is, who reads the batches must know
            _put(ready, error, stop)


def _put(ready: queue.Queue[Any], item: Any, stop: threading.Event) -> bool:
    """Wait for room, unless nobody reads any more."""
    while not stop.is_set():
        try:
            ready.put(item, timeout=_SECONDS)
            return True
        except queue.Full:
            continue
    return False
