"""Batches depend on (seed, step, part) alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from palindra.data.language import ALL, LOWER, OTHER, UPPER, scored_windows
from palindra.sequences.vocabulary import VOCABULARY
from palindra.training.pretraining import ScoredBatches, TrainingBatches, window_bits
from palindra.training.pretraining.classes import ClassBits, class_masks, class_names


def read(data, config, **options):
    batches = TrainingBatches(data, config, **{"seed": 1, "first_step": 0, "steps": 6, **options})
    return [batches[n] for n in range(len(batches))]


@pytest.mark.parametrize("length_warmup", [0.0, 0.5])
def test_parts_and_processes_share_the_same_windows(data, quick, length_warmup):
    options = {"first_length": 8, "length_warmup": length_warmup, "batch_size": 8}
    whole = read(data, quick(**options))
    shared = [read(data, quick(**options, accumulate=2), rank=rank, processes=2) for rank in range(2)]
    for step, batch in enumerate(whole):
        parts = [shared[rank][2 * step + part] for part in range(2) for rank in range(2)]
        for name in ("tokens", "targets", "real"):
            assert torch.equal(getattr(batch, name), torch.cat([getattr(part, name) for part in parts]))
        assert batch.places == tuple(place for part in parts for place in part.places)
        assert batch.tokens.numel() == 8 * 32
    again = read(data, quick(**options), first_step=4, steps=2)
    assert all(torch.equal(a.tokens, b.tokens) for a, b in zip(again, whole[4:], strict=True))


def test_lengths_double_and_windows_halve(quick):
    config = quick(first_length=8, length_warmup=0.5, steps=40, batch_size=4)
    assert [config.stage(step) for step in (0, 9, 10, 19, 20, 39)] == [
        (8, 0, 16),
        (8, 0, 16),
        (16, 10, 8),
        (16, 10, 8),
        (32, 20, 4),
        (32, 20, 4),
    ]
    rates = [config.rate_factor(step) for step in range(40)]
    assert rates[0] == 0.5
    assert max(rates) == 1.0
    assert rates[-1] < 0.01
    assert all(a > b for a, b in pairwise(rates[2:]))


def test_lower_case_can_be_left_out(data, quick):
    seen = {True: 0, False: 0}
    for batch in read(data, quick(soft_masked=0.0, batch_size=32)):
        for row, place in enumerate(batch.places):
            contig, _, ends = place.partition(":")
            start, end = map(int, ends.split("-"))
            lower = data.soft_masked.inside(contig, start, end)
            scored = batch.targets[row, : end - start].numpy() >= 0
            assert not (scored & lower).any()
            seen[True] += int(lower.sum())
            seen[False] += int(scored.sum())
    assert min(seen.values()) > 0


def test_the_other_strand_is_read_in_half_of_the_windows(data, quick):
    forward = read(data, quick(batch_size=16, mask_rate=1e-9))
    turned = read(data, quick(batch_size=16, mask_rate=1e-9, reverse_complement=True))
    same = opposite = 0
    for a, b in zip(forward, turned, strict=True):
        assert a.places == b.places
        other = VOCABULARY.reverse_complement(a.tokens)
        for x, y, z in zip(a.tokens, b.tokens, other, strict=True):
            assert torch.equal(x, y) or torch.equal(y, z)
            same, opposite = same + int(torch.equal(x, y)), opposite + int(torch.equal(y, z))
    assert min(same, opposite) > 20


def test_scored_letters_are_all_masked_and_always_the_same(data):
    windows = scored_windows(data, "valid", 32)
    whole = ScoredBatches(windows, rate=0.15, batch_size=4)
    parts = [ScoredBatches(windows, rate=0.15, batch_size=4, rank=rank, processes=2) for rank in range(2)]
    total = 0
    for number in range(len(whole)):
        batch = whole[number]
        scored = batch.targets >= 0
        assert (batch.tokens[scored] == VOCABULARY.mask).all()
        assert ((batch.tokens == VOCABULARY.mask) == scored).all()
        assert torch.equal(batch.targets, parts[number % 2][number // 2].targets)
        total += int(scored.sum())
    assert 0.08 < total / 300 < 0.25
    idle = ScoredBatches(windows, rate=0.15, batch_size=100, rank=1, processes=2)
    assert len(idle) == 1
    assert not (idle[0].targets >= 0).any()  # takes part, counts nothing


def test_sums_of_classes_by_hand(data):
    assert class_names(data) == [ALL, UPPER, LOWER, "gene", OTHER]
    windows = scored_windows(data, "valid", 100)
    masks = class_masks(windows, 1)
    assert masks[:, :5].astype(int).tolist() == [[1] * 5, [0] * 5, [1] * 5, [0] * 5, [1] * 5]  # two:100-105
    scored = np.zeros((3, 100), dtype=bool)
    scored[:, [0, 60]] = True
    bits = np.full((3, 100), 9.0)
    bits[:, 0], bits[:, 60] = [1, 2, 3], [1, 1, 1]
    found = window_bits(windows, range(3), bits, scored)
    table = found.table()
    assert {name: (row["bits_per_base"], row["positions"]) for name, row in table.items()} == {
        ALL: (1.5, 6),
        UPPER: (7 / 5, 5),
        LOWER: (2.0, 1),
        "gene": (1.0, 2),
        OTHER: (7 / 4, 4),
    }
    assert table[ALL]["perplexity"] == 2**1.5
    assert abs(table[ALL]["standard_error"] - np.sqrt(3) / 6) < 1e-12  # 1, 1.5 and 2 bits in windows of two positions
    assert found.weighted(0.5) == (7 + 1.0, 5.5)
    halves = ClassBits.joined([window_bits(windows, [r], bits[r : r + 1], scored[r : r + 1]) for r in range(3)])
    assert halves.table() == table
    assert found.table(found)[ALL]["difference"] == found.table(found)[ALL]["difference_error"] == 0
