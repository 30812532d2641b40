import math

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.interpretation.reliability import angle_divergence, corrected, kmer_divergence
from palindra.interpretation.reliability.consistency import ZERO_SUM_BASIS, divergence, important_positions, spherical
from palindra.sequences import decode_codes, encode, reverse_complement

RANDOM = np.random.default_rng(0)
CODES = RANDOM.integers(4, size=(30, 120), dtype=np.uint8)
MAPS = RANDOM.normal(size=(30, 4, 120))


def motif_maps(codes: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """A motif at a random place of each sequence, whose letters have high attributions."""
    random, codes = np.random.default_rng(1), codes.copy()
    maps = noise * random.normal(size=(len(codes), 4, codes.shape[1]))
    word = encode(["TGACGTAAGC"])[0]
    for row in range(len(codes)):
        start = random.integers(codes.shape[1] - len(word))
        codes[row, start : start + len(word)] = word
        maps[row, word, start + np.arange(len(word))] += 1
    return codes, maps


# ---- the coordinates -----------------------------------------------------------------------------------------------


def test_the_basis_is_orthonormal_and_of_zero_sum():
    np.testing.assert_allclose(ZERO_SUM_BASIS @ ZERO_SUM_BASIS.T, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(ZERO_SUM_BASIS.sum(1), 0, atol=1e-15)
    np.testing.assert_allclose(ZERO_SUM_BASIS[1], np.array([-1, -1, 2, 0]) / math.sqrt(6))


def test_lengths_are_those_of_the_attributions_which_the_published_basis_changes():
    values = corrected(MAPS)
    windows = values[..., :-2] + values[..., 1:-1] + values[..., 2:]
    radius, _, _ = spherical(MAPS, share=1)
    np.testing.assert_allclose(np.sort(radius), np.sort(np.linalg.norm(windows, axis=1).ravel()))
    wrong = ZERO_SUM_BASIS.copy()
    wrong[1, 2] = 0  # the published second row
    published = np.linalg.norm(np.einsum("ca,nal->ncl", wrong, windows), axis=1)
    assert np.abs(np.sort(published.ravel()) - np.sort(radius)).max() > 0.01


def test_windows_never_join_the_end_of_a_sequence_with_its_beginning():
    maps = np.zeros((1, 4, 20))
    maps[0, 0, 0], maps[0, 3, 19] = 1, 1
    radius, _, _ = spherical(maps, share=1)
    assert len(radius) == 2  # one window holds the first, one the last, none both
    np.testing.assert_allclose(radius, np.linalg.norm(corrected(maps)[0, :, 0]))
    rolled = corrected(maps) + np.roll(corrected(maps), -1, 2) + np.roll(corrected(maps), -2, 2)
    assert (np.linalg.norm(rolled, axis=1) > 1e-9).sum() == 4  # what the published code would keep


def test_angles_are_those_of_a_sphere():
    maps = np.zeros((4, 4, 3))
    for row, letter in enumerate(range(4)):
        maps[row, letter, 1] = 1
    radius, phi, theta = spherical(maps, window=1, share=1)
    points = radius[:, None] * np.stack(
        [np.cos(theta), np.sin(theta) * np.cos(2 * phi - np.pi), np.sin(theta) * np.sin(2 * phi - np.pi)], 1
    )
    centred = np.eye(4) - 0.25
    wanted = centred / np.linalg.norm(centred[0]) @ ZERO_SUM_BASIS.T
    np.testing.assert_allclose(points, wanted, atol=1e-12)
    assert ((phi >= 0) & (phi <= np.pi) & (theta >= 0) & (theta <= np.pi)).all()


# ---- the divergences, written down again ---------------------------------------------------------------------------


@pytest.mark.parametrize("maps", [MAPS, motif_maps(CODES, 0.1)[1]])
def test_kld_2_is_boxes_against_their_moving_average(maps):
    centred = maps - maps.mean(1, keepdims=True)
    centred /= np.sqrt((centred**2).sum((1, 2), keepdims=True))
    rows = [[-1, 1, 0, 0], [-1, -1, 2, 0], [-1, -1, -1, 3]]
    rows = [np.array(row) / math.sqrt(sum(value * value for value in row)) for row in rows]
    points = []
    for one in centred:
        for start in range(one.shape[1] - 2):
            total = one[:, start] + one[:, start + 1] + one[:, start + 2]
            points.append([float(row @ total) for row in rows])
    sizes = [math.dist((0, 0, 0), point) for point in points]
    cut = np.quantile(sizes, 0.9)
    boxes = [[0.0] * 31 for _ in range(31)]
    for (pole, x, y), size in zip(points, sizes, strict=True):
        if size >= cut:
            phi, theta = (math.atan2(y, x) + math.pi) / 2, math.acos(pole / size)
            boxes[min(30, int(phi / 0.1))][min(30, int(theta / 0.1))] += size**2
    around = [[0.0] * 31 for _ in range(31)]
    for i in range(31):
        for j in range(31):
            near = [
                boxes[i + a][j + b] for a in range(-3, 3) for b in range(-3, 3) if 0 <= i + a < 31 and 0 <= j + b < 31
            ]
            around[i][j] = sum(near) / len(near)
    p, q = np.array(boxes) / np.sum(boxes), np.array(around) / np.sum(around)
    wanted = sum(p[i, j] * math.log(p[i, j] / q[i, j]) for i in range(31) for j in range(31) if p[i, j] > 0)
    assert angle_divergence(maps) == pytest.approx(wanted, rel=1e-9)


def test_kld_1_is_kmers_of_widened_stretches_against_all():
    k = 3
    size = np.sqrt(((MAPS - MAPS.mean(1, keepdims=True)) ** 2).sum(1))
    high, every = {}, {}
    for row, text in enumerate(decode_codes(CODES)):
        cut = np.quantile(size[row], 0.9)
        chosen = {p + d for p in np.flatnonzero(size[row] > cut) for d in range(-2, 3)} & set(range(120))
        for start in range(120 - k + 1):
            word = text[start : start + k]
            every[word] = every.get(word, 0) + 1
            if set(range(start, start + k)) <= chosen:
                high[word] = high.get(word, 0) + 1
    n, m = sum(high.values()), sum(every.values())
    wanted = sum(count / n * math.log(count / n / (every[word] / m)) for word, count in high.items())
    assert kmer_divergence(MAPS, CODES, k=k) == pytest.approx(wanted, rel=1e-9)


def test_stretches_are_widened_on_both_sides_and_reach_the_last_letter():
    maps = np.zeros((1, 4, 30))
    maps[0, 1, [10, 29]] = 1
    assert np.flatnonzero(important_positions(maps)[0]).tolist() == [8, 9, 10, 11, 12, 27, 28, 29]


# ---- laws ----------------------------------------------------------------------------------------------------------


def test_maps_of_motifs_are_more_consistent_than_noise():
    given = RANDOM.integers(4, size=(300, 120), dtype=np.uint8)
    noise = RANDOM.normal(size=(300, 4, 120))
    codes, maps = motif_maps(given, 0.05)
    assert kmer_divergence(maps, codes, k=4) > 2 * kmer_divergence(noise, codes, k=4)
    assert angle_divergence(maps) > 2 * angle_divergence(noise)
    assert divergence(np.array([1.0, 3.0]), np.array([2.0, 6.0])) == 0


def test_what_gradients_mean_nothing_about_changes_nothing():
    shifted = 3 * (MAPS + RANDOM.normal(size=(30, 1, 120)))
    scale = np.linspace(1, 5, 30)[:, None, None]
    np.testing.assert_allclose(corrected(MAPS), corrected(MAPS * scale))
    assert angle_divergence(MAPS) == pytest.approx(angle_divergence(MAPS * scale), rel=1e-9)
    assert kmer_divergence(MAPS, CODES, k=3) == pytest.approx(kmer_divergence(shifted / 3, CODES, k=3), rel=1e-9)
    assert angle_divergence(shifted / 3) == pytest.approx(angle_divergence(MAPS), rel=1e-9)


@pytest.mark.parametrize("both", [False, True])
def test_with_both_strands_it_does_not_matter_on_which_a_sequence_is_written(both):
    turned, codes = MAPS[:, ::-1, ::-1].copy(), reverse_complement(CODES)
    one = [kmer_divergence(MAPS, CODES, k=3, both_strands=both), angle_divergence(MAPS, both_strands=both)]
    two = [kmer_divergence(turned, codes, k=3, both_strands=both), angle_divergence(turned, both_strands=both)]
    assert np.allclose(one, two, rtol=1e-9) == both


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="in the order ACGT"):
        corrected(np.zeros((3, 20, 4)))
    with pytest.raises(InputError, match="one map for each sequence"):
        kmer_divergence(MAPS, CODES[:, :100])
    with pytest.raises(InputError, match="lower k"):
        kmer_divergence(MAPS, CODES, k=8, margin=0, quantile=0.99)
    with pytest.raises(InputError, match="windows must fit"):
        angle_divergence(MAPS, window=121)
    with pytest.raises(InputError, match="nothing to compare"):
        angle_divergence(np.zeros((2, 4, 30)))
