"""Released layouts, written small and read back: sequences, labels, splits, warnings, and errors with their place."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars
import pytest

from palindra.errors import InputError
from palindra.probing.suites import SUITES, find_leaks, load, present, probe_task
from palindra.sequences import reverse_complement

RNG = np.random.default_rng(0)


def sequences(count: int, length: int) -> list[str]:
    return ["".join(RNG.choice(list("ACGT"), length)) for _ in range(count)]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def csv(rows: list[tuple[str, int]], header: str = "sequence,label") -> str:
    return "\n".join([header, *(f"{sequence},{label}" for sequence, label in rows)]) + "\n"


SPLITS = {"train": 8, "dev": 3, "test": 5}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("GUE/tf/0", "human_tf_0"),
        ("tf/0", "human_tf_0"),
        ("GUE/human_tf_0", "human_tf_0"),
        ("GUE/EMP/H3K4me3", "emp_H3K4me3"),
        ("mouse/4", "mouse_tf_4"),
        ("GUE/prom/prom_core_all", "prom_core_all"),
        ("GUE/splice/reconstructed", "splice_reconstructed"),
        ("GUE/virus/covid", "virus_covid"),
    ],
)
def test_gue(tmp_path, place, name):
    task = SUITES["GUE"].task(name)
    classes = max(2, len(task.classes))
    rows = {split: [(s, n % classes) for n, s in enumerate(sequences(count, 12))] for split, count in SPLITS.items()}
    for split, part in rows.items():
        write(tmp_path / place / f"{split}.csv", csv(part))
    (found,) = load("GUE", tmp_path)
    assert found.task is task
    assert found.data.sequences == [sequence for part in rows.values() for sequence, _ in part]
    assert found.data.labels[:, 0].tolist() == [label for part in rows.values() for _, label in part]
    assert found.data.splits.tolist() == ["train"] * 8 + ["valid"] * 3 + ["test"] * 5
    assert found.data.where(8).endswith("dev.csv line 2")
    assert [task.name for task in present(SUITES["GUE"], tmp_path)] == [name]
    probe = probe_task(SUITES["GUE"], found)
    assert probe.notes == found.warnings
    assert probe.kind == found.data.task == task.kind


def test_counts_and_lengths_are_compared_with_the_published_ones(tmp_path):
    for split, count in SPLITS.items():
        write(tmp_path / "tf" / "0" / f"{split}.csv", csv([(s, n % 2) for n, s in enumerate(sequences(count, 12))]))
    (found,) = load("GUE", tmp_path)
    assert found.warnings[:4] == (
        "train has 8 rows, 32,378 are published (Zhou et al. 2024, table of data sets).",
        "valid has 3 rows, 1,000 are published (Zhou et al. 2024, table of data sets).",
        "test has 5 rows, 1,000 are published (Zhou et al. 2024, table of data sets).",
        "sequences have 12 letters, 101 are published.",
    )
    assert len(found.warnings) == 4


def test_no_warning_where_everything_is_as_published(tmp_path):
    task = SUITES["GUE"].task("mouse_tf_3")
    for split, count in (("train", 1904), ("dev", 239), ("test", 239)):
        write(tmp_path / "mouse/3" / f"{split}.csv", csv([(s, n % 2) for n, s in enumerate(sequences(count, 101))]))
    (found,) = load("GUE", tmp_path, [task.name])
    assert found.warnings == ()


@pytest.mark.parametrize("name", ["human_tf_0.tsv.gz", "human_tf_0.tsv", "deeper/human_tf_0.tsv.gz"])
def test_one_table_with_a_split_column(tmp_path, name):
    made = sequences(6, 7)
    lines = [
        "split\tlabel\tsequence",
        *(f"{('train', 'dev', 'test')[n % 3]}\t{n % 2}\t{s}" for n, s in enumerate(made)),
    ]
    write(tmp_path / name, "\n".join(lines) + "\n")
    (found,) = load("GUE", tmp_path)
    assert found.data.sequences == made
    assert found.data.splits.tolist() == ["train", "valid", "test"] * 2
    assert found.data.where(5).endswith("line 7")


def genomic_benchmarks(folder: Path, name: str, texts: dict[tuple[str, str], list[str]]) -> None:
    for (split, label), made in texts.items():
        for number, sequence in enumerate(made):
            write(folder / name / split / label / f"{number}.txt", sequence)


def test_genomic_benchmarks_as_downloaded(tmp_path):
    name = "human_ensembl_regulatory"
    texts = {
        (split, label): sequences(count, 20)
        for split, count in (("train", 12), ("test", 3))
        for label in ("enhancer", "ocr", "promoter")
    }
    genomic_benchmarks(tmp_path, name, texts)
    (found,) = load("genomic benchmarks", tmp_path, seed=3)
    data = found.data
    assert data.class_names == ("enhancer", "ocr", "promoter")
    assert data.task == "multiclass"
    for (split, label), made in texts.items():
        number = data.class_names.index(label)
        rows = [
            row
            for row in range(len(data))
            if data.labels[row, 0] == number and (data.splits[row] == "test") == (split == "test")
        ]
        assert [data.sequences[row] for row in rows] == made  # in the order of their numbers: 2 before 10
    assert data.where(2).endswith("enhancer file 2")
    assert (data.splits == "valid").sum() == 3  # one of each class
    assert any("the files hold no validation split: 3 of the training rows" in text for text in found.warnings)


def test_the_validation_split_comes_from_training_never_from_test(tmp_path):
    texts = {(split, label): sequences(30, 9) for split in ("train", "test") for label in ("negative", "positive")}
    genomic_benchmarks(tmp_path, "human_enhancers_cohn", texts)
    cuts = []
    for seed in (0, 0, 1):
        (found,) = load("Genomic Benchmarks", tmp_path, seed=seed)
        data = found.data
        test = {s for s, split in zip(data.sequences, data.splits, strict=True) if split == "test"}
        assert test == {s for (split, _), made in texts.items() if split == "test" for s in made}
        cuts.append([s for s, split in zip(data.sequences, data.splits, strict=True) if split == "valid"])
        assert len(cuts[-1]) == 6
    assert cuts[0] == cuts[1] != cuts[2]


def test_lengths_that_differ_are_padded_and_unpadded(tmp_path):
    made = ["ACGTACG", "AC", "ACGTA", "TTTGA"]
    genomic_benchmarks(
        tmp_path,
        "human_ocr_ensembl",
        {(split, label): made for split in ("train", "test") for label in ("negative", "positive")},
    )
    (found,) = load("Genomic Benchmarks", tmp_path)
    assert found.padded
    assert found.data.sequences[:4] == ["ACGTACG", "NNACNNN", "NACGTAN", "NTTTGAN"]
    assert probe_task(SUITES["Genomic Benchmarks"], found).inputs[0][:4] == made
    assert any("lengths differ (2 to 7 letters)" in text for text in found.warnings)


@pytest.fixture
def genome(tmp_path) -> tuple[Path, dict[str, str]]:
    chromosomes = {"1": "".join(RNG.choice(list("ACGT"), 60)), "X": "".join(RNG.choice(list("ACGT"), 40))}
    path = write(
        tmp_path / "genomes" / "Homo_sapiens.GRCh38.fa", "".join(f">{n}\n{s}\n" for n, s in chromosomes.items())
    )
    return path, chromosomes


INTERVALS = [
    ("chr1", 0, 10, "+"),
    ("chrX", 30, 40, "-"),
    ("chr1", 33, 43, "-"),
    ("chrX", 5, 15, "+"),
    ("chr1", 50, 60, "+"),
]


def interval_file(path: Path, intervals=INTERVALS) -> Path:
    rows = [f"{n},{region},{start},{end},{strand}" for n, (region, start, end, strand) in enumerate(intervals)]
    return write(path, "\n".join(["id,region,start,end,strand", *rows]) + "\n")


def test_genomic_benchmarks_as_intervals(tmp_path, genome):
    _, chromosomes = genome
    for split in ("train", "test"):
        for label in ("negative", "positive"):
            interval_file(tmp_path / "datasets" / "human_nontata_promoters" / split / f"{label}.csv.gz")
    (found,) = load("Genomic Benchmarks", tmp_path)
    expected = []
    for region, start, end, strand in INTERVALS:
        letters = chromosomes[region.removeprefix("chr")][start:end]  # counted from 0, half-open
        expected.append(reverse_complement(letters) if strand == "-" else letters)
    assert found.data.sequences == expected * 4


def test_classes_of_two_genomes(tmp_path):
    human, worm = write(tmp_path / "a.fa", ">1\n" + "A" * 30 + "\n"), write(tmp_path / "b.fa", ">I\n" + "C" * 30 + "\n")
    for split in ("train", "test"):
        for label, region in (("human", "chr1"), ("worm", "I")):
            interval_file(
                tmp_path / "demo_human_or_worm" / split / f"{label}.csv.gz", [(region, 0, 5, "+"), (region, 2, 7, "+")]
            )
    (found,) = load("Genomic Benchmarks", tmp_path, genomes={"GRCh38": human, "WBcel235": worm})
    assert found.data.sequences == ["AAAAA", "AAAAA", "CCCCC", "CCCCC"] * 2
    with pytest.raises(InputError, match=r"no such genome. Give it with --genome WBcel235=FASTA"):
        load("Genomic Benchmarks", tmp_path, genomes={"GRCh38": human})


def test_transcripts_are_found_without_their_version(tmp_path):
    write(tmp_path / "genomes" / "x.GRCh38.dna.fa", ">1\nAAAAAAAAAA\n")
    write(tmp_path / "genomes" / "x.GRCh38.cdna.fa", ">ENST01.4 cdna\nCCCCCCCCCC\n")
    folder = tmp_path / "demo_coding_vs_intergenomic_seqs"
    for split in ("train", "test"):
        interval_file(folder / split / "coding_seqs.csv.gz", [("ENST01", 1, 4, "+"), ("ENST01", 2, 5, "+")])
        interval_file(folder / split / "intergenomic_seqs.csv.gz", [("chr1", 1, 4, "+"), ("chr1", 2, 5, "+")])
    (found,) = load("Genomic Benchmarks", tmp_path)
    assert found.data.sequences == ["CCC", "CCC", "AAA", "AAA"] * 2


@pytest.mark.parametrize(
    ("intervals", "says"),
    [
        ([("chr1", 50, 61, "+")], r"negative.csv.gz line 2: chr1:50-61 does not lie inside the region of 60 letters"),
        ([("chr1", 5, 5, "+")], "chr1:5-5 does not lie inside"),
        (
            [("chr1", 0, 5, "+"), ("chr9", 0, 5, "+")],
            r"line 3: region 'chr9' is not in .*GRCh38.fa \(1 regions are not\)",
        ),
        ([("chr1", "a", 5, "+")], "line 2: start 'a' is no whole number"),
    ],
)
def test_intervals_that_cannot_be_cut(tmp_path, genome, intervals, says):
    for label in ("negative", "positive"):
        interval_file(tmp_path / "human_enhancers_cohn" / "train" / f"{label}.csv.gz", intervals)
    with pytest.raises(InputError, match=says):
        load("Genomic Benchmarks", tmp_path)


def fasta(rows: list[tuple[str, int]]) -> str:
    return "".join(f">chr1:{n}|{label}\n{s[:6]}\n{s[6:]}\n" for n, (s, label) in enumerate(rows))


def frame(rows: list[tuple[str, int]], **more: list[str]) -> polars.DataFrame:
    return polars.DataFrame(
        {"sequence": [s for s, _ in rows], "name": ["n"] * len(rows), "label": [n for _, n in rows]} | more
    )


@pytest.mark.parametrize("layout", ["fna", "shards", "folders", "mixed"])
def test_nucleotide_transformer(tmp_path, layout):
    rows = {
        split: [(s, n % 3) for n, s in enumerate(sequences(count, 12))] for split, count in (("train", 30), ("test", 6))
    }
    for split, part in rows.items():
        if layout == "fna":
            write(tmp_path / "enhancers_types" / f"{split}.fna", fasta(part))
        elif layout == "shards":
            (tmp_path / "enhancers_types").mkdir(exist_ok=True)
            for shard, half in enumerate((part[: len(part) // 2], part[len(part) // 2 :])):
                frame(half).write_parquet(tmp_path / "enhancers_types" / f"{split}-0000{shard}-of-00002.parquet")
        elif layout == "folders":
            (tmp_path / "enhancers_types" / split).mkdir(parents=True)
            frame(part).write_parquet(tmp_path / "enhancers_types" / split / "0000.parquet")
        else:
            (tmp_path / "data").mkdir(exist_ok=True)
            other = [("ACGTACGTACGT", 1)] * 2
            tasks = ["enhancers_types"] * len(part) + ["promoter_tata"] * 2
            frame(part + other, task=tasks).write_parquet(tmp_path / "data" / f"{split}-00000-of-00001.parquet")
    (found,) = load("Nucleotide Transformer", tmp_path, ["enhancers_types"])
    assert found.data.sequences == [s for part in rows.values() for s, _ in part]
    assert found.data.labels[:, 0].tolist() == [label for part in rows.values() for _, label in part]
    assert (found.data.splits == "test").sum() == 6
    assert (found.data.splits == "valid").sum() == 3
    assert found.data.class_names == ("0", "1", "2")


@pytest.mark.parametrize("place", ["{word}_lines.csv", "lines/{word}.csv"])
def test_teb(tmp_path, place):
    rows = {
        word: [(s, n % 2) for n, s in enumerate(sequences(6, 10 + n))]
        for n, word in enumerate(("train", "valid", "test"))
    }
    for word, part in rows.items():
        write(tmp_path / place.format(word=word), csv(part, "dna,is_te"))  # by place, as the released code reads
    (found,) = load("TEB", tmp_path)
    assert found.task.name == "lines"
    assert found.padded
    assert probe_task(SUITES["TEB"], found).inputs[0] == [s for part in rows.values() for s, _ in part]
    assert found.data.labels[:, 0].tolist() == [0, 1] * 9


def test_leaks_are_counted_on_both_strands(tmp_path):
    train, test = sequences(6, 12), sequences(4, 12)
    test[0], test[1] = train[2], reverse_complement(train[3])
    write(tmp_path / "H3" / "train.fna", fasta([(s, n % 2) for n, s in enumerate(train)]))
    write(tmp_path / "H3" / "test.fna", fasta([(s, n % 2) for n, s in enumerate(test)]))
    (found,) = load("Nucleotide Transformer", tmp_path)
    leaks = find_leaks(found.data.sequences, found.data.splits.tolist())
    assert sum(leak.same for leak in leaks if leak.later == "test") == 1
    assert sum(leak.opposite for leak in leaks if leak.later == "test") == 1
    assert sum(str(leak) in text for leak in leaks for text in found.warnings) == len(leaks)


def test_fewer_rows_are_said(tmp_path):
    for split in SPLITS:
        write(tmp_path / "tf" / "1" / f"{split}.csv", csv([(s, n % 2) for n, s in enumerate(sequences(40, 12))]))
    (found,) = load("GUE", tmp_path, rows=10)
    assert [(found.data.splits == split).sum() for split in ("train", "valid", "test")] == [10, 10, 10]
    assert found.data.labels.mean() == 0.5
    assert any("only 10 rows of each split" in text for text in found.warnings)
    (again,) = load("GUE", tmp_path, rows=10)
    assert again.data.sequences == found.data.sequences


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "tf/0/train.csv",
            "sequence,label\nACGT,1\nACXT,0\n",
            r"train.csv line 3: letter 'X' at position 3 is not DNA",
        ),
        (
            "tf/0/train.csv",
            "sequence,label\nACGT,one\n",
            r"train.csv line 2: label 'one' is no class; 0 or 1 is needed",
        ),
        ("tf/0/train.csv", "sequence,label\nACGT,2\nACGG,1\n", r"train.csv line 2: label 2 does not fit a binary task"),
        ("tf/0/train.csv", "sequence,label\n,1\nACGG,1\n", r"train.csv line 2: the sequence is missing"),
        ("tf/0/train.csv", "sequence\nACGG\n", "no column 'label' among sequence"),
        ("human_tf_0.tsv", "split\tlabel\tsequence\nfold1\t1\tACGT\n", "line 2: split 'fold1' is none of train"),
        ("human_tf_0.tsv", "label\tsequence\n1\tACGT\n", "no column 'split' among label, sequence"),
        ("virus/covid/train.csv", "sequence,label\nACGT,9\n", "label 9 does not fit a multiclass task, .* from 0 to 8"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, name, content, says):
    write(tmp_path / name, content)
    if name.endswith("train.csv"):
        write(tmp_path / name.replace("train", "test"), "sequence,label\nACGA,1\nACGG,0\n")
    with pytest.raises(InputError, match=says):
        load("GUE", tmp_path)


def test_headers_without_a_label(tmp_path):
    write(tmp_path / "H3" / "train.fna", ">a|1\nACGT\n>b\nACGT\n")
    with pytest.raises(InputError, match=r"train.fna line 3: header '>b' has no label"):
        load("Nucleotide Transformer", tmp_path)


def test_missing_splits_tasks_and_folders(tmp_path):
    with pytest.raises(InputError, match=r"no task of GUE lies there. Its files are GUE/<group>/<task>"):
        load("GUE", tmp_path)
    with pytest.raises(InputError, match="there is no such folder"):
        load("GUE", tmp_path / "nowhere")
    write(tmp_path / "tf" / "0" / "train.csv", "sequence,label\nACGT,1\nACGG,0\n")
    with pytest.raises(InputError, match=r"human_tf_0: no test rows in .*train.csv"):
        load("GUE", tmp_path)


def test_files_of_the_hub_are_not_read_twice(tmp_path):
    part = [(s, n % 2) for n, s in enumerate(sequences(20, 12))]
    for split in ("train", "test"):
        write(tmp_path / "H3" / f"{split}.fna", fasta(part))
        frame(part).write_parquet(tmp_path / "H3" / f"{split}.parquet")
    (found,) = load("Nucleotide Transformer", tmp_path)
    assert len(found.data) == 40
