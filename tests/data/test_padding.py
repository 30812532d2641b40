import pytest
from hypothesis import given
from hypothesis import strategies as st

from palindra.data import read_labelled
from palindra.data.padding import pad_sequences
from palindra.errors import InputError
from palindra.sequences import reverse_complement


def line(row):
    return f"t.tsv line {row + 2}"


@given(st.lists(st.text("ACGTN", min_size=1, max_size=9), min_size=1, max_size=5), st.integers(9, 14))
def test_padding_commutes_with_the_reverse_complement(sequences, window):
    fitting = [s for s in sequences if (window - len(s)) % 2 == 0]
    padded = pad_sequences(fitting, window, "N", line) if fitting else []
    backwards = pad_sequences([reverse_complement(s) for s in fitting], window, "N", line) if fitting else []
    assert [reverse_complement(s) for s in padded] == backwards
    assert all(len(s) == window for s in padded)


def test_known_answers():
    assert pad_sequences(["ACG", "T"], "longest", "N", line) == ["ACG", "NTN"]
    assert pad_sequences(["ACG", "T"], 7, "X", line) == ["XXACGXX", "XXXTXXX"]
    assert pad_sequences(["ACG"], 3, "N", line) == ["ACG"]
    assert pad_sequences(["ACG", "TTT"], None, "N", line) == ["ACG", "TTT"]


@pytest.mark.parametrize(
    ("lengths", "pad", "message"),
    [
        ([4, 4, 6], None, "t.tsv line 2 has 4 letters but t.tsv line 4 has 6: .*--pad"),
        ([4, 6, 9], 8, "t.tsv line 4 has 9 letters, more than the window of 8.*--pad 9"),
        ([4, 6], 9, r"line 2 has 4 letters, which cannot be centred in a window of 9.*All lengths are even.*--pad 10"),
        ([5, 7], 8, "line 2 has 5 letters, .*All lengths are odd.*--pad 9"),
        ([4, 5, 6], 6, "line 3 has 5 letters, which cannot be centred .*No window fits all.*line 2 has 4.*Trim"),
        ([4, 5], "longest", "line 2 has 4 letters, which cannot be centred in a window of 5"),
        ([4], 0, "pad=0"),
        ([4], "widest", "pad='widest'"),
    ],
)
def test_sequences_are_never_off_centre(lengths, pad, message):
    with pytest.raises(InputError, match=message):
        pad_sequences(["A" * length for length in lengths], pad, "N", line)


def test_pad_when_reading(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("seq\ty\nACGT\t0.5\nAC\t1.5\n")
    assert read_labelled(path, pad="longest").sequences == ["ACGT", "NACN"]
    assert read_labelled(path, pad=8).length == 8
    with pytest.raises(InputError, match=r"t.tsv line 2 has 4 letters, which cannot be centred in a window of 5"):
        read_labelled(path, pad=5)
