"""Functions that every worker can import, and a Ray cluster of two nodes on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOYS = '''
import errno, os, signal
from pathlib import Path

def square(folder, number, log):
    with open(log, "a") as file:
        file.write(f"{number}\\\\n")
    (folder / "part.txt").write_text(f"{number * number}\\\\n")
    return {"square": number * number}

def refuses(folder, number, bad, log):
    if number == bad:
        raise ValueError(f"number {number} is bad")
    return square(folder, number, log)

def dies_once(folder, number, log, marker):
    """Kill the process that works on 3, the first time."""
    if number == 3 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return square(folder, number, log)

def always_dies(folder, number, log):
    """Kill the process that works on 1, whenever it does."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(folder, number, log)

def waits(folder, number, log, gate):
    """Wait until a file is there."""
    import time
    Path(f"{gate}-{number}-{os.getpid()}").touch()
    while not Path(gate).exists():
        time.sleep(0.05)
    return square(folder, number, log)

def disk_is_full(folder, number, log):
    if number == 2:
        raise OSError(errno.ENOSPC, "No space left on device")
    return square(folder, number, log)
'''


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a module that this process and all that it starts can import."""
    folder = tmp_path_factory.mktemp("toys")
    (folder / "engine_toys.py").write_text(TOYS.replace("\\\\n", "\\n"))
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), before]))
    sys.path.insert(0, str(folder))
    yield "engine_toys"
    sys.path.remove(str(folder))
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where workers write what they do."""
    return tmp_path / "log.txt"
