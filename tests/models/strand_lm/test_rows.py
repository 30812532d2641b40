"""Blocks are the same from both ends, and rows lose and gain nothing on their way."""

import pytest
import torch

from palindra.models.strand_lm.rows import Blocks, in_parts, packed, unpacked

LENGTHS = [(length, block) for block in (1, 2, 3, 4, 7, 10) for length in range(1, 45)]


def test_blocks_fill_every_window_symmetrically_and_are_never_longer_than_asked():
    for length, block in LENGTHS:
        blocks = Blocks.placed(length, block)
        assert (blocks.borders[0], blocks.borders[-1]) == (0, length)
        assert [length - border for border in reversed(blocks.borders)] == list(blocks.borders), (length, block)
        assert 1 <= min(blocks.sizes) <= max(blocks.sizes) <= block, (length, block, blocks)
        if length % block == 0 and (length % 2 == 0 or (length // block) % 2):
            assert set(blocks.sizes) == {block}


@pytest.mark.parametrize(("length", "block"), [(12, 4), (13, 4), (14, 4), (9, 2), (3, 10)])
def test_splitting_and_joining_commute_with_turning(length, block):
    blocks = Blocks.placed(length, block)
    x = torch.arange(2 * length * 3.0).reshape(2, length, 3)
    rows, inside = blocks.split(x), blocks.split_mask(None, x)
    assert torch.equal(blocks.join(rows), x)
    assert rows.shape == (2 * blocks.count, max(blocks.sizes), 3)
    letters = rows.isfinite().all(-1) if inside is None else inside
    # Block t of the window is block K-1-t of the turned one, read from its other end.
    turned = blocks.split(x.flip(1)).unflatten(0, (2, -1)).flip(1).flatten(0, 1)
    for row, other, real in zip(rows, turned, letters, strict=True):
        assert torch.equal(row[real], other[real].flip(0))


def test_masks_are_split_like_letters():
    blocks = Blocks.placed(7, 4)
    mask = torch.tensor([[False, True, True, True, True, True, False]])
    x = torch.arange(7.0)[None, :, None]
    real = blocks.split_mask(mask, x)
    assert blocks.sizes == [3, 1, 3]
    assert blocks.split(x)[:, :, 0][real].tolist() == [1, 2, 3, 4, 5]


def test_packed_rows_start_with_a_letter():
    x = torch.arange(1, 16.0).reshape(3, 5, 1)
    mask = torch.tensor([[True] * 5, [False, False, True, True, False], [False] * 5])
    rows = packed(x, mask)
    assert rows[1, :2, 0].tolist() == [8, 9]
    assert torch.equal(unpacked(rows, mask), x)
    assert packed(x, None) is x


@pytest.mark.parametrize("positions", [4, 13, 40, 1000])
def test_parts_of_a_local_function_give_the_whole(positions):
    x, y, row = torch.randn(3, 13, 2), torch.randn(3, 13, 2), torch.randn(3, 1, 2)

    def local(x, y, row):
        near = torch.nn.functional.avg_pool1d(x.mT, 5, stride=1, padding=2).mT
        return torch.cat([near * y, x + row], dim=-1)

    with torch.no_grad():
        torch.testing.assert_close(in_parts(local, x, y, row, positions=positions, halo=2), local(x, y, row))
