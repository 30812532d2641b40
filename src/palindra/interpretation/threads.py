"""Threads of torch beside those of compiled libraries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def threads_kept() -> Iterator[None]:
    """Torch has as many threads afterwards as before, whatever runs inside.

    What numba compiles shares one OpenMP with torch and sets its number of threads to all that there are. Small
    networks then are several times slower, and workers that have one thread each fight for processors.
    """
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
