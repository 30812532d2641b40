"""The page of folded molecules in a real browser: it fits, it can be read, and the pointer reads pairs off it."""

import html
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from palindra.report.folding.page import FoldingPage, ScoreLine, render


def load(name):
    spec = importlib.util.spec_from_file_location(f"{name}_of_folding_browser", Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


browser, example = load("test_browser"), load("test_folding")
needs_browser = pytest.mark.skipif(browser.BROWSER is None, reason="needs chromium or google-chrome on the PATH")


def hairpin(length, name):
    pairs = tuple((i, length - 1 - i) for i in range(min(length // 2 - 2, 60)))
    facts = {"": f"{length} bases", "GC": "0 %", "family": browser.LONG}
    return example.FoldedMolecule(
        name, "A" * length, pairs, [(*pair, 0.7) for pair in pairs], [0.5] * length, rnafold=pairs[:3], facts=facts,
        cautions=["Longer than any molecule in training. " + browser.LONG],
    )  # fmt: skip


@pytest.fixture(scope="module")
def pages():
    lines = [
        ScoreLine(group, method, 8, 0.7, 0.6, 0.65, 0.7, None if group else 0.1, by_length=group.endswith("s"))
        for group in ("all molecules", browser.LONG, "1 to 100 bases")
        for method in ("this model", "RNAfold (least energy)")
    ]
    molecules = [example.molecule(), *(hairpin(length, browser.LONG + str(length)) for length in (9, 119, 1500))]
    usual = FoldingPage("Structures of a file", ["Four molecules."], molecules, lines, {"command": "palindra fold x"})
    alone = FoldingPage(browser.LONG, ["One."], [example.molecule(known=None, rnafold=None)])
    text = render(usual)
    return {"usual": text, "open": text.replace("<details>", "<details open>"), "alone": render(alone)}


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_fit_and_can_be_read_on_a_phone_and_on_a_desk(pages, dark, tmp_path):
    found = browser.open_in_browser(tmp_path, pages, dark=dark)
    assert found.keys() == {f"{name} {width}" for name in pages for width in browser.WIDTHS}
    for name, seen in found.items():
        assert seen["dark"] is dark, name
        assert seen["scrollWidth"] <= seen["width"], name
        assert seen["overflowing"] == [], name
        assert seen["clipped"] == [], name
        assert seen["complaints"] == [], name
        assert seen["texts"] > 30, name
        assert seen["contrast"][0] >= 4.5, (name, seen["contrast"])
        assert seen["type"] >= 12, (name, seen["type"])


POINTING = """<script>addEventListener("load", () => {
  const tip = document.querySelector(".tip"), said = [];
  const point = (element, x, y) => {
    element.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: x, clientY: y }));
    said.push([tip.hidden ? null : tip.textContent, document.querySelectorAll(".arc.hot").length]);
  };
  const arc = document.querySelector('.arc[data-pair="0 15"]');
  point(arc, 5, 5);
  const map = document.querySelector(".map");
  map.scrollIntoView();
  const cell = Number(map.dataset.cell), at = (column, row) => {
    const offset = [Number(map.dataset.left), Number(map.dataset.top)];
    const [x, y] = [offset[0] + cell * (column + 0.5), offset[1] + cell * (row + 0.5)];
    const place = new DOMPoint(x, y).matrixTransform(map.getScreenCTM());
    point(map, place.x, place.y);
  };
  at(15, 0); at(0, 15); at(20, 9); at(9, 20); at(12, 3); at(3, 12); at(5, 18);
  const ground = document.querySelector(".ground"), box = ground.getBoundingClientRect();
  point(ground, box.left + box.width * 23.5 / 24, box.top + 1);
  map.dispatchEvent(new PointerEvent("pointerleave"));
  said.push([tip.hidden ? null : tip.textContent, document.querySelectorAll(".arc.hot").length]);
  const found = document.createElement("pre");
  found.id = "found";
  found.textContent = JSON.stringify(said);
  document.body.append(found);
});</script>"""


@needs_browser
def test_the_pointer_reads_pairs_and_probabilities(tmp_path):
    page = tmp_path / "page.html"
    text = render(FoldingPage("One", ["One."], [example.molecule()]))
    page.write_text(text.replace("<title>", POINTING + "<title>", 1), encoding="utf-8")
    options = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --dump-dom "
    options += f"--virtual-time-budget=5000 --window-size=1200,900 --user-data-dir={tmp_path / 'profile'}"
    command = [str(browser.BROWSER), *options.split(), page.as_uri()]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    (found,) = re.findall(r'<pre id="found">(.*?)</pre>', dumped, re.DOTALL)
    first = "G1–C16, probability 0.50, predicted, known structure, RNAfold"
    assert json.loads(html.unescape(found)) == [
        [first, 2],  # the arc above and the one below
        [first, 2],  # on the map, above the diagonal
        [first, 2],  # and below it
        ["U10–A21, probability 0.05, known structure", 1],
        ["U10–A21, probability 0.05, known structure", 1],
        ["G4–C13, probability 0.65, predicted, RNAfold", 1],
        [None, 0],  # not a pair of the known structure, so nothing is drawn below
        [None, 0],
        ["A24, unpaired with probability 1.00", 0],
        [None, 0],
    ]
