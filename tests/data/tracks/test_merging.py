import itertools

import numpy as np
import pytest

from palindra.data.tracks import merge_peaks


def by_hand(midpoints, targets, *, window, overlap, length):
    """The same rules as plain lists: groups, then the best pair merged again and again."""
    half = window // 2
    peaks = [[min(max(m - half, 0), length - window), t] for m, t in zip(midpoints, targets, strict=True)]
    groups, open_end = [], -1
    for peak in peaks:
        if groups and peak[0] < open_end - overlap:
            groups[-1].append(peak)
        else:
            groups.append([peak])
        open_end = peak[0] + window
    merged = []
    for group in groups:
        while len(group) > 1:
            shared = [a[0] + window - b[0] for a, b in itertools.pairwise(group)]
            best = int(np.argmax(shared))  # the first of the largest
            if shared[best] < overlap:
                break
            (a, s), (b, t) = group[best], group[best + 1]
            u, v = 1 + bin(s).count("1"), 1 + bin(t).count("1")
            middle = int(np.floor(0.5 + (u * (a + half) + v * (b + half)) / (u + v)))
            group[best : best + 2] = [[min(max(middle - half, 0), length - window), s | t]]
        merged += group
    return [p for p, _ in merged], [t for _, t in merged]


@pytest.mark.parametrize("overlap", [1, 20, 77, 100])
@pytest.mark.parametrize("spread", [200, 1500, 8000])
@pytest.mark.parametrize("window", [100, 101])
def test_merging_is_that_of_an_independent_implementation(window, spread, overlap):
    rng = np.random.default_rng(spread + overlap)
    for _ in range(10):
        middles = np.sort(rng.integers(0, spread, 60)).tolist()
        targets = [1 << int(bit) for bit in rng.integers(0, 15, 60)]
        given = {"window": window, "overlap": overlap, "length": spread}
        assert merge_peaks(middles, targets, **given) == by_hand(middles, targets, **given)


def test_small_answers_known_by_hand():
    one, two = 0b001, 0b110
    # weights 2 and 3: (2 * 1000 + 3 * 1041) / 5 = 1024.6, rounded to 1025
    assert merge_peaks([1000, 1041], [one, two], window=100, overlap=50, length=5000) == ([975], [0b111])
    assert merge_peaks([1000, 1051], [one, one], window=100, overlap=50, length=5000) == ([950, 1001], [1, 1])
    assert merge_peaks([1000, 1001], [0, 0], window=100, overlap=50, length=5000) == ([951], [0])  # a half goes up
    assert merge_peaks([3, 4990], [1, 2], window=100, overlap=50, length=5000) == ([0, 4900], [1, 2])


def test_windows_keep_their_length_order_and_targets():
    rng = np.random.default_rng(0)
    middles = np.sort(rng.integers(0, 50_000, 3000)).tolist()
    targets = [1 << int(bit) for bit in rng.integers(0, 40, 3000)]
    starts, sets = merge_peaks(middles, targets, window=300, overlap=80, length=50_000)
    gaps = np.diff(starts)
    assert (300 - gaps <= 80).all()  # neighbours share at most the overlap
    assert (np.diff(starts) > 0).all()
    assert np.bitwise_or.reduce(targets) == np.bitwise_or.reduce(sets)
    assert all(some > 0 for some in sets)
    assert 0 <= starts[0] <= starts[-1] <= 50_000 - 300
