"""What the page of an explained model says, without a browser."""

import html
import importlib.util
import json
import math
import random
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.report.explanation import page
from palindra.report.explanation.agreement import matrices
from palindra.report.explanation.clouds import cloud_data
from palindra.report.explanation.contents import Cloud, Curve, Map, Measured, Site, Statement
from palindra.report.explanation.curves import draw_curves, peak
from palindra.report.explanation.logos import logo_svg
from palindra.report.explanation.maps import map_data
from palindra.report.explanation.measured import rows
from palindra.report.explanation.packing import pack, unpack


def load(name):
    spec = importlib.util.spec_from_file_location(f"{name}_of_explanation_page", Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = load("test_explanation_example")


def island(text):
    return json.loads(re.search(r'<script type="application/json" id="explanation">(.*?)</script>', text, re.DOTALL)[1])


def shown(text):
    """Words of a page as a reader sees them."""
    without = re.sub(r"<(style|script)[^>]*>.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", without)).split())


@pytest.fixture(scope="module")
def usual():
    return page.render(example.make_explanation())


# --- logos ---------------------------------------------------------------------------------------------------------


def heights(svg):
    """Height in pixels of all letters of a kind, from their outlines."""
    found = {}
    for path in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}path"):
        numbers = [float(n) for n in re.findall(r"-?\d+\.\d", path.get("d"))]
        found[path.get("class")] = max(numbers[1::2], default=0) - min(numbers[1::2], default=0)
    return found


def test_a_logo_is_as_high_as_its_information():
    full = heights(logo_svg([[1, 0, 0, 0]], title="A"))["A"]
    half = heights(logo_svg([[0.5, 0.5, 0, 0]], title="M"))
    assert full == pytest.approx(2 * (half["A"] + half["C"]), rel=0.03)  # 2 bits against 1 bit
    random_ = np.random.default_rng(3).dirichlet([0.4] * 4)
    bits = 2 + (random_ * np.log2(random_)).sum()
    drawn = heights(logo_svg([random_], title="any"))
    for letter, chance in zip("ACGT", random_, strict=True):
        assert drawn.get(letter, 0) == pytest.approx(full / 2 * bits * chance, abs=0.9)


def test_contributions_below_zero_hang_from_the_line():
    svg = logo_svg([[0.5, 0, 0, -0.5]], kind="contribution", title="both")
    drawn = {p.get("class"): [float(n) for n in re.findall(r"-?\d+\.\d", p.get("d"))] for p in
             ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")}  # fmt: skip
    line = drawn["zero"][0]
    assert max(drawn["A"][1::2]) <= line + 0.2
    assert min(drawn["T"][1::2]) >= line - 0.2


def test_a_logo_is_small_the_same_again_and_says_what_it_shows():
    matrix = example.chances(example.ISRE, 0.9)
    svg = logo_svg(matrix, title="a <motif> & more", start=5)
    assert svg == logo_svg(matrix, title="a <motif> & more", start=5)
    root = ElementTree.fromstring(svg)
    names = {child.tag.split("}")[1]: child.text for child in root if child.text}
    assert names["title"] == "a <motif> & more"
    assert "Positions 5 to 19" in names["desc"]
    assert "TTTACTTTCG" in names["desc"].replace("TTTAACTTTCG", "TTTACTTTCG")
    assert len(svg) < 20_000
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"20\d\d-\d\d|<image|<style|url\(", svg)


@pytest.mark.parametrize("kind", ["information", "contribution"])
def test_a_logo_of_no_numbers_is_drawn_without_letters(kind):
    svg = logo_svg([[math.nan, math.inf, 0, 0]] * 3, kind=kind, title="nothing")
    assert "nan" not in svg.lower()
    assert "inf" not in svg
    assert 'class="A"' not in svg


@pytest.mark.parametrize("matrix", [[], [[1, 0, 0]], [[1, 0, 0, 0], [1, 0]]])
def test_a_logo_needs_four_letters(matrix):
    with pytest.raises(InputError, match="needs four numbers"):
        logo_svg(matrix, title="short")


def test_a_missing_logomaker_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "logomaker", None)
    with pytest.raises(InputError, match=r"pip install 'palindra\[motifs\]'"):
        logo_svg([[0.7, 0.1, 0.1, 0.1]], title="A")


# --- numbers in the page -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_packed_numbers_come_back(scale):
    draw = np.random.default_rng(4)
    values = [*(scale * draw.normal(size=301)), math.nan, math.inf, -math.inf]
    back = unpack(pack(values))
    wide = max(values[:301]) - min(values[:301])
    assert np.abs(np.subtract(back[:301], values[:301])).max() <= 0.51 * wide / 65_532
    assert np.isnan(back[301:]).all()


def test_whole_numbers_come_back_exactly_and_none_at_all_is_fine():
    assert unpack(pack([3.0, -7.0, 20_000.0])) == [3.0, -7.0, 20_000.0]
    assert unpack(pack([0.25] * 3)) == [0.25] * 3
    assert unpack(pack([])) == []
    assert np.isnan(unpack(pack([math.nan]))).all()


def test_maps_keep_letters_sites_and_coordinates():
    item = Map("m", "acgtn", [0.1, -0.2, 0, math.nan, 0], [], math.nan, "", "chr2", 100,
               [Site(1, 3, "p", "-", "MA0050.3 IRF1"), Site(0, 2, "q", "+", "")])  # fmt: skip
    data = map_data([item], ["z", "p"])[0]
    assert data["letters"] == "ACGTN"
    assert (data["chrom"], data["start"], data["output"]) == ("chr2", 100, "")
    assert data["sites"] == [[0, 2, -1, "+", "q", "q"], [1, 3, 1, "-", "IRF1", "MA0050.3 IRF1, p"]]
    assert unpack(data["scores"])[:2] == pytest.approx([0.1, -0.2], abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": [0.0]}, "4 letters and 1 scores"),
        ({"spread": [0.0, 0.0]}, "4 letters and 2 spreads"),
        ({"sites": [Site(2, 5, "p", "+", "")]}, "2-5 of 'p' does not lie in"),
    ],
)
def test_maps_that_do_not_fit_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        map_data([replace(Map("m", "ACGT", [0.0] * 4, [], 0.0, ""), **changes)], [])


def test_what_clouds_share_is_written_once():
    clouds = example.make_clouds(50)
    data = cloud_data(clouds)
    assert len(data["names"]) == 1
    assert len(data["quantities"]) == 4
    with pytest.raises(InputError, match=r"'UMAP' needs one value .* label: 49"):
        cloud_data([replace(clouds[1], colours={"label": clouds[1].colours["label"][1:]})])


# --- figures -------------------------------------------------------------------------------------------------------


def test_a_curve_skips_what_is_no_number():
    nan = math.nan
    gapped = Curve("c", "bp", [0, 1, 2, 3, 4, 5], [1, 2, nan, 2, 1, 0], [0, 1, 1, 1, nan, nan], [2, 3, 3, 3, 2, nan])
    (drawn,) = draw_curves([gapped], "importance")
    assert "nan" not in drawn.picture.lower()
    assert drawn.picture.count("<title>") == 5
    assert peak(gapped) == "largest at 1: +2.00 (1.000 to 3.00)"
    assert draw_curves([Curve("empty", "bp", [], [], [], [])], "importance")[0].detail == "no number"


def test_a_pair_shows_its_other_orientations_behind():
    drawn = draw_curves(example.make_pair().distances, "importance", shared=True)
    assert [one.picture.count("other") for one in drawn] == [3] * 4


def test_rows_share_an_axis_with_zero():
    first, none, second = rows([Measured("a", 1.0, 0.5, 1.5, 0.01, 10), None, Measured("b", -2.0, -3, 1, math.nan, 4)])
    assert none is None
    assert (first.surely, second.surely) == ("raises", "")
    assert second.q == "not tested"
    zero = [re.search(r'd="M([\d.]+) 2V', row.bar)[1] for row in (first, second)]
    assert zero[0] == zero[1]


def test_agreement_is_one_triangle_for_each_group():
    found = matrices(
        [("a", "b", 0.9, 0.8, 1), ("s", "t", math.nan, 0, 0), ("b", "c", 0.4, 0.3, 0.5), ("a", "b", 0.1, 0, 1)]
    )
    assert [one.names for one in found] == [["a", "b", "c"], ["s", "t"], ["a", "b"]]
    assert [[cell.text for cell in row] for row in found[0].rows] == [[], ["0.90"], ["", "0.40"]]
    assert found[1].rows[1][0].text == "–"


# --- the page ------------------------------------------------------------------------------------------------------


class Checked(HTMLParser):
    """That what is opened is closed, and that no id stands twice."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.wrong = [], [], []

    def handle_starttag(self, name, attributes):
        if name not in {"meta", "br", "input", "link", "img"}:
            self.open.append(name)
        self.ids += [value for key, value in attributes if key == "id"]

    def handle_endtag(self, name):
        if not self.open or self.open.pop() != name:
            self.wrong.append((name, self.getpos()))


@pytest.mark.parametrize("which", ["usual", "nothing"])
def test_the_page_is_well_formed(which, usual):
    checked = Checked()
    checked.feed(usual if which == "usual" else page.render(example.nothing()))
    assert checked.wrong == []
    assert checked.open == []
    assert len(checked.ids) == len(set(checked.ids))


def test_every_statement_stands_with_its_verdict_and_measurement(usual):
    it, words = example.make_explanation(), shown(usual)
    assert "✓ 3 stable ! 1 unstable ? 1 not tested" in words
    icons = {"stable": "✓", "unstable": "!", "not tested": "?"}
    for item in [*it.verdict, *(one for motif in it.motifs for one in motif.stability)]:
        assert f"{icons[item.verdict]} {item.verdict} {item.sentence} {item.because}" in words


def test_motifs_stand_with_names_sites_and_importance(usual):
    words = shown(usual)
    assert re.search(r"IRF1 MA0050.3 q 3 × 10⁻⁹ pos.pattern_0, from attribution ▲ raises the output", words)
    assert "412 in 83 % of the sequences" in words
    assert "+2.31 2.18 to 2.44" in words
    assert "neg.pattern_0 no known motif (q 0.310) from attribution ▼ lowers the output" in words
    assert "Also like MA0051.1 IRF2 (q 5 × 10⁻⁸)" in words
    assert usual.count('class="logo"') == 7  # three motifs with contributions, one filter without


def test_the_rest_is_on_the_page(usual):
    it, words = example.make_explanation(), shown(usual)
    for said in [it.pairs[0].sentence, it.files[0][0], it.provenance["command"], it.table[0][2], "0.91 to 0.97",
                 "UMAP 400 sequences", "12 more", "train 7 0.310, bound", "CC·AC", "3 or more"]:  # fmt: skip
        assert said in words


def test_empty_parts_say_why():
    words = shown(page.render(example.nothing()))
    for name, reason in page.REASONS.items():
        assert reason in words, name
    own = replace(example.nothing(), reasons={"motifs": "No prediction was positive."})
    words = shown(page.render(own))
    assert "No prediction was positive." in words
    assert page.REASONS["motifs"] not in words


def test_what_users_write_is_no_code():
    wicked = "</script><script>alert(1)</script>"
    it = example.make_explanation(sequences=2, length=80, points=4)
    it = replace(it, title=wicked, maps=[replace(it.maps[0], name=wicked, label="<!--")],
                 clouds=[replace(it.clouds[0], names=[wicked] * 4, title=wicked, colours={wicked: [0.0] * 4})],
                 motifs=[replace(it.motifs[0], known=wicked, name=wicked)],
                 verdict=[Statement(wicked, wicked, wicked)])  # fmt: skip
    text = page.render(it)
    assert wicked not in text
    assert text.count("<script") == 2
    assert island(text)["maps"][0]["name"] == wicked


def test_numbers_that_are_none_leave_no_trace():
    nan = math.nan
    it = example.make_explanation(sequences=1, length=80, points=5)
    nothing = Measured("m", nan, nan, nan, nan, 0)
    cloud = Cloud("PCA", [nan] * 5, [math.inf] * 5, list("abcde"), {"label": [nan] * 5})
    it = replace(
        it,
        motifs=[replace(it.motifs[0], q=nan, sequences=nan, importance=nothing, positions=[0, 0], others=[("x", nan)])],
        maps=[replace(it.maps[0], values=[nan] * 80, spread=[math.inf] * 80, output=math.inf)],
        curves=[Curve("c", "bp", [nan, 1.0], [0.0, nan], [nan] * 2, [nan] * 2)], flanks=[nothing], occlusion=[nothing],
        pairs=[replace(it.pairs[0], cooperativity=nothing)], clouds=[cloud], agreement=[("a", "b", nan, nan, nan)],
        neighbours=[("a", [("b", nan, "")]), ("c", [])],
    )  # fmt: skip
    text = page.render(it)
    assert not re.search(r"\b(nan|inf|-inf|Infinity|NaN)\b", shown(text))
    assert not re.search(r"[\"MLHV ](nan|inf)\b", re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))
    island(text)


def test_two_hundred_long_sequences_stay_a_small_page():
    random_ = random.Random(1)
    maps = [example.make_map(i, 1000, random_) for i in range(200)]
    text = page.render(replace(example.nothing(), maps=maps))
    assert len(text.encode()) < 2_500_000
    assert len(island(text)["maps"]) == 200


def test_the_page_is_the_same_again_and_loads_nothing(usual, tmp_path):
    page.write(example.make_explanation(), tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == usual
    assert not re.search(r"(src|href)=\"(?!#)", usual)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", usual)
