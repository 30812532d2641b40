"""``palindra variants``: a VCF scored with run folders and anybody's models, and everything that is wrong with it."""

from __future__ import annotations

import csv
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.cli.variants.running import Plan, score_file
from palindra.data.genome import Genome
from palindra.evaluation.zero_shot import masked_log_ratio
from palindra.models.saving import seal
from palindra.models.strand_lm import StrandLM, StrandLMConfig
from palindra.models.strand_lm.opening import open_language_model
from palindra.models.strand_lm.saving import save
from palindra.models.track_resnet import TrackResNet, TrackResNetConfig
from palindra.models.track_saving import save_track_run
from palindra.sequences import one_hot, reverse_complement
from palindra.symmetry import Position, Target

pysam = pytest.importorskip("pysam")
WINDOW = 21
CONTIGS = {"one": 80, "two": 33}
HEADER = "##fileformat=VCFv4.2\n##contig=<ID=one,length=80>\n##contig=<ID=two,length=33>\n"
HEADER += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tme\n"
MODELS = """
import torch
from torch import nn
torch.manual_seed(2)
NET = nn.Sequential(nn.Conv1d(4, 3, 5), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(3, 2))
def network():
    return NET
def letters(x):  # how many A; how many C: a table that is known by hand
    return x[:, :2].sum(-1)
def one(x):
    return x[:, 0].sum(-1)
def middle(x):
    return {"left": x[:, :, :10].sum(-1), "here": x[:, :, 10]}
def tracks(x):
    return x[:, :2].reshape(len(x), 2, 7, 3).sum(-1)
class Stops(Exception):
    pass
CALLS = [10 ** 9]
def stopping(x):
    CALLS[0] -= 1
    if CALLS[0] < 0:
        raise KeyboardInterrupt
    return NET(x)
"""


def letters() -> dict[str, str]:
    rng = np.random.default_rng(3)
    return {name: "".join(rng.choice(list("ACGT"), size)) for name, size in CONTIGS.items()}


def other(letter: str, step: int = 1) -> str:
    return "ACGT"["ACGT".index(letter) + step - 4]


def record(chrom: str, position: int, ref: str, alt: str, rest: str = "DP=3\tGT\t0/1") -> str:
    return f"{chrom}\t{position}\t.\t{ref}\t{alt}\t.\tPASS\t{rest}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome and its reverse complement, calls on both, and models in a Python file."""
    folder = tmp_path_factory.mktemp("variants")
    genome = letters()
    turned = {name: reverse_complement(text) for name, text in genome.items()}
    given, mirrored = [], []
    for name, text in genome.items():
        for at in range(0, len(text), 2):
            alternates = ",".join(other(text[at], step) for step in (1, 2, 3)[: 1 + at % 3])
            given.append(record(name, at + 1, text[at], alternates))
            others = ",".join(map(reverse_complement, alternates.split(",")))
            mirrored.append(record(name, len(text) - at, reverse_complement(text[at]), others))
    for file, contigs, calls in (("given", genome, given), ("turned", turned, mirrored[::-1])):
        (folder / f"{file}.fa").write_text("".join(f">{name}\n{text}\n" for name, text in contigs.items()))
        calls = sorted(calls, key=lambda line: line.split("\t")[0])  # contigs in one piece
        (folder / f"{file}.vcf").write_text(HEADER + "".join(calls))
    (folder / "variant_toys.py").write_text(MODELS)
    return folder


@pytest.fixture
def score(palindra, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``score("variant_toys:letters", "given", ...)``: exit, and rows of the table."""
    monkeypatch.chdir(folder)

    def call(model: object, calls: str | Path = "given", *options: object, out: str = "out"):
        fasta = folder / f"{calls}.fa" if (folder / f"{calls}.fa").exists() else folder / "given.fa"
        path = calls if isinstance(calls, Path) else folder / f"{calls}.vcf"
        given = [] if Path(str(model)).is_dir() else ["--window", WINDOW]
        return palindra("variants", model, path, fasta, "-o", tmp_path / out, *given, "--no-progress", *options)

    yield call
    sys.modules.pop("variant_toys", None)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def numbers(path: Path, column: str) -> np.ndarray:
    return np.array([float(row[column]) for row in table(path)])


def keys(path: Path, turned: bool = False) -> list[tuple[str, int, str]]:
    """Contig, position and alternate of each row, in the words of the strand that was not turned."""
    found = []
    for row in table(path):
        at, alternate = int(row["position"]), row["alt"]
        if turned:
            at, alternate = CONTIGS[row["chrom"]] + 1 - at, reverse_complement(alternate)
        found.append((row["chrom"], at, alternate))
    return found


def test_scores_are_those_that_are_known_by_hand(score, tmp_path: Path):
    result = score("variant_toys:letters", "given", "--outputs", "strand-specific")
    assert result.code == 0, result.err
    rows = table(tmp_path / "out" / "scores.tsv")
    for row in rows:
        a, c = ((row["alt"] == letter) - (row["ref"] == letter) for letter in "AC")
        found = [
            float(row[f"{what}difference{which}"])
            for what, which in zip(("", "", "max_", "sum_"), ("_output1", "_output2", "", ""), strict=True)
        ]
        assert found == [a, c, a or c, a + c]
    assert [row["status"] for row in rows] == ["scored"] * len(rows)
    assert "57 records" in result.out


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("language") / "model"
    torch.manual_seed(0)
    sizes = {"width": 8, "depth": 1, "heads": 2, "key_size": 4, "attention": False, "window": None}
    save(folder, StrandLM(StrandLMConfig(mixer="untied", **sizes)))
    return folder


def test_a_language_model_gives_zero_shot_scores_that_do_not_depend_on_the_strand(
    palindra, folder: Path, tmp_path: Path, language_model: Path
):
    for name in ("given", "turned"):
        calls, fasta = folder / f"{name}.vcf", folder / f"{name}.fa"
        out = tmp_path / name
        result = palindra("variants", language_model, calls, fasta, "-o", out, "--window", WINDOW, "--no-progress")
        assert result.code == 0, result.err
    tables = [tmp_path / name / "scores.tsv" for name in ("given", "turned")]
    places = [keys(tables[0]), keys(tables[1], turned=True)]
    model = open_language_model(language_model)
    for column in ("log_ratio", "cosine", "l2"):
        given, turned = (
            dict(zip(keys, numbers(path, column), strict=True)) for keys, path in zip(places, tables, strict=True)
        )
        assert given.keys() == turned.keys()
        for place, value in given.items():
            assert value == pytest.approx(turned[place], abs=1e-5)
    inside = next(row for row in table(tables[0]) if row["chrom"] == "one" and int(row["position"]) > WINDOW)
    start = int(inside["position"]) - 1 - WINDOW // 2
    window = letters()["one"][start : start + WINDOW]
    changed = window[: WINDOW // 2] + inside["alt"] + window[WINDOW // 2 + 1 :]
    assert float(inside["log_ratio"]) == pytest.approx(masked_log_ratio(model, [window], [changed])[0], rel=1e-4)


def test_insertions_have_distances_but_no_log_ratio(palindra, folder: Path, tmp_path: Path, language_model: Path):
    text = letters()["one"]
    calls = tmp_path / "calls.vcf"
    calls.write_text(HEADER + record("one", 31, text[30], text[30] + "GA") + record("one", 41, text[40:42], text[40]))
    options = "-o", tmp_path / "out", "--window", WINDOW, "--no-progress"
    assert palindra("variants", language_model, calls, folder / "given.fa", *options).code == 0
    for row in table(tmp_path / "out" / "scores.tsv"):
        assert row["log_ratio"] == "."
        assert float(row["l2"]) > 0


def test_options_that_a_language_model_has_no_use_for_are_refused(palindra, folder: Path, tmp_path: Path):
    options = "-o", tmp_path / "out", "--shifts", "-1,1", "--kind", "value"
    result = palindra("variants", "default", folder / "given.vcf", folder / "given.fa", *options)
    assert result.code == 2
    assert "leave out --shifts, --kind" in " ".join(result.err.split())


def test_the_vcf_keeps_every_record_and_is_indexed(score, folder: Path, tmp_path: Path):
    assert score("variant_toys:network", "given").code == 0
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        *("scored.vcf.gz", "scored.vcf.gz.tbi", "scores.tsv", "problems.tsv", "variants.toml")
    }
    rows = iter(table(out / "scores.tsv"))
    given = [line.split("\t") for line in (folder / "given.vcf").read_text().splitlines() if line[0] != "#"]
    with pysam.VariantFile(str(out / "scored.vcf.gz")) as file:
        declared = [name for name in file.header.info if name.startswith("PALINDRA")]
        assert [file.header.info[name].number for name in declared] == [".", *"A" * (len(declared) - 1)]
        for found, columns in zip(file, given, strict=True):
            assert [found.chrom, str(found.pos), found.ref, ",".join(found.alts)] == [*columns[:2], *columns[3:5]]
            assert found.samples["me"]["GT"] == (0, 1)
            assert found.info["PALINDRA_STATUS"] == ("scored",) * len(found.alts)
            for number in range(len(found.alts)):
                row = next(rows)
                for name in declared[1:]:
                    value = float(row[name.removeprefix("PALINDRA_")])
                    assert found.info[name][number] == pytest.approx(value, rel=1e-6)
        assert len(list(file.fetch("two", 10, 20))) == 5
    about = tomllib.loads((out / "variants.toml").read_text())
    assert about["counts"] == {
        "records": 57,
        "alternates": len(keys(out / "scores.tsv")),
        "scored": len(keys(out / "scores.tsv")),
    }


@pytest.mark.parametrize("shifts", ["0", "-3,0,3"])
def test_both_strands_give_the_same_numbers_exactly(score, tmp_path: Path, shifts: str):
    for strand in ("given", "turned"):
        assert score("variant_toys:network", strand, f"--shifts={shifts}", out=strand).code == 0
    given, turned = (tmp_path / strand / "scores.tsv" for strand in ("given", "turned"))
    here = dict(zip(keys(given), table(given), strict=True))
    there = dict(zip(keys(turned, turned=True), table(turned), strict=True))
    assert here.keys() == there.keys()
    columns = [name for name in table(given)[0] if "difference" in name]
    assert len(columns) == (6 if shifts == "0" else 10)
    for key in here:
        assert [here[key][name] for name in columns] == [there[key][name] for name in columns]
    assert len({here[key]["difference_output1"] for key in here}) > 20


def track_run(folder: Path, *, loss: str = "poisson", output: str = "softplus", target: Target | None = None) -> Path:
    torch.manual_seed(1)
    target = target or Target.paired([1, 0, 2], Position.REVERSE)
    config = TrackResNetConfig(
        length=21,
        bin_size=3,
        outputs=3,
        target=target,
        width=4,
        stem_size=5,
        dilations=(1,),
        bin_dilations=(1,),
        output=output,
    )
    tracks = ("RNA.fwd", "RNA.rev", "a b/c")
    save_track_run(
        folder,
        TrackResNet(config).eval(),
        model="track_resnet",
        strategy="regular",
        loss=loss,
        tracks=tracks,
        target=target,
        both_strands=False,
        config={},
    )
    seal(folder)
    return folder


@pytest.mark.parametrize("strands", ["--both-strands", "--given-strand"])
def test_stranded_tracks_swap_with_the_strand(score, tmp_path: Path, strands: str):
    run = track_run(tmp_path / "run")
    for strand in ("given", "turned"):
        assert score(run, strand, strands, "--batch-size", 1, out=strand).code == 0
    given, turned = (tmp_path / strand / "scores.tsv" for strand in ("given", "turned"))
    here = dict(zip(keys(given), table(given), strict=True))
    there = dict(zip(keys(turned, turned=True), table(turned), strict=True))
    exact = strands == "--both-strands"
    for measure in ("difference", "log_fold_change"):
        for one, two in (("RNA.fwd", "RNA.rev"), ("RNA.rev", "RNA.fwd"), ("a b/c", "a b/c")):
            a = np.array([float(here[key][f"{measure}_{one}"]) for key in here])
            b = np.array([float(there[key][f"{measure}_{two}"]) for key in here])
            assert abs(a).max() > 1e-4
            # Both strands of a window read by itself are the same sums; one strand is equivariant but for rounding.
            np.testing.assert_allclose(a, b, rtol=0, atol=0 if exact else 2e-6)
        fwd, rev = (np.array([float(row[f"{measure}_RNA.{s}"]) for row in here.values()]) for s in ("fwd", "rev"))
        assert abs(fwd - rev).max() > 1e-4
    # Three tracks, their INFO fields with the letters that VCF allows.
    with pysam.VariantFile(str(tmp_path / "given" / "scored.vcf.gz")) as file:
        assert "PALINDRA_log_fold_change_a_b_c" in file.header.info


def test_numbers_of_tracks_are_those_of_the_network(score, folder: Path, tmp_path: Path):
    from palindra.models.saving import load

    run = track_run(tmp_path / "run")
    assert score(run, "given", "--given-strand", "--tracks", "a b/c,RNA.fwd").code == 0
    model, genome = load(run), Genome.open(folder / "given.fa")
    rows = table(tmp_path / "out" / "scores.tsv")
    assert [name for name in rows[0] if name.startswith("log_fold")] == [
        "log_fold_change_a b/c",
        "log_fold_change_RNA.fwd",
    ]
    for row in rows[::9]:
        start = int(row["position"]) - 1 - 10
        codes = genome.codes(row["chrom"], start, start + 21)
        alternate = codes.copy()
        alternate[10] = "ACGT".index(row["alt"])
        with torch.no_grad():
            ref, alt = model(one_hot(np.stack([codes, alternate])).float()).sum(-1).double()
        lfc = torch.log2((alt + 1e-3) / (ref + 1e-3))
        assert float(row["log_fold_change_RNA.fwd"]) == pytest.approx(lfc[0].item(), abs=2e-6)
        assert float(row["difference_a b/c"]) == pytest.approx((alt - ref)[2].item(), abs=2e-6)
        assert float(row["sum_difference"]) == pytest.approx((alt - ref)[[0, 2]].sum().item(), abs=2e-6)


def test_labelled_runs_are_scored(score, trained, tmp_path: Path, folder: Path):
    from palindra.models.saving import load_run

    run = trained("binary", "regular")
    assert score(run, "given").code == 0
    predictor, genome = load_run(run).predictor, Genome.open(folder / "given.fa")
    row = table(tmp_path / "out" / "scores.tsv")[7]
    start = int(row["position"]) - 1 - 15
    codes = genome.codes(row["chrom"], start, start + 30)
    alternate = codes.copy()
    alternate[15] = "ACGT".index(row["alt"])
    with torch.no_grad():
        ref, alt = predictor(one_hot(np.stack([codes, alternate])).float())[:, 0].double()
    assert float(row["difference_label"]) == pytest.approx((alt - ref).item(), abs=1e-6)
    assert float(row["log_fold_change_label"]) == pytest.approx(
        torch.log2((alt + 1e-6) / (ref + 1e-6)).item(), abs=1e-5
    )


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("one", []),
        ("middle", ["--output-field", "here", "--outputs", "3,2,1,0"]),
        ("tracks", ["--kind", "coverage", "--outputs", "strand-specific"]),
        ("letters", ["--activation", "sigmoid", "--score", "log-fold-change,max"]),
    ],
)
def test_anybodys_model(score, tmp_path: Path, model: str, options: list[str]):
    result = score(f"variant_toys:{model}", "given", *options)
    assert result.code == 0, result.err
    rows = table(tmp_path / "out" / "scores.tsv")
    if model == "middle":
        for row in rows:
            assert [float(row[f"difference_output{n + 1}"]) for n in range(4)] == [
                (row["alt"] == letter) - (row["ref"] == letter) for letter in "ACGT"
            ]
    if model == "tracks":
        row = next(row for row in rows if row["ref"] == "A")
        assert float(row["difference_output1"]) == -1
        assert float(row["log_fold_change_output1"]) < 0
    if model == "letters":
        names = [name for name in rows[0] if "spread" not in name][8:]
        assert names == [*(f"log_fold_change_output{n}" for n in (1, 2)), "max_difference", "max_log_fold_change"]


def bad_lines(folder: Path) -> str:
    one = letters()["one"]
    return "".join(
        [
            record("one", 1, one[0], other(one[0])),
            record("one", 2, one[1], f"<DEL>,{other(one[1])},*"),
            record("one", 3, other(one[2]), one[2]),
            record("one", 4, "N", "A"),
            record("one", 5, one[4], "."),
            "one 6 . A C\n",
            record("one", 7, one[6], other(one[6]), "."),
            record("one", 7, one[6], other(one[6])),
            record("one", 80, one[79] + "A", "A"),
            record("one", 81, "A", "C"),
            record("one", 9, one[8], one[8] + "C" * 30),
            record("two", 1, letters()["two"][0], other(letters()["two"][0])),
            record("three", 1, "A", "C"),
            record("one", 10, one[9].lower(), other(one[9]).lower()),
        ]
    )


REASONS = {
    5: "scored", 6: "symbolic,scored,overlapping_deletion", 7: "reference_mismatch", 8: "unknown_reference",
    9: "no_alternate", 11: "scored", 12: "duplicate", 13: "outside_contig", 14: "outside_contig",
    15: "longer_than_window", 16: "scored", 17: "unknown_contig", 18: "scored",
}  # fmt: skip


@pytest.mark.parametrize("sort", [False, True])
def test_bad_lines_are_kept_and_said_and_good_ones_scored(score, folder: Path, tmp_path: Path, sort: bool):
    path = tmp_path / "bad.vcf"
    path.write_text(HEADER + bad_lines(folder))
    result = score("variant_toys:network", path, *(["--sort"] if sort else []))
    assert result.code == 0, result.err
    found: dict[int, str] = {}
    for row in table(tmp_path / "out" / "scores.tsv"):
        line = int(row["line"])
        found[line] = f"{found[line]},{row['status']}" if line in found else row["status"]
        assert (row["difference_output1"] == "") == (row["status"] not in ("scored", "duplicate"))
    assert found == REASONS
    problems = [(int(row["line"]), row["kind"]) for row in table(tmp_path / "out" / "problems.tsv")]
    assert problems == [
        (6, "symbolic"), (6, "overlapping_deletion"), (7, "reference_mismatch"), (8, "unknown_reference"),
        (9, "no_alternate"), (10, "not_a_record"), (11, "columns"), (12, "duplicate"), (13, "outside_contig"),
        (14, "outside_contig"), (15, "longer_than_window"), (15, "unsorted"), (17, "unknown_contig"), (18, "unsorted"),
    ]  # fmt: skip
    assert "line 7: reference allele" in result.out
    assert "2  outside_contig: the reference allele is not, or not wholly, on the contig" in result.out
    assert "13 records, 14 alternates, 6 scored" in result.out
    assert (tmp_path / "out" / "scored.vcf.gz.tbi").exists() is sort
    assert ("has no index; --sort sorts it" in result.out) is not sort
    with pysam.BGZFile(str(tmp_path / "out" / "scored.vcf.gz")) as file:
        lines = [line.decode().split("\t") for line in file if not line.startswith(b"#")]
    statuses = [line[7].split("PALINDRA_STATUS=")[1].split(";")[0] for line in lines]
    assert sorted(statuses) == sorted(REASONS.values())
    assert (statuses == list(REASONS.values())) is not sort
    places = [(line[0], int(line[1])) for line in lines]
    assert (places == sorted(places, key=lambda p: (["one", "two", "three"].index(p[0]), p[1]))) is sort


def test_strict_refuses_with_lines_and_writes_nothing(score, folder: Path, tmp_path: Path):
    path = tmp_path / "bad.vcf"
    path.write_text(HEADER + bad_lines(folder))
    result = score("variant_toys:network", path, "--strict")
    assert result.code == 2
    assert "bad.vcf line 7: reference allele" in result.err
    assert "2  outside_contig" in result.err
    assert not list(tmp_path.glob("out*"))
    assert score("variant_toys:network", "given", "--strict").code == 0


def test_a_file_of_bare_lines_and_other_names(score, folder: Path, tmp_path: Path):
    two = letters()["two"]
    path = tmp_path / "bare.vcf"
    path.write_text(f"chrtwo\t3\t.\t{two[2]}\t{other(two[2])}\n")
    assert "0 scored" in score("variant_toys:network", path, out="unmapped").out
    result = score("variant_toys:network", path, "--map-names")
    assert "1 records, 1 alternates, 1 scored" in result.out
    assert "the file has no line #CHROM" in result.out
    with pysam.VariantFile(str(tmp_path / "out" / "scored.vcf.gz")) as file:
        assert [(found.chrom, found.pos) for found in file.fetch("chrtwo")] == [("chrtwo", 3)]
        assert file.header.contigs["chrtwo"].length == 33


def test_two_spellings_of_a_change_get_one_number(score, tmp_path: Path):
    one = letters()["one"]
    at = next(at for at in range(30, 60) if one[at] == one[at + 1])  # either of two equal letters is lost
    path = tmp_path / "spelled.vcf"
    path.write_text(
        HEADER
        + record("one", at, one[at - 1 : at + 1], one[at - 1])
        + record("one", at, one[at - 1 : at + 3], one[at - 1 : at + 1] + one[at + 2])
        + record("one", at + 1, one[at : at + 2], one[at])
    )
    assert score("variant_toys:network", path).code == 0
    values = numbers(tmp_path / "out" / "scores.tsv", "difference_output1")
    assert len(values) == 3
    assert abs(values - values[0]).max() < 1e-7 < abs(values[0])


def test_a_scored_file_is_scored_anew(score, tmp_path: Path):
    assert score("variant_toys:network", "given").code == 0
    again = score(
        "variant_toys:letters", tmp_path / "out" / "scored.vcf.gz", "--outputs", "strand-specific", out="again"
    )
    assert again.code == 0
    with pysam.VariantFile(str(tmp_path / "again" / "scored.vcf.gz")) as file:
        assert set(next(file).info) >= {"DP", "PALINDRA_difference_output1"}
        assert {value for found in file for value in found.info["PALINDRA_difference_output1"]} <= {-1, 0, 1}


@pytest.mark.parametrize("calls", [0, 1, 3, 6])
def test_an_interrupted_run_goes_on_to_the_same_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("palindra.cli.variants.running._LETTERS", 0)
    monkeypatch.setattr("palindra.cli.variants.running._RECORDS", 13)
    sys.modules.pop("variant_toys", None)
    from palindra.cli.variants.models import Declaration

    plan = Plan(declared=Declaration(window=WINDOW), batch_size=8)
    files = "variant_toys:stopping", folder / "given.vcf", folder / "given.fa"
    score_file(*files, tmp_path / "whole", plan)
    counter = sys.modules["variant_toys"].CALLS
    counter[0] = 1 + 4 * calls  # one to look at its outputs, four for each chunk
    with pytest.raises(KeyboardInterrupt):
        score_file(*files, tmp_path / "out", plan)
    counter[0] = 10**9
    assert not (tmp_path / "out").exists()
    with (tmp_path / "out.partial" / "scores.tsv").open("a") as file:
        file.write("what a kill left behind")
    with pytest.raises(ValueError, match=r"begun with other settings \(shifts\)"):
        score_file(*files, tmp_path / "out", Plan(declared=plan.declared, batch_size=8, shifts=(-1, 0, 1)))
    said: list[str] = []
    score_file(*files, tmp_path / "out", plan, say=said.append)
    assert said[0].startswith("going on after line ")
    names = ("scored.vcf.gz", "scores.tsv", "problems.tsv", "scored.vcf.gz.tbi")
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "out.partial").exists()
    with pytest.raises(ValueError, match="exists already"):
        score_file(*files, tmp_path / "out", plan)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_no_row_is_lost_at_any_batch_size(score, tmp_path: Path, size: int):
    assert score("variant_toys:letters", "given", "--batch-size", size, "--outputs", "strand-specific").code == 0
    assert len(table(tmp_path / "out" / "scores.tsv")) == sum(
        len(line.split("\t")[4].split(",")) for line in Path("given.vcf").read_text().splitlines() if line[0] != "#"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["variant_toys:letters", "--outputs", "1"], "for each of the 2 outputs the number"),
        (["variant_toys:letters", "--score", "difference,ratio"], "--score ratio: choose from difference"),
        (["variant_toys:letters", "--score", "log-fold-change"], "only differences exist"),
        (["variant_toys:letters", "--targets", "output3"], "Did you mean 'output2'|Did you mean 'output1'"),
        (["variant_toys:letters", "--shifts", "0,20"], "smaller than 10"),
        (["variant_toys:letters", "--outputs", "strand-specific", "--both-strands"], "cannot be averaged"),
        (["variant_toys:middle", "--output-field", "there"], "is none of them"),
        (["variant_toys:nothing"], "nothing"),
        (["no_such_folder"], "neither a run folder nor module:function"),
    ],
)
def test_options_that_do_not_fit(score, tmp_path: Path, words: list[str], message: str):
    import re

    result = score(words[0], "given", *words[1:])
    assert result.code == 2
    assert re.search(message, result.err), result.err
    assert not list(tmp_path.glob("out*"))


def test_run_folders_that_do_not_fit(score, tmp_path: Path):
    run = track_run(tmp_path / "shares", loss="multinomial")
    assert "shares of each window" in score(run, "given").err
    run = track_run(tmp_path / "run", output="linear", loss="mse")
    assert "says itself what its outputs are" in score(run, "given", "--kind", "coverage").err
    assert "reads 21 bp" in score(run, "given", "--window", 20).err
    assert score(run, "given").code == 0
    assert not [name for name in table(tmp_path / "out" / "scores.tsv")[0] if "fold" in name]
