"""Marks of the track figures stand where their values say; nothing is drawn that was not measured."""

import importlib.util
import math
import re
import sys
from itertools import pairwise
from pathlib import Path
from statistics import correlation
from xml.etree import ElementTree

import numpy as np
import pytest

from palindra.report import track_figures, track_loci
from palindra.report.axes import BOTTOM, LEFT, LETTER, RIGHT, TOP
from palindra.report.palette import DARK, LIGHT, styles
from palindra.report.track_records import (
    Density,
    Locus,
    Robustness,
    RobustnessPoint,
    ThresholdCurve,
    TrackView,
    Triangle,
)

HOSTILE = "<script>\"&'</script>"


def load(name):
    spec = importlib.util.spec_from_file_location(f"{name}_of_track_figures", Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = load("test_track_example")
LOOK = styles([*example.MODELS, HOSTILE, "ridge on 4-mers"])


def parse(picture):
    return ElementTree.fromstring(str(picture))


def heights(path):
    """Every (bin, y) of a stepped line."""
    found, at = [], 0
    for command, value in re.findall(r"([MVH])\s*(-?[\d.]+(?: -?[\d.]+)?)", path):
        if command == "M":
            at, y = (float(number) for number in value.split())
        elif command == "V":
            y = float(value)
        else:
            found += [(int(i), y) for i in np.arange(at, float(value))]
            at = float(value)
    return found


def paths(picture, name):
    return [path.get("d") for path in parse(picture).iter("path") if path.get("class") == name]


def test_a_line_stands_at_its_values_and_breaks_where_there_are_none():
    given = np.array([0.0, 1.0, 4.0, 2.0])
    truth = np.array([1.0, math.nan, math.nan, 3.0])
    (lane,) = track_loci.lanes(Locus("chrI", 0, 40, [TrackView("a", truth, given)]))
    scale = track_loci.HALF / 4  # the largest value reaches the top
    (line,) = paths(lane.picture, "prediction")
    assert heights(line) == [(i, track_loci.HALF - scale * value) for i, value in enumerate(given)]
    (measured,) = paths(lane.picture, "truth")
    assert {i for i, _ in heights(measured)} == {0, 3}
    (gap,) = paths(lane.picture, "missing")
    assert heights(gap) == [(1, track_loci.HALF), (2, track_loci.HALF)]
    assert gap.startswith("M1 0V")  # from the upper edge to the lower
    assert paths(lane.picture, "turned") == []
    assert lane.details == ["0 to 4.00 · r 1.00"]


def test_values_below_zero_are_drawn_below_the_axis():
    values = np.array([-1.0, 3.0])
    (lane,) = track_loci.lanes(Locus("chrI", 0, 20, [TrackView("a", values, values)]))
    (axis,) = (line for line in parse(lane.picture).iter("line") if line.get("class") == "frame")
    assert float(axis.get("y1")) == track_loci.HALF * 3 / 4
    assert heights(paths(lane.picture, "prediction")[0]) == [(0, track_loci.HALF), (1, 0.0)]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (0, 2, 1), (2, 1, 0)])
def test_a_stranded_pair_shares_a_lane_and_a_scale_and_is_mirrored(order):
    forward, reverse = np.array([1.0, 2.0, 8.0]), np.array([2.0, 0.0, 1.0])
    every = [
        TrackView("forward", forward, forward, partner="reverse"),
        TrackView("reverse", reverse, reverse, partner="forward"),
        TrackView("other", forward, forward, partner="other"),
    ]
    views = [every[i] for i in order]
    lanes = track_loci.lanes(Locus("chrI", 0, 3, views))
    assert len(lanes) == 2
    pair = next(lane for lane in lanes if "mirrored" in lane.title)
    first, second = (view for view in views if view.name != "other")
    assert pair.title == f"{first.name} (above) and {second.name} (below, mirrored)"
    above, below = (heights(path) for path in paths(pair.picture, "prediction"))
    scale = track_loci.HALF / 8
    assert above == [(i, track_loci.HALF - scale * value) for i, value in enumerate(first.given)]
    assert below == [(i, track_loci.HALF + scale * value) for i, value in enumerate(second.given)]


def test_both_strands_are_drawn_and_their_difference_is_told():
    locus = example.make_locus(equivariant=False)
    for lane in track_loci.lanes(locus):
        tracks = 2 if "mirrored" in lane.title else 1
        assert len(paths(lane.picture, "turned")) == len(paths(lane.picture, "prediction")) == tracks
        assert " ".join(lane.details).count("strands differ by at most") == tracks
    for view in locus.views:
        assert track_loci.strand_difference(view) == pytest.approx(max(abs(view.given - view.turned)))
        known = np.isfinite(view.truth)
        assert track_loci.locus_pearson(view.truth, view.given) == pytest.approx(
            correlation(view.truth[known].tolist(), view.given[known].tolist())
        )
    assert math.isnan(track_loci.locus_pearson(np.ones(5), np.arange(5.0)))


@pytest.mark.parametrize(
    ("start", "end"), [(0, 10), (412_500, 442_500), (248_900_000, 248_956_422), (999_950, 1_000_050)]
)
def test_coordinates_stand_at_their_place_and_do_not_touch(start, end):
    view = TrackView("a", np.ones(1), np.ones(1))
    axis = parse(track_loci.position_axis(Locus("chrI", start, end, [view])))
    labels = [(float(text.get("x").rstrip("%")) / 100, text.text) for text in axis.iter("text")]
    assert labels
    for share, label in labels:
        assert int(label.replace(",", "")) == pytest.approx(start + share * (end - start), abs=1e-4 * (end - start))
    ends = [(share * 300 - len(label) * LETTER / 2, share * 300 + len(label) * LETTER / 2) for share, label in labels]
    assert all(left >= 0 and right <= 300 for left, right in ends)
    assert all(right < left for (_, right), (left, _) in pairwise(ends))


def test_a_cell_of_a_density_lies_at_its_measured_and_predicted_value():
    density = Density.of("a", np.array([0.0, 9.9, 10.0]), np.array([0.0, 0.1, 10.0]), pearson=0.5, cells=2, upper=1.0)
    assert density.counts.tolist() == [[1, 0], [1, 1]]
    corners = re.findall(
        r"M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)", "".join(paths(track_figures.density(density), "cell"))
    )
    middle, across = (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2
    assert {tuple(map(float, corner)) for corner in corners} == {
        (LEFT, BOTTOM, middle, across),  # little measured, little predicted
        (middle, BOTTOM, RIGHT, across),  # much measured, little predicted: right, below
        (middle, across, RIGHT, TOP),
    }


def test_every_cell_that_holds_a_bin_is_painted_once_and_fuller_ones_darker():
    density = example.make_density("a", "log(1 + x)")
    drawn = [path for path in parse(track_figures.density(density)).iter("path") if path.get("class") == "cell"]
    assert sum(path.get("d").count("M") for path in drawn) == (density.counts > 0).sum()
    assert [float(path.get("fill-opacity")) for path in drawn] == list(track_figures.SHADES)
    shade = track_figures.shades(density.counts)
    assert (np.diff(shade.ravel()[np.argsort(density.counts.ravel())]) >= 0).all()
    assert shade.max() == len(track_figures.SHADES)


def test_a_triangle_has_every_number_in_its_row_and_column_and_none_below():
    triangle = example.make_triangle(bins=(32, 64, 128))
    drawn = parse(track_figures.triangle(triangle))
    numbers = [text for text in drawn.iter("text") if text.get("class") == "value"]
    columns = sorted({float(text.get("x")) for text in numbers})
    rows = sorted({float(text.get("y")) for text in numbers})
    shown = {(rows.index(float(t.get("y"))), columns.index(float(t.get("x")))): float(t.text) for t in numbers}
    assert set(shown) == {(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2), (3, 0), (3, 1), (3, 2)}
    for (i, j), value in shown.items():
        wanted = triangle.pearson[i, j] if i < 3 else triangle.ceiling[j]
        assert value == pytest.approx(wanted, abs=0.0051)
    tints = [float(cell.get("fill-opacity")) for cell in drawn.iter("rect")]
    assert len(tints) == 6  # the ceiling is no model
    assert tints[0] == min(tints) == track_figures.FAINTEST
    assert max(tints) == track_figures.STRONGEST


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_numbers_of_a_triangle_can_be_read_on_every_tint(theme):
    figures = load("test_figures")
    page, tint = (np.array([int(theme[name][i : i + 2], 16) for i in (1, 3, 5)]) for name in ("page", "series-0"))
    for strength in (track_figures.FAINTEST, track_figures.STRONGEST):
        mixed = "#" + "".join(f"{round(c):02x}" for c in (1 - strength) * page + strength * tint)
        assert figures.contrast(theme["text"], mixed) >= 4.5


def marks(picture, title):
    root = parse(picture)
    return [
        tuple(float(v) for v in re.findall(r"translate\(([\d.]+) ([\d.]+)\)", path.get("transform"))[0])
        for path in root.iter("path")
        if path.get("class") == "mark" and (path.findtext("title") or "").startswith(title)
    ]


def test_threshold_curves_and_their_windows_stand_at_their_values():
    at, r = np.array([0.0, 5.0, 10.0, 15.0]), np.array([0.2, 0.4, 0.6, math.nan])
    one = ThresholdCurve("CNN", at, r, np.array([1000, 100, 10, 0]), r - 0.1, r + 0.1)
    other = ThresholdCurve("BPNet", at, r - 0.1, np.array([1000, 100, 10, 0]))
    places = marks(track_figures.threshold_curves([one, other], LOOK), "CNN")
    assert [x for x, _ in places] == pytest.approx(
        [LEFT, LEFT + (RIGHT - LEFT) / 3, LEFT + (RIGHT - LEFT) * 2 / 3], abs=0.01
    )
    assert places[0][1] > places[1][1]
    assert places[0][1] - places[1][1] == pytest.approx(places[1][1] - places[2][1], abs=0.02)
    windows = track_figures.window_curves([one, other], LOOK)
    (line,) = paths(windows, "curve")  # one test set, one line
    assert line.count("L") == 2  # no window is left above 15, and a logarithm has no zero
    counted = marks(windows, "above")
    assert counted[1][1] - counted[0][1] == pytest.approx(counted[2][1] - counted[1][1], abs=0.02)
    apart = ThresholdCurve("BPNet", at, r, np.array([500, 50, 5, 1]))
    assert len(paths(track_figures.window_curves([one, apart], LOOK), "curve")) == 2


def test_the_ceiling_is_a_level_line_above_the_models_and_marks_are_means():
    points = [RobustnessPoint("CNN", np.array([0.0, 0.2, math.nan]), np.array([0.4, 0.6, 0.5]))]
    picture = track_figures.robustness(Robustness(75, points, ceiling=0.8), LOOK)
    ((x, y),) = marks(picture, "CNN")
    dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in parse(picture).iter("circle")]
    assert len(dots) == 2
    assert (x, y) == pytest.approx((np.mean([a for a, _ in dots]), np.mean([b for _, b in dots])), abs=0.02)
    (ceiling,) = paths(picture, "diagonal")
    level = float(re.fullmatch(rf"M{LEFT} ([\d.]+)H{RIGHT}", ceiling)[1])
    per_unit = (dots[0][1] - dots[1][1]) / 0.2
    assert dots[1][1] - level == pytest.approx(0.2 * per_unit, abs=0.05)
    assert paths(track_figures.robustness(Robustness(75, points), LOOK), "diagonal") == []


def lane(name, values, **changes):
    view = TrackView(name, values, values, **changes)
    return track_loci.lanes(Locus("chrI", 0, len(values), [view]))[0].picture


NOTHING, GAPS, ONES = np.array([]), np.full(2, np.nan), np.ones(2)
UNKNOWN = ThresholdCurve(HOSTILE, np.arange(2.0), GAPS, np.zeros(2, int), GAPS, ONES)
NO_SCORE = Robustness(75, [RobustnessPoint(HOSTILE, GAPS, ONES)], math.nan)
ONE_SEED = Robustness(75, [RobustnessPoint(HOSTILE, ONES[:1], ONES[:1])], 1.0)
PICTURES = {
    "density": track_figures.density(Density.of(HOSTILE, NOTHING, NOTHING, pearson=math.nan)),
    "density of ones": track_figures.density(Density.of("a", ONES, ONES, pearson=math.nan, scale="log(1 + x)")),
    "triangle": track_figures.triangle(Triangle(HOSTILE, [75], [75, 150], GAPS[None])),
    "wide triangle": track_figures.triangle(example.make_triangle(bins=tuple(range(1, 14)))),
    "thresholds": track_figures.threshold_curves([UNKNOWN], LOOK),
    "no thresholds": track_figures.threshold_curves([], {}),
    "windows": track_figures.window_curves([UNKNOWN], LOOK),
    "no windows": track_figures.window_curves([], {}),
    "robustness": track_figures.robustness(NO_SCORE, LOOK),
    "one model": track_figures.robustness(ONE_SEED, LOOK),
    "nothing measured": lane(HOSTILE, GAPS),
    "all zero": lane("a", np.zeros(2), turned=np.zeros(2)),
    "all below zero": lane("a", -ONES),
    "locus": track_loci.lanes(example.make_locus())[-1].picture,
}


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_pictures_are_well_formed_described_and_hold_no_nan(picture):
    root = parse(picture)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert not re.search(r"\b(nan|inf)\b", str(picture))
    assert "<script" not in str(picture)
