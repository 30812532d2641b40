"""The page of a probing: everything is on it, it can be drawn again, and it fits a phone."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from palindra.errors import InputError
from palindra.report.axes import BOTTOM, LEFT, RIGHT, TOP
from palindra.report.palette import styles
from palindra.report.probe_curves import CurveLine, CurvePanel, curve
from palindra.report.probe_page import (
    Probe,
    ProbeCell,
    ProbeClaim,
    ProbeRow,
    ProbeTable,
    ProbeWarning,
    render,
    write,
)

WORDS = ["the reference", "better", "worse", "no difference shown", "not tested"]


def load(name):
    spec = importlib.util.spec_from_file_location(f"{name}_of_probe_page", Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


browser = load("test_browser")
needs_browser = pytest.mark.skipif(browser.BROWSER is None, reason="needs chromium or google-chrome on the PATH")


def table(reading="cnn", tasks=3, name=str):
    def cell(row, task):
        if row == 4 and task == 1:
            return None
        value = 0.9 - 0.02 * row - 0.01 * task
        return ProbeCell(value, value - 0.01, value + 0.01, 5, WORDS[row], -0.02 * row, -0.1, 0.1, warnings=row % 2)

    return ProbeTable(
        reading,
        [(name(f"task{n}"), "AUROC", True) for n in range(tasks)],
        [
            ProbeRow(name(f"source{n}"), "counts", [cell(n, t) for t in range(tasks)], n + 1.0, 10 * n, 0.5)
            for n in range(5)
        ],
    )


def layers(name=str):
    lines = [CurveLine(name(f"source{n}"), [0, 1, 2], [0.6, 0.7 + n / 10, 0.8], [[0.6], [0.7], [0.8]]) for n in (0, 1)]
    return CurvePanel(name("task0, linear on mean"), "layer", "AUROC", lines, level=("one-hot by cnn", 0.9))


def sizes(name=str):
    line = CurveLine(name("source0"), [100, 1000], [0.6, 0.8], [[0.5, 0.7], [0.8, 0.8]])
    return CurvePanel(name("task0, cnn"), "training rows", "Pearson", [line], sizes=True)


def probe(name=str, **changes):
    found = Probe(
        title=name("Probing"),
        kicker="5 sources, 3 tasks",
        conclusion=["Nothing is better than one-hot."],
        tables=[table(name=name), table("mlp on mean", name=name)],
        claims=[
            ProbeClaim("C13a", "At most one-hot.", "supported", ["lm: -0.02 [-0.03, -0.01]"] * 2, 0.004, "", "2 pairs"),
            ProbeClaim("C14a", "Zero-shot.", "not tested", [], reason="no variants were given"),
            ProbeClaim("C15", "Dinucleotides.", "not supported", ["lm: +0.05 [0.01, 0.08]"], 0.3, "Left open."),
        ],
        provenance={"command": "palindra probe --sources one-hot", "versions": "palindra 0.1.0"},
        layers=[layers(name)],
        fractions=[sizes(name)],
        warnings=[ProbeWarning("leak between splits: 3 rows.", [name("source1 on task0")])],
        zero_shot=[(name("lm, satmut, cosine"), "−0.050 (−0.100 to 0.020)", "800 variants")],
        maps=[(name("lm, task0, frozen"), "+0.020 (0.010 to 0.030)", "40 sequences")],
        facts={"task0": name("task0.tsv, 1,000 rows")},
    )
    return replace(found, **changes)


def test_everything_is_on_the_page():
    text = render(probe())
    for words in (
        *WORDS,
        "▲ better",
        "▼ worse",
        "0.900",
        "0.880 to 0.900",
        "lm: -0.02 [-0.03, -0.01]",
        "no variants were given",
        "claims: 1 supported, 1 not supported, 1 not tested",
        "leak between splits: 3 rows.",
        "−0.050 (−0.100 to 0.020)",
        "+0.020 (0.010 to 0.030)",
        "1,000 rows",
        "palindra probe --sources one-hot",
        "40 parameters, 0.5 s for 1,000",
    ):
        assert words in text, words
    assert text.index("Nothing is better") < text.index("Sources and tasks")
    assert text.count('<table class="sortable">') == 2
    assert render(probe()) == text


def test_what_is_not_there_leaves_no_empty_section():
    text = render(probe(tables=[], claims=[], layers=[], fractions=[], warnings=[], zero_shot=[], maps=[], facts={}))
    for name in ("results", "claims", "layers", "fractions", "warnings", "zero-shot", "maps", "data"):
        assert f'<section id="{name}"' not in text


def test_names_are_escaped():
    text = render(probe(name=lambda text: f"{text} <script>alert(1)</script>"))
    assert "<script>alert" not in text


def test_it_can_be_drawn_again():
    given = replace(probe(), claims=[])
    again = Probe.from_json(given.to_json())
    assert again == given
    assert render(again) == render(given)
    with pytest.raises(InputError, match="kicker"):
        Probe.from_json(given.to_json().replace('"kicker"', '"kickers"'))


def test_the_best_of_a_column_depends_on_the_direction():
    cells = [ProbeCell(value, value, value, 2, "not tested") for value in (0.2, 0.7)]
    for higher, best in ((True, "0.700"), (False, "0.200")):
        rows = [ProbeRow(f"s{n}", "counts", [cell], float("nan"), 0, 0.1) for n, cell in enumerate(cells)]
        assert f"<b>{best}</b>" in render(probe(tables=[ProbeTable("cnn", [("t", "MSE", higher)], rows)]))


def test_a_row_needs_a_cell_for_each_task():
    with pytest.raises(ValueError, match="do not fit 2 tasks"):
        ProbeTable("cnn", [("a", "r", True), ("b", "r", True)], [ProbeRow("s", "k", [None], 1.0, 0, 0.0)])
    with pytest.raises(ValueError, match="differ in number"):
        CurvePanel("a", "layer", "r", [CurveLine("s", [1, 2], [0.5], [[0.5]])])


@pytest.mark.parametrize("panel", [layers(), sizes()], ids=["layers", "sizes"])
def test_curves_stay_inside_their_frame(panel):
    drawn = ElementTree.fromstring(str(curve(panel, styles(["source0", "source1"]))))
    marks = [e for e in drawn.iter("path") if e.get("class") == "mark"]
    assert len(marks) == sum(len(line.x) for line in panel.lines)
    for mark in marks:
        x, y = map(float, mark.get("transform").split("(")[1].split(")")[0].split())
        assert LEFT <= x <= RIGHT
        assert TOP <= y <= BOTTOM
    dots = list(drawn.iter("circle"))
    assert len(dots) == (4 if panel.sizes else 0)  # a single seed is its own mean


def test_a_score_that_is_none_is_left_out_of_a_curve():
    panel = replace(layers(), lines=[CurveLine("source0", [0, 1], [0.5, float("nan")], [[0.5], [float("nan")]])])
    drawn = ElementTree.fromstring(str(curve(panel, styles(["source0"]))))
    assert len([e for e in drawn.iter("path") if e.get("class") == "mark"]) == 1


def test_it_is_written_whole(tmp_path):
    write(probe(), tmp_path / "index.html")
    assert (tmp_path / "index.html").read_text() == render(probe())
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_fit_and_can_be_read_on_a_phone_and_on_a_desk(dark, tmp_path):
    pages = {"usual": render(probe()), "long": render(probe(name=lambda text: text + browser.LONG))}
    found = browser.open_in_browser(tmp_path, pages, dark=dark)
    assert found.keys() == {f"{name} {width}" for name in pages for width in browser.WIDTHS}
    for name, seen in found.items():
        assert seen["dark"] is dark, name
        assert seen["scrollWidth"] <= seen["width"], name
        assert seen["overflowing"] == [], name
        assert seen["clipped"] == [], name
        assert seen["complaints"] == [], name
        assert seen["contrast"][0] >= 4.5, (name, seen["contrast"])
        assert seen["type"] >= 12, name
