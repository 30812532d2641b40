import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from palindra.errors import InputError
from palindra.report import audit_page, numbers, page, single
from palindra.report.comparison import Comparison, DataCheck, Row, Strands, Test
from palindra.report.page import summary, verdict

VOID = {"meta", "br", "link", "img", "input", "hr"}
HOSTILE = "<script>alert(1)</script> & \"quoted\" 'name' {{ 7 * 7 }}"


class Outline(HTMLParser):
    """Checks that every element is closed in order, and collects the table, the headings, the text, the references."""

    def __init__(self, text):
        super().__init__()
        self.open, self.cells, self.headings, self.words, self.references = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        given = dict(attributes)
        self.references += [
            given[key] for key in ("src", "href", "xlink:href", "srcset", "data", "action") if key in given
        ]
        if name not in VOID:
            self.open.append(name)
        if name in ("td", "th"):
            self.sortable = "data-value" in given
            self.cells += [[given["data-value"], ""]] if self.sortable else []
        if name == "h2":
            self.headings.append("")

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        if self.open and self.open[-1] in ("style", "script"):
            return
        self.words.append(data)
        if "td" in self.open and self.sortable:
            self.cells[-1][1] += data
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += data

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def empty(**changes) -> Comparison:
    lists = ("conclusion", "rows", "tests", "roc", "precision_recall", "reliability", "strands")
    nothing = {name: [] for name in lists} | {
        "metrics": [],
        "learning_curve": [],
        "checks": [],
        "data": {},
        "provenance": {},
        "higher_is_better": {},
    }
    return Comparison(**{"title": "t", "task": "regression", "primary_metric": "MSE", **nothing, **changes})


def row(name, scores, **changes) -> Row:
    return Row(**{
        "name": name, "kind": "strategy", "description": "", "parameters": None, "seconds": None,
        "strand_discrepancy": None, "scores": scores, "intervals": {}, **changes,
    })  # fmt: skip


def test_pages_are_balanced_and_load_nothing(comparison, evaluation, audit):
    for text in (page.render(comparison()), single.render(evaluation), audit_page.render(audit)):
        assert Outline(text).references == []
        assert not re.search(r"https?://|url\(|@import|<(link|img|iframe|object|embed)\b", text)
        assert "default-src 'none'" in text


def test_the_page_reads_in_order(comparison):
    text = page.render(comparison())
    assert Outline(text).headings == [
        "Results", "Every seed: AUROC", "Differences", "Learning curve: AUROC", "Over all thresholds", "Calibration",
        "The same sequence, read on either strand", "Data", "How it was made",
    ]  # fmt: skip
    places = [text.index(sentence[:40]) for sentence in comparison().conclusion]
    assert text.index("<h1>") < places[0] < places[-1] < text.index("<h2>")
    for value in comparison().provenance.values():
        assert value in text
    assert text.count("How to read this.") == 7


def test_every_number_of_the_table_is_in_the_data(comparison):
    given = comparison()
    cells = Outline(page.render(given)).cells
    columns = 1 + len(given.metrics) + 3
    assert len(cells) == columns * len(given.rows)
    for item, start in zip(given.rows, range(0, len(cells), columns), strict=True):
        name, *scores, parameters, seconds, discrepancy = cells[start : start + columns]
        assert name[0] == item.name
        for metric, (value, text) in zip(given.metrics, scores, strict=True):
            mean, low, high = item.intervals[metric]
            assert float(value) == mean
            shown = [float(number) for number in re.findall(r"[\d.]+", text)]
            assert shown == pytest.approx([mean, low, high], abs=5.1e-4)
        assert parameters == ["" if item.parameters is None else str(item.parameters), numbers.count(item.parameters)]
        assert seconds == [str(item.seconds), numbers.duration(item.seconds)]
        assert discrepancy[1] == numbers.number(item.strand_discrepancy)


def test_the_best_mean_is_bold_in_the_direction_of_its_metric(comparison):
    given = comparison()
    bold = re.findall(r'<td data-value="([^"]+)"><b>', page.render(given))
    means = {metric: [item.intervals[metric][0] for item in given.rows] for metric in given.metrics}
    assert [float(value) for value in bold] == [max(means["AUROC"]), max(means["AUPRC"]), min(means["log loss"])]


def test_names_are_text_and_never_markup(comparison, evaluation, audit):
    plain = comparison(names=[(HOSTILE, "strategy", HOSTILE), ("b", "baseline", "")], title=HOSTILE)
    hostile = replace(
        plain,
        conclusion=[HOSTILE],
        checks=[DataCheck(HOSTILE, "note", HOSTILE), DataCheck("x", HOSTILE, "")],
        data={HOSTILE: HOSTILE},
        provenance={"command": HOSTILE, HOSTILE: HOSTILE},
        task=HOSTILE,
    )
    harmless = Outline(page.render(comparison(names=[("a", "strategy", ""), ("b", "baseline", "")])))
    text = page.render(hostile)
    assert "<script>alert" not in text
    assert Outline(text).text.count("alert(1)") >= 8
    assert "49" not in Outline(text).headings
    assert Outline(text).headings == harmless.headings
    assert "<script>alert" not in single.render(replace(evaluation, title=HOSTILE, data={HOSTILE: HOSTILE}))
    assert "<script>alert" not in audit_page.render(replace(audit, verdict=[HOSTILE], table=[(HOSTILE,) * 3]))


@pytest.mark.parametrize("seeds", [1, 2, 30])
@pytest.mark.parametrize("strategies", [1, 12])
def test_few_and_many(comparison, seeds, strategies):
    names = [(f"strategy {i} " + "very_long_name" * (i % 5), "strategy", "A sentence.") for i in range(strategies)]
    seen = Outline(page.render(comparison(seeds=seeds, names=names)))
    assert ("One seed." in seen.text) is (seeds == 1)
    assert ("no interval" in seen.text) is (seeds == 1)
    assert f"{seeds}\N{NO-BREAK SPACE}seed" in page.render(comparison(seeds=seeds, names=names))
    assert "nan" not in seen.text.lower().split()


def test_nothing_to_show_is_still_a_page():
    seen = Outline(page.render(empty()))
    assert seen.headings == []
    assert seen.cells == []


def test_sections_without_data_are_left_out(comparison):
    given = comparison(figures=False, metrics=("MSE",))
    assert Outline(page.render(given)).headings == [
        "Results",
        "Every seed: MSE",
        "Differences",
        "Data",
        "How it was made",
    ]
    regression = replace(given, strands=[Strands(given.rows[0].name, [-2.0, 3.5], [-2.1, 3.4])])
    assert "The same sequence, read on either strand" in Outline(page.render(regression)).headings


def test_missing_values_show_as_a_dash():
    rows = [
        row("a", {"MSE": [math.nan, 2.0]}, seconds=math.nan, intervals={"MSE": (2.0, math.nan, math.nan)}),
        row("b", {}, strand_discrepancy=math.nan),
    ]
    given = empty(rows=rows, metrics=["MSE", "R2"], higher_is_better={"MSE": False, "R2": True})
    seen = Outline(page.render(given))
    values = [cell for cell in seen.cells if cell[0] not in ("a", "b")]
    assert [text.replace(" (best)", "") for _, text in values] == ["2.00 no interval", *["–"] * 9]
    assert "nan" not in seen.text.lower().split()


def test_the_mean_of_the_seeds_stands_where_no_interval_is_given():
    mean, low, high = summary(row("a", {"MSE": [1.0, 3.0, math.nan]}), "MSE")
    assert mean == 2.0
    assert math.isnan(low)
    assert math.isnan(high)


@pytest.mark.parametrize(
    ("difference", "p", "higher", "words"),
    [
        (0.1, 0.01, True, "better"),
        (-0.1, 0.01, True, "worse"),
        (0.1, 0.01, False, "worse"),
        (-0.1, 0.01, False, "better"),
        (0.1, 0.05, True, "no difference shown"),
        (0.0, 0.01, True, "no difference shown"),
        (0.1, math.nan, True, "not tested"),
        (math.nan, 0.01, True, "not tested"),
    ],
)
def test_tests_in_words_follow_the_corrected_p_and_the_direction(difference, p, higher, words):
    given = Test("m", "a", "b", difference, 0.0, 0.2, 0.001, p, 5)
    assert verdict(given, higher_is_better=higher) == words


def test_checks_are_told_by_word_and_sign(comparison):
    seen = Outline(page.render(comparison())).text
    for sign, level in (("✓", "ok"), ("!", "warning"), ("i", "note")):
        assert re.search(rf"{re.escape(sign)} {level}\b", seen)


def test_a_strategy_keeps_its_colour_in_all_figures(comparison):
    given = comparison()
    text = page.render(given)
    for number, name in enumerate(re.escape(item.name) for item in given.rows):
        titled = re.findall(rf"<(?:path|circle)([^>]*)><title>{name}(?:[:,][^<]*)?</title>", text)
        pictures = re.findall(
            rf'aria-label="(?:Calibration of {name}"|Predictions of {name} on both).*?</svg>', text, re.DOTALL
        )
        swatches = re.findall(rf'class="swatch">((?:(?!</svg>).)*)</svg><span>{name}</span>', text)
        assert len(titled) == 10 + 1 + 5 + 2  # seeds, their mean, sizes of the learning curve, ROC and precision-recall
        assert (len(pictures), len(swatches)) == (2, 2)
        for part in titled + pictures + swatches:
            assert set(re.findall(r"series-\d", part)) == {f"series-{number}"}


def test_the_page_is_a_function_of_the_comparison(comparison):
    given = comparison()
    assert page.render(given) == page.render(Comparison.from_json(given.to_json()))


def test_a_page_is_written_whole_or_not_at_all(comparison, evaluation, audit, tmp_path, monkeypatch):
    target = tmp_path / "report.html"
    for write, render, given in (
        (single.write, single.render, evaluation),
        (audit_page.write, audit_page.render, audit),
        (page.write, page.render, comparison()),
    ):
        write(given, target)
        assert target.read_text(encoding="utf-8") == render(given)
    before = target.read_text(encoding="utf-8")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        single.write(evaluation, target)
    assert target.read_text(encoding="utf-8") == before
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(InputError, match="there is no folder"):
        single.write(evaluation, tmp_path / "none" / "report.html")


def test_the_two_ways_into_the_dark_are_the_same(audit):
    media, chosen = re.findall(r"color-scheme: dark; ([^}]+)\}", audit_page.render(audit))
    assert media.split() == chosen.split()
