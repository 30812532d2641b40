"""A small genome with repeats, gaps and short contigs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from palindra.data.genome import Genome

SEQUENCES = {"one": 230, "two": 97, "short": 21, "tiny": 5}


def letters(seed: int = 0) -> dict[str, str]:
    rng = np.random.default_rng(seed)
    found = {name: "".join(rng.choice(list("ACGT"), size)) for name, size in SEQUENCES.items()}
    one = found["one"]
    found["one"] = one[:30] + one[30:50].lower() + one[50:60] + "N" * 3 + one[63:]
    found["two"] = found["two"][:90] + found["two"][90:].lower()
    return found


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    return letters()


@pytest.fixture(scope="session")
def genome(tmp_path_factory: pytest.TempPathFactory, texts: dict[str, str]) -> Genome:
    path = tmp_path_factory.mktemp("genome") / "small.fa"
    path.write_text("".join(f">{name}\n{_folded(text)}" for name, text in texts.items()))
    return Genome.open(Path(path))


def _folded(text: str, width: int = 17) -> str:
    return "".join(text[at : at + width] + "\n" for at in range(0, len(text), width))
