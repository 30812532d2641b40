"""One table of tokens and complements for data, models and exported files."""

import numpy as np
import pytest
import torch

from palindra.errors import InputError
from palindra.sequences import DNA, encode, reverse_complement
from palindra.sequences.vocabulary import VOCABULARY, Vocabulary


def test_ids_are_those_that_saved_models_rely_on():
    assert str(VOCABULARY) == "A C G T N [MASK] [PAD]"
    assert (VOCABULARY.unknown, VOCABULARY.mask, VOCABULARY.padding, len(VOCABULARY)) == (4, 5, 6, 7)
    assert VOCABULARY.letters == 4
    np.testing.assert_array_equal(VOCABULARY.encode("ACGTNacgtn"), [0, 1, 2, 3, 4] * 2)


def test_complement_is_that_of_the_alphabet_and_undoes_itself():
    # A published table maps A, C, G, T, N to T, A, G, C, N: wrong for C and T, and no involution.
    np.testing.assert_array_equal(VOCABULARY.complement[:5], DNA.complement_codes[:5])
    assert [VOCABULARY.complement[other] for other in VOCABULARY.complement] == list(range(7))
    assert [VOCABULARY.symbols[VOCABULARY.complement["ACGTN".index(letter)]] for letter in "ACGTN"] == list("TGCAN")
    with pytest.raises(ValueError, match="complement of a complement"):
        Vocabulary(complement=(3, 0, 2, 1, 4, 5, 6))


def test_special_tokens_are_their_own_complements_and_the_mask_is_not_n():
    special = (VOCABULARY.unknown, VOCABULARY.mask, VOCABULARY.padding)
    assert [VOCABULARY.complement[token] for token in special] == list(special)
    assert len(set(special)) == 3


def test_the_other_strand_is_that_of_the_text():
    text = "ACCGTTNNACGTA"
    tokens = VOCABULARY.encode(text)
    assert VOCABULARY.decode(VOCABULARY.reverse_complement(tokens)) == reverse_complement(text)
    as_tensor = torch.from_numpy(np.stack([tokens, tokens])).long()
    other = VOCABULARY.reverse_complement(as_tensor)
    assert other.dtype == as_tensor.dtype
    assert VOCABULARY.decode(other[1]) == reverse_complement(text)
    assert torch.equal(VOCABULARY.reverse_complement(other), as_tensor)


def test_padding_and_masks_move_with_the_strand():
    assert VOCABULARY.reverse_complement(torch.tensor([0, 5, 4, 6, 6])).tolist() == [6, 6, 4, 5, 3]


def test_ambiguity_codes_are_unknown_letters():
    np.testing.assert_array_equal(VOCABULARY.encode("ARYKMSWBDHV-N"), [0] + [4] * 12)
    codes = encode(["ACGTNRYKMSWBDHV"])
    found = VOCABULARY.from_codes(codes)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [[0, 1, 2, 3] + [4] * 11])


@pytest.mark.parametrize(("text", "message"), [("ACGU", "chr1:5.*'U' at position 4"), ("", "empty")])
def test_other_letters_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        VOCABULARY.encode(text, name="chr1:5")


@pytest.mark.parametrize("token", [7, 255, -1])
def test_unknown_tokens_are_refused(token):
    VOCABULARY.check(torch.tensor([[0, 6]]))
    VOCABULARY.check(torch.zeros(0, 3, dtype=torch.long))
    with pytest.raises(InputError, match=f"token {token} is not in the vocabulary"):
        VOCABULARY.check(torch.tensor([[0, 1], [token, 3]]))


def test_a_table_without_all_ids_is_refused():
    with pytest.raises(ValueError, match="one complement for each"):
        Vocabulary(complement=(3, 2, 1, 0, 4, 5))
