"""Two processes train the same weights as one, and what two began one can end."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

SCRIPT = Path(__file__).parent / "two_processes.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Trained in this process (``one``) and, until they were stopped, by two others (``two``)."""
    made = tmp_path_factory.mktemp("processes")
    rng = np.random.default_rng(0)
    with (made / "genome.fa").open("w") as genome:
        for name, size in (("one", 700), ("two", 300)):
            text = "".join("ACG" if rng.random() < 0.8 else "T" for _ in range(size))[:size]
            genome.write(f">{name}\n{text}\n")
    script = runpy.run_path(str(SCRIPT))
    script["main"](1, made / "one", None)
    alone = {name: value for name, value in os.environ.items() if "RANK" not in name and "MASTER" not in name}
    for stop in ("1", ""):
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "2", str(made / f"two{stop}"), *filter(None, [stop])],
            env=alone | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    script["main"](1, made / "two1", None)  # goes on from what two processes left
    return made


def test_weights_and_metrics_do_not_depend_on_the_number_of_processes(folder):
    """One test for all parts, because each process that runs tests would make the folder again."""
    for part in ("labelled", "language", "sharded"):
        for way in ("two", "two1"):
            one, other = (torch.load(folder / name / f"{part}.pt") for name in ("one", way))
            for name, right in one["weights"].items():
                torch.testing.assert_close(
                    other["weights"][name],
                    right,
                    rtol=1e-4,
                    atol=1e-5,
                    msg=lambda text, at=(part, way, name): f"{at}: {text}",
                )
            for given, right in zip(other["history"], one["history"], strict=True):
                for key in right.keys() - {"seconds"}:
                    assert given[key] == pytest.approx(right[key], rel=1e-5), (part, way, key)
