"""The command ``palindra geometry``, and the data sets whose geometry is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from palindra.data import read_labelled
from palindra.data.phylogenies import evolve, yule_tree
from palindra.report.geometry_page import Geometry, render

QUICK = ["--repeats", 40, "--size", 20, "--subsets", 3]


def columns(path: Path) -> dict[str, list[str]]:
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    x = np.random.default_rng(0).normal(size=(30, 4))
    np.save(folder / "x.npy", x)
    np.savez(folder / "two.npz", x=x, y=2 * x)
    lines = ["name\ta\tb\tc\td", *("\t".join([f"p{n}", *map(str, row)]) for n, row in enumerate(x))]
    (folder / "x.tsv").write_text("\n".join(lines) + "\n")
    (folder / "plain.csv").write_text("\n".join(["a,b,c,d", *(",".join(map(str, row)) for row in x)]) + "\n")
    tree = yule_tree(20, 1)
    (folder / "tree.nwk").write_text(f"{tree}\n")
    np.save(folder / "given.npy", tree.leaf_distances())
    (folder / "a.fa").write_text(evolve(tree.scaled(0.3), 500, seed=0).to_fasta())
    return folder


def test_table_summary_and_page(palindra, inputs, tmp_path):
    output = tmp_path / "deep" / "g.tsv"
    result = palindra("geometry", inputs / "x.npy", inputs / "tree.nwk", inputs / "a.fa", "-o", output, *QUICK)
    assert result.code == 0, result.err
    assert "x.npy: no sign of a tree" in result.out
    assert "tree.nwk: nearer to a tree" in result.out
    assert result.out.count("A low delta alone shows nothing") == 3
    found = columns(output)
    assert found["name"] == ["x.npy"] * 4 + ["tree.nwk"] * 4 + ["a.fa"] * 4
    assert found["null"] == ["Gaussian", "Gaussian", "permuted", "permuted"] * 3
    assert set(found["statistic"]) == {"relative_delta", "relative_average"}
    assert [found["standing"][row] for row in (4, 6)] == ["below", "below"]
    assert float(found["value"][4]) < 1e-9
    summary = json.loads(output.with_suffix(".json").read_text())
    assert [item["exact"] for item in summary["measured"]] == [False, True, True]
    assert len(summary["measured"][0]["nulls"][0]["relative_delta"]["values"]) == 40
    page = output.with_suffix(".html").read_text()
    assert "A low one alone shows nothing" in page
    assert "sha256 of tree.nwk" in page
    assert "<script" not in page
    assert "http" not in page.split("Content-Security")[1].split(">", 1)[1].split("<pre>")[0]
    assert not list(tmp_path.glob("**/*.partial"))
    again = palindra(
        "geometry", inputs / "x.npy", inputs / "tree.nwk", inputs / "a.fa", "-o", tmp_path / "h.tsv", *QUICK
    )
    assert again.code == 0
    assert (tmp_path / "h.tsv").read_bytes() == output.read_bytes()


def values(palindra, path: Path, folder: Path, *options) -> list[float]:
    result = palindra("geometry", path, "-o", folder / "g.tsv", *QUICK, *options)
    assert result.code == 0, result.err
    return [float(value) for value in columns(folder / "g.tsv")["value"]]


def test_the_same_points_in_any_file(palindra, inputs, tmp_path):
    h5py = pytest.importorskip("h5py")
    expected = values(palindra, inputs / "x.npy", tmp_path)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["layers/last"] = np.load(inputs / "x.npy")
    for path, options in (
        (inputs / "x.tsv", ()),
        (inputs / "plain.csv", ()),
        (inputs / "two.npz", ("--array", "x")),
        (tmp_path / "x.h5", ()),
        (inputs / "two.npz", ("--array", "y")),  # scaled by 2
    ):
        assert np.allclose(values(palindra, path, tmp_path, *options), expected, rtol=1e-5)


def test_metrics(palindra, inputs, tmp_path):
    x = inputs / "x.npy"
    found = [values(palindra, x, tmp_path, *o)[0] for o in ((), ("--metric", "cosine"), ("--metric", "hyperbolic"))]
    assert len(set(found)) == 3
    flat = values(palindra, x, tmp_path, "--metric", "hyperbolic", "--k", 1e8)[0]
    assert np.isclose(flat, found[0], rtol=1e-4)  # no curvature
    assert values(palindra, inputs / "given.npy", tmp_path, "--metric", "given")[0] < 1e-9
    for options in (("--metric", "p"), ("--metric", "kmer", "--k", 3), ("--metric", "kmer", "--stranded")):
        assert values(palindra, inputs / "a.fa", tmp_path, *options)[0] > 0


def test_unaligned_sequences_by_kmers(palindra, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "u.fa"
    path.write_text("".join(f">s{n}\n{''.join(rng.choice(list('ACGT'), 40 + n))}\n" for n in range(8)))
    assert values(palindra, path, tmp_path, "--metric", "kmer")[0] > 0
    result = palindra("geometry", path, "-o", tmp_path / "g.tsv")
    assert result.code == 2
    assert "u.fa line 3: 's1' has 41 columns, but 's0'" in result.err


@pytest.mark.parametrize(
    ("name", "content", "options", "says"),
    [
        ("bad.nwk", "((a,b);\n", (), "bad.nwk line 1 column 7: ';' where ')' is needed"),
        ("bad.tsv", "a\tb\n1\t2\n3\tx\n", (), "bad.tsv line 3: 'x' in column 2"),
        ("few.tsv", "a\tb\n1\t2\n3\t4\n", (), "2 points can be compared, and delta compares four"),
        ("nan.tsv", "a\tb\n1\t2\n3\tnan\n1\t1\n2\t2\n", (), "row 2, column 2: nan is no finite number"),
        ("same.tsv", "a\tb\n" + "1\t2\n" * 5, (), "all 5 points coincide"),
        ("zero.tsv", "a\tb\n0\t0\n1\t1\n2\t1\n1\t2\n", ("--metric", "cosine"), "point 0 is at the origin"),
        ("d.tsv", "a\tb\n0\t1\n2\t0\n", ("--metric", "given"), "a symmetric matrix is needed"),
        ("x.tsv", "a\tb\n0\t1\n2\t0\n", ("--metric", "euclidian"), "Did you mean 'euclidean'?"),
        ("x.tsv", "a\tb\n0\t1\n2\t0\n", ("--k", "0"), "a positive number is needed"),
        ("x.tsv", "a\tb\n0\t1\n2\t0\n", ("--size", "3"), "4 is the least"),
        ("x.pdb", "a\n", (), "the suffix says nothing"),
        ("t.nwk", "(a,b,c,d);\n", ("--metric", "p"), "leave out --metric"),
        ("s.fa", ">a\nACGT\n", ("--metric", "kmer", "--k", "2.5"), "1 to 8 letters"),
        ("j.npy", "not numpy\n", (), "cannot be read as a NumPy array"),
        ("far.fa", ">a\nAAAA\n>b\nCCCC\n>c\nGGGG\n>d\nTTTT\n", (), "6 of 6 pairs are saturated"),
    ],
)
def test_bad_input_in_one_line(palindra, tmp_path, name, content, options, says):
    path = tmp_path / name
    path.write_text(content)
    result = palindra("geometry", path, "-o", tmp_path / "g.tsv", *options)
    assert result.code == 2
    assert says in result.err
    assert result.err.count("\n") == 1
    assert not (tmp_path / "g.tsv").exists()


def test_arrays_are_chosen_by_name(palindra, inputs, tmp_path):
    result = palindra("geometry", inputs / "two.npz", "-o", tmp_path / "g.tsv")
    assert "holds 2 arrays: choose with --array from x, y" in result.err
    result = palindra("geometry", inputs / "two.npz", "--array", "z", "-o", tmp_path / "g.tsv")
    assert "holds no array 'z'" in result.err
    result = palindra("geometry", inputs / "x.npy", "-o", tmp_path / "g.json")
    assert "it names the table" in result.err


def test_pages_render_without_nulls_and_escape_names():
    page = render(Geometry("<b>", ["A & B."], [], {}))
    assert "&lt;b&gt;" in page
    assert "A &amp; B." in page


# ---- data sets -----------------------------------------------------------------------------------------------------


def test_a_phylogeny_is_written_once_and_measured(palindra, tmp_path):
    words = ["data", "phylogeny", "-o", tmp_path / "p", "--clades", 3, "--train", 6, "--held-out", 2, "--length", 80]
    words += ["--substitution", "hky", "--kappa", 3, "--frequencies", "0.3,0.2,0.2,0.3", "--indels", 0.02]
    result = palindra(*words)
    assert result.code == 0, result.err
    assert "30 sequences of 80 letters, multiclass (label), train 18, valid 6, test 6" in result.out
    files = {path.name: path.read_bytes() for path in (tmp_path / "p").iterdir()}
    assert sorted(files) == ["alignment.fa", "dataset.json", "tree.nwk", "windows.tsv"]
    data = read_labelled(tmp_path / "p" / "windows.tsv")
    assert data.class_names == ("clade1", "clade2", "clade3")
    assert palindra(*words).code == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "p").iterdir()} == files
    other = palindra(*words, "--seed", 1)
    assert other.code == 2
    assert "of other settings" in other.err
    assert values(palindra, tmp_path / "p" / "tree.nwk", tmp_path)[0] < 1e-9


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--shape", "bush"), "choose from yule"),
        (("--train", 1), "a class with one member"),
        (("--substitution", "gtr"), "Choose from: jc69, k80, hky"),
        (("--substitution", "hky", "--frequencies", "1,2"), "write those of A, C, G and T"),
        (("--substitution", "k80", "--kappa", 0), "a positive number is needed"),
        (("--indels", -1), "0 and 1 are the least"),
        (("--height", 0), "a positive height"),
    ],
)
def test_impossible_phylogenies(palindra, tmp_path, options, says):
    result = palindra("data", "phylogeny", "-o", tmp_path / "p", *options)
    assert result.code == 2
    assert says in result.err
    assert not (tmp_path / "p").exists()


def test_transposons_are_written(palindra, tmp_path):
    rng = np.random.default_rng(0)
    rows = ["name\tte_class\torder\tsuperfamily\tsequence"]
    rows += [f"{s}{n}\tI\tLTR\t{s}\t{''.join(rng.choice(list('ACGT'), 300))}" for s in ("A", "B") for n in range(4)]
    rows.append(f"C0\tI\tLTR\tC\t{'ACGGT' * 30}")
    source = tmp_path / "te.tsv"
    source.write_text("\n".join(rows) + "\n")
    words = ["data", "transposons", source, "-o", tmp_path / "t", "--length", 60, "--step", 30]
    result = palindra(*words)
    assert result.code == 0, result.err
    assert "left out    C (not enough families" in result.out
    manifest = json.loads((tmp_path / "t" / "dataset.json").read_text())
    assert manifest["report"]["leaks_left"] == {"same": 0, "reverse complement": 0, "near copy": 0}
    data = read_labelled(tmp_path / "t" / "windows.tsv")
    assert data.task == "binary"  # two classes, 0 the first in the alphabet
    assert data.length == 60
    refused = palindra(*words[:4], tmp_path / "u", "--task", "background", "--superfamily", "C")
    assert refused.code == 2
    assert "te.tsv line 10: superfamily 'C' has 1 family" in refused.err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    assert "holds something else" in palindra(*words[:4], tmp_path / "full").err
