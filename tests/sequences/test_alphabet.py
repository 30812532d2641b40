"""Codes, complements and refusals of the three alphabets."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palindra.errors import InputError
from palindra.sequences import DNA, PROTEIN, RNA, Alphabet, check_letters, decode_codes, encode
from palindra.symmetry.rep import Rep

ALPHABETS = [DNA, RNA, PROTEIN]

# Written out by hand (NC-IUB 1985), while the package finds complements from the letters that a code stands for.
IUPAC_COMPLEMENTS = dict(zip("ACGTRYKMBVDHSWN", "TGCAYRMKVBHDSWN", strict=True))


def test_channel_orders_and_types():
    assert (DNA.letters, RNA.letters, PROTEIN.letters) == ("ACGT", "ACGU", "ACDEFGHIKLMNPQRSTVWY")
    assert DNA.rep == RNA.rep == Rep(regular=2)
    assert PROTEIN.rep == Rep(even=20)


def test_codes_are_letters_first_and_then_the_code_for_any_letter():
    np.testing.assert_array_equal(encode(["ACGTN"]), [[0, 1, 2, 3, 4]])
    np.testing.assert_array_equal(encode(["ACX"], PROTEIN), [[0, 1, 20]])


def test_complements_are_those_of_iupac():
    found = {symbol: DNA.symbols[code] for symbol, code in zip(DNA.symbols, DNA.complement_codes, strict=True)}
    assert found == IUPAC_COMPLEMENTS


@pytest.mark.parametrize("alphabet", [DNA, RNA], ids=lambda alphabet: alphabet.name)
def test_complement_is_an_involution(alphabet):
    codes = alphabet.complement_codes
    np.testing.assert_array_equal(codes[codes], np.arange(len(alphabet.symbols)))


def test_protein_has_no_complement():
    with pytest.raises(InputError, match="protein has no complement"):
        _ = PROTEIN.complement_codes


@pytest.mark.parametrize("alphabet", ALPHABETS, ids=lambda alphabet: alphabet.name)
@given(data=st.data())
@settings(derandomize=True, deadline=None, max_examples=40)
def test_decoding_undoes_encoding_whatever_the_case(alphabet, data):
    length = data.draw(st.integers(1, 9))
    some = st.text(alphabet.symbols + alphabet.symbols.lower(), min_size=length, max_size=length)
    rows = data.draw(st.lists(some, min_size=1, max_size=5))
    codes = encode(rows, alphabet)
    assert codes.dtype == np.uint8
    assert codes.flags.writeable
    assert decode_codes(codes, alphabet) == [row.upper() for row in rows]


@pytest.mark.parametrize(
    ("alphabet", "written", "read"),
    [(DNA, "A-c", "ANC"), (RNA, "TtUu-", "UUUUN"), (PROTEIN, "UuOo-x", "XXXXXX")],
)
def test_further_signs_are_read_as_documented(alphabet, written, read):
    assert decode_codes(encode([written], alphabet), alphabet) == [read]


def test_every_byte_that_is_not_accepted_is_refused():
    accepted = set("ACGTNRYKMSWBDHV-acgtnrykmswbdhv")
    for byte in range(128):
        if chr(byte) in accepted:
            check_letters([chr(byte)])
        else:
            with pytest.raises(InputError, match="position 1 is not DNA"):
                check_letters([chr(byte)])


@pytest.mark.parametrize(
    ("sequences", "alphabet", "message"),
    [
        (["ACGT", "ACUT"], DNA, "row 1: letter 'U' at position 3 is not DNA.*replace U by T"),
        (["ACG", "AéG"], DNA, "row 1: letter 'é' at position 2"),
        (["AC\n"], DNA, r"letter '\\n' at position 3.*Remove white space"),
        (["MK*"], PROTEIN, "letter '[*]' at position 3.*stop"),
        (["ACG", "AC"], DNA, "row 1 has 2 letters but row 0 has 3"),
        (["", ""], DNA, "row 0 is an empty sequence"),
        ([], DNA, "no sequence to encode"),
        (["A", float("nan")], DNA, "row 1 is nan and not text"),
        ("ACGT", DNA, r"write \['ACGT'\]"),
    ],
)
def test_refusals_name_row_position_and_letter_and_say_what_to_do(sequences, alphabet, message):
    with pytest.raises(InputError, match=message):
        encode(sequences, alphabet)


@pytest.mark.parametrize("check", [encode, check_letters])
def test_names_of_rows_are_in_the_message(check):
    names = ["a.tsv line 2", "a.tsv line 7", "a.tsv line 8"]
    with pytest.raises(InputError, match=re.escape("a.tsv line 7: letter 'J' at position 1")):
        check(["ACG", "JCG", "ACJ"], DNA, names=names)


@given(st.lists(st.text("ACGTN", max_size=6), min_size=1, max_size=6), st.data())
@settings(derandomize=True, deadline=None, max_examples=60)
def test_the_first_illegal_letter_of_ragged_rows_is_found(rows, data):
    check_letters(rows)
    row = data.draw(st.integers(0, len(rows) - 1))
    position = data.draw(st.integers(0, len(rows[row])))
    later = [text + "!" for text in rows[row + 1 :]]
    spoiled = [*rows[:row], rows[row][:position] + "?" + rows[row][position:], *later]
    with pytest.raises(InputError, match=rf"row {row}: letter '\?' at position {position + 1} "):
        check_letters(spoiled)


def test_number_of_names_must_fit():
    with pytest.raises(ValueError, match="1 names were given for 2 sequences"):
        encode(["A", "C"], names=["one"])


def test_codes_of_another_shape_or_alphabet_are_refused():
    with pytest.raises(ValueError, match="uint8 of shape"):
        decode_codes(np.zeros(3, dtype=np.uint8))
    with pytest.raises(ValueError, match="code 20 is not DNA"):
        decode_codes(np.array([[20]], dtype=np.uint8))


def test_an_alphabet_that_does_not_fit_its_type_is_refused():
    with pytest.raises(ValueError, match="2 letters but its type has 4"):
        Alphabet("binary", "RY", (("N", "RY"),), Rep(regular=2))
    with pytest.raises(ValueError, match="distinct ASCII capitals"):
        Alphabet("binary", "RR", (("N", "R"),), Rep(regular=1))


def test_alphabets_are_values():
    assert len({DNA, RNA, PROTEIN, DNA}) == 3
    with pytest.raises(AttributeError):
        DNA.letters = "TGCA"
