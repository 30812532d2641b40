"""Batches and augmentation are functions of (seed, epoch, row), on any number of processes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from palindra.data import LabelledSequences, Task
from palindra.sequences import DNA, RNA, one_hot, reverse_complement
from palindra.symmetry import DNA_STRAND, Rep, Target
from palindra.training.batches import Augmentation, Encoded, EpochBatches, GivenBatches, other_strand

PLAIN = Augmentation(False, 0, Task.BINARY, Target.invariant(1), DNA_STRAND)


def numbered(rows: int, length: int = 9) -> LabelledSequences:
    """Sequences whose label is their row number, so that a batch says which rows it holds."""
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), length)) for _ in range(rows)]
    return LabelledSequences.from_arrays(sequences, np.arange(rows) + 0.5, task="regression")


def batches(data: Encoded, **options: Any) -> EpochBatches:
    common: dict[str, Any] = {"seed": 3, "epoch": 1, "batch_size": 8, "augmentation": PLAIN}
    return EpochBatches(data, **common | options)


def test_an_epoch_holds_every_row_once_in_an_order_of_its_own():
    data = Encoded(numbered(24))
    orders = [torch.cat([b.labels for b in batches(data, seed=s, epoch=e)]) for s in (0, 1) for e in (0, 1)]
    for order in orders:
        assert sorted(order.flatten().tolist()) == [row + 0.5 for row in range(24)]
    assert len({tuple(order.flatten().tolist()) for order in orders}) == 4


def test_the_same_seed_and_epoch_repeat_exactly():
    data = Encoded(numbered(24))
    plan = Augmentation(True, 2, Task.REGRESSION, Target.invariant(1), DNA_STRAND)
    for first, second in zip(batches(data, augmentation=plan), batches(data, augmentation=plan), strict=True):
        assert torch.equal(first.one_hot, second.one_hot)
        assert torch.equal(first.labels, second.labels)


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("rows", [24, 29])
def test_processes_share_the_batches_of_one(processes: int, rows: int):
    data = Encoded(numbered(rows))
    plan = Augmentation(True, 3, Task.REGRESSION, Target.invariant(1), DNA_STRAND)
    whole = batches(data, augmentation=plan, batch_size=10)
    parts = [
        batches(data, augmentation=plan, batch_size=10, rank=rank, processes=processes) for rank in range(processes)
    ]
    assert {len(part) for part in parts} == {len(whole)}
    for number, batch in enumerate(whole):
        shares = [part[number] for part in parts]
        assert {share.rows for share in shares} == {batch.rows} == {len(batch.labels)}
        for rank, share in enumerate(shares):
            assert torch.equal(share.labels, batch.labels[rank::processes])
            assert torch.equal(share.one_hot, batch.one_hot[rank::processes])


@pytest.mark.parametrize(
    ("rows", "batch_size", "processes", "sizes"),
    [
        (35, 8, 1, [8, 8, 8, 8, 3]),  # three rows are more than a quarter of eight
        (33, 8, 1, [8, 8, 8, 8]),  # a single row waits for another epoch
        (35, 8, 3, [8, 8, 8, 8, 3]),  # the number of processes changes nothing
        (6, 3, 1, [3, 3]),
        (7, 3, 1, [3, 3]),  # no batch of one row, which has no spread
        (79, 64, 1, [64]),
        (80, 64, 1, [64, 16]),
        (3, 64, 1, [3]),  # the only batch is never dropped
    ],
)
def test_a_last_batch_of_a_few_rows_is_left_out(rows: int, batch_size: int, processes: int, sizes: list[int]):
    made = batches(Encoded(numbered(rows)), batch_size=batch_size, processes=processes)
    assert [batch.rows for batch in made] == sizes


def test_reverse_complement_reaches_half_of_the_rows_and_changes_with_the_epoch():
    data = numbered(400)
    encoded, given = Encoded(data), one_hot(data.sequences).float()
    plan = Augmentation(True, 0, Task.REGRESSION, Target.invariant(1), DNA_STRAND)
    turned = []
    for epoch in (0, 1):
        flipped = np.zeros(400, dtype=bool)
        for batch in batches(encoded, augmentation=plan, epoch=epoch, batch_size=40):
            for x, label in zip(batch.one_hot, batch.labels, strict=True):
                row = int(label)
                flipped[row] = not torch.equal(x, given[row])
                expected = one_hot([reverse_complement(data.sequences[row])])[0].float() if flipped[row] else given[row]
                assert torch.equal(x, expected)
        turned.append(flipped)
    assert 160 < turned[0].sum() < 240  # 200 +- 4 standard deviations
    assert 0.4 < (turned[0] == turned[1]).mean() < 0.6


def test_labels_of_a_pair_swap_where_the_sequence_is_turned():
    data = numbered(60)
    labels = np.stack([np.arange(60), 1000 + np.arange(60)], axis=1)
    pair = LabelledSequences.from_arrays(data.sequences, labels, task="regression")
    given = one_hot(data.sequences).float()
    plan = Augmentation(True, 0, Task.REGRESSION, Target.paired([1, 0]), DNA_STRAND)
    seen = set()
    for batch in batches(Encoded(pair), augmentation=plan):
        for x, (plus, minus) in zip(batch.one_hot, batch.labels.tolist(), strict=True):
            row = int(min(plus, minus))
            turned = plus > minus
            seen.add(turned)
            assert torch.equal(x, DNA_STRAND.act(given[row : row + 1])[0] if turned else given[row])
    assert seen == {True, False}


def test_class_numbers_change_as_the_outputs_of_the_classes_do():
    swap = Target.paired([3, 1, 2, 0])
    labels = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    assert other_strand(Task.MULTICLASS, swap, labels).flatten().tolist() == [3, 1, 2, 0]
    assert torch.equal(other_strand(Task.MULTICLASS, Target.invariant(4), labels), labels)
    scores = torch.randn(5, 4)
    winner = scores.argmax(1, keepdim=True).float()
    assert torch.equal(other_strand(Task.MULTICLASS, swap, winner), swap.act(scores).argmax(1, keepdim=True).float())


def test_odd_labels_change_their_sign():
    target = Target(Rep(even=1, odd=1))
    assert other_strand(Task.REGRESSION, target, torch.tensor([[2.0, 3.0]])).tolist() == [[2.0, -3.0]]


def test_labels_in_the_data_are_never_touched():
    data = Encoded(numbered(16))
    before = data.labels.clone()
    plan = Augmentation(True, 1, Task.REGRESSION, Target(Rep(odd=1)), DNA_STRAND)
    assert any((batch.labels < 0).any() for batch in batches(data, augmentation=plan))
    assert torch.equal(data.labels, before)


def test_a_shift_moves_letters_and_lets_n_in():
    data = numbered(200)
    given = one_hot(data.sequences).float()
    plan = Augmentation(False, 2, Task.REGRESSION, Target.invariant(1), DNA_STRAND)
    seen = set()
    for batch in batches(Encoded(data), augmentation=plan):
        for x, label in zip(batch.one_hot, batch.labels, strict=True):
            original = given[int(label)]
            fits = [s for s in range(-2, 3) if torch.equal(x, moved(original, s))]
            assert len(fits) == 1
            seen.add(fits[0])
    assert seen == {-2, -1, 0, 1, 2}


def moved(x: torch.Tensor, steps: int) -> torch.Tensor:
    result = torch.zeros_like(x)
    if steps >= 0:
        result[:, steps:] = x[:, : x.shape[1] - steps]
    else:
        result[:, :steps] = x[:, -steps:]
    return result


def test_validation_batches_hold_all_rows_in_order_and_unchanged():
    data = numbered(23)
    made = list(GivenBatches(Encoded(data), 10))
    assert [len(batch.labels) for batch in made] == [10, 10, 3]
    assert torch.cat([batch.labels for batch in made]).flatten().tolist() == [row + 0.5 for row in range(23)]
    assert torch.equal(torch.cat([batch.one_hot for batch in made]), one_hot(data.sequences).float())


@pytest.mark.parametrize("alphabet", [DNA, RNA], ids=lambda a: a.name)
def test_letters_become_channels_and_ambiguous_ones_zeros(alphabet: Any):
    letters = alphabet.letters + "N" + alphabet.letters[0].lower()
    data = LabelledSequences.from_arrays([letters, letters], [0, 1], alphabet=alphabet)
    encoded = Encoded(data).one_hot(slice(0, 1))[0]
    assert encoded.argmax(0)[:4].tolist() == [0, 1, 2, 3]
    assert encoded.sum(0).tolist() == [1, 1, 1, 1, 0, 1]


def test_standardised_labels_can_be_brought_back():
    data = numbered(6)
    encoded = Encoded(data, offset=[2.0], scale=[4.0])
    np.testing.assert_allclose(encoded.labels.numpy() * 4 + 2, data.labels)
