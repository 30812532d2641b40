import gzip

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test writes to the cache folder of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))


@pytest.fixture
def write(tmp_path):
    """Write a text under a name, gzipped if the name says so."""

    def to(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return path

    return to


@pytest.fixture
def letters():
    """Three chromosomes of different lengths in all kinds of letters."""
    drawn = np.random.default_rng(3)
    signs = np.array(list("ACGTACGTacgtNRyk-"))
    return {name: "".join(drawn.choice(signs, size)) for name, size in (("chr2", 137), ("chr10", 61), ("M", 1009))}


@pytest.fixture
def fasta(write, letters):
    lines = []
    for width, (name, text) in zip((10, 61, 7), letters.items(), strict=True):
        lines += [f">{name} of an example", *(text[at : at + width] for at in range(0, len(text), width))]
    return write("small.fa", "\n".join(lines) + "\n")
