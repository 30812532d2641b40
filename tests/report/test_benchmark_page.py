"""The page of a benchmark suite."""

from __future__ import annotations

from palindra.report.benchmark_page import Benchmark, Entry, Row, Table, Warned, render

ROW = Row("tf", "a <b>task</b>", "MCC", [Entry("0.7", "0.6 to 0.8", True), None, Entry("71 %", "", False)])
PAGE = Benchmark(
    title="A & B",
    kicker="k",
    conclusion=["One task was run."],
    tables=[Table("a table", "tuned on the test set", "best minus worst", ["mine", "other"], ["theirs"], [ROW])],
    warnings=[Warned("tf", "leaks"), Warned("tf", "few rows"), Warned("mine", "stopped early")],
    missing=["H3"],
    provenance={"command": "palindra benchmark"},
)


def test_everything_is_on_the_page_and_escaped():
    page = render(PAGE)
    for text in (
        "A &amp; B",
        "a &lt;b&gt;task",
        "tuned on the test set",
        "Behind ±: best minus worst",
        "2 warnings",
        "few rows",
    ):
        assert text in page
    assert page.index("<b>0.7</b>") < page.index("71 %")
    assert page == render(PAGE)
    assert Benchmark.from_json(PAGE.to_json()) == PAGE


def test_an_empty_run_renders():
    page = render(Benchmark("t", "k", [], [], [], [], {}))
    assert "What was not there" not in page
