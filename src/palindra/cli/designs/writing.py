"""What is written of compared designs: one line per sequence, a summary, and a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from palindra.cli.designs.oracles import FLAGGED
from palindra.cli.shift.writing import provenance, strict
from palindra.models.saving import write_text
from palindra.report import design_page

if TYPE_CHECKING:
    from palindra.cli.designs.measuring import Measured, Settings

COPIED = 0.9  # identity above which a design counts as a copy
DRAWN_MOTIFS = 2000  # dots


def write_all(found: Measured, output: Path, settings: Settings, command: str) -> list[str]:
    """Write the table, the summary beside it and the page; the conclusions, sentence by sentence."""
    output.parent.mkdir(parents=True, exist_ok=True)
    sentences = verdict(found)
    report = summarise(found) | {"verdict": sentences}
    write_text(output, table(found))
    write_text(output.with_suffix(".json"), json.dumps(strict(report), indent=1, allow_nan=False) + "\n")
    hashes = {"sha256 of designs": found.generated.sha256, "sha256 of real sequences": found.reference.sha256}
    page = design_page.Designs(
        title=f"{found.generated.path.name} beside {found.reference.path.name}",
        verdict=sentences,
        table=_measures(found),
        histograms=_histograms(found),
        kmers=[(new.k, new.js, usual.js) for new, usual in found.sets],
        motifs=[(name, new, real) for name, new, real in motif_rates(found)[:DRAWN_MOTIFS]],
        provenance=provenance(command, hashes),
    )
    design_page.write(page, output.with_suffix(".html"))
    return sentences


def table(found: Measured) -> str:
    """One line per design: GC, nearest real sequence, OOD percentile and flag, oracle mean and spread, motif hits."""
    columns: dict[str, list[str]] = {"name": [" ".join(name.split()) for name in found.generated.names]}
    columns["gc"] = _numbers(found.gc[0])
    columns["nearest_identity"] = _numbers(found.nearest.identity)
    columns["nearest_name"] = [
        " ".join(found.reference.names[int(row)].split()) for row in found.searched[found.nearest.row]
    ]
    columns["nearest_strand"] = ["-" if turned else "+" for turned in found.nearest.other_strand]
    if found.oracles is not None:
        for name, mean, spread in zip(found.oracles.names, found.oracles.mean.T, found.oracles.spread.T, strict=True):
            columns |= {f"oracle_{name}": _numbers(mean), f"oracle_{name}_std": _numbers(spread)}
    combined = found.percentiles["combined"]
    columns["ood_percentile"] = _numbers(combined)
    columns["ood_flag"] = ["" if np.isnan(v) else str(int(v > FLAGGED)) for v in combined]
    columns |= {f"ood_{name}": _numbers(values) for name, values in found.scores.items()}
    if found.motifs is not None:
        columns["motif_hits"] = [str(n) for n in found.motifs.generated.counts.sum(axis=1)]
    lines = ["\t".join(columns), *("\t".join(row) for row in zip(*columns.values(), strict=True))]
    return "\n".join(lines) + "\n"


def summarise(found: Measured) -> dict[str, Any]:
    """The numbers of both sets."""
    new, real = found.gc
    summary: dict[str, Any] = {
        "designs": {"file": found.generated.path.name, "sequences": len(found.generated.names)},
        "reference": {"file": found.reference.path.name, "sequences": len(found.reference.names)},
        "gc": {"designs": _moments(new), "reference": _moments(real)},
        "kmers": [
            {"k": a.k, "js": a.js, "kl": a.kl, "wasserstein": a.wasserstein, "js_of_reference": b.js}
            for a, b in found.sets
        ],
        "identity": {
            "mean": float(found.nearest.identity.mean()),
            "largest": float(found.nearest.identity.max()),
            f"share_above_{COPIED}": float((found.nearest.identity > COPIED).mean()),
            "reference_mean": float(found.usual_identity.mean()),
            "searched": len(found.searched),
        },
        "nearest_neighbours": {name: item._asdict() for name, item in found.neighbours.items()},
        "diversity": {"designs": found.diversity[0]._asdict(), "reference": found.diversity[1]._asdict()},
        "ood": {
            "above": FLAGGED,
            "share": _share(found.percentiles["combined"]),
            "by_score": {name: _share(values) for name, values in found.percentiles.items()},
        },
    }
    if found.frechet is not None:
        of_designs, of_halves = found.frechet
        summary["frechet"] = of_designs._asdict() | {"of_reference": of_halves.distance}
    if found.motifs is not None:
        summary["motifs"] = {
            "hits_per_kb": [{"motif": name, "designs": a, "reference": b} for name, a, b in motif_rates(found)],
            "spacing": [
                {"first": a, "second": b, "pairs_designs": n, "pairs_reference": m, "js": apart}
                for a, b, n, m, apart in found.motifs.spacing
            ],
        }
    if found.oracles is not None:
        summary["oracle"] = {
            "models": found.oracles.models,
            "training": found.oracles.training,
            "outputs": {
                name: {
                    "designs": _moments(mean),
                    "reference": _moments(usual),
                    "mean_spread_over_models": float(spread.mean()) if found.oracles.models > 1 else None,
                }
                for name, mean, usual, spread in zip(
                    found.oracles.names,
                    found.oracles.mean.T,
                    found.oracles.reference_mean.T,
                    found.oracles.spread.T,
                    strict=True,
                )
            },
        }
    return summary


def motif_rates(found: Measured) -> list[tuple[str, float, float]]:
    """Hits in 1,000 letters of both sets, motif by motif, the most frequent of the real ones first."""
    if found.motifs is None:
        return []
    rates = [
        1000 * hits.counts.sum(axis=0) / max(1, int((given.codes < 4).sum()))
        for hits, given in ((found.motifs.generated, found.generated), (found.motifs.reference, found.reference))
    ]
    order = np.argsort(-rates[1], kind="stable")
    return [(found.motifs.motifs[n].name, float(rates[0][n]), float(rates[1][n])) for n in order]


def verdict(found: Measured) -> list[str]:
    """What the numbers say, the main thing first."""
    name, test = next(iter(found.neighbours.items()))
    told = "cannot be told" if abs(test.accuracy - 0.5) < 2 * 0.5 / np.sqrt(2 * test.rows) else "can be told"
    copied = float((found.nearest.identity > COPIED).mean())
    strange = _share(found.percentiles["combined"])
    sentences = [
        f"By their {name} designs {told} from real sequences: nearest-neighbour accuracy {test.accuracy:.3f} "
        "(.5: alike, 1: all different, below .5: one set copies the other).",
        f"{100 * copied:.1f} % are copies: more than {100 * COPIED:.0f} % identical to a real sequence over some shift "
        f"and either strand; the mean identity with the nearest is {found.nearest.identity.mean():.2f}, that of real "
        f"sequences with each other {found.usual_identity.mean():.2f}.",
        f"{100 * strange:.1f} % lie above the {FLAGGED:.0f}th OOD percentile of the training data (5 % would be usual)"
        + (": their predictions are extrapolations and are flagged in the table." if found.oracles else "."),
    ]
    distinct = found.diversity[0].distinct
    if distinct < 1:
        sentences.append(f"Only {100 * distinct:.1f} % of the designs are different sequences.")
    if found.oracles is not None and found.oracles.models == 1:
        sentences.append("One oracle alone gives no uncertainty: give several runs with --oracle, of other seeds.")
    return sentences


def _histograms(found: Measured) -> list[design_page.Histogram]:
    drawn = [
        design_page.Histogram("GC content", found.gc[0].tolist(), found.gc[1].tolist()),
        design_page.Histogram(
            "identity with the nearest", found.nearest.identity.tolist(), found.usual_identity.tolist()
        ),
    ]
    if found.oracles is not None:
        for column, name in enumerate(found.oracles.names[:4]):
            designed, real = found.oracles.mean[:, column], found.oracles.reference_mean[:, column]
            drawn.append(design_page.Histogram(f"oracle: {name}", designed.tolist(), real.tolist()))
    return drawn


def _measures(found: Measured) -> list[tuple[str, str, str]]:
    summary = summarise(found)
    gc = summary["gc"]
    rows = [
        ("GC content", f"{gc['designs']['mean']:.3f}", f"real {gc['reference']['mean']:.3f}; means"),
        *(
            (
                f"nearest neighbour, {name}",
                f"{item.accuracy:.3f}",
                f"of designs {item.of_first:.3f}, of real ones {item.of_second:.3f}; {item.rows:,} of each",
            )
            for name, item in found.neighbours.items()
        ),
        (
            "distinct designs",
            f"{100 * found.diversity[0].distinct:.1f} %",
            f"identity with the nearest other design {found.diversity[0].nearest_identity:.2f}, of real sequences "
            f"{found.diversity[1].nearest_identity:.2f}",
        ),
    ]
    if found.frechet is not None:
        mine, usual = found.frechet
        shrunken = max(mine.shrinkage)
        said = f"of halves of the real sequences {usual.distance:.4g}"
        said += f"; covariances shrunken by up to {shrunken:.2f} (few sequences)" if shrunken else ""
        rows.append(("Frechet distance in the embedding", f"{mine.distance:.4g}", said))
    if found.oracles is not None:
        for name, item in summary["oracle"]["outputs"].items():
            spread = item["mean_spread_over_models"]
            said = (
                "one oracle, no spread"
                if spread is None
                else f"spread over {found.oracles.models} oracles {spread:.3g}"
            )
            real = item["reference"]["mean"]
            rows.append((f"oracle: {name}", f"{item['designs']['mean']:.4g}", f"real {real:.4g}; means; {said}"))
    if found.motifs is not None:
        rows += [
            (
                f"spacing of {a} and {b}",
                f"{apart:.3f}",
                f"Jensen-Shannon distance; {n:,} pairs in designs, {m:,} in real ones",
            )
            for a, b, n, m, apart in found.motifs.spacing
        ]
    return rows


def _moments(values: Any) -> dict[str, float]:
    known = values[~np.isnan(values)]
    return {"mean": float(known.mean()), "std": float(known.std())} if len(known) else {}


def _share(values: Any) -> float:
    known = values[~np.isnan(values)]
    return float((known > FLAGGED).mean()) if len(known) else float("nan")


def _numbers(values: Any) -> list[str]:
    return ["" if np.isnan(value) else f"{value:.6g}" for value in values]
