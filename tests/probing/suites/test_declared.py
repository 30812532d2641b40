"""Declarations of suites: complete, consistent, and figures as they were printed."""

from __future__ import annotations

import math

import pytest

from palindra.errors import InputError
from palindra.probing.suites import SUITES, find_suite, parse_suite

EVERY = [(suite, task) for suite in SUITES.values() for task in suite.tasks]
FIGURES = [(suite.name, task.name, figure) for suite, task in EVERY for figure in task.published]


def test_sizes_of_the_suites():
    assert {name: len(suite.tasks) for name, suite in SUITES.items()} == {
        "GUE": 28,
        "Genomic Benchmarks": 8,
        "Nucleotide Transformer": 18,
        "TEB": 7,
        "CAGI5": 17,  # 15 experiments, the means of two cell lines
    }


@pytest.mark.parametrize("suite", SUITES.values(), ids=list(SUITES))
def test_names_are_unique_and_everything_is_said(suite):
    names = [name for task in suite.tasks for name in task.names]
    assert len(names) == len(set(names))
    for text in (suite.title, suite.citation, suite.warning, suite.layout, suite.counted):
        assert text.strip()
    for task in suite.tasks:
        assert "/" not in task.name  # names are names of files
        assert task.metric in ("MCC", "F1", "macro F1", "accuracy", "Pearson")
        assert task.kind != "multiclass" or len(task.classes) > 2
        assert set(task.over) <= set(names)
        assert task.kind in ("mean", "variants") or {"train"} <= set(task.counts)


def test_every_figure_has_a_source_and_a_warning_and_a_possible_value():
    assert len(FIGURES) > 500
    for suite, task, figure in FIGURES:
        assert figure.source, (suite, task)
        assert len(figure.warning) > 20, (suite, task)
        assert -1 < figure.fraction < 1, (suite, task, figure)
        assert figure.spread is None or 0 <= figure.spread < 0.3, (suite, task, figure)
        assert figure.spread is None or figure.spread_is


def value(suite: str, task: str, model: str, source: str) -> str:
    found = [
        figure.printed
        for figure in SUITES[suite].task(task).published
        if figure.model == model and source in figure.source
    ]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("suite", "task", "model", "source", "printed"),
    [
        ("GUE", "emp_H3K4me2", "DNABERT-2", "table 4", "31.13 %"),
        ("GUE", "prom_core_tata", "DNABERT 3-mer", "table 4", "78.15 %"),
        ("GUE", "human_tf_3", "NT-2500M multi", "table 4", "51.65 %"),
        ("GUE", "mouse_tf_4", "DNABERT-2 further", "table 4", "50.80 %"),
        ("GUE", "virus_covid", "HCNN-S", "Hyperbolic", "36.71 %"),
        ("Genomic Benchmarks", "human_ensembl_regulatory", "Mamba 468K", "table 1", "0.814 ± 0.211"),
        ("Genomic Benchmarks", "human_nontata_promoters", "JanusDNA without 431K", "JanusDNA", "0.954 ± 0.010"),
        ("Genomic Benchmarks", "dummy_mouse_enhancers_ensembl", "TF CNN", "repository", "50.0 %"),
        ("Genomic Benchmarks", "human_enhancers_cohn", "Caduceus-MLM 467K", "MDLM", "0.737"),
        ("Nucleotide Transformer", "splice_sites_donors", "Caduceus-PS 1.9M", "Caduceus", "0.874 ± 0.289"),
        ("Nucleotide Transformer", "H4ac", "JanusDNA-mlp 2.0M", "JanusDNA", "0.698"),
        ("TEB", "lines", "PVCNN", "Hyperbolic", "81.83 %"),
        ("CAGI5", "K562", "Enformer DNase", "table 3.1: supervised", "0.685"),
        ("CAGI5", "LDLR", "replicate correlation", "A.4", "0.99"),
    ],
)
def test_figures_stand_as_printed(suite, task, model, source, printed):
    assert value(suite, task, model, source) == printed


def test_figures_that_hide_the_sign_say_so():
    hidden = [figure for _, _, figure in FIGURES if figure.magnitude]
    assert len(hidden) == 28  # 14 models of the table, two cell lines
    assert all("hide" in figure.warning for figure in hidden)


def test_histone_marks_of_two_suites_are_the_same_rows_divided_otherwise():
    for task in SUITES["Nucleotide Transformer"].tasks[:10]:
        other = SUITES["GUE"].task(f"emp_{task.name}")
        assert sum(task.counts.values()) == sum(other.counts.values()), task.name


def test_sizes_agree_with_those_of_the_published_tables():
    sizes = {
        "dummy_mouse_enhancers_ensembl": 1210,
        "human_enhancers_cohn": 27791,
        "human_enhancers_ensembl": 154842,
        "human_ensembl_regulatory": 289061,
        "human_ocr_ensembl": 174756,
        "human_nontata_promoters": 36131,
    }
    for name, size in sizes.items():
        assert sum(SUITES["Genomic Benchmarks"].task(name).counts.values()) == size
    assert sum(task.counts.get("test", 0) for task in SUITES["CAGI5"].tasks) == 18330


def test_strand_specific_tasks_are_declared():
    stranded = {task.name for _, task in EVERY if task.symmetric is False}
    assert {"prom_300_tata", "splice_reconstructed", "splice_sites_all", "promoter_all"} <= stranded
    assert not {"human_tf_0", "emp_H3", "lines"} & stranded


@pytest.mark.parametrize("name", ["gue", "Gue", "genomic_benchmarks", "NUCLEOTIDE-TRANSFORMER", "teb", "cagi5"])
def test_suites_are_found_however_they_are_written(name):
    assert find_suite(name).tasks


def test_wrong_names_are_answered_with_the_right_ones():
    with pytest.raises(InputError, match="there is no suite 'gu'; there are GUE, Genomic Benchmarks"):
        find_suite("gu")
    with pytest.raises(InputError, match="TEB has no task 'line'; it has ltr_copia, lines"):
        SUITES["TEB"].chosen(["line"])
    assert [task.name for task in SUITES["CAGI5"].chosen(["MYCrs6983267"])] == ["MYC"]
    assert len(SUITES["GUE"].chosen(["prom_*"])) == 6


DECLARATION = """
name = "mine"
title = "t"
citation = "c"
warning = "w"
layout = "l"
counted = "by me"
[[tasks]]
name = "one"
title = "first"
kind = "binary"
metric = "MCC"
counts = { train = 3 }
[[sources]]
id = "s"
citation = "a table"
warning = "a warning"
scale = 100
models = ["A", "B"]
[sources.values]
one = ["71.0+-2.5", ""]
"""


def test_a_declaration_of_ones_own():
    suite = parse_suite(DECLARATION)
    (figure,) = suite.task("one").published  # an empty cell is no figure
    assert (figure.model, figure.value, figure.spread, figure.metric) == ("A", 71.0, 2.5, "MCC")
    assert math.isclose(figure.fraction, 0.71)
    assert figure.printed == "71.0 ± 2.5 %"
    with pytest.raises(ValueError, match="kind 'ternary'"):
        parse_suite(DECLARATION.replace("binary", "ternary"))
    with pytest.raises(ValueError, match="zip"):
        parse_suite(DECLARATION.replace('["A", "B"]', '["A"]'))
