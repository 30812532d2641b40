"""Predicted tracks along a genome: one bigWig each, every position the mean over the windows that hold it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.data.genome import BigWig, Genome
from palindra.models.saving import seal
from palindra.models.track_resnet import TrackResNet, TrackResNetConfig
from palindra.models.track_saving import load_track_run, save_track_run
from palindra.sequences import one_hot, reverse_complement
from palindra.symmetry import Position, Target

LENGTH, BIN, STRIDE = 60, 5, 20
SEQUENCES = {"one": 333, "two": 200, "short": 43}
TRACKS = ("RNA.fwd", "RNA.rev", "a b/c")
PAIRED = Target.paired([1, 0, 2], Position.REVERSE)


@pytest.fixture(scope="module")
def genome(tmp_path_factory) -> Path:
    """A FASTA of three chromosomes, one shorter than a window; the names of the files say which strand it is."""
    folder = tmp_path_factory.mktemp("genome")
    rng = np.random.default_rng(5)
    letters = {name: "".join(rng.choice(list("ACGTN"), size)) for name, size in SEQUENCES.items()}
    (folder / "given.fa").write_text("".join(f">{name}\n{text}\n" for name, text in letters.items()))
    other = {name: reverse_complement(text) for name, text in letters.items()}
    (folder / "other.fa").write_text("".join(f">{name}\n{text}\n" for name, text in other.items()))
    return folder / "given.fa"


def save(folder: Path, *, loss: str = "poisson", target: Target = PAIRED, involution=Position.REVERSE, both=False):
    """A run of an untrained network whose outputs vary along the sequence."""
    torch.manual_seed(1)
    binary = loss == "bce"
    if binary:
        target = Target(target.rep, Position.IDENTITY, target.order)
    config = TrackResNetConfig(
        length=LENGTH,
        bin_size=BIN,
        outputs=3,
        target=target,
        width=4,
        stem_size=7,
        dilations=(1,),
        bin_dilations=(1,),
        involution=involution,
        binary=binary,
    )
    network = TrackResNet(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.3)
    save_track_run(
        folder,
        network.eval(),
        model="track_resnet",
        strategy="regular",
        loss=loss,
        tracks=TRACKS,
        target=target,
        both_strands=both,
        config={},
    )
    seal(folder)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    save(folder / "regular")
    save(folder / "none", involution=None)
    save(folder / "post-hoc", involution=None, both=True)
    save(folder / "labels", loss="bce")
    save(folder / "specific", target=Target.strand_specific(), involution=None)
    return folder


def letters_of(fasta: Path) -> dict[str, str]:
    return dict(part.split("\n")[:2] for part in fasta.read_text().split(">")[1:])


def loop(run: Path, fasta: Path, chrom: str, start: int, end: int, stride: int, shifts=(0,)) -> np.ndarray:
    """The same by hand: windows from the start of a region on, written out at base resolution, summed and counted."""
    network, sequence = load_track_run(run).network, letters_of(fasta)[chrom]
    total, count = np.zeros((3, end - start)), np.zeros(end - start)
    at = start
    places = [at]
    while at + LENGTH < end:
        at += stride
        places.append(at)
    for place in places:
        mean, weight = np.zeros((3, LENGTH)), np.zeros(LENGTH)
        for shift in shifts:
            text = "".join(
                sequence[p] if 0 <= p < len(sequence) else "N" for p in range(place + shift, place + shift + LENGTH)
            )
            with torch.no_grad():
                values = network(one_hot([text]).float())[0].numpy().repeat(BIN, axis=1)
            for p in range(LENGTH):
                if 0 <= p - shift < LENGTH:
                    mean[:, p] += values[:, p - shift]
                    weight[p] += 1
        for p in range(LENGTH):
            if start <= place + p < end:
                total[:, place + p - start] += mean[:, p] / weight[p]
                count[place + p - start] += 1
    return total / count


def read(folder: Path, chrom: str, start: int = 0, end: int | None = None) -> np.ndarray:
    """Values of the three tracks."""
    files = ("RNA.fwd.bw", "RNA.rev.bw", "a_b_c.bw")
    size = SEQUENCES[chrom] if end is None else end
    return np.stack([BigWig.open(folder / name).values(chrom, start, size) for name in files])


# ---- what is written -----------------------------------------------------------------------------------------------


def test_every_position_of_the_genome_is_the_mean_over_its_windows(palindra, genome, runs, tmp_path):
    result = palindra("predict", runs / "none", genome, "--bigwig", tmp_path / "out", "--stride", STRIDE)
    assert result.code == 0, result.err
    assert result.out.splitlines() == [str(tmp_path / "out" / f"{name}.bw") for name in ("RNA.fwd", "RNA.rev", "a_b_c")]
    for chrom in ("one", "two"):
        expected = loop(runs / "none", genome, chrom, 0, SEQUENCES[chrom], STRIDE)
        assert expected.std(axis=1).min() > 1e-3  # there is something to compare
        np.testing.assert_allclose(read(tmp_path / "out", chrom), expected, rtol=1e-4, atol=1e-6)
    assert not np.isnan(read(tmp_path / "out", "short")).any()
    assert BigWig.open(tmp_path / "out" / "a_b_c.bw").chromosomes == SEQUENCES


def test_windows_overlap_by_half_unless_told_otherwise(palindra, genome, runs, tmp_path):
    palindra("predict", runs / "none", genome, "--bigwig", tmp_path / "half")
    palindra("predict", runs / "none", genome, "--bigwig", tmp_path / "said", "--stride", LENGTH // 2)
    np.testing.assert_array_equal(read(tmp_path / "half", "one"), read(tmp_path / "said", "one"))


def test_regions_of_a_bed_and_nothing_beyond_them(palindra, genome, runs, tmp_path):
    (tmp_path / "r.bed").write_text("two\t100\t200\tlast\none\t50\t172\tfirst\none\t170\t180\toverlaps\n")
    words = ["--bigwig", tmp_path / "out", "--bed", tmp_path / "r.bed", "--stride", STRIDE]
    assert palindra("predict", runs / "none", genome, *words).code == 0
    parts = ("one", 50, 180), ("two", 100, 200)
    for chrom, start, end in parts:
        expected = loop(runs / "none", genome, chrom, start, end, STRIDE)
        np.testing.assert_allclose(read(tmp_path / "out", chrom, start, end), expected, rtol=1e-4, atol=1e-6)
        outside = np.delete(read(tmp_path / "out", chrom), np.s_[start:end], axis=1)
        assert np.isnan(outside).all()


def test_shifted_windows_are_averaged_where_they_belong(palindra, genome, runs, tmp_path):
    words = ["--bigwig", tmp_path / "out", "--shifts", "-5,0,10", "--stride", STRIDE]
    assert palindra("predict", runs / "none", genome, *words).code == 0
    expected = loop(runs / "none", genome, "one", 0, SEQUENCES["one"], STRIDE, shifts=(-5, 0, 10))
    np.testing.assert_allclose(read(tmp_path / "out", "one"), expected, rtol=1e-4, atol=1e-6)
    assert np.abs(expected - loop(runs / "none", genome, "one", 0, SEQUENCES["one"], STRIDE)).max() > 1e-3


def test_devices_and_batches_change_no_value(palindra, genome, runs, tmp_path):
    palindra("predict", runs / "none", genome, "--bigwig", tmp_path / "a", "--batch-size", 64)
    palindra("predict", runs / "none", genome, "--bigwig", tmp_path / "b", "--batch-size", 3, "--devices", 2)
    for chrom in SEQUENCES:
        np.testing.assert_allclose(read(tmp_path / "b", chrom), read(tmp_path / "a", chrom), rtol=1e-5)


# ---- strands -------------------------------------------------------------------------------------------------------


def turned(values: np.ndarray) -> np.ndarray:
    return values[[1, 0, 2], ::-1]


def mirrored(palindra, run: Path, genome: Path, folder: Path, *words: str) -> float:
    """Largest difference between the tracks of a genome and those, turned around, of its reverse complement."""
    # From 0 to 180 and back, windows lie on the same places of both strands.
    (folder / "r.bed").write_text("two\t10\t190\n")
    common = ["--bed", folder / "r.bed", "--stride", STRIDE, *words]
    for name in ("given", "other"):
        fasta = genome.with_name(f"{name}.fa")
        assert palindra("predict", run, fasta, "--bigwig", folder / name, *common).code == 0
    given, other = (read(folder / name, "two", 10, 190) for name in ("given", "other"))
    return float(np.abs(given - turned(other)).max())


def test_an_equivariant_model_writes_the_same_tracks_of_either_strand(palindra, genome, runs, tmp_path):
    assert mirrored(palindra, runs / "regular", genome, tmp_path) < 1e-5


def test_an_ordinary_one_does_so_with_both_strands(palindra, genome, runs, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert mirrored(palindra, runs / "none", genome, tmp_path / "a") > 1e-3
    assert mirrored(palindra, runs / "none", genome, tmp_path / "b", "--both-strands") < 1e-5


def test_a_run_that_averages_strands_does_so_unasked(palindra, genome, runs, tmp_path):
    palindra("predict", runs / "post-hoc", genome, "--bigwig", tmp_path / "unasked")
    palindra("predict", runs / "none", genome, "--bigwig", tmp_path / "asked", "--both-strands")
    np.testing.assert_array_equal(read(tmp_path / "unasked", "one"), read(tmp_path / "asked", "one"))


# ---- the folder ----------------------------------------------------------------------------------------------------


def test_the_record_says_what_was_predicted_with_what(palindra, genome, runs, tmp_path):
    (tmp_path / "r.bed").write_text("one\t0\t100\n")
    words = ["--bigwig", tmp_path / "new" / "out", "--bed", tmp_path / "r.bed", "--shifts", "0,5"]
    palindra("predict", runs / "regular", genome, *words)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["out"]
    names = ["RNA.fwd.bw", "RNA.rev.bw", "a_b_c.bw", "predictions.toml"]
    assert sorted(p.name for p in (tmp_path / "new" / "out").iterdir()) == sorted(names)
    record = tomllib.loads((tmp_path / "new" / "out" / "predictions.toml").read_text())
    assert record["tracks"] == dict(zip(TRACKS, names, strict=False))
    assert record["genome"] == {"file": "given.fa", "sha256": Genome.open(genome).fingerprint}
    assert (record["length"], record["bin_size"], record["shifts"], record["both_strands"]) == (60, 5, [0, 5], False)
    assert record["regions"]["file"] == "r.bed"


def test_a_folder_that_is_there_is_left_alone(palindra, genome, runs, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    result = palindra("predict", runs / "none", genome, "--bigwig", tmp_path / "out")
    assert (result.code, result.out) == (2, "")
    assert f"{tmp_path / 'out'}: exists already. Choose another --bigwig folder, or remove it." in result.err
    (tmp_path / "new.partial").mkdir()
    (tmp_path / "new.partial" / "mine.txt").write_text("x")
    result = palindra("predict", runs / "none", genome, "--bigwig", tmp_path / "new")
    assert result.code == 2
    assert "is needed to work in, and holds something else" in result.err
    assert [p.name for p in (tmp_path / "new.partial").iterdir()] == ["mine.txt"]


def test_what_fails_on_the_way_leaves_nothing(palindra, genome, runs, tmp_path, monkeypatch):
    from palindra.cli.tracks import predicting as track_predicting
    from palindra.errors import InputError

    def broken(*_: object, **__: object):
        (tmp_path / "out.partial" / "begun.bw").write_text("x")
        raise InputError("the disk is full.")
        yield

    monkeypatch.setattr(track_predicting, "predict_regions", broken)
    result = palindra("predict", runs / "none", genome, "--bigwig", tmp_path / "out")
    assert (result.code, result.err) == (2, "palindra: the disk is full.\n")
    assert not list(tmp_path.iterdir())


def test_what_a_killed_prediction_left_is_cleared_away(palindra, genome, runs, tmp_path):
    partial = tmp_path / "out.partial"
    (partial / "palindra-x1").mkdir(parents=True)
    for name in (".lock", "RNA.fwd.bw", "palindra-x1/sums"):
        (partial / name).write_text("x")
    assert palindra("predict", runs / "none", genome, "--bigwig", tmp_path / "out").code == 0
    assert not partial.exists()
    assert len(list((tmp_path / "out").iterdir())) == 4


# ---- bad input -----------------------------------------------------------------------------------------------------

BAD: list[tuple[str, list[str]]] = [
    ("none {genome} --bigwig out --bed far.bed", ["far.bed line 2: ", "two:150-201", "200"]),
    ("none {genome} --bigwig out --bed empty.bed", ["empty.bed line 1: ", "one:30-30: start is not before end"]),
    ("none {genome} --bigwig out --bed absent.bed", ["absent.bed: there is no such file."]),
    ("none {genome} --bigwig out --bed third.bed", ["third.bed", "three", "it has one, two, short"]),
    ("none {genome} --bigwig out --bed chr.bed", ["chr.bed", "chrone is one", "(--map-names)"]),
    ("none {genome} --bigwig out --bed cut.bed.gz", ["cut.bed.gz: the gzip data end too early"]),
    ("none absent.fa --bigwig out", ["absent.fa: there is no such file."]),
    ("none far.bed --bigwig out", ["far.bed", "FASTA"]),
    ("absent {genome} --bigwig out", ["absent: no such run folder."]),
    ("labels {genome} --bigwig out", ["the model gives one label for each window of 60 bp, and no track along"]),
    ("specific {genome} --bigwig out --both-strands", ["strand-specific, so --both-strands cannot average"]),
    ("none {genome} --bigwig out --shifts 0,x", ["--shifts 0,x: write whole numbers of bp with commas"]),
    ("none {genome} --bigwig out --shifts 5,5", ["--shifts 5,5: write whole numbers", "each once"]),
    ("none {genome} --bigwig out --shifts 60", ["--shifts 60: ", "60 bp"]),
    ("none {genome} --bigwig out --shifts 5", ["windows shifted by [5] leave bins without any prediction: add 0"]),
    ("none {genome} --bigwig out --stride 7", ["--stride 7: ", "a multiple of the bin size 5 up to 60"]),
    ("none {genome} --bigwig out --stride 0", ["--stride 0: ", "a multiple of the bin size"]),
    ("none {genome} --bigwig out --stride 65", ["--stride 65: ", "so that no position is left out"]),
    ("none {genome}", ["holds a model of tracks: say with --bigwig FOLDER where to write them."]),
    ("none {genome} -o x.tsv", ["holds a model of tracks: say with --bigwig FOLDER"]),
    ("none {genome} --bigwig out -o x.tsv", ["--output: it is of tables of sequences; --bigwig names the folder"]),
    ("none {genome} --bed far.bed", ["--bed: it goes with --bigwig FOLDER"]),
    ("none {genome} --shifts 0", ["--shifts: it goes with --bigwig FOLDER"]),
]


@pytest.mark.parametrize(("words", "parts"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_predicted(palindra, genome, runs, tmp_path, monkeypatch, words: str, parts: list[str]):
    import gzip

    monkeypatch.chdir(tmp_path)
    Path("far.bed").write_text("one\t0\t10\ntwo\t150\t201\n")
    Path("empty.bed").write_text("one\t30\t30\n")
    Path("third.bed").write_text("one\t0\t10\nthree\t0\t10\n")
    Path("chr.bed").write_text("chrone\t0\t10\n")
    Path("cut.bed.gz").write_bytes(gzip.compress(b"one\t0\t10\n" * 99)[:-9])
    before = sorted(Path().iterdir())
    run, *rest = words.format(genome=genome).split()
    result = palindra("predict", runs / run, *rest)
    assert result.code == 2, result.out
    assert result.out == ""
    assert "Traceback" not in result.err
    assert len(result.err.splitlines()) == 1
    assert result.err.endswith((".\n", ")\n"))
    for part in parts:
        assert part in result.err, result.err
    assert sorted(Path().iterdir()) == before


def test_a_run_of_labelled_sequences(palindra, trained, genome, tmp_path):
    result = palindra("predict", trained("binary", "regular"), genome, "--bigwig", tmp_path / "out")
    assert result.code == 2
    assert "holds a model of labelled sequences, and one of tracks is needed." in result.err


def test_the_extra_that_is_missing_is_named_before_anything_is_predicted(palindra, genome, runs, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = palindra("predict", runs / "none", genome, "--bigwig", tmp_path / "out")
    assert result.code == 2
    assert "bigWig files need pybigtools, which is not installed: pip install 'palindra[genome]'" in result.err
    assert not list(tmp_path.iterdir())


def test_names_are_mapped_when_asked(palindra, genome, runs, tmp_path):
    (tmp_path / "chr.bed").write_text("chrone\t0\t100\n")
    words = ["--bigwig", tmp_path / "out", "--bed", tmp_path / "chr.bed", "--map-names"]
    assert palindra("predict", runs / "none", genome, *words).code == 0
    assert not np.isnan(read(tmp_path / "out", "one", 0, 100)).any()


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['palindra', 'predict', '--help']\n"
        "from palindra.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'lightning', 'numpy', 'polars', 'scipy', 'pybigtools', 'tomli_w'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
