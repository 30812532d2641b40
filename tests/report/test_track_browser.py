"""The pages of track models in a real browser: they fit a phone, can be read in the dark, and complain of nothing."""

import importlib.util
import sys
from pathlib import Path

import pytest

from palindra.report import track_comparison, track_page


def load(name):
    spec = importlib.util.spec_from_file_location(f"{name}_of_track_browser", Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example, browser = load("test_track_example"), load("test_browser")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    long = [f"{i} {browser.LONG}" for i in range(9)]
    many = {
        "panels": [example.make_panel("architecture", tuple(long), metric=browser.LONG)],
        "triangles": [example.make_triangle(browser.LONG, tuple(2**i for i in range(14)))],
        "thresholds": [example.make_threshold(name, 0.01) for name in long],
        "title": browser.LONG,
    }
    return {
        "evaluation": track_page.render(example.make_evaluation()),
        "many": track_comparison.render(example.make_comparison(**many)),
        "comparison": track_comparison.render(example.make_comparison()).replace("<details>", "<details open>"),
    }


@pytest.mark.skipif(browser.BROWSER is None, reason="needs chromium, chromium-browser or google-chrome on the PATH")
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
        assert seen["texts"] > 100, name
        assert seen["contrast"][0] >= 4.5, (name, seen["contrast"])
        assert seen["type"] >= 12, name
