"""An explanation from a run folder to a folder of files with a page, step by step."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from palindra.cli import inputs
from palindra.cli.explain import (
    blocks,
    checking,
    clouds,
    concluding,
    finding,
    importance,
    material,
    reliability,
    searching,
    sharing,
    writing,
)
from palindra.cli.explain.methods import METHODS
from palindra.cli.explain.settings import Settings
from palindra.cli.explain.subject import Subject, open_subject
from palindra.cli.shift.writing import provenance
from palindra.data.files import hash_file
from palindra.engine import Engine, make_engine
from palindra.errors import InputError
from palindra.interpretation.attribution import Attribution
from palindra.interpretation.motifs import Pattern
from palindra.models.saving import CHECKSUMS, write_text
from palindra.report.explanation.contents import Explanation
from palindra.sequences import one_hot

EXPLAINED = "explained"  # name of the maps of all sequences


def explain(
    folder: Path,
    path: Path,
    output: Path,
    settings: Settings,
    *,
    command: str,
    say: Callable[[str], None],
    engine: Engine | None = None,
) -> None:
    """Explain a run on the sequences of a file, and write what was found.

    Args:
        folder: of the run.
        path: FASTA or table of sequences, or a BED file of regions.
        output: folder to write.
        settings: of the command.
        command: as it was typed.
        say: gets lines for the screen.
        engine: makes maps, embeddings, patterns of each run and parts of importance, wherever its workers are; None
            makes them here, one after the other.

    Raises:
        InputError: for anything that is given and cannot be used, before the long part begins where possible.
    """
    writing.require_free(output)
    inputs.choose("--method", settings.method, METHODS)
    for name in settings.compare_methods:
        inputs.choose("--compare-methods", name, METHODS)
    _require_writers(material.is_bed(path))
    finding.keep_compiled()
    subject = open_subject(
        folder,
        name=settings.output_name,
        contribution=settings.contribution,
        both_strands=settings.both_strands,
    )
    known = finding.read_known(settings)
    _announce(subject, settings, known, say)
    others = checking.other_runs(subject, settings)
    given = None if settings.backgrounds is None else material.read_backgrounds(settings.backgrounds, subject)
    _check_patterns(settings.patterns, subject.length)
    if settings.window is not None and settings.window > subject.length:
        raise InputError(f"--window {settings.window}: {folder} reads {subject.length} letters; give at most as many.")
    rows = material.gather(subject, path, settings, say)
    train = rows.train if settings.train is None else material.read_reference(settings.train, subject, settings)
    x = one_hot(rows.codes).float()
    if settings.layer is not None:
        finding.check_layer(subject, x[:4], settings.layer)
    place = sharing.Place(engine or make_engine(), units_of(output), say)
    say(f"attribution of {len(x):,} sequences of {subject.length:,} bp by {METHODS[settings.method].words}")
    few = min(len(x), checking.few_of(subject))
    say(f"reliability on {few} sequences: strands, shifts, methods, random weights")
    wanted = {EXPLAINED: blocks.maps_of("maps", subject, rows.codes, settings)}
    wanted |= checking.wanted(subject, others, rows, settings) | clouds.wanted(subject, rows, train, settings, say)
    made = blocks.make(wanted, place)
    _require_differences(made[EXPLAINED]["hypothetical"], path)
    patterns = _patterns(wanted, others, settings, place)
    with writing.whole(output) as partial:
        explanation = _explained(
            subject, path, rows, train, made, patterns, known, given, settings, command, partial, place
        )
        write_text(partial / "explanation.json", explanation.to_json() + "\n")
        from palindra.report.explanation import page

        page.write(explanation, partial / "explanation.html")
    shutil.rmtree(units_of(output), ignore_errors=True)
    for statement in explanation.verdict:
        say(f"{statement.verdict:10}  {statement.sentence} {statement.because}")
    say(f"page        {output / 'explanation.html'}")


def units_of(output: Path) -> Path:
    """Where results wait until the explanation is written."""
    return output.with_name(output.name + ".units")


def _patterns(
    wanted: Mapping[str, blocks.Wanted], others: Mapping[str, Subject], settings: Settings, place: sharing.Place
) -> dict[str, list[Pattern] | None]:
    """Patterns of the maps of each run, those of the explained one first; None where none are searched."""
    maps = {EXPLAINED: wanted[EXPLAINED], **{name: wanted[f"run {name}"] for name in others}}
    if not settings.search_motifs:
        return dict.fromkeys(maps)
    place.say("TF-MoDISco searches patterns; its functions are compiled at their first use, which takes up to a minute")
    return {**searching.patterns(maps, settings, place)}


def _explained(
    subject: Subject,
    path: Path,
    rows: material.Material,
    train: material.Reference | None,
    made: Mapping[str, Mapping[str, Tensor]],
    patterns: dict[str, list[Pattern] | None],
    known: finding.Known | None,
    given: material.Codes | None,
    settings: Settings,
    command: str,
    folder: Path,
    place: sharing.Place,
) -> Explanation:
    say = place.say
    found = Attribution(**made[EXPLAINED])
    motifs = finding.find(subject, found.one_hot, patterns.pop(EXPLAINED) or [], known, settings, say)
    candidates = concluding.candidates(motifs, settings.patterns)
    measured = importance.measure(subject, candidates, rows.codes, given, settings, place)
    judged = reliability.judge(subject, patterns, rows, found, made, settings)
    drawn, neighbours = clouds.draw(subject, rows, train, made, settings, say)
    entries = concluding.motif_entries(motifs, measured, judged, rows)
    facts = {
        "run": str(subject.folder),
        "output": subject.name,
        "unit": subject.unit,
        "strands": subject.strands,
        "method": METHODS[settings.method].words,
    }
    files = writing.write_files(folder, found, motifs, measured, judged, rows, entries, facts)
    if settings.search_motifs:
        try:
            files += writing.write_logos(folder, entries)
        except InputError as error:
            say(f"logos are not drawn: {error}")
    files += [("explanation.json", "all of this page as numbers"), ("explanation.html", "this page")]
    hashes = {"run sha256": hash_file(subject.folder / CHECKSUMS), "input sha256": hash_file(path)}
    if known is not None:
        hashes["known motifs"] = f"{known.name}, {len(known.motifs):,} motifs"
    return Explanation(
        title=f"What {subject.folder.name} reads in {path.name}",
        output=f"{subject.name}: {subject.unit}; {subject.strands}",
        method=METHODS[settings.method].words,
        verdict=concluding.verdict(entries, motifs, measured, judged),
        table=concluding.table(motifs, measured, judged, found),
        motifs=entries,
        maps=concluding.maps(found, motifs, judged, rows),
        curves=measured.curves,
        flanks=measured.flanks,
        pairs=measured.pairs,
        occlusion=measured.occlusion,
        clouds=drawn,
        neighbours=neighbours,
        agreement=reliability.agreement_rows(judged.agreements),
        files=files,
        provenance=provenance(command, hashes),
    )


def _announce(subject: Subject, settings: Settings, known: finding.Known | None, say: Callable[[str], None]) -> None:
    several = len(subject.names) > 1 and settings.output_name is None
    choice = f" (the first of {', '.join(subject.names)}; choose with --output-name)" if several else ""
    say(f"explained   {subject.name}{choice}")
    say(f"scale       {subject.unit}, {subject.strands}")
    if settings.search_motifs and known is None:
        say("motifs are not named: give known ones with --motifs FILE.meme or --jaspar RELEASE")


def _require_writers(regions: bool) -> None:
    """Refuse at once what would fail after minutes."""
    needed = {"h5py": ("HDF5", "hdf5"), **({"pybigtools": ("bigWig", "genome")} if regions else {})}
    for package, (files, extra) in needed.items():
        if importlib.util.find_spec(package) is None:
            raise InputError(f"{files} files need {package}, which is not installed: pip install 'palindra[{extra}]'")


def _check_patterns(patterns: tuple[str, ...], length: int) -> None:
    from palindra.interpretation.importance import Insert

    for letters in patterns:
        Insert(letters, 0)
        if len(letters) > length:
            raise InputError(
                f"--pattern {letters}: has {len(letters)} letters and the model reads {length}: give a shorter one."
            )


def _require_differences(hypothetical: Tensor, path: Path) -> None:
    if not bool(torch.count_nonzero(hypothetical)):
        raise InputError(
            f"{path}: all attributions are 0: the output of the model does not depend on these sequences, so there is "
            "nothing to explain."
        )
