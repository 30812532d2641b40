"""Pictures and page of folded molecules."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from palindra.report.folding import arcs, maps
from palindra.report.folding.brackets import structure_text
from palindra.report.folding.molecule import FoldedMolecule
from palindra.report.folding.page import FoldingPage, ScoreLine, differences, render, write
from palindra.report.folding.picture import picture
from palindra.report.folding.stems import Stem, stems

PAIRS = ((0, 15), (1, 14), (2, 13), (3, 12), (6, 23), (7, 22), (8, 21))
KNOWN = ((0, 15), (1, 14), (2, 13), (6, 23), (7, 22), (8, 21), (9, 20))


def molecule(**changes):
    values = {
        "name": "a <b>",
        "sequence": "GGGGAAUUUUAACCCCAAAAAAAA",
        "predicted": PAIRS,
        "entries": [(i, j, 0.5 + i / 20) for i, j in PAIRS] + [(9, 20, 0.05), (4, 19, 0.02)],
        "unpaired": [n / 23 for n in range(24)],
        "known": KNOWN,
        "rnafold": PAIRS[:4],
    }
    return FoldedMolecule(**{**values, **changes})


def test_every_pair_of_both_structures_is_an_arc_on_its_side():
    drawn = ElementTree.fromstring(str(arcs.arc_diagram(molecule())))
    found = [e for e in drawn.iter("path") if e.get("class", "").startswith("arc ")]
    sides = {1: set(), 0: set()}
    for path in found:
        x1, y, rx, ry, up, x2, y2 = map(float, re.match(
            r"M([\d.]+) ([\d.]+)A([\d.]+) ([\d.]+) 0 0 ([01]) ([\d.]+) ([\d.]+)$", path.get("d")).groups())  # fmt: skip
        pair = tuple(map(int, path.get("data-pair").split()))
        step = (arcs.WIDTH - 2 * arcs.SIDE) / 24
        assert (x1, x2) == pytest.approx([arcs.SIDE + step * (p + 0.5) for p in pair], abs=0.06)
        assert rx == pytest.approx((x2 - x1) / 2, abs=0.06)
        assert y == y2
        assert 0 < ry <= min(arcs.TALLEST, rx) + 0.06
        sides[int(up)].add(pair)
        assert path.get("class") == ("arc both" if pair in set(PAIRS) & set(KNOWN) else "arc single")
        assert (path.get("stroke-dasharray") is not None) == (pair in molecule().crossing)
        assert path.find("title").text == arcs.says(molecule(), *pair)
    assert sides == {1: set(PAIRS), 0: set(KNOWN)}


@pytest.mark.parametrize("length", [1, 2, 5, 24, 119, 3000])
def test_nothing_is_drawn_outside_the_picture(length):
    pairs = tuple((i, length - 1 - i) for i in range(min(length // 2 - 1, 40)) if length > 4)
    one = FoldedMolecule("long", "A" * length, pairs, [(*pair, 0.9) for pair in pairs], [0.5] * length, rnafold=pairs)
    for drawn in (arcs.arc_diagram(one), maps.pair_map_picture(one)):
        root = ElementTree.fromstring(str(drawn))
        width, height = map(float, root.get("viewBox").split()[2:])
        for text in root.iter("text"):
            half = len(text.text) * 4.5
            start = {"middle": -half, "end": -2 * half}.get(text.get("text-anchor"), 0)
            assert float(text.get("x")) + start >= -1
            assert float(text.get("x")) + start + 2 * half <= width + 1, text.text
            assert 0 < float(text.get("y")) <= height


def test_an_inner_arc_never_crosses_the_one_around_it():
    """Pairs without a crossing must not look like a pseudoknot: heights grow slower than widths, but not too slow."""
    widest = 400.0
    for inside in (1, 5, 40, 200, 399):
        for around in (inside + 1, 300, 400):
            if around <= inside:
                continue
            inner, outer = arcs._rise(inside, widest), arcs._rise(around, widest)
            for step in range(1, 60):
                x = inside * 2 * step / 60  # from the left end that both nearly share
                height = inner * (1 - (1 - x / inside) ** 2) ** 0.5
                above = outer * (1 - (1 - (x + 0.5) / around) ** 2) ** 0.5
                assert height <= above + 0.5, (inside, around, x)


def test_the_map_holds_every_probability_above_and_the_known_pairs_below():
    root = ElementTree.fromstring(str(maps.pair_map_picture(molecule())))
    cell = float(root.get("data-cell"))

    def places(kind):
        found = set()
        for path in root.iter("path"):
            if path.get("class", "").split()[0] == kind:
                for x, y, size in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)", path.get("d")):
                    centre = [float(x) + float(size) / 2 - maps.LEFT, float(y) + float(size) / 2 - maps.TOP]
                    found.add(tuple(round(value / cell - 0.5) for value in centre))
        return found

    assert places("cell") == {(j, i) for i, j, _ in molecule().entries}  # column, row: right of the diagonal
    assert places("chosen") == {(j, i) for i, j in PAIRS}
    assert places("held") == set(PAIRS) & set(KNOWN)
    assert places("missed") == set(KNOWN) - set(PAIRS)
    strengths = [float(p.get("style").split()[1]) for p in root.iter("path") if p.get("class", "").startswith("cell")]
    assert strengths == sorted(strengths)  # strong cells lie on top
    assert min(strengths) == 1 / 8


def test_without_anything_to_compare_with_there_is_one_side():
    alone = molecule(known=None, rnafold=None)
    drawn = str(arcs.arc_diagram(alone))
    assert drawn.count('class="arc both"') == len(PAIRS)
    assert "single" not in drawn
    assert 'class="held"' not in maps.pair_map_picture(alone)
    assert differences(alone) == []
    assert len(maps.legend(alone)) == 2


def test_text_has_the_brackets_of_all_structures_in_blocks():
    blocks = structure_text(molecule(), block=10)
    assert len(blocks) == 3
    plain = [re.sub(r"<[^>]*>", "", str(block)).splitlines() for block in blocks]
    assert [line[:10].strip() for line in plain[0]] == ["", "sequence", "predicted", "known", "RNAfold"]
    assert ["".join(block[row][10:] for block in plain) for row in range(1, 5)] == [
        "GGGGAAUUUUAACCCCAAAAAAAA",
        "((((..[[[...)))).....]]]",
        "[[[...((((...]]]....))))",  # four pairs cross three, so the four are written ( )
        "((((........))))........",
    ]
    assert "<b>[[[</b>" in str(blocks[0])


def test_stems_and_differences_in_words():
    assert stems(PAIRS) == [Stem(0, 15, 4), Stem(6, 23, 3)]
    assert [str(stem) for stem in stems(PAIRS)] == ["1 to 4 with 13 to 16", "7 to 9 with 22 to 24"]
    assert sorted(p for stem in stems(KNOWN) for p in stem.members) == sorted(KNOWN)
    said = differences(molecule(scores=(0.857, 0.5)))
    assert said == [
        "6 of its 7 pairs are in the known structure, which has 7.",
        "F1 is 0.857, RNAfold's 0.500 (+0.357).",
        "Shares 4 of its 7 pairs with RNAfold, which has 4.",
        "Only here: 7 to 9 with 22 to 24.",
    ]
    assert differences(molecule(known=None, rnafold=PAIRS)) == ["The same structure as RNAfold's."]


def test_the_picture_is_one_svg_file_for_light_and_dark():
    text = picture(molecule())
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme: dark" in text
    assert "a &lt;b&gt;, 24 bases" in text
    assert not set(re.findall(r"var\(--([\w-]+)\)", text)) - set(re.findall(r"--([\w-]+):", text))
    inner = root.findall("{http://www.w3.org/2000/svg}svg")
    assert {"arcs", "map"} <= {element.get("class") for element in inner}


def test_the_page_loads_nothing_and_holds_what_the_pointer_reads(tmp_path):
    lines = [ScoreLine("all molecules", "this model", 2, 0.9, 0.8, 0.847, 0.86, 0.5)]
    lines.append(ScoreLine("1 to 100 bases", "this model", 2, 0.9, None, 0.847, 0.86, None, by_length=True))
    page = FoldingPage("Structures", ["Two."], [molecule(), molecule(name="x", cautions=["Careful."])], lines, drawn=1)
    text = render(page)
    assert not re.findall(r"(?:src|href)=\"(?!#)", text)
    assert text.count('<article class="molecule"') == 1
    assert "The first 1 of 2 molecules are drawn here" in text
    assert '<a href="#molecule-1">a &lt;b&gt;</a>' in text
    (held,) = re.findall(r'<script type="application/json" class="pairs">(.*?)</script>', text)
    data = json.loads(held)
    assert data["letters"] == molecule().sequence
    assert data["below"] == 2
    flags = {(i, j): bits for i, j, _, bits in data["pairs"]}
    assert flags == {
        pair: (pair in PAIRS) + 2 * (pair in KNOWN) + 4 * (pair in PAIRS[:4])
        for pair in {(i, j) for i, j, _ in molecule().entries} | set(KNOWN)
    }
    write(page, tmp_path / "page.html")
    assert [path.name for path in Path(tmp_path).iterdir()] == ["page.html"]
