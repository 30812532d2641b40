"""The page of an explained model: its motifs, where they are, how they combine, how stable each statement is."""

from __future__ import annotations

import json
import os
from typing import Any

from markupsafe import Markup

from palindra.report.document import draw, write_page
from palindra.report.explanation.agreement import matrices
from palindra.report.explanation.clouds import cloud_data, placed
from palindra.report.explanation.contents import Explanation
from palindra.report.explanation.curves import draw_curves
from palindra.report.explanation.maps import map_data
from palindra.report.explanation.measured import rows
from palindra.report.explanation.motifs import ICONS, TONES, entries, tally

FEW = 12  # rows of a long table that are open at once
REASONS = {
    "verdict": "No statement was tested.",
    "table": "Nothing was measured beside the statements above.",
    "motifs": "No motif was found: no pattern recurs in the attribution maps, nor in the filters of the first layer.",
    "maps": "No attribution map was kept for the page.",
    "curves": "No motif was moved or repeated in backgrounds, so nothing is known about position and copies.",
    "flanks": "No flanks were tried around a motif.",
    "pairs": "Fewer than two motifs were found, or no pair of them was put into backgrounds together.",
    "occlusion": "No instance of a motif was replaced by random letters.",
    "clouds": "No embedding was computed: the model gives none, or none was asked for.",
    "neighbours": "No training sequences were given to compare with.",
    "agreement": "One method and one model: there is nothing to agree with.",
    "files": "No file was written beside this page.",
}


def render(explanation: Explanation) -> str:
    """Draw one self-contained HTML page; the same explanation always gives the same page.

    Raises:
        InputError: if logomaker is not installed, or parts of the explanation do not fit together; says which.
    """
    it = explanation
    names = [item.name for item in it.motifs]
    pairs = [
        (item, draw_curves(item.distances, "importance", shared=True), measured)
        for item, measured in zip(it.pairs, rows([item.cooperativity for item in it.pairs]), strict=True)
    ]
    return draw(
        "explanation.html.jinja",
        it=it,
        few=FEW,
        tones=TONES,
        icons=ICONS,
        counts=tally(it.verdict),
        reasons=REASONS | it.reasons,
        motifs=entries(it.motifs),
        curves=draw_curves(it.curves, "importance"),
        flanks=rows([*it.flanks]),
        pairs=pairs,
        occlusion=rows([*it.occlusion]),
        matrices=matrices(it.agreement),
        spread=any(item.spread for item in it.maps),
        quantities=list(dict.fromkeys(name for cloud in it.clouds for name in cloud.colours)),
        placed=[(cloud.title, placed(cloud), len(cloud.x)) for cloud in it.clouds],
        data=_island({"maps": map_data(it.maps, names), **cloud_data(it.clouds)}),
    )


def write(explanation: Explanation, path: str | os.PathLike[str]) -> None:
    """Render the page and put it on disk whole or not at all."""
    write_page(render(explanation), path)


def _island(data: dict[str, Any]) -> Markup:
    """JSON that may stand inside a script element: no text in it can end that element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
