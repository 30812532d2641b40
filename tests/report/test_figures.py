import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from palindra.report import figures
from palindra.report.axes import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, round_ticks, tick_labels
from palindra.report.comparison import Curve, LearningPoint, Reliability, Strands
from palindra.report.palette import DARK, LIGHT, SERIES, styles
from palindra.report.svg import points, tag

LOOK = styles(["a", "b"])
HOSTILE = "<script>\"&'</script>"


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(c * w for c, w in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_stand_out_from_the_page(theme):
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert theme.keys() == LIGHT.keys()
    for text in ("text", "muted", "ok", "note", "warning"):
        assert contrast(theme[text], theme["page"]) >= 4.5
    assert contrast(theme["text"], theme["surface"]) >= 4.5
    for series in SERIES:
        assert contrast(theme[series], theme["page"]) >= 3


def test_no_two_strategies_look_the_same_even_without_colour():
    look = styles([str(i) for i in range(40)]).values()
    assert len({(style.colour, style.mark) for style in look}) == 40
    assert len({(style.mark, style.dash) for style in look}) == 40


@pytest.mark.parametrize("low", [-1234.5, -1.0, 0.0, 0.91234, 7e5])
@pytest.mark.parametrize("span", [3e-4, 0.013, 1.0, 7.7, 250.0, 9e5])
def test_ticks_are_round_few_inside_and_even(low, span):
    ticks = round_ticks(low, low + span)
    steps = [b - a for a, b in pairwise(ticks)]
    assert 2 <= len(ticks) <= 6
    assert low - 1e-9 * span <= ticks[0]
    assert ticks[-1] <= low + span * (1 + 1e-9)
    assert max(steps) == pytest.approx(min(steps), rel=1e-5)
    assert f"{steps[0]:.0e}"[0] in "125"


@pytest.mark.parametrize(
    "values", [[0.934] * 3, [0.91, 0.94], [-0.025, 0.04], [12_345.0, 98_765.0], [2e-5, 9e-5], [0.0]]
)
def test_tick_labels_are_short_and_differ(values):
    axis = Axis.over(values, padding=0.05)
    assert axis.low < min(values) <= max(values) < axis.high
    assert len(set(axis.labels)) == len(axis.labels)
    assert max(map(len, axis.labels)) <= 7
    assert tick_labels([]) == []


def test_an_axis_maps_its_ends_to_the_frame():
    axis = Axis.over([2.0, 6.0])
    assert (axis.x(2.0), axis.x(4.0), axis.x(6.0)) == (LEFT, (LEFT + RIGHT) / 2, RIGHT)
    assert (axis.y(2.0), axis.y(6.0)) == (BOTTOM, TOP)
    sizes = Axis.of_sizes([100, 1000, 10_000])
    assert sizes.at(1000) == pytest.approx(0.5)
    assert sizes.labels == ["100", "1k", "10k"]


def test_sizes_too_near_to_each_other_share_a_label():
    assert Axis.of_sizes([1000, 1010, 8000]).labels == ["1k", "8k"]


def test_elements_are_escaped_unless_they_are_elements():
    assert tag("title", HOSTILE) == "<title>&lt;script&gt;&#34;&amp;&#39;&lt;/script&gt;</title>"
    assert HOSTILE not in tag("path", aria_label=HOSTILE)
    assert tag("g", tag("g")) == "<g><g></g></g>"


def test_a_path_keeps_both_ends_and_drops_what_cannot_be_seen():
    xs = [i / 100 for i in range(1001)]
    path = points(xs, [0.0] * 1001)
    assert path.startswith("M0 0L")
    assert path.endswith("L10 0")
    assert path.count("L") == pytest.approx(20, abs=2)
    assert points([], []) == ""


def bad(values):
    return [*values, math.nan, math.inf]


PICTURES = {
    "roc": figures.roc([Curve("a", bad([0.0, 1.0]), bad([0.0, 1.0]))], LOOK),
    "precision-recall": figures.precision_recall([Curve("b", [0.0, 1.0], [1.0, 0.5])], LOOK),
    "learning": figures.learning_curve([LearningPoint("a", 100, 0, 0.8), LearningPoint("a", 500, 0, math.nan)], LOOK),
    "calibration": figures.reliability(
        Reliability("a", bad([0.5]), bad([0.4]), bad([0.3]), bad([0.6]), [3, 0, 0]), LOOK["a"]
    ),
    "strands": figures.strands(Strands("a", bad([0.1]), bad([0.2])), LOOK["a"], Axis.over([0.0, 1.0])),
    "nothing": figures.roc([], {}),
    "no points": figures.learning_curve([], {}),
    "one seed": figures.seed_track(HOSTILE, [0.9], (0.9, math.nan, math.nan), LOOK["a"], Axis.over([0.9])),
    "no seed": figures.seed_track("a", bad([]), None, LOOK["a"], Axis.over([])),
}


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_pictures_are_well_formed_described_and_hold_no_nan(picture):
    root = ElementTree.fromstring(picture)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert not re.search(r"\b(nan|inf)\b", picture.replace("mean –", ""))


def test_marks_of_a_panel_stay_inside_it():
    drawn = figures.strands(Strands("a", [0.0, 1.0, 0.25], [1.0, 0.0, 0.75]), LOOK["a"], Axis.over([0.0, 1.0]))
    places = [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", drawn)]
    assert places[2] == (
        pytest.approx(LEFT + (RIGHT - LEFT) / 4, abs=0.1),
        pytest.approx(TOP + (BOTTOM - TOP) / 4, abs=0.1),
    )
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)


def test_every_seed_is_a_dot_at_its_value():
    axis = Axis.over([0.8, 1.0])
    track = ElementTree.fromstring(figures.seed_track("a", [0.8, 0.9, 1.0], (0.9, 0.85, 0.95), LOOK["a"], axis, 0.9))
    assert [dot.get("cx") for dot in track.iter("circle")] == ["7.00%", "50.00%", "93.00%"]
    (bar,) = (line for line in track.iter("line") if line.get("class") == "interval")
    assert (bar.get("x1"), bar.get("x2")) == ("28.50%", "71.50%")


def test_thirty_equal_seeds_do_not_hide_each_other():
    track = ElementTree.fromstring(figures.seed_track("a", [0.9] * 30, (0.9, 0.9, 0.9), LOOK["a"], Axis.over([0.9])))
    assert len({dot.get("cy") for dot in track.iter("circle")}) == 30


def test_scatter_plots_of_a_regression_span_their_values():
    assert figures.strands_axis([Strands("a", [0.2], [0.9])]).low == 0
    axis = figures.strands_axis([Strands("a", [-3.0], [8.0])])
    assert axis.low < -3 < 8 < axis.high


def test_the_distance_from_the_diagonal_is_told():
    (panel,) = figures.strands_panels([Strands("a", [0.1, 0.5, math.nan], [0.2, 0.8, 0.1])], LOOK)
    assert panel.detail == "mean difference 0.200"
