"""The explanation of a run as the page shows it: motifs, maps and statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.cli.explain.finding import ALIKE, THRESHOLD, Candidate, Found, again, candidate_of, order, ratios
from palindra.cli.explain.material import Material, letters_of
from palindra.cli.explain.parts import Importance
from palindra.cli.explain.reliability import Reliability
from palindra.interpretation.attribution import Attribution
from palindra.interpretation.motifs import FilterMotif, Matches, Motif, Pattern, information
from palindra.report.explanation.contents import Map, Measured, MotifEntry, Site, Statement

PARTS = 40  # of the sequences, in which sites are counted
OTHERS = 4  # further known motifs
MAPS = 20  # on the page
EQUAL = 1e-6  # of an effect, up to which both strands of a pattern are equal
"""Rounding of float32 outputs is about 1e-7 of their size."""


def motif_entries(found: Found, measured: Importance, judged: Reliability, material: Material) -> list[MotifEntry]:
    """All motifs, those of the maps first, each kind in the order of how surely it is known."""
    length = material.codes.shape[1]
    entries = []
    for n in order(found.pattern_matches, [len(one.seqlets) for one in found.patterns]):
        pattern, motif = found.patterns[n], found.pattern_queries[n]
        known = _known(found.pattern_matches, n)
        entries.append(
            MotifEntry(
                motif.name,
                "attribution",
                motif.chances.tolist(),
                _trimmed(pattern, motif).tolist(),
                "+" if pattern.sign > 0 else "-",
                len(pattern.seqlets),
                *known,
                len({one.row for one in pattern.seqlets}) / len(material.names),
                _binned([(one.start + one.end) / 2 for one in pattern.seqlets], length),
                sum(one.strand == "+" for one in pattern.seqlets),
                sum(one.strand == "-" for one in pattern.seqlets),
                measured.patterns.get(motif.name),
                _statements(motif, known[0], known[1], measured, judged, found),
            )
        )
    for n in order(found.filter_matches, [one.motif.sites or 0 for one in found.filters]):
        one, motif = found.filters[n], found.filter_queries[n]
        known = _known(found.filter_matches, n)
        entries.append(_of_filter(one, motif, known, measured, judged, found))
    return entries


def candidates(found: Found, patterns: Sequence[str], most: int = 10) -> list[Candidate]:
    """The patterns whose importance is measured: the user's, then those of the maps, or else of the filters."""
    given = [Candidate(f"pattern {letters}", letters.upper(), letters.upper()) for letters in patterns]
    if found.patterns:
        numbers = order(found.pattern_matches, [len(one.seqlets) for one in found.patterns])
        queries = [found.pattern_queries[n] for n in numbers]
    else:
        telling = [n for n, one in enumerate(found.filters) if (information(one.motif.chances) > 0.5).sum() >= 3]
        weight = {n: float(information(found.filter_queries[n].chances).sum()) for n in telling}
        queries = [found.filter_queries[n] for n in sorted(telling, key=lambda n: -weight[n])]
    return [*given, *(candidate_of(motif) for motif in queries[:most])]


def maps(found: Attribution, motifs: Found, judged: Reliability, material: Material) -> list[Map]:
    """The maps of the first sequences, with the sites of patterns in them and their spread over shifts."""
    names = _names(motifs)
    sites: dict[int, list[Site]] = {}
    for pattern in motifs.patterns:
        for one in pattern.seqlets:
            sites.setdefault(one.row, []).append(
                Site(one.start, one.end, pattern.motif.name, one.strand, names.get(pattern.motif.name, ""))
            )
    drawn = []
    for row in range(min(MAPS, len(material.names))):
        drawn.append(
            Map(
                material.names[row],
                letters_of(material.codes[row]),
                [float(value) for value in found.positions[row]],
                _spread(judged, material, row),
                float(material.outputs[row]),
                material.labels[row],
                material.chrom[row],
                material.start[row],
                sorted(sites.get(row, []), key=lambda site: site.start),
            )
        )
    return drawn


def verdict(entries: Sequence[MotifEntry], found: Found, measured: Importance, judged: Reliability) -> list[Statement]:
    """The sentences that come first: what the model reads, what it does, and how far the maps can be believed."""
    said = []
    first = next((one for one in entries if one.source == "attribution"), None)
    if first is not None:
        what = f"looks like {first.known}" if first.known else "looks like no known motif"
        why = "no known motifs were given (--motifs, --jaspar)" if not found.collection else f"q = {first.q:.2g}"
        verdict = "not tested" if not found.collection else "stable" if first.known else "unstable"
        said.append(
            Statement(
                f"The first pattern of the maps {what}.",
                verdict,
                f"{first.sites} places in {100 * first.sequences:.0f} % of the sequences; {why}",
            )
        )
        said += [one for one in first.stability if one.sentence.startswith(("Importance", "Found again"))]
    elif found.searched:
        said.append(Statement("The maps have recurring patterns.", "unstable", "TF-MoDISco found none"))
    else:
        said.append(Statement("The maps have recurring patterns.", "not tested", "no patterns were asked for"))
    said += _strands_of_pattern(measured)
    names = _names(found)
    for pair in measured.pairs:
        excess = pair.cooperativity
        if excess is not None:
            sure = excess.low > 0 or excess.high < 0
            said.append(
                Statement(
                    f"{_both(pair.first, pair.second, names)} together do something else than the sum of each alone.",
                    "stable" if sure else "unstable",
                    pair.sentence,
                )
            )
    return [*said, *judged.statements]


def table(
    found: Found, measured: Importance, judged: Reliability, attributed: Attribution
) -> list[tuple[str, str, str]]:
    """Measures, their values and meanings."""
    rows = [("explained sequences", f"{len(attributed.outputs):,}", "whose attributions are below")]
    for name, matches in (("filters", found.filter_matches), ("patterns", found.pattern_matches)):
        if matches is not None:
            rows += [
                (
                    f"{name} like a known motif, q at most {threshold:g}",
                    f"{hits} of {motifs}",
                    f"Tomtom against {found.collection}",
                )
                for threshold, hits, motifs in ratios(matches)
            ]
    if measured.backgrounds:
        rows.append(("backgrounds of importance", measured.backgrounds, "what motifs were put into"))
    rows += [("not measured", "", note) for note in measured.notes]
    return [*rows, *judged.table]


def _known(matches: Matches | None, number: int) -> tuple[str, float, list[tuple[str, float]]]:
    if matches is None:
        return "", float("nan"), []
    best = np.argsort(matches.p[number], kind="stable")[: OTHERS + 1].tolist()
    q = matches.q[number]
    first = matches.known[best[0]].name if q[best[0]] <= THRESHOLD else ""
    rest = [(matches.known[at].name, float(q[at])) for at in best[1:] if q[at] <= THRESHOLD]
    return first, float(q[best[0]]), rest


def _both(first: str, second: str, names: dict[str, str]) -> str:
    """Two motifs in words, with the factors that they look like."""
    first, second = (
        f"{one} ({names[one].partition(' ')[2] or names[one]})" if names.get(one) else one for one in (first, second)
    )
    return f"Two copies of {first}" if first == second else f"{first} and {second}"


def _names(found: Found) -> dict[str, str]:
    return {one.motif.name: _known(found.pattern_matches, n)[0] for n, one in enumerate(found.patterns)}


def names_of(matches: Matches | None, count: int) -> list[str]:
    """The known motif of each of some motifs, empty where there is none."""
    return [_known(matches, n)[0] for n in range(count)]


def _statements(
    motif: Motif, known: str, q: float, measured: Importance, judged: Reliability, found: Found
) -> list[Statement]:
    said = []
    if not found.collection:
        said.append(Statement("Looks like a known motif.", "not tested", "no known motifs were given"))
    else:
        said.append(
            Statement(
                f"Looks like {known}." if known else "Looks like no known motif.",
                "stable" if known else "unstable",
                f"q = {q:.2g} in {found.collection}",
            )
        )
    effect = measured.patterns.get(motif.name)
    if effect is None:
        said.append(Statement("Importance differs from 0.", "not tested", "it is not among the first motifs"))
    else:
        said.append(importance_statement(effect))
    ran = {name: others for name, others in judged.others.items() if others is not None}
    if not ran:
        said.append(Statement("Found again in other runs.", "not tested", "no other run was given (--also)"))
        return said
    times = sum(again(motif, others) for others in ran.values())
    said.append(
        Statement(
            "Found again in other runs.",
            "stable" if times == len(ran) else "unstable",
            f"in {times} of {len(ran)} ({', '.join(ran)}); letters correlate by {ALIKE} or more",
        )
    )
    return said


def importance_statement(effect: Measured) -> Statement:
    """Whether the interval of an importance excludes 0."""
    sure = effect.low > 0 or effect.high < 0
    return Statement(
        f"Importance of {effect.name} differs from 0.",
        "stable" if sure else "unstable",
        f"{effect.value:+.3g}, 95 % interval {effect.low:.3g} to {effect.high:.3g} over {effect.observations} "
        f"backgrounds, q = {effect.q:.2g}; it {'excludes' if sure else 'does not exclude'} 0",
    )


def _strands_of_pattern(measured: Importance) -> list[Statement]:
    if np.isnan(measured.strand_gap):
        return []
    relative = measured.strand_gap / max(measured.size, 1e-12)
    exact = relative <= EQUAL * 10
    return [
        Statement(
            "Both strands of the first motif do the same.",
            "stable" if relative <= 0.1 else "unstable",
            f"{'equal to rounding: ' if exact else ''}the largest difference is {measured.strand_gap:.2g}, "
            f"{relative:.1e} of its mean effect",
        )
    ]


def _of_filter(
    one: FilterMotif,
    motif: Motif,
    known: tuple[str, float, list[tuple[str, float]]],
    measured: Importance,
    judged: Reliability,
    found: Found,
) -> MotifEntry:
    places = np.repeat(np.arange(len(one.places)), one.places)
    return MotifEntry(
        motif.name,
        "first layer",
        motif.chances.tolist(),
        [],
        "",
        motif.sites or 0,
        *known,
        float("nan"),
        _binned(places.tolist(), len(one.places)),
        0,  # sites of filters are not told apart by strand
        0,
        measured.patterns.get(motif.name),
        [],
    )


def _trimmed(pattern: Pattern, motif: Motif) -> NDArray[np.float64]:
    """Contributions at the positions that were kept of a pattern."""
    width = motif.width
    starts = range(len(pattern.motif.chances) - width + 1)
    first = next(s for s in starts if np.array_equal(pattern.motif.chances[s : s + width], motif.chances))
    return pattern.contributions[first : first + width]


def _binned(places: Sequence[float], length: int) -> list[int]:
    return np.histogram(places, bins=min(PARTS, length), range=(0, length))[0].tolist()


def _spread(judged: Reliability, material: Material, row: int) -> list[float]:
    """Standard deviation over shifts at the letters that are there; NaN at N and where not every shift reaches."""
    moved = judged.realigned
    if moved is None or row >= len(moved.std):
        return []
    length = material.codes.shape[1]
    beyond = (material.wider.shape[1] - length) // 2
    found = np.full(material.wider.shape[1], np.nan)
    letters = np.minimum(material.wider[row], 3).astype(np.int64)
    # Windows may be narrower than ``wider`` when sequences are short; both have the same middle.
    first = (len(found) - moved.std.shape[2]) // 2
    inside = np.arange(moved.std.shape[2])
    known = material.wider[row][first + inside] < 4
    found[first + inside] = np.where(known, moved.std[row][letters[first + inside], inside], np.nan)
    values: list[Any] = found[beyond : beyond + length].tolist()
    return values
