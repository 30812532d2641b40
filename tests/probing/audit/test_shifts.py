from __future__ import annotations

import pytest
import torch

from palindra.probing.audit.reading import along
from palindra.probing.audit.shifts import compare_tokens, kept_bases, moved_borders, turned
from palindra.probing.sources.bases import joined


def compared(source, sequences, letters=1):
    return compare_tokens(along(source, sequences), along(source, [turned(s, letters) for s in sequences]), letters)


def test_a_turn_keeps_letters_and_undoes_itself():
    assert turned(turned("ACGGTTA", 3), 4) == "ACGGTTA"


def test_one_token_per_base_does_not_feel_a_shift(toy, random_sequences):
    found = compared(toy(lambda word: [float(ord(word[0]))]), random_sequences(8, 12))
    assert (found.moved, found.changed, found.bases.relative) == (0, 0, 0)
    assert found.at_changed is None
    assert found.per_sequence == 12


@pytest.mark.parametrize(("size", "letters", "moved"), [(3, 1, 1.0), (3, 3, 0.0), (2, 1, 1.0), (4, 2, 1.0)])
def test_words_side_by_side_move_unless_the_shift_is_their_length(toy, random_sequences, size, letters, moved):
    source = toy(lambda word: [float(sum(4**i * "ACGT".index(x) for i, x in enumerate(word)))], size)
    found = compared(source, random_sequences(8, 12), letters)
    assert found.moved == moved
    assert found.changed == moved
    assert (found.bases.relative == 0) is (moved == 0)


def test_borders_at_the_ends_do_not_count():
    assert moved_borders([(0, 6)], [(1, 6)], 0, 6) is None
    assert moved_borders([(0, 2), (2, 4), (4, 6)], [(0, 3), (3, 4), (4, 6)], 0, 6) == 0.5


def test_overlapping_words_are_kept_where_all_of_them_are():
    words = [(i, i + 3) for i in range(4)]
    assert kept_bases(words, words[1:], 6) == [False, False, False, True, True, True]


def test_changes_are_told_apart_by_whether_the_token_stayed(toy):
    class Merging(toy):
        """AA is one token, any other letter one of its own; features are those of the token alone."""

        def embed(self, sequences):
            rows = [self.words(text) for text in sequences]
            features = [
                torch.tensor([[float(text[a] == "A"), float(b - a)] for a, b in row])
                for text, row in zip(sequences, rows, strict=True)
            ]
            return joined(features, [torch.tensor(row) for row in rows])

        def words(self, text):
            found, at = [], 0
            while at < len(text):
                size = 2 if text[at : at + 2] == "AA" else 1
                found.append((at, at + size))
                at += size
            return found

    source = Merging(lambda word: [0.0, 0.0])
    found = compared(source, ["CAAGTCA", "AAACGTT", "GAAAAAT", "AAATAAA"])
    assert 0 < found.moved < 1
    assert found.at_kept.relative == 0
    assert found.at_changed.relative > 0
