"""The command ``palindra fold``: files, scores, going on, warnings, refusals."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from palindra.cli.fold import folder as folder_module
from palindra.cli.fold import folding, running
from palindra.cli.fold.molecules import read_molecules
from palindra.data.rna import is_canonical, read_structures
from palindra.errors import InputError

HAIRPIN, KNOT = "GGGGAAAACCCC", "GGGGAAUUUUAACCCCAAAAAAAA"  # the second: 1-16 .. 4-13, and 7-24 .. 9-22 crossing
HAIRPIN_PAIRS = ((0, 11), (1, 10), (2, 9), (3, 8))
KNOT_PAIRS = ((0, 15), (1, 14), (2, 13), (3, 12), (6, 23), (7, 22), (8, 21))


class Stand:
    """Knows two molecules, gives pairs of others that may pair a small chance, and counts what it is asked."""

    name = "stand-in"
    threshold = 0.5
    longest = None

    def __init__(self):
        self.settings = {"training": {"families": ["hairpins"], "longest": 20}, "seed": 3}
        self.asked = []

    def probabilities(self, sequence):
        self.asked.append(sequence)
        table = np.zeros((len(sequence), len(sequence)), dtype=np.float32)
        for i in range(len(sequence)):
            for j in range(i + 4, len(sequence)):
                table[i, j] = 0.02 * is_canonical(sequence[i], sequence[j])
        for known, pairs in ((HAIRPIN, HAIRPIN_PAIRS), (KNOT, KNOT_PAIRS)):
            if sequence.upper().replace("T", "U") == known:
                for i, j in pairs:
                    table[i, j] = 0.9 if i < 6 else 0.75
        return table + table.T


@pytest.fixture
def stand(monkeypatch):
    model = Stand()
    monkeypatch.setattr(running, "open_folder", lambda name: model)
    return model


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "two.fa"
    path.write_text(f">first <one> & only\n{HAIRPIN[:5]}\n{HAIRPIN[5:]}\n>knot\n{KNOT.lower().replace('u', 't')}\n")
    return path


def rows(path):
    with path.open() as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def test_all_files_say_the_same_structure(palindra, stand, fasta, tmp_path):
    output = tmp_path / "deep" / "out"
    result = palindra("fold", "x", fasta, "-o", output, "--no-rnafold", "--maps", "--bpseq", "--no-progress")
    assert result.code == 0, result.err
    assert "2 molecules with 11 pairs, 1 with warnings" in result.out
    for name in ("structures.dbn", "structures.ct"):
        read = read_structures(output / name).structures
        assert [one.pairs for one in read] == [HAIRPIN_PAIRS, KNOT_PAIRS]
        assert [one.name for one in read] == ["first <one> & only", "knot"]
        assert read[1].sequence == KNOT.lower().replace("u", "t")  # letters as they were written
    assert "((((..[[[...)))).....]]]" in (output / "structures.dbn").read_text()
    (hairpin,) = read_structures(output / "bpseq" / "00001_first_one_only.bpseq").structures
    assert hairpin.pairs == HAIRPIN_PAIRS

    table = {row["name"]: row for row in rows(output / "molecules.tsv")}
    assert table["knot"]["pairs"] == "7"
    assert table["knot"]["pseudoknot_pairs"] == "3"
    assert float(table["knot"]["mean_probability"]) == pytest.approx((4 * 0.9 + 3 * 0.75) / 7, abs=1e-5)
    assert table["knot"]["f1"] == table["knot"]["rnafold_pairs"] == ""
    assert float(table["first <one> & only"]["gc"]) == pytest.approx(8 / 12, abs=1e-4)

    with np.load(output / "maps" / "00002_knot.npz") as held:
        whole = held["probabilities"]
    assert whole.shape == (24, 24)
    assert np.array_equal(whole, whole.T)
    pairs = [row for row in rows(output / "pairs.tsv") if row["name"] == "knot"]
    assert {(int(row["i"]) - 1, int(row["j"]) - 1) for row in pairs} == set(
        zip(*np.nonzero(np.triu(whole)), strict=True)
    )
    assert {(int(r["i"]) - 1, int(r["j"]) - 1) for r in pairs if r["predicted"] == "1"} == set(KNOT_PAIRS)
    for row in pairs:
        assert float(row["probability"]) == pytest.approx(whole[int(row["i"]) - 1, int(row["j"]) - 1], abs=1e-5)
    bases = [row for row in rows(output / "unpaired.tsv") if row["name"] == "knot"]
    np.testing.assert_allclose([float(row["unpaired"]) for row in bases], np.clip(1 - whole.sum(1), 0, 1), atol=1e-5)
    assert [int(row["partner"]) for row in bases][:7] == [16, 15, 14, 13, 0, 0, 24]

    pictures = sorted(path.name for path in (output / "pictures").iterdir())
    assert pictures == ["00001_first_one_only.svg", "00002_knot.svg"]
    page = (output / "page.html").read_text()
    assert "first &lt;one&gt; &amp; only" in page
    assert "<one>" not in page
    assert "Longer than any molecule in training: 24 bases, where the longest has 20." in page
    summary = json.loads((output / "summary.json").read_text())
    assert summary["choice"]["threshold"] == 0.5
    assert summary["model"]["settings"]["seed"] == 3
    assert not list(tmp_path.glob("**/*.partial"))
    assert not (output / "work").exists()


def test_the_floor_and_the_threshold_are_what_is_asked(palindra, stand, fasta, tmp_path):
    words = ["fold", "x", fasta, "--no-rnafold", "--no-progress", "--floor", 0.75, "--threshold", 0.8]
    assert palindra(*words, "-o", tmp_path / "a").code == 0
    assert {row["probability"] for row in rows(tmp_path / "a" / "pairs.tsv")} == {"0.90000", "0.75000"}
    assert [int(row["pairs"]) for row in rows(tmp_path / "a" / "molecules.tsv")] == [4, 4]
    high = ["fold", "x", fasta, "--no-rnafold", "--no-progress", "--floor", 0.95, "-o", tmp_path / "c"]
    assert palindra(*high).code == 0
    assert len(rows(tmp_path / "c" / "pairs.tsv")) == 11  # chosen pairs are written at any floor
    assert palindra(*words[:-1], 0.95, "-o", tmp_path / "b").code == 0
    assert {row["pairs"] for row in rows(tmp_path / "b" / "molecules.tsv")} == {"0"}
    assert "No pair is more probable than the threshold." in (tmp_path / "b" / "page.html").read_text()
    assert "............" in (tmp_path / "b" / "structures.dbn").read_text()


@pytest.mark.parametrize(
    ("options", "pairs"),
    [
        (["--decoder", "nested"], KNOT_PAIRS[:4]),
        (["--decoder", "greedy"], KNOT_PAIRS),
        (["--minimum-loop", "9"], ((0, 15), (1, 14), *KNOT_PAIRS[4:])),
    ],
)
def test_pairs_are_chosen_as_asked(palindra, stand, fasta, tmp_path, options, pairs):
    if "--minimum-loop" in options:
        pairs = tuple(pair for pair in KNOT_PAIRS if pair[1] - pair[0] > 9)
    assert palindra("fold", "x", fasta, "-o", tmp_path / "o", "--no-rnafold", "--no-progress", *options).code == 0
    assert read_structures(tmp_path / "o" / "structures.ct").structures[1].pairs == pairs


def test_pairs_that_are_not_canonical_need_any_pair(palindra, stand, tmp_path):
    class Odd(Stand):
        def probabilities(self, sequence):
            table = np.zeros((len(sequence),) * 2, dtype=np.float32)
            table[0, -1] = table[-1, 0] = 0.9
            return table

    path = tmp_path / "odd.fa"
    path.write_text(">odd\nGAAAAAAG\n")
    stand.probabilities = Odd().probabilities
    for option, count in (("--canonical", "0"), ("--any-pair", "1")):
        output = tmp_path / option.strip("-")
        assert palindra("fold", "x", path, "-o", output, "--no-rnafold", "--no-progress", option).code == 0
        assert rows(output / "molecules.tsv")[0]["pairs"] == count


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "known.tsv"
    lines = ["split\tid\tfamily\tsequence\tdot_bracket", f"test\tone\thairpins\t{HAIRPIN}\t((((....))))"]
    lines += [f"test\ttwo\tknots\t{KNOT}\t((((..[[[...))))....]]].", f"train\tthree\tknots\t{KNOT}\t" + "." * 24]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_known_structures_are_scored(palindra, stand, known, tmp_path):
    output = tmp_path / "out"
    words = ["fold", "x", known, "-o", output, "--split", "test", "--no-rnafold", "--no-progress"]
    result = palindra(*words)
    assert result.code == 0, result.err
    f1 = 4 / 7  # of the knot, 4 of 7 predicted pairs are among the 7 known ones
    assert f"mean F1 of all (2): model {(1 + f1) / 2:.3f}, most bonds" in result.out
    assert f"mean F1 of knots (1): model {f1:.3f}" in result.out
    assert "hairpins was in training: such a score is not that of a new kind of RNA." in result.out
    scores = {(row["method"], row["name"], row["pairs"]): row for row in rows(output / "scores.tsv")}
    assert float(scores["model", "knots", "all"]["F1"]) == pytest.approx(f1, abs=1e-6)
    assert float(scores["model", "hairpins", "all"]["F1"]) == 1
    assert scores["model", "hairpins", "crossing"]["F1"] == ""
    assert float(rows(output / "molecules.tsv")[1]["f1"]) == pytest.approx(f1, abs=1e-6)
    page = (output / "page.html").read_text()
    assert "Family knots was not in training, which had hairpins." in page
    assert "4 of its 7 pairs are in the known structure, which has 7." in page


def test_rnafold_stands_beside(palindra, stand, known, tmp_path):
    pytest.importorskip("RNA")
    result = palindra("fold", "x", known, "-o", tmp_path / "out", "--split", "test", "--no-progress")
    assert result.code == 0, result.err
    assert "model minus RNAfold: " in result.out
    both = rows(tmp_path / "out" / "molecules.tsv")
    apart = [float(one["f1"]) - float(one["f1_rnafold"]) for one in both]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["model_minus_rnafold_f1"]["mean"] == pytest.approx(np.mean(apart), abs=1e-5)
    assert apart[1] != 0
    row = both[0]
    assert float(row["rnafold_kcal_per_mol"]) < 0
    assert row["pairs_shared_with_rnafold"] == "4"
    page = (tmp_path / "out" / "page.html").read_text()
    assert "The same structure as RNAfold" in page
    assert "RNAfold (least energy)" in page


def test_an_interrupted_command_goes_on_with_the_same_settings_only(palindra, stand, fasta, tmp_path):
    output = tmp_path / "out"
    words = ["fold", "x", fasta, "-o", output, "--no-rnafold", "--no-progress"]
    usual, stand.probabilities = stand.probabilities, None
    answered = []

    def breaks(sequence):
        if answered:
            raise OSError("the power went")
        answered.append(sequence)
        return usual(sequence)

    stand.probabilities = breaks
    assert palindra(*words).code == 2
    assert not output.exists()
    stand.probabilities, stand.asked = usual, []
    other = palindra(*words, "--decoder", "nested")
    assert other.code == 2
    assert "decoder: matching then, nested now" in other.err
    assert palindra(*words).code == 0
    assert stand.asked == [KNOT.lower().replace("u", "t")]  # the first molecule was not folded again
    assert [int(row["pairs"]) for row in rows(output / "molecules.tsv")] == [4, 7]
    assert "finished before" in palindra(*words).out
    stand.settings = {"families": ["others"]}
    changed = palindra(*words)
    assert changed.code == 2
    assert "a run with other settings lies here (model: " in changed.err


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.fa", ">a\nGGGC\n>b\nGG!A\n", "a.fa line 3 (b): letter '!' at position 3 is not RNA"),
        ("a.fa", ">a\nGG..AC\n", "a.fa line 1 (a): letter '.' at position 3 is not RNA"),
        ("a.fa", "", "a.fa: is empty"),
        ("a.fa", ">a\nGG\n>b\nGA\n>a\nGC\n", "a.fa line 5: the name 'a' is given twice, before in "),
        ("a.dbn", ">a\nGGA\n...\n\n>a\nGGA\n...\n", "a.dbn line 5: the name 'a' is given twice, before in line 1"),
        (
            "a.dbn",
            ">ab\nGGA\n...\n>xab\nGGA\n...\n>ab\nGCA\n...\n",
            "line 7: the name 'ab' is given twice, before in line 1",
        ),
        ("a.tsv", "id\tsequence\na\tGG\na\tGC\n", "a.tsv line 3: the name 'a' is given twice, before in "),
        ("a.tsv", "id\tletters\na\tGG\n", "a.tsv: the columns are id, letters. Needed is one with the name sequence"),
        ("a.tsv", "id\tsequence\na\tGEG\n", "a.tsv line 2: letter 'E' at position 2 is not RNA"),
        ("a.dbn", ">a\nGGGAAACCC\n(((...))\n", "a.dbn line 3: the structure of 'a' has 8 signs"),
        ("a.dbn", ">a\nGGGAAACCC\n((....)))\n", "a.dbn line 3: ')' at position 9 closes nothing"),
        ("a.bam", "x", "a.bam: .bam says no format of structures"),
        ("a.fa", ">a\nGGGAAACCC\n>b\n", "a.fa line 3: record 'b' has no sequence"),
    ],
)
def test_files_that_cannot_be_used_are_named_with_their_line(palindra, stand, tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    result = palindra("fold", "x", path, "-o", tmp_path / "out")
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_options_that_cannot_be_used(palindra, stand, fasta, known, tmp_path):
    for options, said in (
        (["--decoder", "matchng"], "Did you mean 'matching'"),
        (["--split", "tests"], "--split 'tests' is not known"),
    ):
        result = palindra("fold", "x", fasta, "-o", tmp_path / "out", *options)
        assert result.code == 2
        assert said in result.err
    result = palindra("fold", "x", known, "-o", tmp_path / "out", "--split", "valid")
    assert "no structure is in split 'valid'" in result.err
    twice = palindra("fold", "x", fasta, fasta, "-o", tmp_path / "out")
    assert "is given twice" in twice.err


def test_a_molecule_too_long_for_memory_is_refused_before_any_is_folded(palindra, stand, fasta, tmp_path, monkeypatch):
    stand.longest = 23
    result = palindra("fold", "x", fasta, "-o", tmp_path / "out")
    assert result.code == 2
    assert f"{fasta} line 4: 'knot' has 24 bases, and stand-in folds up to 23. Cut it" in result.err
    stand.longest = 24
    stand.bytes_per_pair = 1000
    monkeypatch.setattr(folding, "memory_left", lambda: 24 * 24 * 1000 - 1)
    result = palindra("fold", "x", fasta, "-o", tmp_path / "out")
    assert result.code == 2
    assert f"{fasta} line 4: 'knot' has 24 bases, too many for this machine" in result.err
    assert "enough for 23 bases" in result.err
    assert stand.asked == []
    monkeypatch.setattr(folding, "memory_left", lambda: 24 * 24 * 1000)
    assert palindra("fold", "x", fasta, "-o", tmp_path / "out", "--no-rnafold").code == 0


def test_memory_that_runs_out_is_said_of_the_molecule(stand):
    molecule = folding.Molecule("big", HAIRPIN, "a.fa line 7")
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")):

        def fails(sequence, error=error):
            raise error

        stand.probabilities = fails
        with pytest.raises(
            InputError, match=r"a\.fa line 7: 'big' has 12 bases, too many for this machine: memory ran out"
        ):
            folding.fold_molecule(stand, molecule, folding.Choice(rnafold=False))
    assert folding.memory_left() is None or folding.memory_left() > 0


def test_formats_with_and_without_structures_are_told_apart(tmp_path):
    (tmp_path / "plain.fa").write_text(f">a\n{HAIRPIN}\n")
    (tmp_path / "folded.fa").write_text(f">b\n{HAIRPIN}\n((((....))))\n")
    (tmp_path / "rows.csv").write_text(f"name,sequence,family\nc,{HAIRPIN},tRNA\n")
    (tmp_path / "one.bpseq").write_text("# name: d\n1 G 5\n2 A 0\n3 A 0\n4 A 0\n5 C 1\n")
    read = read_molecules([tmp_path / name for name in ("plain.fa", "folded.fa", "rows.csv", "one.bpseq")], family="x")
    assert [(one.name, one.family, one.known) for one in read] == [
        ("a", "x", None),
        ("b", "x", HAIRPIN_PAIRS),
        ("c", "tRNA", None),
        ("d", "x", ((0, 4),)),
    ]


def test_a_model_that_is_not_there(tmp_path):
    pytest.importorskip("palindra.models.folding")
    with pytest.raises(InputError, match="there is no such run folder or file of weights"):
        folder_module.open_folder(str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"not a run folder of a model that folds, which holds weights\.safetensors"):
        folder_module.open_folder(str(tmp_path))
