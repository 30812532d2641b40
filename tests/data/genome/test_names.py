import pytest

from palindra.data.genome import match_names, require_match
from palindra.errors import InputError


def test_prefix_capitals_and_mitochondrion():
    match = match_names(["1", "X", "MT", "II"], {"chr1": 5, "chrX": 6, "chrM": 7, "chrII": 9})
    assert match.mapping == {"1": "chr1", "X": "chrX", "MT": "chrM", "II": "chrII"}
    assert match.same == match.missing == ()
    assert match_names(["CHR1", "Mito"], ["chr1", "MT"]).mapping == {"CHR1": "chr1", "Mito": "MT"}
    assert match_names(["chr1"], ["11", "chr11", "chr"]).missing == ("chr1",)


def test_mapping_there_and_back_is_the_identity():
    ours = {"chr1": 5, "chr2": 6, "chrM": 7}
    theirs = {"1": 5, "2": 6, "MT": 7}
    there = match_names(ours, theirs).mapping
    back = match_names(theirs, ours).mapping
    assert {name: back[other] for name, other in there.items()} == {name: name for name in ours}


def test_equal_names_are_never_mapped_and_two_never_become_one():
    match = match_names(["chr1", "1"], ["1"])
    assert (match.same, match.renamed, match.missing) == (("1",), {}, ("chr1",))
    match = match_names(["chr1", "Chr1"], ["1"])
    assert (match.renamed, match.missing) == ({}, ("chr1", "Chr1"))
    match = match_names(["Chr1"], ["1", "chr1"])
    assert (match.renamed, match.missing) == ({}, ("Chr1",))


def test_lengths_decide_whether_two_names_can_be_one_chromosome():
    # the mitochondrion of hg19: chrM is NC_001807 with 16,571 bp, MT is NC_012920 with 16,569 bp
    assert match_names({"chrM": 16571}, {"MT": 16569}).missing == ("chrM",)
    match = match_names({"chr1": 10, "chr2": 20}, {"chr1": 11, "2": 20})
    assert match.lengths == {"chr1": (10, 11)}
    assert match.renamed == {"chr2": "2"}


def test_the_report_counts_and_names():
    text = str(match_names({"chr1": 1, "2": 3, "Un": 4, "3": 1}, {"1": 1, "2": 2, "3": 1}))
    assert text == (
        "2 chromosome names agree; 1 differ but can be mapped (chr1 is 1); 1 are not in the genome (Un); "
        "1 have another length (2 3 against 2)"
    )


def test_names_are_mapped_on_request_only():
    with pytest.raises(
        InputError, match=r"a\.bed: g\.fa names 1 of its chromosomes otherwise: chr1 is 1\. .*map_names"
    ):
        require_match("a.bed", ["chr1", "2"], "g.fa", {"1": 5, "2": 6})
    assert require_match("a.bed", ["chr1", "2"], "g.fa", {"1": 5, "2": 6}, map_names=True) == {"2": "2", "chr1": "1"}


def test_missing_names_and_other_lengths_are_refused():
    known = {f"chr{number}": number for number in range(1, 10)}
    with pytest.raises(InputError, match=r"1 of its chromosomes are not in g\.fa: scaffold; there .* and 3 more"):
        require_match("a.bed", ["chr1", "scaffold"], "g.fa", known)
    assert require_match("a.bw", ["chr1", "scaffold"], "g.fa", known, partial=True) == {"chr1": "chr1"}
    with pytest.raises(InputError, match="2 of its chromosomes are not in"):
        require_match("a.bw", ["x", "y"], "g.fa", known, partial=True)
    with pytest.raises(InputError, match=r"a\.bw: .* other lengths than in g\.fa: chr2 5,000 against 2\. .*versions"):
        require_match("a.bw", {"chr1": 1, "chr2": 5000}, "g.fa", known, partial=True)
