"""Batches of windows are functions of (seed, epoch, index); sequence and tracks are read at the same place."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
import torch

from palindra.errors import InputError
from palindra.symmetry import DNA_STRAND, Target
from palindra.training.evoaug import EvoAug
from palindra.training.track_batches import (
    GivenTrackBatches,
    TrackAugmentation,
    TrackBatch,
    TrackEpochBatches,
    TrackRows,
)
from palindra.training.track_loading import Prefetched, loader
from palindra.training.track_memory import ArrayTracks, NamedTrack

WINDOW = 29
STRANDED = [NamedTrack("plus", "minus"), NamedTrack("other"), NamedTrack("minus", "plus")]


def numbered(rows: int, *, binary: bool = False) -> ArrayTracks:
    """Tracks that say which window and position they are of: 1000 window + position, and 0.25 and 0.5 more."""
    codes = np.random.default_rng(1).integers(0, 5, (rows, WINDOW)).astype(np.uint8)
    place = 1000.0 * np.arange(rows)[:, None] + np.arange(WINDOW)
    values = np.stack([place, place + 0.25, place + 0.5], axis=1)
    activity = {"train": np.arange(3 * rows, dtype=np.uint8).reshape(rows, 3)} if binary else None
    return ArrayTracks({"train": codes}, {"train": values}, STRANDED, activity=activity)


def plan(data: ArrayTracks, **options: Any) -> TrackAugmentation:
    return TrackAugmentation(data.target, **options)


def epoch(data: ArrayTracks, length: int = 20, bin_size: int = 1, labels: Any = "tracks", **options: Any):
    common: dict[str, Any] = {"seed": 3, "epoch": 1, "batch_size": 8, "augmentation": plan(data)}
    return TrackEpochBatches(TrackRows(data, "train", length, bin_size, labels), **common | options)


EVERYTHING = {
    "reverse_complement": True,
    "crop": "random",
    "evoaug": EvoAug(("mutation", "deletion", "noise"), deletion=(0, 5)),
}


def same(first: TrackBatch, second: TrackBatch) -> bool:
    return torch.equal(first.one_hot, second.one_hot) and torch.equal(first.targets, second.targets)


def test_an_epoch_holds_every_window_once_in_an_order_of_its_own():
    data = numbered(24)
    orders = []
    for seed in (0, 1):
        for number in (0, 1):
            made = torch.cat([batch.targets[:, 0, 0] for batch in epoch(data, seed=seed, epoch=number)])
            orders.append(tuple((made // 1000).int().tolist()))
    assert all(sorted(order) == list(range(24)) for order in orders)
    assert len(set(orders)) == 4


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_the_batches_of_one(processes: int):
    data = numbered(29)
    whole = epoch(data, batch_size=10, augmentation=plan(data, **EVERYTHING))
    parts = [
        epoch(data, batch_size=10, augmentation=plan(data, **EVERYTHING), rank=rank, processes=processes)
        for rank in range(processes)
    ]
    for number, batch in enumerate(whole):
        for rank, part in enumerate(parts):
            share = part[number]
            assert share.rows == batch.rows == len(batch.targets)
            assert torch.equal(share.one_hot, batch.one_hot[rank::processes])
            assert torch.equal(share.targets, batch.targets[rank::processes])


@pytest.mark.filterwarnings("ignore:This DataLoader will create", "ignore:.*fork")
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_workers_change_nothing(workers: int):
    data = numbered(40)
    made = epoch(data, augmentation=plan(data, **EVERYTHING))
    expected = [made[number] for number in range(len(made))]
    found = list(loader(made, workers=workers))
    assert len(found) == len(expected) == len(loader(made, workers=workers))
    assert all(same(a, b) for a, b in zip(found, expected, strict=True))


def as_read(data: ArrayTracks, batch: TrackBatch) -> list[tuple[int, int, bool]]:
    """Window, offset and strand of every row, from its tracks; checks that the letters are those of the same place."""
    found = []
    for x, y in zip(batch.one_hot, batch.targets, strict=True):
        turned = bool(y[1, 0] > y[1, -1])
        tracks = data.target.act(y[None])[0] if turned else y
        letters = DNA_STRAND.act(x[None])[0] if turned else x
        window, offset = divmod(int(tracks[0, 0]), 1000)
        length = y.shape[1]
        assert torch.equal(tracks[0], 1000.0 * window + offset + torch.arange(length))
        assert torch.equal(tracks - tracks[0], torch.tensor([[0.0], [0.25], [0.5]]).expand(3, length))
        codes = data.splits["train"].codes[window, offset : offset + length]
        assert torch.equal(letters, torch.from_numpy((codes == np.arange(4)[:, None]).astype(np.float32)))
        found.append((window, offset, turned))
    return found


@pytest.mark.parametrize(
    ("options", "offsets"),
    [
        ({}, {4}),  # (29 - 20) // 2
        ({"crop": "random"}, set(range(10))),  # both ends
        ({"shift": 3}, set(range(1, 8))),
        ({"shift": 4}, set(range(9))),
    ],
    ids=str,
)
def test_sequence_and_tracks_are_read_at_the_same_place(options: dict[str, Any], offsets: set[int]):
    data = numbered(300)
    made = epoch(data, augmentation=plan(data, reverse_complement=True, **options), batch_size=50)
    found = [row for batch in made for row in as_read(data, batch)]
    assert {offset for _, offset, _ in found} == offsets
    assert 110 < sum(turned for *_, turned in found) < 190  # 150 +- 4.6 standard deviations
    per_batch = [sum(turned for *_, turned in as_read(data, batch)) for batch in made]
    assert all(8 < number < 42 for number in per_batch)  # drawn per sequence, never for a whole batch
    counts = np.bincount([offset for _, offset, _ in found], minlength=10)[sorted(offsets)]
    assert counts.min() > 0.4 * 300 / len(offsets)


def test_offsets_and_strands_are_drawn_anew_in_every_epoch():
    data = numbered(200)
    drawn = [
        sorted(
            row
            for batch in epoch(data, epoch=number, augmentation=plan(data, reverse_complement=True, crop="random"))
            for row in as_read(data, batch)
        )
        for number in (0, 1)
    ]
    offsets = [np.array([row[1] for row in rows]) for rows in drawn]
    strands = [np.array([row[2] for row in rows]) for rows in drawn]
    assert (offsets[0] == offsets[1]).mean() < 0.25  # a tenth by chance
    assert 0.35 < (strands[0] == strands[1]).mean() < 0.65
    assert abs(np.corrcoef(offsets[0], strands[0])[0, 1]) < 0.25  # independent of each other


@pytest.mark.parametrize("bin_size", [1, 2, 5, 20])
def test_bins_are_means_at_the_place_that_is_read(bin_size: int):
    data = numbered(60)
    options = {"augmentation": plan(data, reverse_complement=True, crop="random")}
    fine, coarse = epoch(data, **options), epoch(data, bin_size=bin_size, **options)
    for whole, binned in zip(fine, coarse, strict=True):
        assert binned.targets.shape == (len(whole.targets), 3, 20 // bin_size)
        torch.testing.assert_close(binned.targets, whole.targets.unflatten(2, (-1, bin_size)).mean(3))


def test_labels_of_windows_swap_with_the_strand():
    data = numbered(50, binary=True)
    given = torch.from_numpy(data.activity["train"].astype(np.float32))
    seen = set()
    for batch in epoch(data, labels="activity", augmentation=plan(data, reverse_complement=True)):
        assert batch.targets.shape[1:] == (3,)
        for row in batch.targets:
            turned = bool(row[0] > row[2])
            expected = given[int(row.min()) // 3]
            assert torch.equal(row, expected.flip(0) if turned else expected)
            seen.add(turned)
    assert seen == {True, False}


def test_evoaug_changes_letters_and_leaves_targets_as_they_are():
    data = numbered(40)
    plain, changed = epoch(data), epoch(data, augmentation=plan(data, evoaug=EvoAug(("deletion",), deletion=(3, 6))))
    differ = 0
    for a, b in zip(plain, changed, strict=True):
        assert torch.equal(a.targets, b.targets)
        differ += int((a.one_hot != b.one_hot).any((1, 2)).sum())
    assert differ > 35


def test_given_batches_hold_all_windows_in_order_at_their_middle():
    data = numbered(23)
    rows = TrackRows(data, "train", 20, 5)
    made = list(GivenTrackBatches(rows, 10))
    assert [batch.rows for batch in made] == [10, 10, 3]
    assert torch.cat([batch.targets[:, 0, 0] for batch in made]).tolist() == [1000 * w + 6 for w in range(23)]
    shares = [list(GivenTrackBatches(rows, 10, rank=rank, processes=2)) for rank in (0, 1)]
    assert [len(share) for share in shares] == [2, 1]
    assert all(same(a, b) for a, b in zip([shares[0][0], shares[1][0], shares[0][1]], made, strict=True))
    assert [batch.rows for batch in GivenTrackBatches(rows, 10, rank=3, processes=4)] == [
        0
    ]  # takes part, counts nothing


def test_missing_values_stay_missing():
    data = numbered(8)
    data._values["train"][:, 1, 10:14] = np.nan
    for batch in epoch(data, bin_size=2, augmentation=plan(data, reverse_complement=True)):
        missing = batch.targets.isnan()
        assert not missing[:, [0, 2]].any()
        assert missing[:, 1].sum(1).tolist() == [2] * len(missing)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda data: TrackRows(data, "test", 20), "no windows in split 'test'; there are train"),
        (lambda data: TrackRows(data, "train", 30), "reads 30 bp and the windows of split 'train' have 29"),
        (lambda data: TrackRows(data, "train", 20, 3), "20 bp cannot be cut into bins of 3"),
        (lambda data: TrackRows(data, "train", 20, 1, "activity"), "no activity labels"),
        (
            lambda data: epoch(data, augmentation=plan(data, shift=5)),
            r"shift of 5 leaves .* \(29 bp, .* reads 20, .* margin of 0\), .* at most 4,",
        ),
        (lambda data: epoch(data, augmentation=plan(data, crop="random", shift=1)), "has no meaning with it"),
        (
            lambda data: epoch(data, augmentation=plan(data, evoaug=EvoAug(("inversion",), inversion=(0, 21)))),
            "up to 21 bp, but sequences have 20",
        ),
    ],
)
def test_what_does_not_fit_the_windows_is_refused(make: Any, message: str):
    with pytest.raises(InputError, match=message):
        make(numbered(10))


def test_a_strand_specific_target_cannot_be_turned():
    data = numbered(10)
    made = epoch(data, augmentation=TrackAugmentation(Target.strand_specific(), reverse_complement=True))
    with pytest.raises(ValueError, match="strand-specific"):
        list(Prefetched(made))


class Noted:
    """Batches that say when they are read, or fail."""

    def __init__(self, count: int, fails: int | None = None) -> None:
        self.count, self.fails = count, fails
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> int:
        self.read.append(number)
        if number == self.fails:
            raise InputError("damaged file")
        return number


def test_batches_are_read_while_others_are_used():
    noted = Noted(20)
    iterator = iter(Prefetched(noted, ahead=2))
    next(iterator)
    patience = time.monotonic() + 10
    while len(noted.read) < 3 and time.monotonic() < patience:
        time.sleep(0.001)
    assert noted.read[:3] == [0, 1, 2]


def test_reading_ahead_has_a_limit():
    noted = Noted(50)
    iterator = iter(Prefetched(noted, ahead=3))
    assert next(iterator) == 0
    time.sleep(0.05)
    assert len(noted.read) <= 5  # used, three that wait, one in the hand


def test_an_error_of_reading_is_raised_where_the_batch_would_have_come():
    found = []
    with pytest.raises(InputError, match="damaged file"):
        found.extend(Prefetched(Noted(9, fails=4)))
    assert len(found) in (0, 4)  # extend may drop what came before
    assert list(Prefetched(Noted(9))) == list(range(9))


def test_the_thread_ends_with_the_iteration():
    def reading() -> int:
        return sum(thread.name == "read batches" for thread in threading.enumerate())

    before = reading()
    iterator = iter(Prefetched(Noted(100)))
    next(iterator)
    iterator.close()
    list(Prefetched(Noted(3)))
    assert reading() == before
