"""The pages of track models say everything that they are given, once, in order, and load nothing."""

import importlib.util
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from palindra.errors import InputError
from palindra.report import track_comparison, track_page
from palindra.report.track_comparison import summary
from palindra.report.track_records import Locus, RobustnessPoint, TrackView
from palindra.report.track_results import Claim, DataFacts, GridPanel, GridRow, TrackScore

HOSTILE = "<script>alert(1)</script> & \"quoted\" 'name' {{ 7 * 7 }}"
CONVENTION = "0-based and half-open"


def load(name):
    spec = importlib.util.spec_from_file_location(f"{name}_of_track_page", Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = load("test_track_example")
Outline = load("test_page").Outline
NO_DATA = DataFacts([], [], [], [])
PAGES = {
    "evaluation": (track_page, example.make_evaluation),
    "comparison": (track_comparison, example.make_comparison),
}
EMPTY = {
    "evaluation": {"scores": [], "loci": [], "densities": [], "triangles": [], "thresholds": [], "robustness": [],
                   "conclusion": [], "data": NO_DATA},
    "comparison": {"claims": [], "panels": [], "triangles": [], "thresholds": [], "robustness": [], "conclusion": [],
                   "data": NO_DATA},
}  # fmt: skip


@pytest.fixture(params=PAGES)
def kind(request):
    return request.param


def render(kind, **changes):
    module, make = PAGES[kind]
    return module.render(make(**changes))


def test_pages_are_balanced_and_load_nothing(kind):
    text = render(kind)
    assert Outline(text).references == []
    assert not re.search(r"https?://|url\(|@import|<(link|img|iframe|object|embed)\b", text)
    assert "default-src 'none'" in text
    assert "nan" not in Outline(text).text.lower().split()


def test_pages_read_in_order():
    shared = ["Resolution", "Rising test threshold", "Robustness against performance", "Data", "How it was made"]
    found = {kind: Outline(render(kind)).headings for kind in PAGES}
    assert found["evaluation"] == ["Scores", "Along the chromosome", "Predicted against measured", *shared]
    factors = [f"Every seed: {factor}" for factor in ("architecture", "loss", "augmentation")]
    assert found["comparison"] == ["Claims", *factors, *shared]


def test_sections_without_data_are_left_out(kind):
    seen = Outline(render(kind, **EMPTY[kind]))
    assert seen.headings == ["How it was made"]
    for part in EMPTY[kind].keys() - {"conclusion", "data"}:
        alone = Outline(render(kind, **(EMPTY[kind] | {part: getattr(PAGES[kind][1](), part)})))
        assert len(alone.headings) == (4 if part == "panels" else 2), part


def test_the_convention_of_coordinates_is_said_once_wherever_there_are_coordinates(kind):
    assert render(kind).count(CONVENTION) == 1
    assert render(kind, data=NO_DATA).count(CONVENTION) == (kind == "evaluation")
    if kind == "evaluation":
        assert render(kind, loci=[]).count(CONVENTION) == 1


def test_the_command_and_the_versions_stand_on_the_page_as_they_are(kind):
    text = render(kind)
    for name, value in example.PROVENANCE.items():
        assert value in text, name


def test_names_are_text_and_never_markup(kind):
    data = replace(
        example.DATA,
        splits=[replace(example.DATA.splits[0], name=HOSTILE, regions=HOSTILE)],
        tracks=[replace(example.DATA.tracks[0], name=HOSTILE, source=HOSTILE, partner=HOSTILE, missing={HOSTILE: 0.5})],
        excluded=[replace(example.DATA.excluded[0], reason=HOSTILE)],
        checks=[replace(example.DATA.checks[0], name=HOSTILE, message=HOSTILE, level=HOSTILE)],
        facts={HOSTILE: HOSTILE},
    )
    robust = example.make_robustness(75)
    robust = replace(robust, points=[RobustnessPoint(HOSTILE, np.ones(2), np.ones(2))])
    both = {
        "title": HOSTILE, "task": HOSTILE, "conclusion": [HOSTILE], "data": data, "robustness": [robust],
        "triangles": [example.make_triangle(HOSTILE)], "thresholds": [example.make_threshold(HOSTILE, 0.0)],
        "provenance": {"command": HOSTILE, "versions": HOSTILE, HOSTILE: HOSTILE},
    }  # fmt: skip
    view = TrackView(HOSTILE, np.ones(2), np.ones(2))
    own = {
        "evaluation": {
            "scores": [TrackScore(HOSTILE, HOSTILE, 0.5, references={HOSTILE: 0.1})],
            "higher_is_better": {HOSTILE: True},
            "loci": [Locus(HOSTILE, 0, 2, [view], why=HOSTILE)], "densities": [example.make_density(HOSTILE)],
        },
        "comparison": {
            "claims": [Claim(HOSTILE, HOSTILE, "supported", HOSTILE, 0.1, reason=HOSTILE)],
            "panels": [GridPanel(HOSTILE, HOSTILE, True, [GridRow(HOSTILE, [0.5], detail=HOSTILE)], note=HOSTILE)] * 2,
        },
    }[kind]  # fmt: skip
    text = render(kind, **both, **own)
    assert "<script>alert" not in text
    assert Outline(text).text.count("alert(1)") > 20
    assert "{{ 7 * 7 }}" in text


def test_every_score_stands_in_its_row_with_its_interval_and_its_references():
    given = example.make_evaluation()
    seen = Outline(track_page.render(given)).text
    for score in given.scores:
        assert f"{score.value:.3f}" in seen or f"{score.value:.2f}" in seen
    text = f"MNase {0.71:.3f} {0.689:.3f} to {0.729:.3f} ridge on 4-mers 0.479 replicate 0.860 0.610"
    assert text in seen
    assert "MSE ↓" in seen
    assert "Pearson (whole) ↑" in seen


def test_a_score_that_was_not_computed_is_a_dash():
    scores = [TrackScore("a", "r", 0.5), TrackScore("b", "MSE", 0.5), TrackScore("b", "r", math.nan)]
    seen = Outline(render("evaluation", scores=scores, higher_is_better={"r": True, "MSE": False})).text
    assert "a 0.500 no interval – b – no interval 0.500 no interval" in seen


def test_claims_are_told_by_word_and_sign_with_effect_interval_seeds_and_p():
    text = render("comparison")
    seen = Outline(text).text
    assert "claims: 2 supported, 1 not supported, 1 cannot be tested here" in seen
    assert "✗ not supported −0.0042 −0.0131 to 0.0048 difference of whole r, dilated − plain 5 0.710" in seen
    assert "No peaks were given for these tracks. – cannot be tested here – – –" in seen
    assert "✓ supported +0.104 0.091 to 0.118 rise of whole r from 75 to 600 bp 5 < 0.001" in seen
    assert re.findall(r'<th scope="row">(C\d+)</th>', text) == [claim.id for claim in example.CLAIMS]


@pytest.mark.parametrize("seeds", [1, 2, 30])
def test_every_seed_is_a_dot_and_the_ceiling_a_row_and_a_line(seeds):
    panel = example.make_panel("loss", ("Poisson NLL", "MSE"), seeds=seeds)
    text = render("comparison", **(EMPTY["comparison"] | {"panels": [panel]}))
    assert text.count("<circle") == 2 * seeds + 2  # the ceiling and the nearer trivial predictor are dots as well
    assert text.count('class="diagonal"') == 2 + 2
    assert "second replicate <small>replicate ceiling</small>" in text
    assert ("no interval can be given" in text) is (seeds == 1)
    alone = replace(panel, rows=[row for row in panel.rows if row.kind == "model"])
    text = render("comparison", **(EMPTY["comparison"] | {"panels": [alone]}))
    assert "No second replicate was given" in text
    assert 'class="diagonal"' not in text


@pytest.mark.parametrize(("higher", "kept", "away"), [(True, "ridge", "mean"), (False, "mean", "ridge")])
def test_only_the_best_trivial_predictor_widens_the_axis_and_the_other_is_an_arrow_with_its_number(higher, kept, away):
    rows = [
        GridRow("a", [5.0, 5.1]),
        GridRow("ridge", [4.5 if higher else 50.0], "trivial"),
        GridRow("mean", [-7.25 if higher else 6.0], "trivial"),
    ]
    text = render("comparison", **(EMPTY["comparison"] | {"panels": [GridPanel("loss", "r", higher, rows)]}))
    pictures = dict(re.findall(r'<span class="name">(\w+).*?</span>(<svg.*?</svg>)', text))
    assert "further" not in pictures[kept]
    assert ("◂ further left" if higher else "further right ▸") in pictures[away]
    assert ("−7.25" if higher else "50.0") in text
    assert "An arrow stands for a predictor" in text


def test_the_first_metric_of_a_factor_is_open_and_the_others_are_folded():
    text = render("comparison")
    assert text.count("Every seed: architecture") == 1
    assert text.index("<details><summary>Spearman, mean over tracks") > text.index("Pearson (whole), mean over tracks")


def test_how_to_read_the_dots_is_said_once_and_again_where_it_differs():
    alike = [example.make_panel(factor, ("a", "b")) for factor in ("loss", "heads", "resolution")]
    other = replace(alike[2], rows=alike[2].rows[:2])
    for last, times in ((alike[2], 1), (other, 2)):
        text = render("comparison", **(EMPTY["comparison"] | {"panels": [*alike[:2], last]}))
        assert text.count("Pale dots are single seeds") == times


def test_the_mean_of_the_seeds_stands_where_no_interval_is_given():
    mean, low, high = summary(GridRow("a", [1.0, 3.0, math.nan]))
    assert mean == 2.0
    assert math.isnan(low)
    assert math.isnan(high)
    assert summary(GridRow("a", [1.0], interval=(0.9, 0.8, 1.0))) == (0.9, 0.8, 1.0)
    assert all(map(math.isnan, summary(GridRow("a", []))))


def test_the_data_are_described():
    seen = Outline(render("comparison")).text
    assert "train chrIV:0-1531933 1,493 1,528,832" in seen
    assert "RNA forward RNA.forward.bw other strand: RNA reverse none 1.25 % < 0.01 % 1.93 211" in seen
    assert "not mappable 12 48,211 51" in seen
    assert "no value in any track 3 9,150 –" in seen
    assert "! warning Scc1: 1.25 % of the validation half has no value" in seen


def test_a_row_keeps_its_colour_in_all_figures():
    given = example.make_comparison()
    text = track_comparison.render(given)
    for number, name in enumerate(re.escape(name) for name in example.MODELS):
        parts = re.findall(rf"<(?:path|circle)([^>]*)><title>{name}(?:[:,][^<]*)?</title>", text)
        parts += re.findall(rf'class="swatch">((?:(?!</svg>).)*)</svg><span>{name}</span>', text)
        assert len(parts) >= 20
        assert {colour for part in parts for colour in re.findall(r"series-\d", part)} == {f"series-{number}"}


def test_the_page_is_a_function_of_what_it_is_given(kind):
    assert render(kind) == render(kind)


def test_a_page_is_written_whole(kind, tmp_path):
    module, make = PAGES[kind]
    module.write(make(), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == module.render(make())
    with pytest.raises(InputError, match="there is no folder"):
        module.write(make(), tmp_path / "none" / "report.html")
