import numpy as np
import pytest

from palindra.data.order import epoch_order, integers, mix, random_bits, uniform


def splitmix64(seed, count):
    """The generator as published, one number at a time in Python integers."""
    mask, state, out = (1 << 64) - 1, seed, []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        out.append(z ^ (z >> 31))
    return out


def test_mix_is_the_published_function():
    states = np.array([0x9E3779B97F4A7C15 * n % (1 << 64) for n in range(1, 6)], dtype=np.uint64)
    assert mix(states).tolist() == splitmix64(0, 5)
    assert mix(states)[0] == 0xE220A8397B1DCDAF  # first output of the reference implementation for seed 0


@pytest.mark.parametrize("draw", [uniform, lambda *a: integers(*a, low=-5, high=7)])
def test_a_row_draws_the_same_in_any_batch(draw):
    whole = draw(3, 2, np.arange(1000), 1)
    for size in (1, 7, 64, 999):
        batches = [draw(3, 2, range(start, min(start + size, 1000)), 1) for start in range(0, 1000, size)]
        assert (np.concatenate(batches) == whole).all()
    shuffled = np.random.default_rng(0).permutation(1000)
    assert (draw(3, 2, shuffled, 1) == whole[shuffled]).all()


def test_draws_are_those_of_python_integers_and_never_change():
    """A run is repeated by its seed, so these values are pinned."""
    mask, golden = (1 << 64) - 1, 0x9E3779B97F4A7C15

    def bits(seed, epoch, row, stream):
        key = 0
        for part in (seed, epoch, stream):
            key = splitmix64(key + (part & mask) * golden, 1)[0]
        return splitmix64(splitmix64(key + row * golden - golden, 1)[0] + key - golden, 1)[0]

    rows = [0, 1, 2, 10**9]
    for seed, epoch, stream in [(7, 3, 0), (-7, 0, 2), (2**70 + 1, 5, -1)]:
        expected = [bits(seed, epoch, row, stream) for row in rows]
        assert random_bits(seed, epoch, rows, stream).tolist() == expected
        assert uniform(seed, epoch, rows, stream).tolist() == [(value >> 11) / 2**53 for value in expected]
    assert uniform(7, 3, [0, 1, 2], 0).round(6).tolist() == PINNED
    assert epoch_order(6, seed=7, epoch=3).tolist() == PINNED_ORDER


PINNED = [0.041808, 0.133088, 0.760463]
PINNED_ORDER = [0, 4, 2, 1, 3, 5]


def test_uniform_is_even():
    draws = uniform(1, 0, np.arange(100_000), 0)
    assert 0 <= draws.min() < draws.max() < 1
    assert abs(draws.mean() - 0.5) < 4 * (1 / 12 / 100_000) ** 0.5
    counts = np.histogram(draws, bins=100, range=(0, 1))[0]
    assert 50 < ((counts - 1000) ** 2 / 1000).sum() < 160  # chi-square with 99 degrees of freedom


def test_neighbouring_rows_are_independent():
    draws = uniform(1, 0, np.arange(100_000), 0)
    for step in (1, 2, 7, 64):
        assert abs(np.corrcoef(draws[:-step], draws[step:])[0, 1]) < 0.015


@pytest.mark.parametrize("other", [(2, 0, 0), (1, 1, 0), (1, 0, 1), (-1, 0, 0), (0, 1, 1), (1, 0, -1)])
def test_seeds_epochs_and_streams_are_independent(other):
    rows = np.arange(50_000)
    ours, theirs = uniform(1, 0, rows, 0), uniform(other[0], other[1], rows, other[2])
    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 0.02
    bits = np.bitwise_count(random_bits(1, 0, rows, 0) ^ random_bits(other[0], other[1], rows, other[2]))
    assert abs(bits.mean() - 32) < 0.1


def test_swapped_arguments_differ():
    draws = [uniform(*key[:2], range(4), key[2]).tolist() for key in [(1, 2, 3), (2, 1, 3), (3, 2, 1), (1, 3, 2)]]
    assert len({tuple(d) for d in draws}) == 4


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 4), (10, 12), (0, 1000)])
def test_integers_fill_their_range_evenly(low, high):
    draws = integers(5, 0, np.arange(200_000), 0, low, high)
    counts = np.bincount(draws - low, minlength=high - low)
    assert len(counts) == high - low
    assert abs(counts / 200_000 * (high - low) - 1).max() < 0.4
    assert counts.min() > 0


@pytest.mark.parametrize(("low", "high"), [(3, 3), (4, 3), (0, 2**33)])
def test_integers_refuse_a_range_they_cannot_fill(low, high):
    with pytest.raises(ValueError, match=f"from {low} up to {high}"):
        integers(0, 0, [1], 0, low, high)


def test_epoch_order_is_a_permutation_that_changes_with_seed_and_epoch():
    orders = [tuple(epoch_order(97, seed, epoch)) for seed in range(3) for epoch in range(3)]
    assert all(sorted(order) == list(range(97)) for order in orders)
    assert len(set(orders)) == 9
    assert orders[4] == tuple(epoch_order(97, 1, 1))
    assert epoch_order(0, 0, 0).tolist() == []


def test_every_place_of_the_order_is_equally_likely():
    first = np.bincount([epoch_order(5, 0, epoch)[0] for epoch in range(5000)], minlength=5)
    assert (abs(first - 1000) < 130).all()
