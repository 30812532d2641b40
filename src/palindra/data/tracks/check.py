"""Everything that is wrong with the inputs of a data set, or with its folder, found at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from palindra.data.files import hash_file
from palindra.data.genome import Genome, match_names
from palindra.data.tracks.bed_lines import bed_problems
from palindra.data.tracks.coverage import Coverage, Source, sources
from palindra.data.tracks.folder import MANIFEST, WORK, files_of, read_manifest
from palindra.data.tracks.partition import PARTS, allowed, parse_region, split_problems
from palindra.data.tracks.peaks import Peaks
from palindra.data.tracks.plan import WHOLE, bed_regions
from palindra.data.tracks.problems import Problem
from palindra.data.tracks.regions import Axis, Regions
from palindra.data.tracks.settings import BUILT, DataSettings
from palindra.data.tracks.tiling import require_room
from palindra.data.tracks.track import track_problems
from palindra.data.tracks.validity import number_problems
from palindra.errors import InputError

T = TypeVar("T")


def input_problems(settings: DataSettings, *, cache: str | Path | None = None) -> list[Problem]:
    """Everything that is wrong with the settings and files of a data set; notes among them do not stop a build.

    Looked at are the declarations of tracks and splits, the FASTA and its codes, every BED line by line, names and
    lengths of chromosomes in every bigWig, tracks without a single value, and whether windows fit.

    Args:
        settings: of the data set.
        cache: folder for the codes of the genome, see ``Genome.open``.

    Examples:
        >>> from palindra.data.tracks import Splits, Track
        >>> settings = DataSettings(genome=Path("absent.fa"), tracks=(Track(name="a"),),
        ...                         splits=Splits(valid=("9",), test=("8",)))
        >>> for problem in input_problems(settings):
        ...     print(problem)
        track 'a' has no bigWig: give its path (or peaks alone for every track).
        windows.threshold needs tracks with values: give bigWigs, or set it to none.
        absent.fa: there is no such file.
    """
    found = [*track_problems(settings.tracks), *number_problems(settings)]
    genome = _tried(lambda: Genome.open(settings.genome, cache=cache), str(settings.genome), found)
    if genome is None:
        return found + [p for source in sources(settings.tracks) for p in _unreadable(source)]
    axis = Axis(genome.chromosomes)
    wrong_splits = list(split_problems(settings.splits, genome.chromosomes))
    found += wrong_splits
    for path, partial in _beds(settings):
        found += bed_problems(
            path,
            axis,
            genome=str(settings.genome),
            map_names=settings.map_names,
            partial=partial,
            drop=() if partial else settings.splits.drop,
        )
    for source in sources(settings.tracks):
        found += _bigwig_problems(source, settings, axis)
    if not wrong_splits:
        found += _room_problems(settings, axis)
    return found


def folder_problems(
    folder: str | Path, *, genome: str | Path | None = None, cache: str | Path | None = None
) -> list[Problem]:
    """Everything that is wrong with a finished data set: files missing, changed or added, another genome.

    Args:
        folder: of the data set.
        genome: the FASTA, where it is not at the path that it was built from any more.
        cache: folder for its codes.
    """
    folder = Path(folder)
    found: list[Problem] = []
    table = _tried(lambda: read_manifest(folder), "", found)
    if table is None:
        return found
    made = table[BUILT]
    written, there = made["files"], files_of(folder)
    for name in written.keys() | there.keys():
        if name not in there:
            found.append(Problem("is missing. Build the data set again.", file=str(folder / name)))
        elif name not in written:
            found.append(Problem(f"is not part of the data set ({MANIFEST}).", file=str(folder / name), level="note"))
        elif written[name] != there[name]:
            found.append(Problem("is not the file that was written (checksum differs).", file=str(folder / name)))
    if (folder / WORK).exists():
        found.append(Problem("is left of an interrupted build.", file=str(folder / WORK), level="note"))
    path = Path(table["genome"]) if genome is None else Path(genome)
    _tried(lambda: Genome.open(path, cache=cache, fingerprint=made["genome"]["fingerprint"]), str(path), found)
    for name, digest in made["inputs"].items():
        if not Path(name).is_file():
            found.append(Problem("is not there any more; the data set does not need it.", file=name, level="note"))
        elif hash_file(name) != digest:
            found.append(Problem("has changed since the data set was built from it.", file=name, level="note"))
    return sorted(found, key=lambda problem: (problem.level, problem.file))


def _bigwig_problems(source: Source, settings: DataSettings, axis: Axis) -> Iterator[Problem]:
    file = str(source.path)
    found: list[Problem] = []
    coverage = _tried(
        lambda: Coverage(source, axis, genome=str(settings.genome), map_names=settings.map_names), file, found
    )
    yield from found
    if coverage is None:
        return
    extra = match_names(coverage.chromosomes, axis.chromosomes).missing
    if extra:
        message = f"{len(extra)} of its chromosomes are not in {settings.genome} ({', '.join(extra[:6])})."
        yield Problem(message, file=file, level="note")
    dropped = set(settings.splits.dropped(axis.chromosomes))
    lacking = [name for name in axis.names if name not in dropped and not coverage.has(name)]
    named = set(_named(settings, axis))
    for name in lacking:
        whole = f"{name}:0-{axis.chromosomes[name]}"
        if name in named:
            message = f"track {source.track.name!r} has no data on {name}, which the splits name. Give the right file."
            yield Problem(message, file=file, interval=whole)
        else:
            yield Problem(
                f"track {source.track.name!r} has no data on {name}.", file=file, interval=whole, level="note"
            )
    used = [number for number, name in enumerate(axis.names) if name not in dropped]
    regions = Regions.of(axis.offsets[used], axis.offsets[used] + axis.lengths[used])
    try:
        measured = any(coverage.measured for _ in coverage.chunks(regions))
    except InputError as error:
        yield Problem(_without(str(error), file), file=file)
    else:
        if not measured:
            yield Problem(
                f"track {source.track.name!r} has no value on any chromosome that is used: it is empty, or NaN only. "
                "Leave it out, or give the right file.",
                file=file,
            )


def _room_problems(settings: DataSettings, axis: Axis) -> Iterator[Problem]:
    found: list[Problem] = []
    rules = settings.exclude
    quiet: list[Problem] = []  # the file itself is looked at elsewhere
    unmappable = _tried(
        lambda: bed_regions(rules.unmappable, axis, genome=str(settings.genome), map_names=settings.map_names),
        "",
        quiet,
    )
    places = _tried(lambda: allowed(settings.splits, axis, margin=settings.storage.margin), "", found)
    if places is not None and unmappable is not None:
        needed = {part: (part, settings.windows.window) for part in PARTS}
        if settings.tests.whole_window is not None:
            needed[WHOLE] = "test", settings.tests.whole_window
        for name, (part, window) in needed.items():
            split = rules.max_unmappable == 0
            regions = places[part].minus(unmappable) if split else places[part]
            _tried(lambda regions=regions, window=window: require_room(regions, window, axis), f"split {name}", found)
    yield from found


def _named(settings: DataSettings, axis: Axis) -> Iterator[str]:
    for part in PARTS:
        for text in getattr(settings.splits, part):
            try:
                yield parse_region(text, axis.chromosomes)[0]
            except InputError:
                continue


def _beds(settings: DataSettings) -> Iterator[tuple[Path, bool]]:
    """The BED files, and whether they may have chromosomes that the genome lacks."""
    if isinstance(settings.windows, Peaks) and settings.windows.bed is not None:
        yield settings.windows.bed, False
    for path in dict.fromkeys(track.peaks for track in settings.tracks if track.peaks is not None):
        yield path, False
    for listed in (settings.exclude.unmappable, settings.exclude.blacklist):
        if listed is not None:
            yield listed, True


def _unreadable(source: Source) -> Iterator[Problem]:
    """What is wrong with a bigWig of which nothing else is known."""
    from palindra.data.genome import BigWig

    found: list[Problem] = []
    _tried(lambda: BigWig.open(source.path), str(source.path), found)
    yield from found


def _tried(action: Callable[[], T], file: str, found: list[Problem]) -> T | None:
    """The result of an action, or None and one more problem."""
    try:
        return action()
    except InputError as error:
        found.append(Problem(_without(str(error), file), file=file))
        return None


def _without(message: str, file: str) -> str:
    return message.removeprefix(f"{file}: ") if file else message
