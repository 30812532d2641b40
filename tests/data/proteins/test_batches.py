"""Padding of proteins: nothing is lost, padding is never known."""

import numpy as np
import pytest
import torch

from palindra.data.proteins import ContactExample, pad_examples


def protein(length: int, seed: int = 0, name: str = "p") -> ContactExample:
    random = np.random.default_rng(seed)
    return ContactExample(
        name,
        random.normal(size=(25, length)).astype(np.float32),
        random.normal(size=(3, length, length)).astype(np.float32),
        random.random((length, length)) < 0.3,
        random.random((length, length)) < 0.9,
    )


def test_every_protein_comes_back_and_the_rest_is_zero():
    proteins = [protein(7, 1), protein(4, 2), protein(9, 3)]
    batch = pad_examples(proteins)
    assert batch.lengths.tolist() == [7, 4, 9]
    for row, (one, n) in enumerate(zip(proteins, (7, 4, 9), strict=True)):
        np.testing.assert_array_equal(batch.residues[row, :, :n], one.residues)
        np.testing.assert_array_equal(batch.pairs[row, :, :n, :n], one.pairs)
        np.testing.assert_array_equal(batch.contacts[row, :n, :n], one.contacts)
        np.testing.assert_array_equal(batch.known[row, :n, :n], one.known)
        assert not batch.known[row, n:].any()
        assert not batch.known[row, :, n:].any()
        assert not batch.residues[row, :, n:].any()
        assert not batch.pairs[row, :, :, n:].any()
    assert batch.contacts.dtype == torch.bool


def test_maps_of_another_length_are_refused():
    one = protein(5)
    with pytest.raises(ValueError, match=r"q: 5 residues are given but contacts of shape \(6, 6\)"):
        ContactExample("q", one.residues, one.pairs, np.zeros((6, 6), bool), one.known)
