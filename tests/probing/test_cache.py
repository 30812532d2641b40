"""Embeddings on disk: what is stored is what is computed, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.errors import InputError
from palindra.probing.cache import Cache
from palindra.probing.source import Embedded
from palindra.probing.sources import open_source
from palindra.probing.sources.bases import token_rows

TEXTS = ["ACGTTGCANGATTACAGG", "GGGTTTACAAAC", "CCATTAGGACC", "GGATTTACACAC", "GGGTTTACAAAC", "TTTTT"]


class Counting:
    """A source that knows how many sequences it was asked for, and may stop in between."""

    def __init__(self, name: str = "counting", most: int = 10**9) -> None:
        self.name, self.fingerprint, self.width, self.parameters = name, name, 4, 0
        self.asked, self.most, self.calls = 0, most, 0

    def embed(self, sequences: Sequence[str]) -> Embedded:
        if self.calls == self.most:
            raise KeyboardInterrupt
        self.calls += 1
        self.asked += len(sequences)
        return open_source("one-hot").embed(sequences)


@pytest.mark.parametrize("kind", ["mean", "max", "cls"])
def test_cached_equals_computed(hf_bert: Path, tmp_path: Path, kind: str):
    source = open_source(f"hf:{hf_bert}")
    cache = Cache(tmp_path, rows_together=2)
    direct = source.embed(TEXTS)
    expected = {"mean": direct.mean(), "max": direct.maximum(), "cls": direct.cls}[kind]
    for _ in range(2):
        found = cache.embeddings(source, TEXTS, kind=kind)  # type: ignore[call-overload]
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    again = Cache(tmp_path).embeddings(source, TEXTS[::-1], kind=kind)  # type: ignore[call-overload]
    assert np.array_equal(again, found[::-1])


def test_full_embeddings_are_rows_of_tokens(hf_bpe: Path, tmp_path: Path):
    source = open_source(f"hf:{hf_bpe}")
    rows = Cache(tmp_path, rows_together=2).embeddings(source, TEXTS, kind="full")
    assert len(rows) == 6
    for row, (features, spans) in enumerate(token_rows(source.embed(TEXTS))):
        np.testing.assert_allclose(rows[row], features, rtol=1e-5, atol=1e-6)
        assert np.array_equal(rows.spans(row), spans)
        assert rows.tokens[row] == len(features)
    assert np.array_equal(rows[2:][0], rows[2])
    assert np.array_equal(rows[-1], rows[5])
    with pytest.raises(IndexError):
        rows[6]


def test_nothing_is_computed_twice(tmp_path: Path):
    source = Counting()
    cache = Cache(tmp_path)
    cache.embeddings(source, TEXTS[:3], kind="mean")
    cache.embeddings(source, TEXTS, kind="max")
    assert source.asked == 5  # one sequence occurs twice
    cache.embeddings(source, TEXTS, kind="full")
    assert source.asked == 10
    other = Counting("other weights")
    cache.embeddings(other, TEXTS, kind="mean")
    assert other.asked == 5


def test_an_interruption_loses_one_file_at_most(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        Cache(tmp_path, rows_together=1).embeddings(Counting(most=3), TEXTS, kind="full")
    source = Counting()
    rows = Cache(tmp_path, rows_together=1).embeddings(source, TEXTS, kind="full")
    assert source.asked == 2
    assert np.array_equal(rows[0], open_source("one-hot").embed(TEXTS[:1]).features[0])


KILLED = """
import sys
from palindra.probing.cache import Cache
from palindra.probing.sources import open_source

class Slow:
    name = fingerprint = "counting"
    width, parameters = 4, 0
    def embed(self, sequences):
        if "TTTTT" in sequences:
            print("here", flush=True)
            sys.stdin.read()
        return open_source("one-hot").embed(sequences)

Cache(sys.argv[1], rows_together=2).embeddings(Slow(), sys.argv[2:], kind="full")
"""


def test_a_kill_in_the_middle_resumes(tmp_path: Path):
    command = [sys.executable, "-c", KILLED, str(tmp_path), *TEXTS]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"here\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    source = Counting()
    rows = Cache(tmp_path, rows_together=2).embeddings(source, TEXTS, kind="full")
    assert source.asked == 1
    for row, text in enumerate(TEXTS):
        assert len(rows[row]) == len(text)


def test_a_file_that_was_being_written_is_no_file(tmp_path: Path):
    cache = Cache(tmp_path)
    cache.embeddings(Counting(), TEXTS, kind="mean")
    (path,) = tmp_path.glob("*/pooled/*.safetensors")
    path.rename(path.with_name(path.name + ".partial"))
    source = Counting()
    Cache(tmp_path).embeddings(source, TEXTS, kind="mean")
    assert source.asked == 5


@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "other"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str):
    Cache(tmp_path).embeddings(Counting(), TEXTS, kind="full")
    (path,) = tmp_path.glob("*/full/*.safetensors")
    content = bytearray(path.read_bytes())
    if damage == "bit":
        content[len(content) // 2] ^= 1
    path.write_bytes({"bit": content, "cut": content[:-9], "empty": b"", "other": b"x" * 400}[damage])
    with pytest.raises(InputError, match=r"file of embeddings is damaged: .* Remove it"):
        Cache(tmp_path).embeddings(Counting(), TEXTS, kind="full")
    path.unlink()
    assert len(Cache(tmp_path).embeddings(Counting(), TEXTS, kind="full")) == 6


def test_parts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("palindra.probing.cache.NUMBERS_TOGETHER", 4 * 24)  # 24 letters of 4 features
    source = Counting()
    Cache(tmp_path).embeddings(source, TEXTS, kind="mean")
    assert source.calls == 3


def test_what_cannot_be_cached_is_refused(tmp_path: Path):
    cache = Cache(tmp_path)
    with pytest.raises(InputError, match="choose mean, max, cls, full"):
        cache.embeddings(Counting(), TEXTS, kind="median")  # type: ignore[call-overload]
    with pytest.raises(InputError, match="no summary token"):
        cache.embeddings(Counting(), TEXTS, kind="cls")
    with pytest.raises(InputError, match="list of sequences"):
        cache.embeddings(Counting(), [], kind="mean")


def test_tables_of_tokens_can_be_sent_to_workers(tmp_path: Path):
    from copy import deepcopy

    rows = Cache(tmp_path).embeddings(Counting(), TEXTS, kind="full")
    first = rows[0]
    assert np.array_equal(deepcopy(rows)[0], first)
    assert torch.from_numpy(first).shape == (18, 4)
