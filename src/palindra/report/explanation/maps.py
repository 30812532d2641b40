"""What the map viewer of the page reads: letters, scores and sites of every explained sequence."""

from __future__ import annotations

from typing import Any

from palindra.errors import InputError
from palindra.report.explanation.contents import Map, Site
from palindra.report.explanation.motifs import short
from palindra.report.explanation.packing import pack
from palindra.report.numbers import is_number, number


def map_data(maps: list[Map], motifs: list[str]) -> list[dict[str, Any]]:
    """Every map as plain values for JSON; sites name their motif by its place in ``motifs``, -1 where it is not there.

    Raises:
        InputError: if a map does not have one score for each letter, or a site lies outside its sequence.
    """
    places = {name: place for place, name in reversed(list(enumerate(motifs)))}
    return [_one(item, places) for item in maps]


def named(site: Site) -> str:
    """A site's motif with all of its names.

    Examples:
        >>> named(Site(3, 9, "pattern_0", "+", "MA0050.3 IRF1")), named(Site(3, 9, "pattern_0", "+", ""))
        ('MA0050.3 IRF1, pattern_0', 'pattern_0')
    """
    return ", ".join(name for name in (site.known, site.motif) if name)


def _one(item: Map, places: dict[str, int]) -> dict[str, Any]:
    length = len(item.letters)
    for what, values in (("scores", item.values), ("spreads over shifts", item.spread)):
        if len(values) != length and (what == "scores" or values):
            raise InputError(
                f"map {item.name!r} has {length} letters and {len(values)} {what}; needed is one for each letter."
            )
    outside = [site for site in item.sites if not 0 <= site.start < site.end <= length]
    if outside:
        raise InputError(
            f"map {item.name!r}: the site {outside[0].start}-{outside[0].end} of {outside[0].motif!r} does not lie in "
            f"its {length} letters (0-based, half-open)."
        )
    sites = [
        [site.start, site.end, places.get(site.motif, -1), site.strand, short(site.known) or site.motif, named(site)]
        for site in sorted(item.sites, key=lambda site: (site.start, site.end))
    ]
    data: dict[str, Any] = {
        "name": item.name,
        "letters": item.letters.upper(),
        "scores": pack(item.values),
        "output": number(item.output) if is_number(item.output) else "",
        "label": item.label,
        "sites": sites,
    }
    if item.spread:
        data["spread"] = pack(item.spread)
    if item.chrom:
        data |= {"chrom": item.chrom, "start": item.start}
    return data
