"""One-hot tensors: values known by hand, a slow independent encoder, round trips and the strand symmetry."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from palindra.errors import InputError
from palindra.sequences import (
    DNA,
    PROTEIN,
    RNA,
    codes_from_one_hot,
    decode_codes,
    encode,
    from_one_hot,
    one_hot,
    reverse_complement,
)

MEANS = {"R": "AG", "Y": "CT", "K": "GT", "M": "AC", "S": "CG", "W": "AT", "B": "CGT", "D": "AGT", "H": "ACT"}
MEANS |= {"V": "ACG", "N": "ACGT", "-": "ACGT"} | {letter: letter for letter in "ACGT"}
MODES = ["zero", "uniform", "shared"]


def one_letter_at_a_time(sequences, ambiguous):
    x = torch.zeros(len(sequences), 4, len(sequences[0]), dtype=torch.float64)
    for row, sequence in enumerate(sequences):
        for position, sign in enumerate(sequence.upper()):
            letters = MEANS[sign]
            if len(letters) > 1 and ambiguous == "zero":
                continue
            if len(letters) > 1 and ambiguous == "uniform":
                letters = "ACGT"
            for letter in letters:
                x[row, "ACGT".index(letter), position] = 1 / len(letters)
    return x


def rows_of_text(letters):
    return st.integers(1, 11).flatmap(
        lambda length: st.lists(st.text(letters, min_size=length, max_size=length), min_size=1, max_size=5)
    )


@given(rows=rows_of_text("ACGTacgtNRYKMSWBDHVn-"), ambiguous=st.sampled_from(MODES))
@settings(derandomize=True, deadline=None, max_examples=80)
def test_equals_an_encoder_that_goes_letter_by_letter(rows, ambiguous):
    expected = one_letter_at_a_time(rows, ambiguous)
    torch.testing.assert_close(one_hot(rows, ambiguous=ambiguous, dtype=torch.float64), expected, rtol=0, atol=0)
    torch.testing.assert_close(one_hot(encode(rows), ambiguous=ambiguous, dtype=torch.float64), expected)


@given(rows=rows_of_text("ACGTNRYKMSWBDHV"), ambiguous=st.sampled_from(MODES))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_reverse_complement_of_text_is_that_of_the_tensor(rows, ambiguous):
    x = one_hot(rows, ambiguous=ambiguous, dtype=torch.float64)
    other = one_hot([reverse_complement(row) for row in rows], ambiguous=ambiguous, dtype=torch.float64)
    assert torch.equal(other, x.flip(-2, -1))


@pytest.mark.parametrize("dtype", [torch.int8, torch.bool, torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_the_result_is_contiguous_and_of_the_dtype_asked_for(dtype):
    x = one_hot(["ACGTN", "TTGCA"], dtype=dtype)
    assert (x.dtype, x.shape, x.is_contiguous()) == (dtype, (2, 4, 5), True)
    assert x.long().sum(1).tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]


def test_many_long_rows_that_take_several_blocks():
    codes = np.random.default_rng(0).integers(0, 5, (301, 1009), dtype=np.uint8)
    expected = np.eye(5, 4, dtype=np.int8)[codes].transpose(0, 2, 1)
    np.testing.assert_array_equal(one_hot(codes).numpy(), expected)
    one_row = codes[:, :900].reshape(1, -1)
    np.testing.assert_array_equal(one_hot(one_row).numpy(), np.eye(5, 4)[one_row].transpose(0, 2, 1))


@pytest.mark.parametrize("alphabet", [DNA, RNA, PROTEIN], ids=lambda alphabet: alphabet.name)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_shared_shares_keep_every_symbol(alphabet, dtype):
    rows = [alphabet.symbols, alphabet.symbols[::-1]]
    assert from_one_hot(one_hot(rows, alphabet, ambiguous="shared", dtype=dtype), alphabet) == rows


@pytest.mark.parametrize("alphabet", [DNA, RNA, PROTEIN], ids=lambda alphabet: alphabet.name)
@pytest.mark.parametrize("ambiguous", ["zero", "uniform"])
def test_other_ambiguity_codes_become_the_code_for_any_letter(alphabet, ambiguous):
    letters = alphabet.letters
    any_letter = alphabet.symbols[len(letters)]
    x = one_hot([alphabet.symbols], alphabet, ambiguous=ambiguous, dtype=torch.float32)
    assert from_one_hot(x, alphabet) == [letters + any_letter * (len(alphabet.symbols) - len(letters))]


def test_rna_and_protein_use_their_own_letters():
    assert torch.equal(one_hot(["ACGU"], RNA), one_hot(["ACGT"], DNA))
    assert torch.equal(one_hot([PROTEIN.letters], PROTEIN)[0], torch.eye(20, dtype=torch.int8))


@pytest.mark.parametrize("ambiguous", MODES)
def test_codes_come_back_from_the_tensor(ambiguous):
    x = one_hot(["ACGTN"], ambiguous=ambiguous, dtype=torch.float32)
    assert decode_codes(codes_from_one_hot(x)) == ["ACGTN"]


@pytest.mark.parametrize(
    "column",
    [(0.7, 0.3, 0.0, 0.0), (2.0, 0.0, 0.0, 0.0), (1.0, 1.0, 0.0, 0.0), (-1.0, 1.0, 1.0, 0.0), (float("nan"),) * 4],
)
def test_positions_that_are_no_letter_are_named(column):
    x = one_hot(["AAA", "CCC"], dtype=torch.float32)
    x[1, :, 2] = torch.tensor(column)
    with pytest.raises(ValueError, match=r"row 1, position 3: the channels \("):
        from_one_hot(x)


def test_shares_need_a_floating_dtype():
    with pytest.raises(ValueError, match="needs a floating dtype"):
        one_hot(["ACGN"], ambiguous="uniform")


def test_unknown_options_and_shapes_are_refused():
    with pytest.raises(ValueError, match="'zero', 'uniform' or 'shared'"):
        one_hot(["ACGN"], ambiguous="quarter")
    with pytest.raises(InputError, match=r"has the shape \(batch, 4, length\), not \(1, 20, 3\)"):
        from_one_hot(torch.zeros(1, 20, 3))
    with pytest.raises(InputError, match=r"a\.tsv line 1: letter 'J'"):
        one_hot(["J"], names=["a.tsv line 1"])
    with pytest.raises(ValueError, match="code 15 is not DNA"):
        one_hot(np.full((1, 1), 15, dtype=np.uint8))
