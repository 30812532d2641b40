import gzip
import hashlib

import numpy as np
import polars
import pytest

from palindra.data import Task, read_labelled
from palindra.errors import InputError
from palindra.sequences import PROTEIN, RNA


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="t.tsv"):
        path = tmp_path / name
        content = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") and isinstance(text, str) else content)
        return path

    return write_file


ROWS = "split\tlabel\tsequence\ntrain\t1\tACGT\ndev\t0\taacn\ntest\t1\tGGGG\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (ROWS, "t.tsv"),
        (ROWS, "t.tsv.gz"),
        (ROWS, "t"),
        (ROWS, "t.txt"),
        (ROWS.encode(), "packed"),
        (gzip.compress(ROWS.encode(), mtime=0), "packed_without_suffix"),
        (ROWS.replace("\t", ","), "t.csv"),
        (ROWS.replace("\t", ","), "t.CSV.gz"),
        (ROWS.replace("\t", ","), "t.txt"),
        (ROWS.replace("\t", ";"), "t.csv"),
        (ROWS, "tabs_although.csv"),
        (ROWS.replace("\n", "\r\n"), "windows.tsv"),
        ("\ufeff" + ROWS, "bom.tsv"),
        (ROWS.rstrip("\n"), "no_last_line_end.tsv"),
        ('"split","label","sequence"\n"train","1","ACGT"\ndev,0,"aacn"\ntest,1,GGGG\n', "quoted.csv"),
        (ROWS.replace("sequence", "Seq").replace("label", "Y").replace("split", "Fold"), "other_names.tsv"),
        (ROWS.replace("train", "Training").replace("dev", "VAL"), "other_splits.tsv"),
    ],
)
def test_the_same_rows_are_read_from_every_writing(write, text, name):
    path = write(text, name)
    data = read_labelled(path)
    assert data.sequences == ["ACGT", "AACN", "GGGG"]
    assert data.labels.tolist() == [[1], [0], [1]]
    assert data.splits.tolist() == ["train", "valid", "test"]
    assert data.task is Task.BINARY
    assert data.lines.tolist() == [2, 3, 4]
    assert data.where(1) == f"{path} line 3"
    assert data.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert data.chromosomes is None


def test_blank_lines_are_skipped_and_counted(write):
    data = read_labelled(write("\nsequence\tlabel\n\nACGT\t1\n\n\nAAAA\t0\n\n"))
    assert data.lines.tolist() == [4, 7]
    assert data.splits.tolist() == ["train", "train"]


def test_columns_can_be_named(write):
    path = write("dna,score,part,where,split\nACGT,0.5,train,chr1,x\nAAAA,,val,chr2,x\n", "t.csv")
    data = read_labelled(
        path, sequence_column="dna", label_columns="score", split_column="part", chromosome_column="where"
    )
    assert data.task is Task.REGRESSION
    np.testing.assert_array_equal(data.labels, np.array([[0.5], [np.nan]], dtype=np.float32))
    assert data.chromosomes.tolist() == ["chr1", "chr2"]
    assert data.splits.tolist() == ["train", "valid"]
    assert read_labelled(path, sequence_column="dna", split_column="").splits.tolist() == ["train", "train"]


def test_numeric_columns_left_over_are_labels_where_that_is_clear(write):
    one = read_labelled(write("name,seq,activity,chrom\np1,ACGT,0.5,chr1\np2,AAAA,7,chr1\n", "a.csv"))
    assert (one.target_names, one.task) == (("activity",), Task.REGRESSION)
    many = read_labelled(write("seq,liver,brain,name\nACGT,0,1,p\nAAAA,1,1,q\nCCCC,,0,r\n", "b.csv"))
    assert (many.target_names, many.task, many.outputs) == (("liver", "brain"), Task.MULTILABEL, 2)
    assert np.isnan(many.labels[2, 0])


def test_text_labels_are_classes_in_alphabetical_order(write):
    data = read_labelled(
        write("seq,label\nAC,donor\nAG,none of both\nAT,acceptor\nAA,donor\nCC,acceptor\nCG,donor\n", "t.csv")
    )
    assert data.task is Task.MULTICLASS
    assert data.class_names == ("acceptor", "donor", "none of both")
    assert data.labels[:, 0].tolist() == [1, 2, 0, 1, 0, 1]
    assert data.outputs == 3


def test_class_numbers_keep_their_names_and_order(write):
    data = read_labelled(write("seq,y\nAC,1\nAG,10\nAT,2.0\nAT,2\n", "t.csv"), task="multiclass")
    assert data.class_names == ("1", "2", "10")
    assert data.labels[:, 0].tolist() == [0, 2, 1, 1]


def test_further_data_are_read_with_the_classes_of_a_model(write):
    data = read_labelled(write("seq,y\nAC,2\nAG,2\n", "t.csv"), task="multiclass", class_names=("0", "1", "2"))
    assert data.labels[:, 0].tolist() == [2, 2]
    assert data.outputs == 3
    with pytest.raises(InputError, match=r"t.csv line 3: class '3' is not one of '0', '1', '2'"):
        read_labelled(write("seq,y\nAC,2\nAG,3\n", "t.csv"), task="multiclass", class_names=("0", "1", "2"))


@pytest.mark.parametrize(
    ("words", "names"), [("True False", ("False", "True")), ("neg pos", ("neg", "pos")), ("YES NO", ("NO", "YES"))]
)
def test_words_for_yes_and_no_are_binary(write, words, names):
    first, second = words.split()
    data = read_labelled(write(f"seq,label\nAC,{first}\nAG,{second}\n", "t.csv"))
    assert (data.task, data.class_names) == (Task.BINARY, names)
    assert data.labels[:, 0].tolist() == [names.index(first), names.index(second)]


def test_positive_is_positive_even_when_alone(write):
    data = read_labelled(write("seq,label\nAC,positive\nAG,positive\n", "t.csv"))
    assert data.labels[:, 0].tolist() == [1, 1]


def test_one_hot_columns_are_classes_when_said_so(write):
    path = write("seq,exon,intron\nAC,1,0\nAG,0,1\nAA,0,1\n", "t.csv")
    data = read_labelled(path, task="multiclass")
    assert (data.class_names, data.labels[:, 0].tolist()) == (("exon", "intron"), [0, 1, 1])
    assert read_labelled(path, task="multilabel").outputs == 2


def test_a_table_is_the_same_as_parquet(write, tmp_path):
    text = "split,sequence,liver,brain,chrom\ntrain,ACGT,0.125,1,chr1\ntest,aacc,,3e-7,chr2\n"
    options = {"label_columns": ["liver", "brain"]}
    expected = read_labelled(write(text, "t.csv"), **options)
    path = tmp_path / "t.parquet"
    polars.read_csv(text.encode()).with_columns(boxes=polars.lit([1, 2])).write_parquet(path)
    data = read_labelled(path, **options)
    np.testing.assert_array_equal(data.labels, expected.labels)
    assert data.sequences == expected.sequences
    assert data.splits.tolist() == expected.splits.tolist()
    assert data.chromosomes.tolist() == expected.chromosomes.tolist()
    assert data.where(1) == f"{path} row 2"


def test_parquet_booleans_are_binary(tmp_path):
    polars.DataFrame({"sequence": ["AC", "GT"], "label": [True, False]}).write_parquet(tmp_path / "t.parquet")
    data = read_labelled(tmp_path / "t.parquet")
    assert (data.task, data.labels[:, 0].tolist()) == (Task.BINARY, [1, 0])


def test_other_alphabets(write):
    assert read_labelled(write("seq\ty\nacgu\t1\nTTTT\t0\n"), alphabet=RNA).sequences == ["ACGU", "UUUU"]
    assert read_labelled(write("seq\ty\nMKWV\t1\nLLLL\t0\n"), alphabet=PROTEIN, pad=6).sequences[0] == "XMKWVX"


BAD_TABLES = {
    "empty": (b"", {}, "t.tsv: is empty"),
    "blank": ("\n \n", {}, "t.tsv: is empty"),
    "header only": ("sequence\tlabel\n", {}, "t.tsv: holds a header line and no rows"),
    "short row": ("sequence\tlabel\nAC\t1\nAG\n", {}, "t.tsv line 3: 1 fields, but the header names 2 columns"),
    "long row": ("sequence\tlabel\nAC\t1\t\n", {}, "t.tsv line 2: 3 fields, .* separated by tabs"),
    "twice": ("sequence\tlabel\tlabel\nAC\t1\t1\n", {}, "t.tsv line 1: column 'label' occurs 2 times"),
    "open quote": ('sequence\tlabel\nAC\t1\n"AG\t0\nAT\t1\n', {}, "t.tsv line 3: a quoted field is not closed"),
    "no sequence": ("letters\tlabel\nAC\t1\n", {}, "t.tsv: the columns are letters, label; .* sequence_column"),
    "two sequences": ("seq\tsequence\ty\nAC\tAC\t1\n", {}, "'seq' and 'sequence' could each be .* sequence_column"),
    "unknown sequence": ("seq\ty\nAC\t1\n", {"sequence_column": "dna"}, "none is named 'dna'.*sequence_column"),
    "no label": ("seq\tname\nAC\tp\n", {}, "t.tsv: the columns are seq, name; .* label_columns"),
    "two labels": ("seq\tlabel\ty\nAC\t1\t1\n", {}, "'label' and 'y' could each be .* label_columns"),
    "many numbers": ("seq\tstart\tend\nAC\t1\t2\n", {}, "start, end are all numeric .* label_columns"),
    "unknown label": ("seq\ty\nAC\t1\n", {"label_columns": ["y", "z"]}, "none is named 'z'.*label_columns"),
    "label twice": ("seq\ty\nAC\t1\n", {"label_columns": ["y", "y"]}, "'y' is used twice"),
    "label is sequence": ("seq\ty\nAC\t1\n", {"label_columns": ["seq"]}, "'seq' is used twice"),
    "two splits": ("seq\ty\tsplit\tset\nAC\t1\ta\tb\n", {}, "'split' and 'set' could each be .* split_column"),
    "unknown split column": ("seq\ty\nAC\t1\n", {"split_column": "part"}, "none is named 'part'.*split_column"),
    "unknown chromosome": ("seq\ty\nAC\t1\n", {"chromosome_column": "c"}, "none is named 'c'.*chromosome_column"),
    "split name": ("seq\ty\tsplit\nAC\t1\ttrain\nAG\t0\tfold3\n", {}, "t.tsv line 3: split 'fold3' is not one of"),
    "label text": ("seq\ty\nAC\t1\nAG\thigh\n", {}, "t.tsv line 3: label 'high' in column 'y' is not a number"),
    "label text 2": (
        "seq\ta\tb\nAC\t1\t1\nAG\t0\tx\n",
        {"label_columns": ["a", "b"]},
        "line 3: label 'x' in column 'b'",
    ),
    "huge label": ("seq\ty\nAC\t1\nAG\t1e60\n", {}, "t.tsv line 3: label 1e\\+60 is infinite"),
    "missing label": ("seq\ty\nAC\t1\nAG\tNA\nAT\t0\n", {}, "t.tsv line 3: the label is missing"),
    "missing class": ("seq\ty\nAC\tu\nAG\t\nAT\tv\nAA\tw\n", {}, "t.tsv line 3: the label is missing"),
    "not binary": ("seq\ty\nAC\t1\nAG\t2\n", {"task": "binary"}, "t.tsv line 3: label 2 does not fit a binary task"),
    "two values": ("seq\ty\nAC\t-1\nAG\t1\n", {}, "t.tsv: the labels are -1 and 1"),
    "two words": ("seq\ty\nAC\tIRF1\nAG\tnone at all\n", {}, "t.tsv: .* which does not say which is the positive"),
    "too many classes": ("seq\ty\nAC\tp1\nAG\tp2\nAT\tp3\n", {}, "t.tsv: .* 3 different texts in 3 rows"),
    "three binary": ("seq\ty\nAC\tp\nAG\tq\nAT\tr\n", {"task": "binary"}, "t.tsv: .* 3 classes .* binary task has two"),
    "one-hot": ("seq\ta\tb\nAC\t1\t0\nAG\t0\t1\n", {}, "t.tsv: every row has exactly one 1"),
    "task": ("seq\ty\nAC\t1\n", {"task": "ranking"}, "task 'ranking' is not known: binary, multiclass"),
    "letter": ("seq\ty\nAC\t1\nA!\t0\n", {}, "t.tsv line 3.*letter '!' at position 2"),
    "no letters": ("seq\ty\nAC\t1\n\t0\n", {}, "t.tsv line 3: the sequence is missing"),
    "lengths": ("seq\ty\nAC\t1\nAC\t1\nACG\t0\n", {}, "t.tsv line 2 has 2 letters but .*t.tsv line 4 has 3.*--pad"),
    "binary junk": (b"seq\ty\nAC\t1\n\x00\x01\x02", {}, "t.tsv line 3: not text"),
    "latin1": ("seq\ty\nAC\t1\nA\xe9\t0\n".encode("latin1"), {}, "t.tsv line 3: not text"),
    "negatives": ("seq\ty\nAC\t1\n", {"negatives": "n.fa"}, "t.tsv: negatives n.fa are given"),
}


@pytest.mark.parametrize(("text", "options", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_bad_table_is_refused_with_its_place(write, text, options, message):
    with pytest.raises(InputError, match=message):
        read_labelled(write(text), **options)


def test_a_row_after_a_blank_line_keeps_its_line_in_errors(write):
    with pytest.raises(InputError, match=r"t.tsv line 5: label 'x'"):
        read_labelled(write("seq\ty\n\nAC\t1\n\nAG\tx\n"))


def test_broken_files_are_refused(write, tmp_path):
    packed = gzip.compress(ROWS.encode() * 50)
    with pytest.raises(InputError, match=r"cut.tsv.gz: the gzip data end too early"):
        read_labelled(write(packed[: len(packed) // 2], "cut.tsv.gz"))
    damaged = bytearray(packed)
    damaged[len(damaged) // 2] ^= 0xFF
    with pytest.raises(InputError, match=r"bad.tsv.gz: the gzip data are damaged"):
        read_labelled(write(bytes(damaged), "bad.tsv.gz"))
    with pytest.raises(InputError, match=r"plain.tsv.gz: is named .gz but is not gzipped"):
        read_labelled(write(ROWS.encode(), "plain.tsv.gz"))
    with pytest.raises(InputError, match=r"empty.gz: is empty"):
        read_labelled(write(gzip.compress(b""), "empty.gz"))
    with pytest.raises(InputError, match=r"none.tsv: there is no such file"):
        read_labelled(tmp_path / "none.tsv")
    with pytest.raises(InputError, match=r"is a folder"):
        read_labelled(tmp_path)


def test_bad_parquet_is_refused(write, tmp_path):
    with pytest.raises(InputError, match=r"junk.parquet: cannot be read as Parquet"):
        read_labelled(write(b"not a table at all", "junk.parquet"))
    path = tmp_path / "t.parquet"
    polars.DataFrame({"sequence": ["AC", None], "label": [1, 0]}).write_parquet(path)
    with pytest.raises(InputError, match=r"t.parquet row 2: the sequence is missing"):
        read_labelled(path)
    cut = write(path.read_bytes()[:-40], "cut.parquet")
    with pytest.raises(InputError, match=r"cut.parquet: cannot be read as Parquet"):
        read_labelled(cut)
    polars.DataFrame({"sequence": [], "label": []}).write_parquet(path)
    with pytest.raises(InputError, match=r"t.parquet: holds columns .* and no rows"):
        read_labelled(path)
    with pytest.raises(InputError, match=r"none.parquet: there is no such file"):
        read_labelled(tmp_path / "none.parquet")
