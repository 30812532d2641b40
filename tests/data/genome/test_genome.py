import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.data.genome import Genome
from palindra.data.genome import genome as module
from palindra.errors import InputError


@pytest.fixture(params=["mapped", "read"])
def genome(request, fasta, monkeypatch):
    """The same genome as a small one, which is mapped, and as one that is too large for it."""
    monkeypatch.setattr(module, "_MAPPED", 1 << 20 if request.param == "mapped" else 100)
    return Genome.open(fasta)


def by_hand(text, start, end):
    table = dict(zip("ACGT", range(4), strict=True))
    return [table.get(text[at].upper(), 4) if 0 <= at < len(text) else 4 for at in range(start, end)]


def test_chromosomes_are_in_the_order_of_the_file(genome):
    assert list(genome.chromosomes.items()) == [("chr2", 137), ("chr10", 61), ("M", 1009)]
    with pytest.raises(TypeError):
        genome.chromosomes["chr2"] = 5


@pytest.mark.parametrize("length", [0, 1, 7, 60, 61, 62, 1009, 1500])
def test_windows_are_those_of_the_letters_inside_and_outside(genome, letters, length):
    drawn = np.random.default_rng(length)
    chroms, starts = drawn.integers(0, 3, 200), drawn.integers(-1600, 1600, 200)
    found = genome.windows(chroms, starts, length)
    assert (found.dtype, found.shape) == (np.uint8, (200, length))
    names = list(letters)
    for row, (chrom, start) in enumerate(zip(chroms.tolist(), starts.tolist(), strict=True)):
        expected = by_hand(letters[names[chrom]], start, start + length)
        assert found[row].tolist() == expected
        assert genome.codes(names[chrom], start, start + length).tolist() == expected


def test_no_window_reads_into_the_next_chromosome(genome):
    assert genome.windows([0, 1, 1], [137, -5, 61], 5).tolist() == [[4] * 5] * 3


def test_one_chromosome_stands_for_all_and_the_order_is_that_of_the_rows(genome):
    starts = np.array([40, 3, 900, 3])
    assert (genome.windows(2, starts, 30) == genome.windows([2] * 4, starts, 30)).all()
    assert (genome.windows(2, starts[::-1], 30) == genome.windows(2, starts, 30)[::-1]).all()
    assert genome.windows([], [], 5).shape == (0, 5)


def test_one_hot_has_zeros_where_there_is_no_letter(genome):
    codes, x = genome.windows([0, 2], [-3, 1000], 20), genome.one_hot([0, 2], [-3, 1000], 20)
    assert (x.dtype, x.shape) == (torch.int8, (2, 4, 20))
    assert (x.sum(1).numpy() == (codes < 4)).all()
    assert (x.argmax(1).numpy()[codes < 4] == codes[codes < 4]).all()


def test_results_are_copies(genome):
    genome.codes("M", 0, 9)[:] = 9
    genome.windows(2, [0], 9)[:] = 9
    assert genome.codes("M", 0, 9).max() <= 4


def test_gzip_gives_the_same_codes(genome, write, letters):
    packed = Genome.open(write("packed.fa.gz", genome.fasta.read_text()))
    assert packed.chromosomes == genome.chromosomes
    assert packed.fingerprint != genome.fingerprint  # the hash is of the file as it lies
    for name, text in letters.items():
        assert (packed.codes(name, 0, len(text)) == genome.codes(name, 0, len(text))).all()


def test_a_pickled_genome_is_opened_by_its_path(genome):
    data = pickle.dumps(genome)
    assert len(data) < 1000
    assert (pickle.loads(data).codes("M", 5, 500) == genome.codes("M", 5, 500)).all()
    genome.fasta.write_text(">chr2\nACGT\n")
    with pytest.warns(UserWarning, match="built anew"):
        Genome.open(genome.fasta)
    with pytest.raises(InputError, match="was built anew from another content"):
        pickle.loads(data)
    assert genome.codes("M", 0, 1009).size == 1009  # the one that is open still reads what it has opened


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts memory as Linux lists it")
@pytest.mark.parametrize("limit", [1 << 20, 1 << 30])
def test_memory_does_not_grow_with_a_genome_above_the_limit(write, monkeypatch, limit):
    monkeypatch.setattr(module, "_MAPPED", limit)
    size = 30_000_000
    genome = Genome.open(write("large.fa", ">a\n" + "ACGTTGCAAC" * (size // 10) + "\n"))

    def mapped():
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssFile:"))

    before = mapped()
    drawn = np.random.default_rng(1)
    for _ in range(20):
        genome.windows(0, drawn.integers(0, size - 100, 500), 100)
    grown = mapped() - before
    assert grown > size // 2 if limit > size else grown < 1 << 20


def test_codes_that_are_cut_off_while_they_are_open_are_not_read_as_letters(fasta, monkeypatch):
    monkeypatch.setattr(module, "_MAPPED", 0)
    genome = Genome.open(fasta)
    os.truncate(genome.path, 500)
    assert genome.codes("M", 0, 100).size == 100
    for read in (lambda: genome.codes("M", 0, 1009), lambda: genome.windows(2, [0], 400)):
        with pytest.raises(InputError, match=r"small\.fa\.codes: was cut off while it was open"):
            read()


def test_bad_requests_are_refused(genome):
    with pytest.raises(InputError, match=r"small\.fa: has no chromosome 'chr1'; it has chr2, chr10, M"):
        genome.codes("chr1", 0, 5)
    with pytest.raises(ValueError, match="start is after end"):
        genome.codes("M", 6, 5)
    for index in (-1, 3):
        with pytest.raises(ValueError, match=r"chromosomes .* of 3"):
            genome.windows([index], [0], 5)


INDEX = "chr2\t137\t1\t10\t11\nchr10\t61\t1\t61\t62\nM\t1009\t1\t7\t8\n"


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (INDEX.replace("61\t1", "62\t1"), r"fai line 2: .*it has 62 of chr10 bp where the FASTA has 61 of chr10 bp"),
        (INDEX.replace("M\t", "MT\t"), r"fai line 3: .* 1009 of MT bp"),
        (INDEX + "more\t5\t1\t1\t1\n", r"fai line 4: .* 5 of more bp where the FASTA has nothing"),
        ("chr2\t137\t1\t10\t11\n", r"fai line 2: .*it has nothing where the FASTA has 61 of chr10"),
        ("broken\n", r"fai line 1: is not the index of .*samtools faidx"),
    ],
)
def test_an_index_of_another_content_is_refused(fasta, index, message):
    Path(f"{fasta}.fai").write_text(index)
    with pytest.raises(InputError, match=message):
        Genome.open(fasta)


def test_an_index_that_fits_is_accepted_and_none_is_needed(fasta):
    assert Genome.open(fasta).chromosomes["M"] == 1009
    Path(f"{fasta}.fai").write_text(INDEX)
    assert Genome.open(fasta).chromosomes["M"] == 1009


def test_public_names_are_written_out():
    package = sys.modules["palindra.data.genome"]
    assert sorted(package.__all__) == package.__all__
    assert all(getattr(package, name).__doc__ for name in package.__all__)
