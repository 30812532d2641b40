"""A made-up explanation of a model of two motifs, of any size, so that every test can say what it varies."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from palindra.report.explanation.contents import (
    Cloud,
    Curve,
    Explanation,
    Map,
    Measured,
    MotifEntry,
    Pair,
    Site,
    Statement,
)

LETTERS = "ACGT"
ISRE, SPI1, LATE = "TTTCACTTTCG", "AAAGAGGAAGTG", "TGACTCA"
KNOWN = {"pos.pattern_0": "MA0050.3 IRF1", "pos.pattern_1": "MA0080.6 SPI1", "neg.pattern_0": ""}


def turned(word: str) -> str:
    return word[::-1].translate(str.maketrans(LETTERS, LETTERS[::-1]))


def chances(word: str, sure: float, around: int = 2) -> list[list[float]]:
    flank = [[0.3, 0.2, 0.22, 0.28]] * around
    middle = [[sure if letter == one else (1 - sure) / 3 for letter in LETTERS] for one in word]
    middle[3] = [0.4, 0.25, 0.15, 0.2]
    return [*flank, *middle, *flank]


def contributions(rows: list[list[float]], size: float) -> list[list[float]]:
    return [[size * (p - 0.25) * max(row) if p == max(row) else 0.03 * size * (p - 0.3) for p in row] for row in rows]


def make_map(number: int, length: int, random_: random.Random, *, genome: bool = True, spread: bool = True) -> Map:
    letters = random_.choices(LETTERS, k=length)
    values = [random_.gauss(0, 0.004) for _ in range(length)]
    sites = []
    words = [("pos.pattern_0", ISRE, 0.09)] * random_.choice((1, 1, 2)) + [("pos.pattern_1", SPI1, 0.05)] * (number % 2)
    words += [("neg.pattern_0", LATE, -0.035)] * (number % 5 == 0)
    for name, word, size in words if length > 60 else words[:1]:
        strand = random_.choice("+-")
        written = word if strand == "+" else turned(word)
        low, high = (length // 5, 4 * length // 5) if length > 60 else (2, length - len(word) - 1)
        start = round(random_.triangular(low, high, length / 2))
        if start + len(word) > length or any(
            site.start - 2 < start + len(word) and start < site.end + 2 for site in sites
        ):
            continue
        letters[start : start + len(word)] = written
        for i in range(len(word)):
            values[start + i] = random_.gauss(size, abs(size) / 4) * (0.35 if i == 3 else 1)
        sites.append(Site(start, start + len(word), name, strand, KNOWN[name]))
    return Map(
        name=f"peak {number + 1}",
        letters="".join(letters),
        values=values,
        spread=[abs(random_.gauss(0.0, 0.008)) + abs(value) / 8 for value in values] if spread else [],
        output=2.1 - 0.02 * number,
        label="bound" if number % 6 else "not bound",
        chrom=f"chr{1 + number % 8}" if genome else "",
        start=128_938_000 + 1_017 * number if genome else 0,
        sites=sites,
    )


def make_curve(title: str, axis: str, xs: list[float], height, half: float = 0.12) -> Curve:
    random_ = random.Random(title)
    mean = [height(x) + random_.gauss(0, half / 3) for x in xs]
    return Curve(title, axis, xs, mean, [m - half for m in mean], [m + half for m in mean])


def motif_entries() -> list[MotifEntry]:
    isre, spi1, late = chances(ISRE, 0.93), chances(SPI1, 0.86), chances(LATE, 0.75)
    hump = [round(3 + 60 * math.exp(-((i - 9.5) ** 2) / 12)) for i in range(20)]
    return [
        MotifEntry(
            name="pos.pattern_0", source="attribution", chances=isre, contributions=contributions(isre, 0.1), sign="+",
            sites=412, known="MA0050.3 IRF1", q=3.2e-9,
            others=[("MA0051.1 IRF2", 5e-8), ("MA0652.1 IRF8", 2e-6), ("MA0508.3 PRDM1", 0.004)],
            sequences=0.83, positions=hump, forward=201, reverse=211,
            importance=Measured("ISRE in shuffled backgrounds", 2.31, 2.18, 2.44, 1e-12, 300),
            stability=[
                Statement("The motif is found again by every seed.", "stable", "5 of 5 seeds, smallest q 2 × 10⁻⁶."),
                Statement("It raises the output in every background.", "stable", "300 of 300 backgrounds, q < 0.001."),
            ],
        ),
        MotifEntry(
            name="pos.pattern_1", source="attribution", chances=spi1, contributions=contributions(spi1, 0.05), sign="+",
            sites=138, known="MA0080.6 SPI1", q=0.00042, others=[("MA0598.3 EHF", 0.031)],
            sequences=0.34, positions=[h // 5 + i % 3 for i, h in enumerate(hump)], forward=71, reverse=67,
            importance=Measured("SPI1 in shuffled backgrounds", 0.62, 0.51, 0.73, 2e-7, 300),
            stability=[
                Statement("The motif is found again by every seed.", "unstable", "3 of 5 seeds; q 0.11 in seed 2."),
                Statement("It raises the output.", "stable", "interval 0.51 to 0.73."),
            ],
        ),
        MotifEntry(
            name="neg.pattern_0", source="attribution", chances=late, contributions=contributions(late, -0.04),
            sign="-", sites=41, known="", q=0.31, others=[],
            sequences=0.11, positions=[2] * 20, forward=30, reverse=11,
            importance=Measured("neg.pattern_0", -0.08, -0.19, 0.03, 0.21, 300),
            stability=[Statement("It lowers the output.", "unstable", "the interval holds zero.")],
        ),
        MotifEntry(
            name="filter 7", source="first layer", chances=chances(turned(ISRE)[:9], 0.8, 3), contributions=[], sign="",
            sites=903, known="MA0051.1 IRF2", q=0.008, others=[], sequences=0.91, positions=[], forward=903, reverse=0,
            importance=None,
        ),
    ]  # fmt: skip


def make_pair() -> Pair:
    gaps = [float(x) for x in range(0, 61, 2)]
    kinds = [("→ →", 1.0), ("→ ←", 0.5), ("← →", 0.15), ("← ←", 0.6)]
    distances = [
        make_curve(
            f"IRF1 {kind.split()[0]} SPI1 {kind.split()[1]}", "letters between them", gaps,
            lambda x, top=top: 2.9 + 0.8 * top * math.exp(-((x - 10) ** 2) / 60),
        )
        for kind, top in kinds
    ]  # fmt: skip
    return Pair(
        "MA0050.3 IRF1", "MA0080.6 SPI1", distances,
        Measured("I12 - I1 - I2 at 10 letters", 0.71, 0.55, 0.87, 1e-6, 300),
        "They help each other: most with 10 letters between them, both on the same strand.",
    )  # fmt: skip


def make_clouds(points: int) -> list[Cloud]:
    random_ = random.Random(11)
    labels = [float(i % 2) for i in range(points)]
    predictions = [min(0.999, max(0.001, random_.gauss(0.25 + 0.5 * label, 0.15))) for label in labels]
    colours = {
        "label": labels,
        "prediction": predictions,
        "error": [abs(a - b) for a, b in zip(labels, predictions, strict=True)],
        "strangeness": [random_.uniform(0, 100) if i % 9 else math.nan for i in range(points)],
    }
    names = [f"peak {i + 1}" for i in range(points)]
    return [
        Cloud("PCA (61 % of the variance)", [random_.gauss(4 * p, 0.7) for p in predictions],
              [random_.gauss(0, 1) for _ in names], names, colours),
        Cloud("UMAP", [random_.gauss(6 * label, 1) for label in labels],
              [random_.gauss(2 * p, 1) for p in predictions], names, colours),
    ]  # fmt: skip


def make_explanation(sequences: int = 24, length: int = 200, points: int = 400, **changes) -> Explanation:
    random_ = random.Random(5)
    methods, seeds = (
        ["DeepLIFT/SHAP", "integrated gradients", "saliency", "mutagenesis"],
        [f"seed {i}" for i in range(5)],
    )
    agreement = [
        (a, b, r := 0.94 - 0.07 * i - 0.11 * j, r - 0.03, r + 0.03)
        for i, a in enumerate(methods) for j, b in enumerate(methods[i + 1 :])
    ] + [(a, b, 0.81, 0.77, 0.85) for i, a in enumerate(seeds) for b in seeds[i + 1 :]]  # fmt: skip
    explanation = Explanation(
        title="What the IRF1 model reads",
        output="binding of IRF1 (logit)",
        method="DeepLIFT/SHAP against 20 dinucleotide-shuffled references",
        verdict=[
            Statement("The model reads the motif of IRF1 (MA0050.3), in 83 % of the explained sequences.", "stable",
                      "Found by 5 of 5 seeds and by two methods; q 3.2 × 10⁻⁹."),
            Statement("The motif alone turns the prediction: +2.31 in backgrounds without it.", "stable",
                      "95 % interval 2.18 to 2.44 over 300 backgrounds, q < 0.001."),
            Statement("With SPI1 ten letters away it counts for more than both alone.", "stable",
                      "I₁₂ − I₁ − I₂ = +0.71 (0.55 to 0.87)."),
            Statement("A second motif lowers the output.", "unstable", "The interval, −0.19 to 0.03, holds zero."),
            Statement("The maps depend on the trained weights.", "not tested", "No weights were randomised."),
        ],
        table=[
            ("spread over shifts", "0.11", "Standard deviation of realigned maps over 20 shifts, by their mean size."),
            ("maps of the reverse complement", "1.000", "Correlation with the map itself; 1: equivariant."),
            ("convergence delta", "2.1 × 10⁻⁶", "Largest difference between the sum of a map and what it explains."),
        ],
        motifs=motif_entries(),
        maps=[make_map(i, length, random_) for i in range(sequences)],
        curves=[
            make_curve("IRF1 along the sequence", "position of its first letter", [*map(float, range(0, length, 5))],
                       lambda x: 2.3 * math.exp(-(((x - length / 2) / length) ** 2) * 5)),
            make_curve("IRF1, several copies", "copies", [1.0, 2.0, 3.0, 4.0, 5.0], lambda x: 3.2 * (1 - math.exp(-x))),
        ],
        flanks=[Measured(f, 2.4 - 0.3 * i, 2.2 - 0.3 * i, 2.6 - 0.3 * i, 0.002 * 4**i, 300)
                for i, f in enumerate(["AA·GA", "GA·GA", "CC·AC", "CG·CG"])],
        pairs=[make_pair()],
        occlusion=[Measured("1 site", -1.1, -1.3, -0.9, 1e-5, 120), Measured("2 sites", -2.2, -2.6, -1.8, 1e-5, 43),
                   Measured("3 or more", -2.5, math.nan, math.nan, math.nan, 1)],
        clouds=make_clouds(points),
        neighbours=[(f"peak {i + 1}", [(f"train {7 * i + j}", 0.31 + 0.2 * j, "bound") for j in range(3)])
                    for i in range(sequences)],
        agreement=agreement,
        files=[("attributions.h5", "maps of all sequences, letters and scores"), ("motifs.meme", "the motifs"),
               ("logos/pos.pattern_0.svg", "logo of the first motif"), ("importance.tsv", "all numbers of importance")],
        provenance={"command": "palindra explain runs/irf1 --input test.fa --out explained",
                    "versions": "palindra 0.1.0, torch 2.13.0", "date": "2026-03-02 14:12 UTC"},
    )  # fmt: skip
    return replace(explanation, **changes)


def nothing() -> Explanation:
    """An explanation that found nothing at all."""
    return Explanation("Nothing", "the output", "saliency", [], [], [], [], [], [], [], [], [], [], [], [], {})


def test_the_example_survives_json():
    explanation = make_explanation(sequences=3, length=120, points=10)
    assert Explanation.from_json(explanation.to_json()).maps == explanation.maps
