"""Windows of both alleles against strings, the mirror law, and one number for every spelling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palindra.data.genome import Genome
from palindra.data.variants import Variant, allele_codes, allele_windows, normalise, window_start
from palindra.sequences import reverse_complement

LETTERS = "GATTACANNCACACACAGGGTTTTTTTTACGT"
PADDING = 60


@pytest.fixture(scope="module")
def genomes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Genome, Genome]:
    """A contig in small and capital letters, and its reverse complement."""
    folder = tmp_path_factory.mktemp("genome")
    (folder / "given.fa").write_text(f">other\nACGT\n>one\n{LETTERS[:9].lower()}{LETTERS[9:]}\n")
    (folder / "turned.fa").write_text(f">other\nACGT\n>one\n{reverse_complement(LETTERS)}\n")
    return Genome.open(folder / "given.fa"), Genome.open(folder / "turned.fa")


def text(codes: np.ndarray) -> str:
    return "".join("ACGTN"[code] for code in codes)


def by_hand(variant: Variant, start: int, length: int) -> tuple[str, str]:
    """Both windows by cutting strings."""
    padded = "N" * PADDING + LETTERS + "N" * PADDING
    changed = padded[: PADDING + variant.position] + variant.alt + padded[PADDING + variant.end :]
    return tuple(whole[PADDING + start :][:length] for whole in (padded, changed))  # type: ignore[return-value]


@st.composite
def variants(draw: st.DrawFn) -> Variant:
    position = draw(st.integers(0, len(LETTERS) - 1))
    size = draw(st.integers(0, min(5, len(LETTERS) - position)))
    ref = LETTERS[position : position + size].replace("N", "A")
    alt = draw(st.text("ACGT", max_size=7).filter(lambda letters: letters != ref))
    return Variant("one", position, ref, alt)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(variant=variants(), left=st.integers(0, 15), right=st.integers(0, 15))
def test_windows_are_those_of_strings(genomes, variant: Variant, left: int, right: int):
    start, length = variant.position - left, left + len(variant.ref) + right
    found = allele_codes(genomes[0], variant, start, length)
    assert tuple(map(text, found)) == by_hand(variant, start, length)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(variant=variants(), left=st.integers(0, 15), right=st.integers(0, 15))
def test_windows_of_the_other_strand_are_reverse_complements(genomes, variant: Variant, left: int, right: int):
    start, length = variant.position - left, left + len(variant.ref) + right
    here = allele_codes(genomes[0], variant, start, length, keep="right")
    mirrored = len(LETTERS) - start - length
    there = allele_codes(genomes[1], variant.on_other_strand(len(LETTERS)), mirrored, length)
    for one, two in zip(here, there, strict=True):
        assert text(one) == reverse_complement(text(two)) if length else len(two) == 0


def test_substitutions_keep_both_sides(genomes):
    variant = Variant("one", 3, "TA", "CC")
    left, right = (allele_codes(genomes[0], variant, -2, 12, keep=keep)[1] for keep in ("left", "right"))
    assert text(left) == text(right) == "NNGATCCCANNC"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(some=st.lists(variants(), min_size=1, max_size=4), margin=st.integers(0, 3))
def test_many_windows_are_single_ones(genomes, some: list[Variant], margin: int):
    length = 9
    every = allele_windows(genomes[0], some, length, margin=margin)
    assert every[0].shape == every[1].shape == (len(some), length + 2 * margin)
    for row, variant in enumerate(some):
        single = allele_codes(genomes[0], variant, window_start(variant, length) - margin, length + 2 * margin)
        assert (every[0][row] == single[0]).all()
        assert (every[1][row] == single[1]).all()


def test_the_change_is_in_the_middle():
    assert window_start(Variant("one", 10, "A", "C"), 7) == 10 - 3  # three letters on either side
    assert (
        window_start(Variant("one", 10, "AAA", ""), 9) == window_start(Variant("one", 10, "", "AAA"), 9) == 10 + 1 - 4
    )


def test_a_variant_outside_the_window_is_refused(genomes):
    with pytest.raises(ValueError, match=r"one:4:T:C is not inside the window one:4-9\."):
        allele_codes(genomes[0], Variant("one", 3, "T", "C"), 4, 5)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(variant=variants(), before=st.integers(0, 4), behind=st.integers(0, 4))
def test_every_spelling_of_a_change_becomes_one(genomes, variant: Variant, before: int, behind: int):
    start, end = max(variant.position - before, 0), min(variant.end + behind, len(LETTERS))
    whole = LETTERS.replace("N", "A")  # of the spelling only: letters are taken to agree with the genome
    around = whole[start : variant.position], whole[variant.end : end]
    spelled = Variant("one", start, *(around[0] + allele + around[1] for allele in (variant.ref, variant.alt)))
    if "N" in LETTERS[start:end]:
        return
    one, two = (normalise(genomes[0], spelling) for spelling in (variant, spelled))
    assert one == two
    assert by_hand(one, -5, 60) == by_hand(variant, -5, 60)  # the same change of the genome
    assert not one.ref or not one.alt or one.ref[-1] != one.alt[-1]


def test_deletions_in_a_repeat_go_to_its_left_end(genomes):
    places = [Variant("one", at, "CA" if at % 2 else "AC", "") for at in range(9, 15)]
    assert {str(normalise(genomes[0], place)) for place in places} == {"one:10:CA:"}
    assert str(normalise(genomes[0], Variant("one", 27, "T", ""))) == "one:21:T:"


def test_nothing_moves_over_n_or_the_beginning(tmp_path: Path):
    (tmp_path / "g.fa").write_text(">a\nAAAA\n>b\nNAAA\n>c\n" + "A" * 700 + "\n")
    genome = Genome.open(tmp_path / "g.fa")
    assert [normalise(genome, Variant(name, 3, "A", "")).position for name in "ab"] == [0, 1]
    assert normalise(genome, Variant("c", 699, "", "A")).position == 0  # longer than one step


def test_a_variant_reads_back_from_its_text():
    for variant in (Variant("HLA*01:01", 9, "A", "AT"), Variant("one", 0, "", "G")):
        assert Variant.parse(str(variant)) == variant
        assert variant.on_other_strand(50).on_other_strand(50) == variant


@pytest.mark.parametrize("words", ["chr1:0:A:C", "chr1:5:A:A", "chr1:5:A:N", "chr1:x:A:C", "5:A:C"])
def test_texts_that_are_no_variants(words: str):
    with pytest.raises(ValueError, match="is not a variant"):
        Variant.parse(words)
