"""The pages in a real browser, opened from disk: they fit a phone, can be read in the dark, and complain of nothing."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from palindra.report import audit_page, page, single

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDTHS = (360, 1200)
LONG = "a_name_without_any_place_to_break_it_" * 4

# Runs inside the page, measures it, and hands the result to the page around it.
PROBE = """<script>
const complaints = [];
for (const level of ["error", "warn"]) console[level] = (...words) => complaints.push(words.join(" "));
addEventListener("error", event => complaints.push(event.message));
addEventListener("securitypolicyviolation", event => complaints.push("loads " + event.blockedURI));
const channels = text => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return { rgb: [r, g, b], a }; };
const light = rgb => rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = element => {
  for (let e = element; e; e = e.parentElement) {
    const colour = channels(getComputedStyle(e).backgroundColor);
    if (colour.a > 0) return colour.rgb;
  }
  return [255, 255, 255];
};
const measure = () => {
  const overflowing = [], contrasts = [], clipped = [];
  let type = 100;
  for (const e of document.body.querySelectorAll(":not(path, circle, line, title)")) {
    const box = e.getBoundingClientRect();
    if (!box.width || e.closest("caption, .hidden, script, details:not([open]) > :not(summary)")) continue;
    if (box.right > innerWidth + 0.5 && !e.closest(".scroll, .multiples")) overflowing.push(e.outerHTML.slice(0, 80));
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const inSvg = e.ownerSVGElement, style = getComputedStyle(e);
    const [x, y] = [light(channels(inSvg ? style.fill : style.color).rgb), light(behind(e))];
    contrasts.push([(Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05), e.outerHTML.slice(0, 80)]);
    type = Math.min(type, parseFloat(style.fontSize) * (inSvg ? e.getScreenCTM().a : 1));
    if (inSvg) {
      const frame = inSvg.getBoundingClientRect();
      if (box.left < frame.left - 0.5 || box.right > frame.right + 0.5) clipped.push(e.textContent);
    }
  }
  return {
    width: innerWidth, scrollWidth: document.documentElement.scrollWidth, overflowing, clipped, type, complaints,
    contrast: contrasts.sort((a, b) => a[0] - b[0])[0], texts: contrasts.length,
    dark: light(channels(getComputedStyle(document.body).backgroundColor).rgb) < 0.1,
    best: sorted(),
  };
};
const sorted = () => {
  const header = document.querySelector("table.sortable thead th:nth-child(2) button");
  if (!header) return null;
  header.click();
  return [...document.querySelectorAll("table.sortable tbody td:nth-child(2)")].map(cell => Number(cell.dataset.value));
};
addEventListener("load", () => parent.postMessage([NAME, measure()], "*"));
</script>"""

WRAPPER = """<!doctype html><pre id="found"></pre><script>
const found = {};
addEventListener("message", event => {
  found[event.data[0]] = event.data[1];
  document.getElementById("found").textContent = JSON.stringify(found);
});
</script>"""


def open_in_browser(folder: Path, pages: dict[str, str], *, dark: bool) -> dict[str, dict]:
    """Every page in a frame of every width, measured by a browser that prefers light or dark."""
    frames = []
    for name, text in pages.items():
        for width in WIDTHS:
            key = f"{name} {width}"
            probe = PROBE.replace("NAME", json.dumps(key))
            copy = folder / f"{name}-{width}.html"
            copy.write_text(text.replace("<title>", probe + "<title>", 1), encoding="utf-8")
            frames.append(f'<iframe src="{copy.name}" style="width:{width}px;height:900px;border:0"></iframe>')
    wrapper = folder / "wrapper.html"
    wrapper.write_text(WRAPPER + "".join(frames), encoding="utf-8")
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    options += (
        "--disable-component-update --disable-sync --virtual-time-budget=20000 --window-size=1400,1000 --dump-dom "
    )
    options += f"--blink-settings=preferredColorScheme={0 if dark else 1} --user-data-dir={folder / 'profile'}"
    command = [str(BROWSER), *options.split(), wrapper.as_uri()]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    match = re.search(r'<pre id="found">(.*?)</pre>', dumped, re.DOTALL)
    assert match, dumped[:500]
    return json.loads(html.unescape(match[1]))


@pytest.fixture(scope="module")
def pages(comparison, evaluation, audit) -> dict[str, str]:
    many = [(f"{i} {LONG if i % 4 == 1 else 'strategy'}", "strategy", "A sentence.") for i in range(12)]
    return {
        "usual": page.render(comparison()),
        "many": page.render(comparison(names=many, seeds=30, metrics=("AUROC", "a metric " + LONG), title=LONG)),
        "evaluation": single.render(evaluation),
        "audit": audit_page.render(audit),
    }


@pytest.mark.skipif(BROWSER is None, reason="needs chromium, chromium-browser or google-chrome on the PATH")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_fit_and_can_be_read_on_a_phone_and_on_a_desk(pages, dark, tmp_path):
    found = open_in_browser(tmp_path, pages, dark=dark)
    assert found.keys() == {f"{name} {width}" for name in pages for width in WIDTHS}
    for name, seen in found.items():
        assert seen["width"] == int(name.split()[1])
        assert seen["dark"] is dark, name
        assert seen["scrollWidth"] <= seen["width"], name
        assert seen["overflowing"] == [], name
        assert seen["clipped"] == [], name
        assert seen["complaints"] == [], name
        assert seen["texts"] > 20, name
        assert seen["contrast"][0] >= 4.5, (name, seen["contrast"])
        assert seen["type"] >= 12, name
        if seen["best"] is not None:  # the first click on a metric that is better when higher sorts downwards
            assert seen["best"] == sorted(seen["best"], reverse=True), name
