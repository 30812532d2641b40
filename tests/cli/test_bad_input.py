"""Whatever is wrong gets one message without a traceback, exit code 2, and leaves nothing that looks whole."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from palindra.models.saving import is_finished

ROW = "ACGTACGTACGTACGTACGT"
OTHER = "TTGCAACCGGATTACAGGCA"


def lines(*rows: str, header: str = "sequence\tlabel\tsplit") -> Callable[[Path], None]:
    return lambda path: path.write_text("\n".join([header, *rows]) + "\n") and None


def good(rows: int = 12) -> list[str]:
    splits = ["train"] * (rows - 8) + ["valid"] * 4 + ["test"] * 4
    letters = [ROW[n % 20 :] + OTHER[: n % 20] for n in range(rows)]
    return [f"{text}\t{n % 2}\t{split}" for n, (text, split) in enumerate(zip(letters, splits, strict=True))]


def nothing(path: Path) -> None:
    path.write_bytes(b"")


FILES: dict[str, tuple[str, Callable[[Path], None], list[str]]] = {
    # what is wrong: (name of the file, how it is written, words of the message)
    "a letter outside the alphabet": (
        "d.tsv",
        lines(*good(), ROW[:-1] + "J\t1\ttrain"),
        ["d.tsv line 14", "'J'"],
    ),
    "an empty file": ("d.tsv", nothing, ["d.tsv: is empty"]),
    "a header alone": ("d.tsv", lines(), ["d.tsv: holds a header line and no rows"]),
    "no such file": ("d.tsv", lambda path: None, ["d.tsv: there is no such file"]),
    "a folder": ("d.tsv", lambda path: path.mkdir(), ["d.tsv: is a folder"]),
    "rows of different lengths": (
        "d.tsv",
        lines(*good(), "ACGT\t1\ttrain"),
        ["d.tsv line 2 has 20 letters but d.tsv line 14 has 4", "--pad"],
    ),
    "a row with too few fields": ("d.tsv", lines(*good(), ROW), ["d.tsv line 14: 1 fields", "3 columns"]),
    "a label that is no number": (
        "d.tsv",
        lines(*good(), ROW + "\thigh\ttrain"),
        ["d.tsv line 14: label 'high'", "--label-columns"],
    ),
    "no label column": (
        "d.tsv",
        lines(ROW + "\tx\ttrain", header="sequence\tremark\tsplit"),
        ["the columns are sequence, remark, split", "--label-columns"],
    ),
    "no sequence column": (
        "d.tsv",
        lines(ROW + "\t1\ttrain", header="dna\tlabel\tsplit"),
        ["the columns are dna, label, split", "--sequence-column"],
    ),
    "one class only": (
        "d.tsv",
        lines(*(row.replace("\t0\t", "\t1\t") for row in good())),
        ["d.tsv: split", "only one class (1,"],
    ),
    "one class only in a split": (
        "d.tsv",
        lines(*(row.replace("\t0\tvalid", "\t1\tvalid") for row in good())),
        ["split 'valid' holds only one class"],
    ),
    "a missing split": (
        "d.tsv",
        lines(*(row.replace("valid", "train") for row in good())),
        ["no row is in split 'valid'", "--split chromosome, similarity or random"],
    ),
    "a split of another name": (
        "d.tsv",
        lines(*good(), ROW + "\t1\theld-out"),
        ["d.tsv line 14: split 'held-out'", "--split-column"],
    ),
    "a missing label": ("d.tsv", lines(*good(), ROW + "\t\ttrain"), ["d.tsv line 14: the label is missing"]),
    "two integers that are not 0 and 1": (
        "d.tsv",
        lines(*(row.replace("\t1\t", "\t3\t") for row in good())),
        ["the labels are 0 and 3", "0 (negative) and 1 (positive)"],
    ),
    "gzip cut off": (
        "d.tsv.gz",
        lambda path: path.write_bytes(gzip.compress(b"sequence\tlabel\n" * 50)[:-9]) and None,
        ["d.tsv.gz: the gzip data end too early"],
    ),
    "not text": ("d.tsv", lambda path: path.write_bytes(b"\x00\x01\x02") and None, ["d.tsv line 1: not text"]),
    "FASTA without negatives": ("d.fa", lambda path: path.write_text(">a\nACGT\n") and None, ["--negatives"]),
    "no Parquet": ("d.parquet", lambda path: path.write_text("x") and None, ["d.parquet: cannot be read as Parquet"]),
    "no HDF5": ("d.h5", lambda path: path.write_text("x") and None, ["d.h5: cannot be read as HDF5"]),
}


def one_message(err: str) -> str:
    """The message, after making sure that there is one and no traceback."""
    assert "Traceback" not in err
    assert err.startswith("palindra: ")
    assert err.count("palindra: ") == 1
    assert len(err.strip().splitlines()) == 1
    assert err.strip().endswith((".", "?", ")", "'"))
    return err


@pytest.mark.parametrize("command", ["train", "compare"])
@pytest.mark.parametrize("what", FILES)
def test_files_that_cannot_be_used(palindra, tmp_path, monkeypatch, what: str, command: str):
    monkeypatch.chdir(tmp_path)
    name, write, words = FILES[what]
    write(tmp_path / name)
    result = palindra(command, name, "--output", "out", "--no-progress")
    assert result.code == 2
    message = one_message(result.err)
    for word in words:
        assert word in message, message
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.partial").exists()


OPTIONS: list[tuple[str, list[str]]] = [
    ("--epochs -1", ["--epochs -1: must be at least 0"]),
    ("--batch-size 1", ["--batch-size 1: must be at least 2"]),
    ("--batch-size 8 --devices 2", ["batch_size is 8: at least 16 is needed"]),
    ("--devices 0", ["--devices 0: must be at least 1"]),
    ("--patience -2", ["--patience -2: must be at least 0"]),
    ("--learning-rate 0", ["--learning-rate 0.0: must be a positive number"]),
    ("--learning-rate nan", ["--learning-rate nan"]),
    ("--shift 30", ["--shift 30: must be smaller than the sequences, which have 30 letters"]),
    ("--shift -1", ["--shift -1: must be at least 0"]),
    ("--width 6", ["a width of 6 channels cannot be shared out: give a multiple of 4"]),
    ("--precision half", ["--precision 'half' is not known", "auto, bf16, float32"]),
    ("--model strand_resne", ["--model 'strand_resne' is not known. Did you mean 'strand_resnet'?"]),
    ("--model kmer_linear", ["--model 'kmer_linear' is not known", "strand_resnet, strand_cnn"]),
    ("--task binar", ["--task 'binar' is not known. Did you mean 'binary'?"]),
    ("--alphabet dnaa", ["--alphabet 'dnaa' is not known. Did you mean 'dna'?"]),
    ("--alphabet protein", ["strategy 'regular' needs two strands, but protein has one: use 'none'"]),
    ("--alphabet protein --strategy none", ["strand_resnet reads 4 letters, but protein has 20"]),
    ("--split chromosomes", ["--split 'chromosomes' is not known. Did you mean 'chromosome'?"]),
    ("--split chromosome", ["--split chromosome: name those", "--valid-chromosomes chr8,chr9"]),
    (
        "--split chromosome --valid-chromosomes chr1",
        ["the chromosomes of the rows are not known", "--chromosome-column"],
    ),
    ("--valid-chromosomes chr1", ["--valid-chromosomes chr1: it goes with --split chromosome"]),
    ("--pad tall", ["--pad tall: give a length, e.g. --pad 200, or --pad longest"]),
    ("--pad 0", ["--pad 0: give a length"]),
    ("--pad 20", ["has 30 letters, more than the window of 20", "--pad 30 or --pad longest"]),
    ("--pad 33", ["cannot be centred in a window of 33", "--pad 34"]),
    ("--target both", ["--target both: give invariant, strand-specific, or for each label column"]),
    ("--target 1,0", ["--target 1,0: it pairs 2 label columns, but there are 1"]),
    ("--target strand-specific --strategy regular", ["strategy 'regular' needs to know", "Use 'none'"]),
    ("--strategy regula", ["there is no strategy 'regula'. Did you mean 'regular'?"]),
    ("--strategy regular*x", ["'regular*x': after * comes the number of models"]),
    ("--strategy regular-k3", ["'regular-k3' reads 3-mers, which strand_resnet does not", "--model strand_cnn"]),
    ("--set model.dropot=0.1", ["--set 'model.dropot' is not known. Did you mean 'model.dropout'?"]),
    ("--set training.warmpu=1", ["--set 'training.warmpu' is not known. Did you mean 'training.warmup'?"]),
    ("--set training.optimizer=sgd", ["training.optimizer: 'sgd' is given and one of adamw, adam needed"]),
    ("--set training.epochs=many", ["training.epochs: 'many' is given and a whole number needed"]),
    ("--set model.dilations=3", ["model.dilations: 3 is given and a list needed"]),
    ("--set model.length=20", ["--set model.length: it is decided by the data"]),
    ("--set model.hidden=4", ["--set model.hidden: it is decided by --width and the strategy"]),
    ("--set model.stem_size=4", ["strand_resnet cannot be built for sequences of 30 letters", "Use an odd kernel (5)"]),
    ("--set model.dropout=7", ["strand_resnet cannot be built"]),
    ("--set dropout=0.1", ["--set dropout=0.1: write model.NAME=VALUE or training.NAME=VALUE"]),
    ("--set model.=1", ["write model.NAME=VALUE"]),
    ("--model strand_cnn", ["leave no position after convolutions", "at least 41"]),
    ("--log tensorbord", ["--log 'tensorbord' is not known. Did you mean 'tensorboard'?"]),
    ("--label-columns lable", ["none is named 'lable'", "--label-columns"]),
    ("--split-column half", ["none is named 'half'", "--split-column"]),
    ("--negatives x.fa", ["so the positives must be FASTA"]),
]


@pytest.mark.parametrize(("options", "words"), OPTIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_options_out_of_range(palindra, files, tmp_path, options: str, words: list[str]):
    result = palindra("train", files / "binary.tsv", "-o", tmp_path / "out", *options.split())
    assert result.code == 2
    message = one_message(result.err)
    for word in words:
        assert word in message, message
    assert not list(tmp_path.iterdir())


COMPARE: list[tuple[str, list[str]]] = [
    ("--seeds 4-0", ["--seeds 4-0: write numbers with commas, or a range"]),
    ("--seeds one", ["--seeds one: write numbers"]),
    ("--strategies none,augmnt", ["there is no strategy 'augmnt'. Did you mean 'augment'?"]),
    ("--strategies none,regular-k3", ["'regular-k3' reads 3-mers"]),
    ("--strategies none,augment --target strand-specific", ["strategy 'augment' needs to know"]),
    ("--strategies none,kmers --target strand-specific", ["'kmers' collapses the strands"]),
    ("--reference nothing", ["there is no strategy 'nothing'"]),
    ("--train-size 0", ["--train-size 0: the training split has 58 rows, so give 1 to 58"]),
    ("--train-size 59", ["--train-size 59: the training split has 58 rows"]),
    ("--train-size 1", ["--train-size 1 is too small", "holds only one class"]),
    ("--sizes 10,99", ["--sizes 99: the training split has 58 rows"]),
    ("--sizes few", ["--sizes few: write numbers"]),
]


@pytest.mark.parametrize(("options", "words"), COMPARE, ids=lambda value: value if isinstance(value, str) else "")
def test_comparisons_that_cannot_be_made_are_refused_before_any_training(
    palindra, files, tmp_path, quick, options: str, words: list[str]
):
    result = palindra("compare", files / "binary.tsv", "-o", tmp_path / "out", *quick, *options.split())
    assert result.code == 2
    message = one_message(result.err)
    for word in words:
        assert word in message, message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["train", "x.tsv", "--epoch", "3"], "--epochs"),
        (["compare", "x.tsv", "--strategie", "none"], "--strategies"),
        (["trian", "x.tsv"], "'train'"),
        (["audit", "m", "x.tsv", "--activaton", "none"], "--activation"),
    ],
)
def test_unknown_options_and_commands_get_the_nearest_one(palindra, words: list[str], near: str):
    result = palindra(*words)
    assert result.code == 2
    assert near in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


def test_values_of_another_kind(palindra, trained, files):
    run = trained("binary", "regular")
    for words in (
        ["train", "x.tsv", "--width", "wide"],
        ["predict", run, files / "binary.tsv", "--batch-size", "0"],
        ["audit", run, files / "binary.tsv", "--limit", "1"],
        ["train"],
    ):
        result = palindra(*words)
        assert result.code == 2
        assert "Error: " in result.err


RUNS: list[tuple[str, Callable[[Path], object], list[str]]] = [
    ("missing", shutil.rmtree, ["no such run folder"]),
    ("unfinished", lambda run: (run / "checksums.json").unlink(), ["was not finished", "Start the same command again"]),
    ("edited", lambda run: (run / "config.toml").write_text("# mine\n"), ["config.toml: the file is not the one"]),
    ("damaged", lambda run: (run / "weights.safetensors").write_bytes(b"x" * 50), ["weights.safetensors: the file"]),
    ("half", lambda run: (run / "weights.safetensors").unlink(), ["not a run folder"]),
]


@pytest.mark.parametrize("command", ["predict", "evaluate", "audit", "export"])
@pytest.mark.parametrize(("name", "damage", "words"), RUNS, ids=[name for name, _, _ in RUNS])
def test_damaged_run_folders(
    palindra, trained, files, tmp_path, command: str, name: str, damage: Callable[[Path], object], words: list[str]
):
    run = tmp_path / "run"
    shutil.copytree(trained("binary", "regular"), run)
    damage(run)
    data = [] if command == "export" else [files / "binary.tsv"]
    result = palindra(command, run, *data, "-o", tmp_path / "out")
    assert result.code == 2
    message = one_message(result.err)
    if command == "audit" and name == "missing":
        words = ["neither a run folder nor module:function"]
    for word in words:
        assert word in message, message
    assert not (tmp_path / "out").exists()


def test_sequences_of_another_length(palindra, trained, tmp_path):
    run = trained("binary", "regular")
    (tmp_path / "short.tsv").write_text("sequence\tlabel\nACGTACGT\t1\nACGTACGA\t0\n")
    (tmp_path / "short.fa").write_text(">first\nACGT\n")
    for command, name, place in (
        ("predict", "short.fa", "short.fa line 1: 4 letters"),
        ("predict", "short.tsv", "short.tsv line 2: 8 letters"),
        ("evaluate", "short.tsv", "short.tsv: sequences of 8 letters"),
        ("audit", "short.tsv", "short.tsv: sequences of 8 letters"),
    ):
        result = palindra(command, run, tmp_path / name, "-o", tmp_path / "out")
        assert result.code == 2
        message = one_message(result.err)
        assert place in message
        assert "trained on 30: extend" in message
        assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written(palindra, trained, files, tmp_path):
    run = trained("binary", "regular")
    (tmp_path / "file").write_text("")
    result = palindra("predict", run, files / "binary.tsv", "-o", tmp_path / "file" / "out.tsv")
    assert result.code == 2
    assert "file" in one_message(result.err)
    result = palindra("predict", run, files / "binary.tsv", "-o", tmp_path)
    assert result.code == 2
    one_message(result.err)
    result = palindra("train", files / "binary.tsv", "-o", tmp_path / "file")
    assert result.code == 2
    assert "exists and is not a finished run" in one_message(result.err)


def test_a_folder_with_something_else_in_it_is_left_alone(palindra, files, quick, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    result = palindra("train", files / "binary.tsv", "-o", tmp_path, *quick)
    assert result.code == 2
    assert "exists and is not a finished run; choose another --output" in one_message(result.err)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_loss_that_is_no_number_is_one_message(palindra, files, quick, tmp_path):
    result = palindra(
        "train", files / "binary.tsv", "-o", tmp_path / "run", *quick, "--learning-rate", 1e30, "--epochs", 9,
        "--set", "training.gradient_clip=0", "--set", "training.schedule=constant",
    )  # fmt: skip
    assert result.code == 2
    assert "lower the learning rate (1e+30 now)" in one_message(result.err)
    assert not is_finished(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_traceback_can_be_asked_for(palindra, monkeypatch):
    monkeypatch.setenv("PALINDRA_DEBUG", "1")
    with pytest.raises(ValueError, match="there is no such file"):
        palindra("train", "missing.tsv")
