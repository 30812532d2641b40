"""The files of an explanation, in a folder that appears when all of them are whole."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.cli.explain.concluding import names_of
from palindra.cli.explain.finding import Found, named
from palindra.cli.explain.material import Material
from palindra.cli.explain.parts import Importance
from palindra.cli.explain.reliability import Reliability, agreement_rows
from palindra.errors import InputError
from palindra.interpretation.attribution import Attribution
from palindra.interpretation.motifs import filter_rows, pattern_rows, seqlet_rows, write_meme, write_patterns
from palindra.models.saving import write_text
from palindra.report.explanation.contents import Measured, MotifEntry

MARK = ".palindra-explain"  # in a folder that this command works in


@contextlib.contextmanager
def whole(output: Path) -> Iterator[Path]:
    """A folder to write into, which gets its name only when all of it is written.

    Raises:
        InputError: if the folder, or the one that is needed to work in, holds something else.
    """
    partial = output.with_name(output.name + ".partial")
    require_free(output)
    if partial.exists() and not (partial / MARK).is_file() and (not partial.is_dir() or any(partial.iterdir())):
        raise InputError(f"{partial}: is needed to work in, and holds something else. Choose another --output-dir.")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    (partial / MARK).touch()
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    (partial / MARK).unlink()
    require_free(output)
    if output.exists():
        output.rmdir()
    partial.replace(output)


def require_free(output: Path) -> None:
    """Make sure that nothing is overwritten, see :class:`palindra.errors.InputError`."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output}: exists already. Choose another --output-dir, or remove it.")


def write_files(
    folder: Path,
    found: Attribution,
    motifs: Found,
    measured: Importance,
    judged: Reliability,
    material: Material,
    entries: Sequence[MotifEntry],
    facts: dict[str, str],
) -> list[tuple[str, str]]:
    """Everything but the page.

    Returns:
        Name of each file, and what is in it.
    """
    written = [_attributions(folder / "attributions.h5", found, material, facts)]
    if material.chromosomes:
        written.append(_bigwig(folder / "contributions.bw", found, material))
    written += _motifs(folder, motifs, material, entries)
    for name, rows in measured.tables.items():
        if rows:
            _table(folder / f"gia_{name}.tsv", [_row(one) for one in rows])
            written.append((f"gia_{name}.tsv", f"importance, {name.replace('_', ' ')}: mean, 95 % interval, q"))
    if judged.agreements:
        means = agreement_rows(judged.agreements)
        _table(
            folder / "agreement.tsv",
            [
                {
                    "kind": kind,
                    "first": first,
                    "second": second,
                    "pearson": mean,
                    "low": low,
                    "high": high,
                    "spearman": float(np.nanmean(one.spearman)),
                    "top_overlap": float(np.nanmean(one.top)),
                    "sequences": len(one.pearson),
                }
                for (kind, one), (first, second, mean, low, high) in zip(judged.agreements, means, strict=True)
            ],
        )
        written.append(("agreement.tsv", "how alike maps of strands, methods and runs are"))
    if judged.realigned is not None:
        import h5py

        with h5py.File(folder / "realigned.h5", "w") as file:
            file.attrs["layout"] = "(sequences, 4, positions) of the first sequences, letters ACGT"
            file["mean"], file["std"] = judged.realigned.mean, judged.realigned.std
        written.append(("realigned.h5", "maps averaged over shifts, and their standard deviation"))
    return written


def _attributions(path: Path, found: Attribution, material: Material, facts: dict[str, str]) -> tuple[str, str]:
    """Arrays ``(sequences, 4, length)`` in the order ACGT, as tangermeme and modisco-lite read them."""
    try:
        import h5py
    except ImportError as error:
        raise InputError("HDF5 files need h5py, which is not installed: pip install 'palindra[hdf5]'") from error
    text = h5py.string_dtype()
    with h5py.File(path, "w") as file:
        file.attrs.update(
            {**facts, "letters": "ACGT", "layout": "one_hot, contributions, hypothetical: (sequences, 4, length)"}
        )
        for name, values in (
            ("one_hot", found.one_hot.to("cpu").numpy().astype(np.int8)),
            ("contributions", found.values.float().numpy()),
            ("hypothetical", found.hypothetical.float().numpy()),
            ("positions", found.positions.float().numpy()),
        ):
            file.create_dataset(name, data=values, compression="gzip")
        file.create_dataset("names", data=material.names, dtype=text)
        file["outputs"] = found.outputs.float().numpy()
        if found.delta is not None:
            file["delta"] = found.delta.float().numpy()
        if material.chromosomes:
            file.create_dataset("chrom", data=material.chrom, dtype=text)
            file["start"] = np.array(material.start)
            file["end"] = np.array(material.start) + material.codes.shape[1]
    return path.name, "one_hot, contributions, hypothetical (sequences, 4, length); positions, names, outputs"


def _bigwig(path: Path, found: Attribution, material: Material) -> tuple[str, str]:
    from palindra.data.genome import write_bigwig

    pieces = averaged(material.chrom, material.start, found.positions.double().numpy(), material.chromosomes)
    write_bigwig(path, material.chromosomes, pieces)
    return path.name, "contribution of each position, averaged where windows overlap"


def averaged(
    chrom: Sequence[str], start: Sequence[int], values: NDArray[np.float64], chromosomes: dict[str, int]
) -> Iterator[tuple[str, int, NDArray[np.float32], int]]:
    """Windows as stretches of a genome, each position the mean over the windows that hold it.

    Examples:
        >>> pieces = averaged(["a", "a"], [-1, 1], np.array([[9.0, 1, 2], [4, 5, 6]]), {"a": 9})
        >>> [(chrom, start, values.tolist()) for chrom, start, values, _ in pieces]
        [('a', 0, [1.0, 3.0, 5.0, 6.0])]
    """
    length = values.shape[1]
    for name, size in chromosomes.items():
        rows = sorted((row for row in range(len(chrom)) if chrom[row] == name), key=lambda row: start[row])
        groups: list[list[int]] = []
        for row in rows:
            if groups and start[row] < start[groups[-1][-1]] + length:
                groups[-1].append(row)
            else:
                groups.append([row])
        for group in groups:
            first, last = start[group[0]], start[group[-1]] + length
            total, count = np.zeros(last - first), np.zeros(last - first)
            for row in group:
                place = slice(start[row] - first, start[row] - first + length)
                total[place] += values[row]
                count[place] += 1
            inside = slice(max(0, -first), min(last, size) - first)
            yield name, max(first, 0), (total[inside] / count[inside]).astype(np.float32), 1


def _motifs(folder: Path, motifs: Found, material: Material, entries: Sequence[MotifEntry]) -> list[tuple[str, str]]:
    written = []
    _table(
        folder / "motifs.tsv",
        [
            {
                "motif": one.name,
                "source": one.source,
                "sites": one.sites,
                "sign": one.sign,
                "known": one.known,
                "q": one.q,
                "others": "; ".join(f"{name} {q:.2g}" for name, q in one.others),
                "sequences": one.sequences,
                "forward": one.forward,
                "reverse": one.reverse,
                "importance": one.importance.value if one.importance else float("nan"),
                "low": one.importance.low if one.importance else float("nan"),
                "high": one.importance.high if one.importance else float("nan"),
                "importance_q": one.importance.q if one.importance else float("nan"),
            }
            for one in entries
        ],
        header="motif\tsource\tsites\tsign\tknown\tq\tothers\tsequences\tforward\treverse\timportance\tlow\thigh\t"
        "importance_q",
    )
    written.append(("motifs.tsv", "all motifs, the surest first: what they look like, sites, importance"))
    pattern_names = names_of(motifs.pattern_matches, len(motifs.patterns))
    filter_names = names_of(motifs.filter_matches, len(motifs.filters))
    every = [
        *(named(one, known) for one, known in zip(motifs.pattern_queries, pattern_names, strict=True)),
        *(named(one, known) for one, known in zip(motifs.filter_queries, filter_names, strict=True)),
    ]
    if every:
        write_meme(folder / "motifs.meme", every)
        written.append(("motifs.meme", "the same as matrices of letters, nsites is the number of sites"))
    if motifs.filter_matches is not None:
        _table(folder / "filters.tsv", filter_rows(motifs.filters, motifs.filter_matches))
        written.append(("filters.tsv", "filters of the first layer and the known motif of each"))
    if motifs.patterns:
        if motifs.pattern_matches is not None:
            _table(folder / "patterns.tsv", pattern_rows(motifs.patterns, motifs.pattern_matches))
            written.append(("patterns.tsv", "patterns of TF-MoDISco and the known motif of each"))
        write_patterns(folder / "patterns.h5", motifs.patterns, window=material.codes.shape[1])
        written.append(("patterns.h5", "patterns as modisco-lite lays them out"))
        written.append(_seqlets(folder, motifs, material, pattern_names))
    return written


def _seqlets(folder: Path, motifs: Found, material: Material, names: list[str]) -> tuple[str, str]:
    rows = seqlet_rows(motifs.patterns, names)
    if not material.chromosomes:
        for row in rows:
            row["name"] = " ".join(material.names[row.pop("row")].split())
        _table(folder / "seqlets.tsv", [{"name": row.pop("name"), **row} for row in rows])
        return "seqlets.tsv", "places of the patterns, 0-based and half-open in their sequence"
    lines = []
    for row in rows:
        first = material.start[row["row"]]
        name = f"{row['pattern']}_{row['known']}".rstrip("_").replace(" ", "_")
        lines.append((material.chrom[row["row"]], first + row["start"], first + row["end"], name, 0, row["strand"]))
    size = material.chromosomes
    kept = sorted({line for line in lines if line[1] >= 0 and line[2] <= size[line[0]]})
    write_text(folder / "seqlets.bed", "".join("\t".join(map(str, line)) + "\n" for line in kept))
    return "seqlets.bed", "places of the patterns in the genome"


def write_logos(folder: Path, entries: Sequence[MotifEntry]) -> list[tuple[str, str]]:
    """One SVG per motif in ``logos``, those of contributions beside those of letters."""
    from palindra.report.explanation.logos import logo_svg

    place = folder / "logos"
    place.mkdir()
    for one in entries:
        title = f"{one.name} {one.known}".strip()
        write_text(place / f"{one.name}.svg", logo_svg(one.chances, kind="information", title=title))
        if one.contributions:
            write_text(
                place / f"{one.name}_contributions.svg", logo_svg(one.contributions, kind="contribution", title=title)
            )
    return [("logos/", f"{len(entries)} motifs as SVG, in bits and in contributions")]


def _row(one: Measured) -> dict[str, Any]:
    return {
        "name": one.name,
        "importance": one.value,
        "low": one.low,
        "high": one.high,
        "q": one.q,
        "backgrounds": one.observations,
    }


def _table(path: Path, rows: Iterable[dict[str, Any]], header: str = "") -> None:
    lines = []
    for row in rows:
        header = header or "\t".join(row)
        lines.append("\t".join(_field(value) for value in row.values()))
    write_text(path, "\n".join([header, *lines]) + "\n")


def _field(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value) if isinstance(value, list) else str(value)
