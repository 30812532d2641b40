"""``palindra explain``: what is said, what is written, and what is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from palindra.cli.explain import checking, finding, searching
from palindra.cli.explain.running import explain
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.subject import open_subject
from palindra.data.genome import BigWig, Genome
from palindra.data.motifs import Motif, read_meme, write_meme
from palindra.interpretation.motifs import Matches, Pattern, Seqlet
from palindra.models.saving import seal
from palindra.models.track_resnet import TrackResNet, TrackResNetConfig
from palindra.models.track_saving import save_track_run
from palindra.report.explanation.contents import Explanation
from palindra.sequences import one_hot, reverse_complement
from palindra.symmetry import Position, Target

LENGTH = 30
QUICK = ["--max-sequences", "8", "--compare-methods", "corrected-gradient"]
FEW = {"max_sequences": 8, "compare_methods": ("corrected-gradient",), "method": "input-x-gradient", "every": True}
WORD = "TGACGCA"


def read(folder: Path) -> Explanation:
    return Explanation.from_json((folder / "explanation.json").read_text())


def rows(path: Path) -> list[dict[str, str]]:
    head, *lines = path.read_text().splitlines()
    return [dict(zip(head.split("\t"), line.split("\t"), strict=True)) for line in lines]


def verdicts(found: Explanation) -> dict[str, str]:
    return {one.sentence: one.verdict for one in found.verdict}


@pytest.fixture(scope="module")
def known(tmp_path_factory) -> Path:
    """Thirty motifs, one of which is planted in the sequences."""
    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("known") / "known.meme"
    word = 0.01 + 0.96 * np.eye(4)[["ACGT".index(letter) for letter in WORD]]
    others = [rng.dirichlet([0.2] * 4, 8) for _ in range(29)]
    write_meme(path, [Motif("M1 PLANTED", word), *(Motif(f"X{n}", chances) for n, chances in enumerate(others))])
    return path


@pytest.fixture
def planted(monkeypatch):
    """TF-MoDISco and Tomtom, which are compiled for a minute, stand aside: the planted motif is found and named."""

    def discover(x, hypothetical, **options):
        chances = np.full((7, 4), 0.01) + 0.96 * np.eye(4)[["ACGT".index(letter) for letter in WORD]]
        maps = (x * hypothetical).float().numpy()
        contributions = np.stack([maps[0, :, at] for at in range(3, 10)])
        seqlets = [Seqlet(0, 3, 10, "+", 1.0), Seqlet(1, 5, 12, "-", 0.5)]
        return [Pattern(Motif("pos_0", chances, 2), 1, np.abs(contributions) + 0.1, contributions, seqlets)]

    def compare(queries, motifs, **options):
        shape = (len(queries), len(motifs))
        q = np.ones(shape)
        q[[n for n, one in enumerate(queries) if one.name == "pos_0"], 0] = 1e-5
        return Matches(list(queries), motifs, q, q, np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_))

    monkeypatch.setattr(searching, "discover_patterns", discover)
    monkeypatch.setattr(finding, "tomtom", compare)


def test_an_equivariant_run_is_explained_whole(palindra, trained, files, tmp_path):
    run = trained("binary", "regular")
    said = palindra(
        "explain", run, "--input", files / "binary.tsv", "--all", "--no-motifs", "-o", tmp_path / "a", *QUICK
    )
    assert said.code == 0, said.err
    assert "explained   label" in said.out
    assert "logit of the probability, of the given strand" in said.out
    assert "the split 'test'" in said.out
    assert "the first 8 of 19" in said.out
    found = read(tmp_path / "a")
    assert verdicts(found)["Maps of both strands agree."] == "stable"
    assert verdicts(found)["Both strands of the first motif do the same."] == "stable"
    assert verdicts(found)["Contributions add up to the change of the output."] == "stable"
    assert verdicts(found)["Maps of other runs agree."] == "not tested"
    assert verdicts(found)["The maps have recurring patterns."] == "not tested"
    assert len(found.maps) == 8
    assert all(len(one.values) == LENGTH for one in found.maps)
    assert [len(one.spread) for one in found.maps] == [LENGTH] * 4 + [0] * 4  # half of them are moved
    assert found.clouds[0].colours.keys() == {
        "explained output (label)", "label", "error", "distance from training data"
    }  # fmt: skip
    assert len(found.neighbours[0][1]) == 5
    assert {name for name, _ in found.files} >= {"attributions.h5", "motifs.tsv", "motifs.meme", "agreement.tsv"}
    for name, _ in found.files:
        assert (tmp_path / "a" / name).exists(), name
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == sorted(name.rstrip("/") for name, _ in found.files)
    assert not list(tmp_path.glob("*.partial"))


def test_attributions_are_those_of_the_logit(palindra, trained, files, tmp_path):
    run = trained("binary", "regular")
    explain(run, files / "binary.tsv", tmp_path / "a", Settings(search_motifs=False, **FEW), command="", say=str)
    subject = open_subject(run, name=None, contribution="total", both_strands=False)
    with h5py.File(tmp_path / "a" / "attributions.h5") as file:
        assert file["one_hot"].shape == file["contributions"].shape == file["hypothetical"].shape == (8, 4, LENGTH)
        assert file["positions"].shape == (8, LENGTH)
        x = torch.from_numpy(file["one_hot"][:]).float().requires_grad_()
        logits = subject.core.logits(x)[:, 0]
        (slope,) = torch.autograd.grad(logits.sum(), x)
        assert torch.allclose(torch.from_numpy(file["contributions"][:]), (slope * x).detach(), atol=1e-6)
        assert torch.allclose(torch.from_numpy(file["outputs"][:]), logits.detach(), atol=1e-5)


def test_a_planted_motif_is_named_first_and_found_again(planted, trained, files, known, tmp_path):
    run, other = trained("binary", "none"), trained("binary", "none", "--seed", "1")
    settings = Settings(motifs=known, also=(other,), **FEW)
    explain(run, files / "binary.tsv", tmp_path / "a", settings, command="", say=str)
    found = read(tmp_path / "a")
    first = found.motifs[0]
    assert (first.known, first.q, first.forward, first.reverse) == ("M1 PLANTED", 1e-5, 1, 1)
    assert [one.verdict for one in first.stability if one.sentence == "Found again in other runs."] == ["stable"]
    assert first.importance is not None
    assert found.verdict[0].sentence == "The first pattern of the maps looks like M1 PLANTED."
    assert rows(tmp_path / "a" / "motifs.tsv")[0]["known"] == "M1 PLANTED"
    assert read_meme(tmp_path / "a" / "motifs.meme")[0].name == "pos_0 M1 PLANTED"
    assert {one["kind"] for one in rows(tmp_path / "a" / "agreement.tsv")} == {"strand", "method", "run"}
    assert {one["strand"] for one in rows(tmp_path / "a" / "seqlets.tsv")} == {"+", "-"}
    assert [site.known for site in found.maps[0].sites] == ["M1 PLANTED"]
    assert (tmp_path / "a" / "logos" / "pos_0.svg").read_text().startswith("<svg")
    with h5py.File(tmp_path / "a" / "patterns.h5") as file:
        assert file["pos_patterns/pattern_0/seqlets/example_idx"][:].tolist() == [0, 1]


def test_importance_is_that_of_the_words_that_were_put_in(trained, files, tmp_path):
    run = trained("binary", "regular")
    (tmp_path / "own.fa").write_text(">a\n" + "ACGTA" * 6 + "\n>b\n" + "TTGCA" * 6 + "\n")
    settings = Settings(search_motifs=False, patterns=(WORD,), backgrounds=tmp_path / "own.fa", **FEW)
    explain(run, files / "binary.tsv", tmp_path / "a", settings, command="", say=str)
    first = rows(tmp_path / "a" / "gia_patterns.tsv")[0]
    assert first["name"] == f"pattern {WORD} {WORD}"
    network = open_subject(run, name=None, contribution="total", both_strands=False).core
    start = (LENGTH - len(WORD)) // 2  # one of the two middles; the other strand has the other one
    effects = []
    for text in ("ACGTA" * 6, "TTGCA" * 6):
        at = start if reverse_complement(WORD) >= WORD else LENGTH - len(WORD) - start
        sides = [text, reverse_complement(text)]
        written = [side[:at] + WORD + side[at + len(WORD) :] for side in sides]
        with torch.no_grad():
            effects.append(
                float((network.logits(one_hot(written).float()) - network.logits(one_hot(sides).float())).mean())
            )
    assert float(first["importance"]) == pytest.approx(np.mean(effects), abs=1e-4)


def test_swapping_labels_are_explained_by_their_partner_on_the_other_strand(trained):
    run = trained("pair", "regular", "--label-columns", "plus,minus", "--target", "1,0")
    subject = open_subject(run, name="minus", contribution="total", both_strands=False)
    assert subject.name == "minus"
    assert not subject.same_on_both_strands()
    x = one_hot(["ACGTTGCATTACGGATCCATGACGCATTAA"]).float()
    turned = x.flip(1, 2)
    with torch.no_grad():
        here, there = subject.number()(x), subject.number(other=True)(turned)
        plus = open_subject(run, name="plus", contribution="total", both_strands=False).number()(turned)
    assert torch.allclose(here, there, rtol=1e-5)
    assert torch.allclose(there, plus)


@pytest.fixture(scope="module")
def genome(tmp_path_factory) -> Path:
    letters = np.array(list("ACGT"))[np.random.default_rng(0).integers(0, 4, 400)]
    folder = tmp_path_factory.mktemp("genome")
    (folder / "genome.fa").write_text(">one\n" + "".join(letters) + "\n>two\n" + "".join(letters[:90]) + "\n")
    (folder / "regions.bed").write_text(
        "".join(f"one\t{at}\t{at + 20}\tr\t0\t-\n" for at in (0, 100, 120, 250)) + "two\t0\t90\tr\t0\t+\n"
    )
    return folder


@pytest.fixture(scope="module")
def track_run(tmp_path_factory) -> Path:
    """Of an untrained network with two tracks that are each other's on the other strand."""
    torch.manual_seed(1)
    target = Target.paired([1, 0], Position.REVERSE)
    config = TrackResNetConfig(
        length=60, bin_size=5, outputs=2, target=target, width=4, stem_size=7, dilations=(1,), bin_dilations=(1,),
        involution=Position.REVERSE,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("tracks") / "run"
    save_track_run(
        folder, TrackResNet(config).eval(), model="track_resnet", strategy="regular", loss="poisson",
        tracks=("RNA.fwd", "RNA.rev"), target=target, both_strands=False, config={},
    )  # fmt: skip
    seal(folder)
    return folder


@pytest.mark.parametrize("contribution", ["total", "profile"])
def test_a_track_is_explained_in_windows_of_a_genome(palindra, track_run, genome, tmp_path, contribution):
    said = palindra(
        "explain", track_run, "-i", genome / "regions.bed", "--genome", genome / "genome.fa", "-o", tmp_path / "a",
        "--output-name", "RNA.rev", "--contribution", contribution, "--no-motifs", "--pattern", WORD, *QUICK,
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "explained   RNA.rev" in said.out
    assert "another output takes its place" in said.out
    assert "strands of the BED file are not used" in said.out
    assert "5 regions make 6 windows" in said.out
    found = read(tmp_path / "a")
    assert verdicts(found)["Maps of both strands agree."] == "stable"
    assert verdicts(found)["Both strands of the first motif do the same."] == "stable"
    assert found.output.startswith("RNA.rev: " + ("sum of the bins" if contribution == "total" else "shape"))
    with h5py.File(tmp_path / "a" / "attributions.h5") as file:
        start, chrom, values = file["start"][:], file["chrom"].asstr()[:], file["positions"][:]
        codes = Genome.open(genome / "genome.fa").codes("one", int(start[1]), int(start[1]) + 60)
        assert torch.equal(torch.from_numpy(file["one_hot"][1]), one_hot(codes[None])[0])
    track = BigWig.open(tmp_path / "a" / "contributions.bw")
    for position in (start[1] + 2, start[2] + 1, start[2] + 50):
        held = [
            values[row, position - start[row]]
            for row in range(len(start))
            if chrom[row] == "one" and 0 <= position - start[row] < 60
        ]
        assert track.values("one", int(position), int(position) + 1)[0] == pytest.approx(np.mean(held), rel=1e-5)
    assert np.isnan(track.values("one", 350, 351)[0])


BAD = {
    "a pattern longer than the sequences": (["--pattern", "A" * 31], "has 31 letters and the model reads 30"),
    "a pattern of other letters": (["--pattern", "AXA"], "is written with A, C, G, T, and N"),
    "backgrounds of another length": (["--backgrounds", "short.fa"], "backgrounds of 4 letters, and"),
    "a layer that does not exist": (["--layer", "nonsense"], "has no layer 'nonsense'"),
    "no MEME": (["--motifs", "short.fa"], "not a MEME file"),
    "two collections": (["--motifs", "short.fa", "--jaspar", "JASPAR2022"], "come from one of them"),
    "another output": (["--output-name", "lable"], "Did you mean 'label'?"),
    "another method": (["--method", "deeplfit"], "Did you mean 'deeplift'?"),
    "a profile of a label": (["--contribution", "profile"], "which have no profile"),
    "a genome without regions": (["--genome", "short.fa"], "it goes with a BED file"),
    "a window that is too wide": (["--window", "31"], "reads 30 letters"),
    "another split": (["--split", "tset"], "Did you mean 'test'?"),
    "motifs that are not asked for": (["--no-motifs", "--motifs", "short.fa"], "leave out --motifs"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_said(palindra, planted, trained, files, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.fa").write_text(">one\nACGT\n")
    options, words = BAD[case]
    said = palindra("explain", trained("binary", "regular"), "-i", files / "binary.tsv", "--all", *QUICK, *options)
    assert said.code == 2
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "explanation").exists()
    assert not list(tmp_path.glob("*.partial"))


def test_a_layer_without_positions_is_refused(palindra, planted, trained, files, tmp_path):
    run = trained("binary", "regular")
    network, flat = core_of(run), []
    for name, part in network.named_modules():
        part.register_forward_hook(lambda *io, name=name: flat.append(name) if name and io[2].ndim == 2 else None)
    network(torch.zeros(1, 4, LENGTH))
    said = palindra(
        "explain", run, "-i", files / "binary.tsv", "--all", "--layer", flat[0], "-o", tmp_path / "a", *QUICK
    )
    assert said.code == 2
    assert f"--layer {flat[0]}: layer {flat[0]!r}" in said.err


def core_of(run: Path) -> torch.nn.Module:
    return open_subject(run, name=None, contribution="total", both_strands=False).core.members[0]


def test_without_a_positive_prediction_nothing_is_explained(palindra, trained, files, tmp_path, monkeypatch):
    run = trained("binary", "regular")
    monkeypatch.setattr("palindra.models.Predictor.logits", lambda self, x: x.sum((1, 2))[:, None] * 0 - 1.5)
    said = palindra("explain", run, "-i", files / "binary.tsv", "--no-motifs", "-o", tmp_path / "a", *QUICK)
    assert said.code == 2
    assert "none of 19 sequences is predicted 'label' (the largest logit of the probability is -1.5)" in said.err
    assert "--all" in said.err


def test_runs_of_another_kind_are_not_compared(palindra, trained, track_run, files, genome, tmp_path):
    run = trained("binary", "regular")
    said = palindra("explain", run, "-i", files / "binary.tsv", "--no-motifs", "--also", trained("value", "regular"))
    assert said.code in (0, 2)  # one label column of the same name can be compared
    said = palindra("explain", run, "-i", files / "binary.tsv", "--no-motifs", "--also", track_run)
    assert said.code == 2
    assert "--output-name 'label' is not known" in said.err
    said = palindra("explain", track_run, "-i", files / "binary.tsv", "--no-motifs")
    assert said.code == 2
    assert "explained in windows of a genome" in said.err
    said = palindra("explain", track_run, "-i", genome / "regions.bed", "--no-motifs")
    assert "regions need the genome that they are of" in said.err


def test_what_is_there_is_not_overwritten(palindra, trained, files, tmp_path):
    for name in ("a", "b.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.txt").write_text("mine")
    for name, words in (("a", "exists already"), ("b", "holds something else")):
        said = palindra(
            "explain", trained("binary", "regular"), "-i", files / "binary.tsv", "--all", "--no-motifs", "-o",
            tmp_path / name, *QUICK,
        )  # fmt: skip
        assert said.code == 2
        assert words in said.err
    assert (tmp_path / "a" / "mine.txt").exists()
    assert (tmp_path / "b.partial" / "mine.txt").exists()


@pytest.mark.parametrize("package", ["modiscolite", "memelite"])
def test_a_missing_extra_is_named_and_the_way_around_it(
    palindra, trained, files, known, tmp_path, monkeypatch, package
):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == package else there(name, *a))
    said = palindra("explain", trained("binary", "regular"), "-i", files / "binary.tsv", "--motifs", known)
    assert said.code == 2
    assert "palindra[motifs]" in said.err
    assert "--no-motifs" in said.err


def test_a_motif_is_alike_to_itself_on_either_strand_and_not_to_others():
    rng = np.random.default_rng(0)
    one, two = (Motif(name, rng.dirichlet([0.1] * 4, 12)) for name in "ab")
    turned = Motif("c", one.reverse_complement().chances[1:10], None)
    assert finding.alike(one, one) == pytest.approx(1)
    assert finding.alike(one, turned) == pytest.approx(finding.alike(turned, one))
    assert finding.again(one, [two, turned])
    assert not finding.again(one, [two])


def test_a_standard_model_is_not_said_to_be_equal_on_both_strands(trained, files, tmp_path):
    run = trained("binary", "none")
    explain(run, files / "binary.tsv", tmp_path / "a", Settings(search_motifs=False, **FEW), command="", say=str)
    found = next(one for one in read(tmp_path / "a").verdict if one.sentence.startswith("Maps of both strands"))
    assert "equal to" not in found.because
    explain(
        run, files / "binary.tsv", tmp_path / "b", Settings(search_motifs=False, both_strands=True, **FEW), command="",
        say=str,
    )  # fmt: skip
    found = next(one for one in read(tmp_path / "b").verdict if one.sentence.startswith("Maps of both strands"))
    assert "equal to" in found.because
    assert "averaged over both strands" in read(tmp_path / "b").output


def test_other_runs_of_one_recipe_are_told_apart(trained):
    subject = open_subject(trained("binary", "none"), name=None, contribution="total", both_strands=False)
    same = checking.same_subject(subject, trained("binary", "none", "--seed", "1"), Settings())
    assert same.name == subject.name
