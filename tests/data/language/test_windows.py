"""Windows hold letters of one place, and every position once."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from palindra.data.genome import Features, Interval
from palindra.data.language import WindowStream, language_data, pack, scored_windows, training_windows
from palindra.data.language.windows import GAP
from palindra.errors import InputError
from palindra.sequences.vocabulary import VOCABULARY

LETTERS = "ACGTN"


@pytest.fixture(scope="module")
def data(genome):
    return language_data(genome, valid=Features.of([Interval("one", 100, 137)]))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("length", [7, 40, 130])
@pytest.mark.parametrize("phase", [0.0, 0.3, 0.999])
def test_every_training_position_is_in_one_window(data, texts, length, phase, packed):
    if length == 130:
        with pytest.raises(InputError, match=r"longer than every training region.*one:0-100 with 100"):
            training_windows(data, length, phase=phase)
        return
    windows = training_windows(data, length, phase=phase, packed=packed, shortest=1)
    tokens = windows.tokens(np.arange(len(windows)))
    seen: Counter[tuple[str, int]] = Counter()
    for row in range(len(windows)):
        real = tokens[row] != VOCABULARY.padding
        assert not (np.diff(real.astype(int)) > 0).any()  # padding only at the end
        expected = np.where(real, VOCABULARY.unknown, VOCABULARY.padding)
        for (name, start, end), offset, fresh in windows.pieces(row):
            assert fresh == 0
            text = texts[name][start:end].upper()
            expected[offset : offset + end - start] = [LETTERS.index(letter) for letter in text]
            seen.update((name, at) for at in range(start, end))
        assert (tokens[row] == expected).all()
        pieces = windows.pieces(row)
        assert len(pieces) == 1 or packed
        for (left, at, _), (_, then, _) in pairwise(pieces):
            assert then - (at + left[2] - left[1]) == GAP
    assert set(seen.values()) == {1}
    assert sum(seen.values()) == data.positions("train") == windows.positions
    assert windows.where(0).count(":") == len(windows.pieces(0))


def test_packing_needs_fewer_windows(data):
    alone, packed = (len(training_windows(data, 90, phase=0.5, packed=p, shortest=1)) for p in (False, True))
    assert packed < alone


def test_pieces_are_packed_without_overlap():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 50, 200)
    found = pack(lengths, 64, 3)
    used = np.zeros((found.windows, 64), dtype=int)
    for window, offset, length in zip(found.window, found.offset, lengths, strict=True):
        used[window, offset : offset + length] += 1
    assert used.max() == 1
    assert used.any(1).all()
    assert found.windows < 1.15 * (lengths.sum() + 3 * 200) / 64
    with pytest.raises(ValueError, match="longer than a window"):
        pack([65], 64, 1)


@pytest.mark.parametrize("length", [7, 40, 130])
def test_every_scored_position_counts_once_and_windows_are_whole(genome, length):
    data = language_data(genome, valid=["one", "short"])
    windows = scored_windows(data, "valid", length)
    weights = np.array([windows.weights(row, 1.0) for row in range(len(windows))])
    assert weights.sum() == data.positions("valid") == windows.positions
    places: Counter[tuple[str, int]] = Counter()
    for row in range(len(windows)):
        (((name, start, end), offset, _),) = windows.pieces(row)
        assert offset == 0
        assert end - start == min(length, genome.chromosomes[name])  # context, although only new positions count
        places.update((name, start + at) for at in np.flatnonzero(weights[row]))
    assert set(places.values()) == {1}


def test_soft_masked_positions_weigh_less(genome, texts):
    windows = scored_windows(language_data(genome, valid=["one"]), "valid", 230)
    lower = np.array([letter.islower() for letter in texts["one"]])
    assert (windows.weights(0, 0.25) == np.where(lower, 0.25, 1.0)).all()
    with pytest.raises(InputError, match="no regions for test"):
        scored_windows(windows.data, "test", 10)


def test_any_part_of_the_stream_is_the_same(data):
    def read(stream: WindowStream, first: int, number: int) -> list[str]:
        return [w.where(row) for _, w, rows in stream.part(first, number) for row in rows.tolist()]

    whole = read(WindowStream(data, 20, seed=3), 0, 60)
    assert len(whole) == 60
    fresh = WindowStream(data, 20, seed=3)
    assert read(fresh, 37, 11) == whole[37:48]
    assert read(fresh, 5, 2) == whole[5:7]
    assert read(WindowStream(data, 20, seed=4), 0, 60) != whole
    _, windows, rows = next(fresh.part(0, 60))
    assert sorted(rows.tolist()) == list(range(len(windows)))  # a pass repeats nothing
    turns = [turn for turn, _, _ in WindowStream(data, 20, seed=3).part(0, 60)]
    assert turns == list(range(len(turns)))
    assert len(turns) > 2
