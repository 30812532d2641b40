"""The page of an explained model in a real browser: it fits, can be read in the dark, and does what its buttons say."""

import html
import importlib.util
import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from palindra.report.explanation import page
from palindra.report.explanation.contents import Map, Site


def load(name):
    spec = importlib.util.spec_from_file_location(
        f"{name}_of_explanation_browser", Path(__file__).with_name(f"{name}.py")
    )
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example, browser = load("test_explanation_example"), load("test_browser")
browser.WIDTHS = (400, 1280)  # of this copy of the module
needs_browser = pytest.mark.skipif(
    browser.BROWSER is None, reason="needs chromium, chromium-browser or google-chrome on the PATH"
)

# Two maps whose every score is known: a long one in the genome, a short one that is not.
LONG = Map(
    "long", "ACGT" * 250, [round(0.001 * (i % 7) - 0.002, 3) for i in range(1000)], [0.0005] * 1000, 1.5, "bound",
    "chr7", 41_999, [Site(500, 511, "pos.pattern_0", "-", "MA0050.3 IRF1"), Site(800, 807, "other", "+", "")],
)  # fmt: skip
LONG.values[505] = 0.02
SHORT = Map("short", "ACGTNACGTA", [0.5, -0.25, 0.0, math.nan, *[0.1] * 6], [], 0.2, "")

ACTIONS = f"<script>{Path(__file__).with_name('explanation_actions.js').read_text(encoding='utf-8')}</script>"


def act(text, folder):
    (folder / "page.html").write_text(text.replace("<title>", ACTIONS + "<title>", 1), encoding="utf-8")
    options = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync "
    options += f"--virtual-time-budget=20000 --window-size=1280,1000 --dump-dom --user-data-dir={folder / 'profile'}"
    command = [str(browser.BROWSER), *options.split(), (folder / "page.html").as_uri()]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    match = re.search(r'<pre id="found">(.*?)</pre>', dumped, re.DOTALL)
    assert match, dumped[-2000:]
    return json.loads(html.unescape(match[1]))


@pytest.fixture(scope="module")
def acted(tmp_path_factory):
    explanation = example.make_explanation(points=60)
    text = page.render(replace(explanation, maps=[LONG, SHORT], motifs=explanation.motifs[:1]))
    return act(text, tmp_path_factory.mktemp("acted"))


@needs_browser
def test_nothing_complains(acted):
    assert acted["complaints"] == []


@needs_browser
def test_a_long_sequence_opens_where_it_is_strongest_with_letters(acted):
    assert acted["start"]["facts"] == "output 1.50 · label bound · 2 motif sites"
    assert acted["start"]["rows"] == 2
    assert 40 < acted["start"]["letters"] < 150
    low, high = bounds(acted["start"]["range"])
    assert low < 42_505 < high
    assert acted["strongest"]["range"] == acted["start"]["range"]
    assert acted["names"] == ["IRF1 ←"]


def bounds(text):
    return [int(number.replace(",", "")) for number in re.search(r"([\d,]+)–([\d,]+)", text).groups()]


@needs_browser
def test_far_out_there_are_bars_and_near_there_are_letters(acted):
    assert acted["whole"]["letters"] == 0
    assert acted["whole"]["range"].startswith("chr7:42,000–42,999 of 1,000 positions")
    assert "Zoom in to read the letters" in acted["whole"]["range"]
    assert acted["zoomed"]["after"] < 0.6 * acted["zoomed"]["before"]
    assert abs(acted["back"] - acted["zoomed"]["before"]) <= 12  # of which a letter of no score is none
    assert acted["keyed"] < 0.6 * acted["back"]


@needs_browser
def test_the_wheel_zooms_only_when_it_is_meant(acted):
    assert acted["wheeled"][0] is True
    assert acted["wheeled"][1] < acted["back"]
    assert acted["unfocused"] == [False, acted["wheeled"][1]]
    assert acted["held"][0] is True
    assert acted["held"][1] > acted["unfocused"][1]


@needs_browser
def test_dragging_and_the_strip_move_the_window(acted):
    before, after = map(bounds, acted["dragged"])
    assert after[0] > before[0]
    assert bounds(acted["steered"])[0] == 42_000
    assert acted["site"][1] == ["IRF1 ←"]
    assert bounds(acted["site"][0])[0] < 42_505 < bounds(acted["site"][0])[1]


@needs_browser
def test_pointing_says_letter_score_and_place(acted):
    assert acted["first"] == ["A  −0.00200 ± 0.00050 over shifts", "chr7:42,000 (counted from 1)"]
    assert acted["second"] == ["C  −0.00100 ± 0.00050 over shifts", "chr7:42,001 (counted from 1)"]
    assert acted["escaped"] is None
    assert acted["hover"] == [
        "C  +0.02000 ± 0.00050 over shifts",
        "chr7:42,505 (counted from 1)",
        "MA0050.3 IRF1, pos.pattern_0, other strand",
    ]
    assert acted["inside"] is True
    assert acted["left"] is None


@needs_browser
def test_a_sequence_without_a_genome_counts_from_one_and_says_so(acted):
    assert acted["short"]["range"] == "positions 1–10 of 10 positions, counted from 1."
    assert acted["short"]["chosen"] == "1"
    assert acted["short"]["row"].startswith("short")
    assert acted["short"]["letters"] == 7  # neither N nor the two without a score
    assert acted["minus"] == ["C  −0.2500", "position 2 of 10 (counted from 1)"]
    assert acted["nan"] == ["T  no number", "position 4 of 10 (counted from 1)"]
    assert acted["listed"] == "0"


@needs_browser
def test_the_selector_colours_all_pictures(acted):
    assert acted["label"]["scale"] == "0 (30)1 (30)"
    assert [sorted(one) for one in acted["label"]["colours"]] == [["var(--series-0)", "var(--series-1)"]] * 2
    assert "no number (7)" in acted["strangeness"]["scale"]
    for one in acted["strangeness"]["colours"]:
        assert len(one) > 10
        assert "" in one  # points without a number have the colour of the style sheet
        assert all(colour.startswith("color-mix") for colour in one if colour)


@needs_browser
def test_a_point_says_its_name_and_all_quantities(acted):
    clouds = example.make_clouds(60)
    i = min(range(60), key=clouds[0].x.__getitem__)
    said = acted["point"]
    assert said[0] == f"peak {i + 1}"
    assert said[1].startswith("strangeness: ")
    assert float(said[1].split(": ")[1]) == pytest.approx(clouds[0].colours["strangeness"][i], rel=2e-3)
    assert f"label: {i % 2}" in said
    assert acted["rings"] == ["visible", "visible"]
    assert acted["pointed"] == said
    assert acted["away"] is None


@pytest.fixture(scope="module")
def pages():
    it = example.make_explanation(sequences=14, length=400, points=60)
    name = browser.LONG
    long = replace(
        it, title=name, files=[(name, name)], motifs=[replace(it.motifs[2], name=name)],
        maps=[replace(it.maps[0], name=name, label=name, chrom=name)],
        clouds=[replace(it.clouds[0], title=name, colours={name: it.clouds[0].colours["error"]})],
        curves=[replace(it.curves[0], title=name)], neighbours=[(name, [(name, 0.1, name)])],
        flanks=[replace(it.flanks[0], name=name)],
        pairs=[replace(it.pairs[0], first=name, sentence=name)], agreement=[(name, "b", 0.5, 0.4, 0.6)],
    )  # fmt: skip
    return {
        "usual": page.render(it).replace("<details>", "<details open>"),
        "long": page.render(long),
        "nothing": page.render(example.nothing()),
    }


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_fit_and_can_be_read_on_a_phone_and_on_a_desk(pages, dark, tmp_path):
    found = browser.open_in_browser(tmp_path, pages, dark=dark)
    assert found.keys() == {f"{name} {width}" for name in pages for width in browser.WIDTHS}
    for name, seen in found.items():
        assert seen["width"] == int(name.split()[1])
        assert seen["dark"] is dark, name
        assert seen["scrollWidth"] <= seen["width"], name
        assert seen["overflowing"] == [], name
        assert seen["clipped"] == [], name
        assert seen["complaints"] == [], name
        assert seen["texts"] > 30, name
        assert seen["contrast"][0] >= 4.5, (name, seen["contrast"])
        assert seen["type"] >= 12, name
