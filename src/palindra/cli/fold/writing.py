"""What is written of folded molecules: structures, probabilities, tables, pictures, a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palindra.cli.fold.folding import Folded
from palindra.cli.fold.scoring import MODEL, RNAFOLD, Scored, write_rows
from palindra.data.rna import Structure, format_bpseq, split_nested, write_structures
from palindra.evaluation.pairs import count_pairs
from palindra.models.saving import write_text
from palindra.report.folding import page as folding_page
from palindra.report.folding.molecule import FoldedMolecule
from palindra.report.folding.picture import picture
from palindra.report.numbers import number

MAPS, PICTURES, BPSEQ = "maps", "pictures", "bpseq"
DRAWN_ENTRIES = 4000  # most probable pairs of a molecule that are drawn


def file_stem(place: int, name: str) -> str:
    """A file name for a molecule that is safe everywhere and unlike all others.

    Examples:
        >>> file_stem(2, "tRNA Phe/yeast (E. coli)")
        '00003_tRNA_Phe_yeast_E._coli'
    """
    return f"{place + 1:05d}_{re.sub(r'[^A-Za-z0-9.+-]+', '_', name).strip('_.')[:60]}".rstrip("_")


def write_map(folder: Path, place: int, name: str, sequence: str, table: NDArray[np.float32]) -> None:
    """The whole map of one molecule as ``.npz``: probabilities in float32, name and sequence."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{file_stem(place, name)}.npz"
    partial = target.with_name(target.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, probabilities=table.astype(np.float32), name=name, sequence=sequence)
    partial.replace(target)


def write_predictions(folder: Path, folded: Sequence[Folded], said: Sequence[Sequence[str]], *, bpseq: bool) -> None:
    """Structures in every format that was asked for, and the tables of molecules, pairs and bases."""
    structures = [Structure(one.molecule.name, one.molecule.sequence, one.pairs, one.molecule.family) for one in folded]
    write_structures(folder / "structures.dbn", structures)
    write_structures(folder / "structures.ct", structures)
    if bpseq:
        (folder / BPSEQ).mkdir(exist_ok=True)
        for place, structure in enumerate(structures):
            write_text(folder / BPSEQ / f"{file_stem(place, structure.name)}.bpseq", format_bpseq(structure))
    _write_lines(folder / "molecules.tsv", _molecule_lines(folded, said))
    _write_lines(folder / "pairs.tsv", (line for one in folded for line in _pair_lines(one)), _PAIRS)
    _write_lines(folder / "unpaired.tsv", (line for one in folded for line in _base_lines(one)), _BASES)


def write_scores(folder: Path, scored: Scored | None) -> None:
    """The table of scores, where any structure is known."""
    if scored is not None:
        write_text(folder / "scores.tsv", write_rows(scored))


def write_pictures(folder: Path, views: Sequence[FoldedMolecule]) -> None:
    """One SVG file for each molecule."""
    (folder / PICTURES).mkdir(exist_ok=True)
    for place, shown in enumerate(views):
        write_text(folder / PICTURES / f"{file_stem(place, shown.name)}.svg", picture(shown))


def write_page(
    folder: Path,
    views: Sequence[FoldedMolecule],
    scored: Scored | None,
    *,
    title: str,
    verdict: Sequence[str],
    provenance: Mapping[str, str],
    drawn: int,
) -> None:
    """The page of all molecules."""
    scores = [] if scored is None else list(_score_lines(scored))
    page = folding_page.FoldingPage(title, list(verdict), list(views), scores, dict(provenance), drawn)
    folding_page.write(page, folder / "page.html")


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Counts, settings, hashes and versions."""
    write_text(folder / "summary.json", json.dumps(summary, indent=1, allow_nan=False, default=str) + "\n")


def view(one: Folded, said: Sequence[str]) -> FoldedMolecule:
    """A molecule as it is shown."""
    molecule = one.molecule
    strongest = np.sort(np.argsort(-one.probability, kind="stable")[:DRAWN_ENTRIES])
    entries = zip(
        one.first[strongest].tolist(), one.second[strongest].tolist(), one.probability[strongest].tolist(), strict=True
    )
    facts = {"": f"{len(molecule.sequence):,} bases", "GC": f"{100 * one.gc:.0f} %"}
    facts |= {"family": molecule.family} if molecule.family else {}
    facts |= {"pairs": f"{len(one.pairs):,}"}
    facts |= {"mean probability": f"{one.certainty:.2f}"} if one.certainty is not None else {}
    facts |= {"RNAfold": f"{number(one.energy, 1)} kcal/mol"} if one.energy is not None else {}
    return FoldedMolecule(
        name=molecule.name,
        sequence=molecule.sequence,
        predicted=one.pairs,
        entries=list(entries),
        unpaired=one.unpaired.tolist(),
        known=molecule.known,
        rnafold=one.rnafold,
        family=molecule.family,
        facts=facts,
        cautions=list(said),
        scores=_f1(one),
    )


_PAIRS = ("name", "i", "j", "base_i", "base_j", "probability", "predicted", "rnafold", "known")
_BASES = ("name", "position", "base", "unpaired", "partner")


def _write_lines(path: Path, lines: Iterator[str], header: Sequence[str] = ()) -> None:
    """A table whole or not at all, without holding it in memory."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        if header:
            file.write("\t".join(header) + "\n")
        file.writelines(f"{line}\n" for line in lines)
    partial.replace(path)


def _pair_lines(one: Folded) -> Iterator[str]:
    letters = one.molecule.sequence
    sets = [None if pairs is None else frozenset(pairs) for pairs in (one.pairs, one.rnafold, one.molecule.known)]
    for i, j, chance in zip(one.first.tolist(), one.second.tolist(), one.probability.tolist(), strict=True):
        held = ["" if pairs is None else str(int((i, j) in pairs)) for pairs in sets]
        yield "\t".join([one.molecule.name, str(i + 1), str(j + 1), letters[i], letters[j], f"{chance:.5f}", *held])


def _base_lines(one: Folded) -> Iterator[str]:
    partner = {i: j for pair in one.pairs for i, j in (pair, pair[::-1])}
    for place, (letter, chance) in enumerate(zip(one.molecule.sequence, one.unpaired.tolist(), strict=True)):
        yield f"{one.molecule.name}\t{place + 1}\t{letter}\t{chance:.5f}\t{partner.get(place, -1) + 1}"


def _molecule_lines(folded: Sequence[Folded], said: Sequence[Sequence[str]]) -> Iterator[str]:
    columns = "name family length gc pairs pseudoknot_pairs mean_probability rnafold_pairs rnafold_kcal_per_mol "
    columns += "pairs_shared_with_rnafold known_pairs ppv sensitivity f1 f1_rnafold warnings"
    yield "\t".join(columns.split())
    for one, sentences in zip(folded, said, strict=True):
        molecule = one.molecule
        fields: list[object] = [molecule.name, molecule.family, len(molecule.sequence), f"{one.gc:.4f}", len(one.pairs)]
        fields += [len(split_nested(one.pairs).crossing), None if one.certainty is None else f"{one.certainty:.5f}"]
        shared = None if one.rnafold is None else len(frozenset(one.pairs) & frozenset(one.rnafold))
        fields += [
            None if one.rnafold is None else len(one.rnafold),
            None if one.energy is None else f"{one.energy:.2f}",
            shared,
        ]
        scores = None if molecule.known is None else count_pairs(one.pairs, molecule.known).scores
        fields += [None if molecule.known is None else len(molecule.known)]
        fields += [None if scores is None else f"{value:.6f}" for value in (scores or (0, 0, 0, 0))[:2]]
        fields += [None if value is None else f"{value:.6f}" for value in _f1(one)]
        yield "\t".join("" if field is None else str(field) for field in [*fields, " ".join(sentences)])


def _f1(one: Folded) -> tuple[float | None, float | None]:
    known = one.molecule.known
    if known is None:
        return None, None
    both = [None if pairs is None else count_pairs(pairs, known).scores for pairs in (one.pairs, one.rnafold)]
    return both[0].f1 if both[0] else None, both[1].f1 if both[1] else None


def _score_lines(scored: Scored) -> Iterator[folding_page.ScoreLine]:
    shown = {MODEL: "this model", RNAFOLD: "RNAfold (least energy)"}
    for group, name, kind, _ in scored.rows[MODEL]:
        if kind != "all":
            continue
        for method, rows in scored.rows.items():
            by_kind = {row.pairs: row.summary for row in rows if row[:2] == (group, name)}
            mean, slip, crossing = (by_kind[key].mean for key in ("all", "slip 1", "crossing"))
            label = {"all": "all molecules", "length": f"{name} bases"}.get(group, name)
            yield folding_page.ScoreLine(
                label,
                shown.get(method, method),
                by_kind["all"].molecules,
                mean.ppv if mean else None,
                mean.sensitivity if mean else None,
                mean.f1 if mean else None,
                slip.f1 if slip else None,
                crossing.f1 if crossing else None,
                by_length=group == "length",
            )
