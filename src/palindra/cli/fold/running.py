"""From files of molecules to a folder of structures; an interrupted command goes on where it was."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from palindra.cli.fold.folder import Folder, families_seen, open_folder
from palindra.cli.fold.folder import facts as model_facts
from palindra.cli.fold.folding import Choice, Folded, cautions, check_length, fold_molecule
from palindra.cli.fold.molecules import Molecule, hash_files, read_molecules
from palindra.cli.fold.scoring import Scored, score, sentences
from palindra.cli.fold.stored import WORK, restore, store, stored_path
from palindra.cli.fold.writing import (
    MAPS,
    view,
    write_map,
    write_page,
    write_pictures,
    write_predictions,
    write_scores,
    write_summary,
)
from palindra.cli.inputs import choose
from palindra.cli.provenance import versions
from palindra.cli.settings import require_same
from palindra.errors import InputError
from palindra.evaluation.pairs import DECODERS
from palindra.models.saving import write_text

SETTINGS = "settings.json"
Say = Callable[[str], object]


@dataclass(frozen=True)
class Settings:
    """What is asked on the command line; a threshold of None is the model's own."""

    decoder: str = "matching"
    threshold: float | None = None
    minimum_loop: int = 3
    canonical: bool = True
    floor: float = 0.01
    rnafold: bool | None = None
    family: str | None = None
    split: str | None = None
    maps: bool = False
    bpseq: bool = False
    drawn: int = 40
    progress: bool = True


def fold_files(
    model: str, paths: Sequence[Path], output: Path, settings: Settings, *, command: str, say: Say = lambda _: None
) -> list[str]:
    """Fold every molecule and write the folder; the lines to show.

    Raises:
        InputError: for files, a model or options that cannot be used, and for a folder with other results.
    """
    choose("--decoder", settings.decoder, DECODERS)
    if settings.split is not None:
        choose("--split", settings.split, ("train", "valid", "test"))
    molecules = read_molecules(paths, family=settings.family, split=settings.split)
    folder = open_folder(model)
    check_length(folder, max(molecules, key=lambda one: len(one.sequence)))
    choice = _choice(settings, folder)
    hashes = hash_files(paths)
    asked = _asked(folder, choice, settings, hashes)
    if output.exists():
        require_same(output, _stored(output / SETTINGS), asked)
        return [f"finished before: {output}", f"page        {output / 'page.html'}"]
    partial = output.with_name(output.name + ".partial")
    if partial.exists():
        require_same(partial, _stored(partial / SETTINGS), asked)
    (partial / WORK).mkdir(parents=True, exist_ok=True)
    write_text(partial / SETTINGS, json.dumps(asked, indent=1) + "\n")
    bases = sum(len(one.sequence) for one in molecules)
    say(f"{_molecules(len(molecules))} of {bases:,} bases, model {folder.name}, pairs above {choice.threshold:g}")
    if settings.rnafold is None and not choice.rnafold:
        say("ViennaRNA is not installed, so RNAfold's structures are not shown: pip install 'palindra[rna]'")

    folded = _fold_all(folder, molecules, choice, partial, settings)
    said = [cautions(one, folder) for one in folded]
    views = [view(one, words) for one, words in zip(folded, said, strict=True)]
    scored = score(folded)
    write_predictions(partial, folded, said, bpseq=settings.bpseq)
    write_scores(partial, scored)
    write_pictures(partial, views)
    source = paths[0].name if len(paths) == 1 else f"{len(paths)} files"
    write_page(
        partial,
        views,
        scored,
        title=f"Structures of {source}",
        verdict=_verdict(folder, choice, folded, said, scored),
        provenance=_provenance(command, folder, hashes),
        drawn=settings.drawn,
    )
    write_summary(partial, _summary(command, folder, choice, folded, said, scored, hashes))
    shutil.rmtree(partial / WORK)
    partial.replace(output)
    remembered = _remembered(folder, scored is not None, {one.molecule.family for one in folded})
    return [
        *_lines(folded, said, scored),
        *remembered,
        f"structures  {output / 'structures.dbn'}",
        f"page        {output / 'page.html'}",
    ]


def _choice(settings: Settings, folder: Folder) -> Choice:
    threshold = folder.threshold if settings.threshold is None else settings.threshold
    installed = importlib.util.find_spec("RNA") is not None
    return Choice(
        settings.decoder,
        float(threshold),
        settings.minimum_loop,
        settings.canonical,
        settings.floor,
        installed if settings.rnafold is None else settings.rnafold,
    )


def _fold_all(
    folder: Folder, molecules: Sequence[Molecule], choice: Choice, partial: Path, settings: Settings
) -> list[Folded]:
    found = []
    for number, molecule in enumerate(_shown(molecules, settings.progress)):
        path = stored_path(partial, number)
        before = restore(path, molecule)
        if before is None:
            before, table = fold_molecule(folder, molecule, choice)
            if settings.maps:
                write_map(partial / MAPS, number, molecule.name, molecule.sequence, table)
            store(path, before)
        found.append(before)
    return found


def _shown(molecules: Sequence[Molecule], progress: bool) -> Any:
    if not progress or len(molecules) < 2:
        return molecules
    from rich.progress import track

    return track(molecules, description="molecules", transient=True)


def _asked(folder: Folder, choice: Choice, settings: Settings, hashes: dict[str, str]) -> dict[str, str]:
    """What must be the same for results to be of one piece; where files lie and how much is drawn may change."""
    asked = {name: str(value) for name, value in asdict(choice).items()}
    asked |= {name: str(value) for name, value in asdict(settings).items() if name in ("family", "split")}
    asked |= {"maps": str(settings.maps), "bpseq": str(settings.bpseq)}
    return asked | {
        "model": f"{folder.name} {json.dumps(folder.settings, sort_keys=True, default=str)}",
        "sequences": ", ".join(digest[:16] for digest in hashes.values()),
    }


def _verdict(
    folder: Folder, choice: Choice, folded: Sequence[Folded], said: Sequence[Sequence[str]], scored: Scored | None
) -> list[str]:
    found = _lines(folded, said, scored, every_family=False)
    found += _remembered(folder, scored is not None, {one.molecule.family for one in folded})
    found[0] = f"{found[0].rstrip('.')}, folded by {folder.name}."
    allowed = "the pairs with the largest sum of probabilities above it, pseudoknots included"
    words = {"nested": "the nested pairs with the largest sum above it", "greedy": "the most probable pair first"}
    canonical = "only GC, AU and GU pairs" if choice.canonical else "any two bases"
    found.append(
        f"Chosen are {words.get(choice.decoder, allowed)} ({choice.decoder}, threshold {choice.threshold:g}, "
        f"{canonical}, at least {choice.minimum_loop} bases in a loop). They are predictions, not measurements."
    )
    return [line[0].upper() + line[1:] for line in found]


def _remembered(folder: Folder, scored: bool, families: set[str | None]) -> list[str]:
    """A warning that scores of families in the training data are no promise for new ones."""
    known = {name.lower() for name in families_seen(folder)}
    seen = sorted(name for name in families if name and name.lower() in known)
    said = (
        [f"Of the energies that the model reads: {energies}."]
        if scored and (energies := folder.settings.get("energies"))
        else []
    )
    if not scored or not seen:
        return said
    named = " and ".join(filter(None, [", ".join(seen[:-1]), seen[-1]]))
    verb = "were" if len(seen) > 1 else "was"
    return [f"{named} {verb} in training: such a score is not that of a new kind of RNA.", *said]


def _lines(
    folded: Sequence[Folded], said: Sequence[Sequence[str]], scored: Scored | None, *, every_family: bool = True
) -> list[str]:
    pairs = sum(len(one.pairs) for one in folded)
    warned = sum(bool(words) for words in said)
    found = [
        f"{_molecules(len(folded))} with {pairs:,} pairs" + (f", {warned:,} with warnings" if warned else "") + "."
    ]
    return [*found, *(f"{line}." for line in (sentences(scored, every_family) if scored is not None else []))]


def _molecules(count: int) -> str:
    return f"{count:,} molecule{'s' if count != 1 else ''}"


def _provenance(command: str, folder: Folder, hashes: dict[str, str]) -> dict[str, str]:
    facts = {"command": command, "model": folder.name}
    facts |= model_facts(folder)
    facts |= {f"sha256 of {name}": digest for name, digest in hashes.items()}
    return facts | versions()


def _summary(
    command: str,
    folder: Folder,
    choice: Choice,
    folded: Sequence[Folded],
    said: Sequence[Sequence[str]],
    scored: Scored | None,
    hashes: dict[str, str],
) -> dict[str, Any]:
    return {
        "command": command,
        "model": {"name": folder.name, "longest": folder.longest, "settings": dict(folder.settings)},
        "choice": asdict(choice),
        "molecules": len(folded),
        "pairs": sum(len(one.pairs) for one in folded),
        "warnings": sum(map(len, said)),
        "model_minus_rnafold_f1": None if scored is None or scored.test is None else scored.test._asdict(),
        "sha256": hashes,
        "versions": versions(),
    }


def _stored(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path}: cannot be read, so the folder was not written by this command. Choose another --output."
        ) from error
