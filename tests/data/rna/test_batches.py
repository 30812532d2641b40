"""Batches: every row once, similar lengths together, padding that is zero, crops that lose nothing inside."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from palindra.data.rna import Structure, batch_rows, crop_offsets, pair_batch

LENGTHS = np.random.default_rng(1).integers(5, 400, 203)


@pytest.mark.parametrize("epoch", [None, 0, 3])
@pytest.mark.parametrize("most_cells", [None, 100_000])
def test_every_row_comes_once_within_the_limits(epoch, most_cells):
    batches = batch_rows(LENGTHS, batch_size=7, most_cells=most_cells, seed=2, epoch=epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(203))
    for rows in batches:
        assert len(rows) <= 7
        assert most_cells is None or len(rows) == 1 or len(rows) * LENGTHS[rows].max() ** 2 <= most_cells


def test_lengths_of_a_batch_are_similar():
    batches = batch_rows(LENGTHS, batch_size=7, seed=2, epoch=0)
    cells = sum(len(rows) * LENGTHS[rows].max() ** 2 for rows in batches)
    assert cells < 1.3 * (LENGTHS**2).sum()


def test_batches_are_a_function_of_seed_and_epoch():
    def flat(**key):
        return [rows.tolist() for rows in batch_rows(LENGTHS, batch_size=7, **key)]

    assert flat(seed=2, epoch=1) == flat(seed=2, epoch=1)
    assert flat(seed=2, epoch=1) != flat(seed=2, epoch=2)
    assert flat(seed=3, epoch=1) != flat(seed=2, epoch=1)
    assert {tuple(sorted(b)) for b in flat(seed=2, epoch=1)} != {tuple(sorted(b)) for b in flat(seed=2, epoch=2)}
    assert flat(seed=2, epoch=None) == flat(seed=3, epoch=None)


def test_crops_reach_both_ends_and_go_by_the_row():
    drawn = np.array([crop_offsets([12], 8, rows=[5], seed=1, epoch=epoch)[0] for epoch in range(200)])
    assert set(drawn) == {0, 1, 2, 3, 4}
    whole = crop_offsets([30, 40, 50], 8, seed=1, epoch=4)
    assert crop_offsets([50, 30], 8, rows=[2, 0], seed=1, epoch=4).tolist() == [whole[2], whole[0]]
    assert crop_offsets([30, 8, 3], None).tolist() == [0, 0, 0]


def test_padding_is_zero_and_masked():
    rows = [Structure("a", "GANTC", [(0, 4)]), Structure("b", "GGAAACC", [(0, 6), (1, 5)])]
    batch = pair_batch(rows, [1, 0])
    assert batch.rows.tolist() == [1, 0]
    assert batch.lengths.tolist() == [7, 5]
    assert batch.mask.tolist() == [[True] * 7, [True] * 5 + [False] * 2]
    assert batch.one_hot.sum(1).bool().equal(batch.mask)
    assert batch.one_hot[1, :, :5].argmax(0).tolist() == [2, 0, 4, 3, 1]
    assert batch.pairs.equal(batch.pairs.mT)
    assert batch.pairs[1, 0].nonzero().tolist() == [[0, 4], [4, 0]]
    assert batch.pair_mask.shape == (2, 1, 7, 7)
    assert batch.pair_mask[1, 0].sum() == 25
    assert not (batch.pairs.bool() & ~batch.pair_mask).any()


@pytest.mark.parametrize("epoch", range(4))
def test_a_crop_is_a_window_of_letters_and_of_the_map(epoch):
    rng = np.random.default_rng(0)
    structure = Structure("a", "".join(rng.choice(list("ACGU"), 31)), rng.permutation(31)[:24].reshape(-1, 2))
    whole = pair_batch([structure], [0])
    part = pair_batch([structure], [0], crop=11, seed=9, epoch=epoch)
    start = int(part.offsets[0])
    window = slice(start, start + 11)
    assert part.one_hot.equal(whole.one_hot[:, :, window])
    assert part.pairs.equal(whole.pairs[:, :, window, window])


def test_a_pair_of_the_first_and_last_base_is_kept():
    # Published batches were one base short of the shortest sequence, at a random place, and without pairs of its first.
    batch = pair_batch([Structure("a", "GAAAAC", [(0, 5)])], [0], crop=6, epoch=0)
    assert batch.lengths.tolist() == [6]
    assert batch.pairs[0, 0, 0, 5] == 1
    assert torch.equal(batch.pairs, pair_batch([Structure("a", "GAAAAC", [(0, 5)])], [0]).pairs)


def test_an_empty_batch_size_is_refused():
    with pytest.raises(ValueError, match="batch_size=0"):
        batch_rows([3, 4], batch_size=0)
