"""Edits: involutions, inverses, and what random mutations must and must not change."""

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
    delete,
    encode,
    insert,
    one_hot,
    random_mutate,
    reverse_complement,
    shift,
    substitute,
)

SIGNS = "ACGTNRYKMSWBDHVacgtnrykmswbdhv-"


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("sequence", "other"), [("AACGTG", "CACGTT"), ("aaCRN-", "-NYGtt"), ("RYKMSWBDHVN", "NBDHVWSKMRY"), ("", "")]
)
def test_known_reverse_complements(sequence, other):
    assert reverse_complement(sequence) == other


def test_rna_reads_t_as_u():
    assert reverse_complement("AUGCTr", RNA) == "yAGCAU"


@given(st.text(SIGNS, min_size=1, max_size=20))
@settings(derandomize=True, deadline=None)
def test_reverse_complement_undoes_itself_and_is_the_same_for_text_codes_and_tensors(sequence):
    other = reverse_complement(sequence)
    assert reverse_complement(other) == sequence
    np.testing.assert_array_equal(reverse_complement(encode([sequence])), encode([other]))
    x = one_hot([sequence], ambiguous="shared", dtype=torch.float64)
    expected = one_hot([other], ambiguous="shared", dtype=torch.float64)
    assert torch.equal(reverse_complement(x), expected)
    assert torch.equal(reverse_complement(x[0]), expected[0])


def test_protein_has_no_reverse_complement():
    for sequence in ("MK", one_hot(["MK"], PROTEIN), encode(["MK"], PROTEIN)):
        with pytest.raises(InputError, match="protein has no complement"):
            reverse_complement(sequence, PROTEIN)


def test_illegal_letters_have_no_complement():
    with pytest.raises(InputError, match="letter 'U' at position 2 is not DNA"):
        reverse_complement("AU")


@given(st.text("ACGT", min_size=1, max_size=12), st.text("ACGT", max_size=4), st.data())
@settings(derandomize=True, deadline=None)
def test_delete_undoes_insert_and_substitute_is_both(sequence, letters, data):
    position = data.draw(st.integers(0, len(sequence)))
    longer = insert(sequence, position, letters)
    assert len(longer) == len(sequence) + len(letters)
    assert delete(longer, position, len(letters)) == sequence
    place = data.draw(st.integers(0, len(sequence) - 1))
    assert substitute(sequence, place, "G") == insert(delete(sequence, place), place, "G")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda: substitute("ACG", 3, "A"), "positions 3 to 4 .* not inside a sequence of 3 letters"),
        (lambda: substitute("ACG", -1, "A"), "positions -1 to 0"),
        (lambda: substitute("ACG", 0, "AC"), "one letter is substituted by one letter, not by 'AC'"),
        (lambda: substitute("ACG", 0, "J"), "letter 'J'"),
        (lambda: insert("ACG", 4, "A"), "positions 4 to 4"),
        (lambda: insert("ACG", 0, "AU"), "letter 'U' at position 2"),
        (lambda: delete("ACG", 2, 2), "positions 2 to 4"),
        (lambda: delete("ACG", 2, -1), "must not be negative"),
    ],
)
def test_edits_outside_the_sequence_or_alphabet_are_refused(edit, message):
    with pytest.raises(InputError, match=message):
        edit()


@pytest.mark.parametrize("count", [0, 1, 5, 9])
@pytest.mark.parametrize("dtype", [torch.int8, torch.bfloat16, torch.float64], ids=str)
def test_exactly_count_letters_change_and_n_never(count, dtype):
    x = one_hot(["ACGTNACGTNA", "NNACGTTGCAC"], dtype=dtype)
    before = x.clone()
    mutated = random_mutate(x, count=count, generator=seeded(3))
    changed = (mutated != x).any(1)
    assert changed.sum(1).tolist() == [count, count]
    assert torch.equal(mutated.sum(1), x.sum(1))
    assert mutated.dtype == dtype
    assert torch.equal(x, before)


def test_uniform_n_is_left_alone():
    x = one_hot(["NRA"], ambiguous="shared", dtype=torch.float32)
    mutated = random_mutate(x, rate=1.0, generator=seeded(0))
    assert torch.equal(mutated[..., :2], x[..., :2])
    assert mutated[0, 0, 2] == 0


@pytest.mark.parametrize("alphabet", [DNA, PROTEIN], ids=lambda alphabet: alphabet.name)
def test_rate_and_choice_of_letters_are_as_asked_for(alphabet):
    letters = len(alphabet.letters)
    x = one_hot([alphabet.letters[2] * 40_000], alphabet)
    mutated = random_mutate(x, rate=0.3, generator=seeded(1), alphabet=alphabet)
    counts = mutated[0].sum(1)
    others = torch.cat([counts[:2], counts[3:]]).double()
    expected = 40_000 * 0.3 / (letters - 1)
    # Five standard deviations of a binomial count.
    assert abs(float(others.sum()) - 12_000) < 5 * (40_000 * 0.3 * 0.7) ** 0.5
    assert float((others - expected).abs().max()) < 5 * expected**0.5


def test_rates_of_zero_and_one():
    x = one_hot(["ACGT" * 5])
    assert torch.equal(random_mutate(x, rate=0.0, generator=seeded(0)), x)
    assert (random_mutate(x, rate=1.0, generator=seeded(0)) != x).any(1).all()


def test_mutations_are_a_function_of_the_generator():
    x = one_hot(["ACGT" * 20])
    first, again, other = (random_mutate(x, rate=0.5, generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    "options", [{}, {"rate": 0.1, "count": 1}, {"rate": 1.5}, {"rate": -0.1}, {"count": -1}], ids=str
)
def test_random_mutate_needs_one_valid_amount(options):
    with pytest.raises(ValueError, match="either a rate from 0 to 1 or a count"):
        random_mutate(one_hot(["ACGT"]), generator=seeded(0), **options)


def test_too_few_letters_to_mutate_are_named():
    with pytest.raises(InputError, match=r"row 1 has 1 letters .* 2 cannot be mutated"):
        random_mutate(one_hot(["ACGT", "NANN"]), count=2, generator=seeded(0))


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=4))
@settings(derandomize=True, deadline=None)
def test_shift_equals_padding_and_cutting_row_by_row(offsets):
    rows = ["ACGTTGC"] * len(offsets)
    x = one_hot(rows)
    padded = ["N" * 9 + row + "N" * 9 for row in rows]
    expected = one_hot([text[9 - offset : 16 - offset] for text, offset in zip(padded, offsets, strict=True)])
    moved = shift(x, torch.tensor(offsets))
    assert torch.equal(moved, expected)
    assert torch.equal(moved.flip(-2, -1), shift(x.flip(-2, -1), -torch.tensor(offsets)))


@pytest.mark.parametrize("offsets", [torch.tensor([1]), torch.tensor([1.0, 2.0]), torch.tensor(1)], ids=str)
def test_shift_needs_one_integer_for_each_sequence(offsets):
    with pytest.raises(ValueError, match="one integer offset for each sequence"):
        shift(one_hot(["AC", "GT"]), offsets)
