import gzip
import io
import tracemalloc

import numpy as np
import pytest

from palindra.data.genome import fasta_codes
from palindra.data.genome.fasta_codes import write_codes
from palindra.errors import InputError


def codes_of(path):
    out = io.BytesIO()
    lengths = write_codes(path, out)
    return lengths, np.frombuffer(out.getvalue(), dtype=np.uint8)


def by_hand(text):
    return [dict(zip("ACGT", range(4), strict=True)).get(letter, 4) for letter in text.upper()]


def test_codes_are_those_of_the_letters(fasta, letters):
    lengths, codes = codes_of(fasta)
    assert list(lengths.items()) == [(name, len(text)) for name, text in letters.items()]
    assert codes.tolist() == by_hand("".join(letters.values()))


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 50, 10**6])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_pieces_may_be_cut_anywhere(write, fasta, letters, monkeypatch, piece, newline):
    monkeypatch.setattr(fasta_codes, "_PIECE", piece)
    text = fasta.read_text().replace("\n", newline)
    expected = codes_of(fasta)
    for path in (write("b.fa", text), write("b.fa.gz", text), write("c.fa", text.rstrip() + "  ")):
        lengths, codes = codes_of(path)
        assert lengths == expected[0]
        assert codes.tolist() == expected[1].tolist()


def test_gzip_in_several_members_is_read_to_the_end(write, fasta):
    whole = fasta.read_bytes()
    path = write("b.fa.gz", "")
    path.write_bytes(gzip.compress(whole[:300]) + gzip.compress(whole[300:]))
    assert codes_of(path)[1].tolist() == codes_of(fasta)[1].tolist()


@pytest.mark.parametrize("piece", [1, 5, 10**6])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\nACGT\n>a\nAC\n", "a.fa line 3: not FASTA"),
        ("chr1\t5\t7\n", "a.fa line 1: not FASTA"),
        ("\n\n", "a.fa: has no sequence"),
        (">a\nAC\n> b\nAC\n", "a.fa line 3: a header without a name"),
        (">a\nAC\n>\nAC\n", "a.fa line 3: a header without a name"),
        (">a x\nAC\n\n>a y\nAC\n", "a.fa line 4: a second record 'a'"),
        (">a\n>b\nAC\n", "a.fa line 2: record 'a' before has no sequence"),
        (">a\nAC\n>b", "a.fa line 3: record 'b' before has no sequence"),
        (">a\nACG\nAC*T\nN\n", r"a.fa line 3: '\*' in record 'a' is not DNA"),
        (">a\nACG\n>b\nACT\nACU", "a.fa line 5: 'U' in record 'b' is not DNA.*RNA"),
        (">a\nACG\nAC>b\nACT\n", "a.fa line 3: '>' in record 'a' is not DNA"),
    ],
)
def test_bad_fasta_is_refused_with_its_line(write, monkeypatch, piece, text, message):
    monkeypatch.setattr(fasta_codes, "_PIECE", piece)
    with pytest.raises(InputError, match=message):
        codes_of(write("a.fa", text))


def test_truncated_damaged_and_misnamed_gz_are_named(write, fasta):
    packed = gzip.compress(fasta.read_bytes())
    path = write("a.fa.gz", "")
    for data, message in (
        (packed[:-20], "the gzip data end too early"),
        (packed[:80] + b"\x55" * 40 + packed[120:], "the gzip data are damaged"),
        (b">a\nACGT\n", "is named .gz but is not gzipped"),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=rf"a\.fa\.gz: {message}"):
            codes_of(path)


@pytest.mark.parametrize("name", ["long.fa", "long.fa.gz"])
def test_memory_does_not_grow_with_the_file(write, tmp_path, monkeypatch, name):
    monkeypatch.setattr(fasta_codes, "_PIECE", 1 << 16)
    path = write(name, ">one line\n" + "ACGTTGCAAC" * 400_000 + "\n")
    with (tmp_path / "codes").open("wb") as out:
        tracemalloc.start()
        assert write_codes(path, out) == {"one": 4_000_000}
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1 << 20
