"""Everything that decides what is in a data set, and its form in a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from palindra.data.tracks.partition import Splits
from palindra.data.tracks.peaks import Peaks
from palindra.data.tracks.tiling import Tiles
from palindra.data.tracks.track import Track
from palindra.errors import InputError

EMPTY_TABLE: Mapping[str, Any] = MappingProxyType({})
BUILT = "built"  # the table in which a finished data set keeps what it found; settings end before it
_KINDS: dict[str, type[Tiles | Peaks]] = {"tiles": Tiles, "peaks": Peaks}


@dataclass(frozen=True, kw_only=True)
class Exclusions:
    """Parts of the genome that cannot be trusted; the same rules for every builder and split.

    Args:
        unmappable: BED of regions that reads cannot be placed in.
        max_unmappable: share of a window that may be unmappable. At 0 an unmappable base ends a contig, so that tiles
            start anew behind it; above 0 contigs go on and windows are counted out one by one.
        blacklist: BED of artefacts, in which values are cut to a low percentile of their window.
        blacklist_flank: bp added to the blacklist on both sides.
        blacklist_percentile: of the values of the window that is read, 0 to 100.
    """

    unmappable: Path | None = None
    max_unmappable: float = 0.0
    blacklist: Path | None = None
    blacklist_flank: int = 20
    blacklist_percentile: float = 10.0


@dataclass(frozen=True, kw_only=True)
class TestSets:
    """Further test sets on the regions of the test split.

    Args:
        whole_window: tile the regions with windows of this length, whatever the builder: the whole-chromosome set
            ``whole``; None for no such set.
        whole_threshold: keep tiles above it; None keeps every tile, those without signal too.
        label_share: a tile carries a label if one peak window covers at least this share of it.
        thresholds: for each t a set ``test_above_t`` of the test windows (before the test threshold) in which some
            track is above t at some position.
    """

    __test__ = False  # not a class of tests

    whole_window: int | None = None
    whole_threshold: float | None = None
    label_share: float = 0.5
    thresholds: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Storage:
    """How values lie in the folder.

    Args:
        dtype: of the stored values; float16 holds up to 65504 with 3 digits in half the space.
        margin: bp kept on both sides of every window, for shifts beyond its ends.
    """

    dtype: Literal["float32", "float16"] = "float32"
    margin: int = 256


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Everything that decides what is in a data set of windows and tracks.

    Args:
        genome: FASTA file.
        tracks: in the order in which models see them.
        splits: chromosomes or regions of train, valid and test.
        windows: ``Tiles`` (coverage threshold) or ``Peaks`` (peak-centred).
        exclude: unmappable and blacklisted regions.
        tests: further test sets.
        storage: of values.
        sample: share of the train and valid windows that are kept, drawn by the seed; test windows are never thinned.
        seed: of the order of train and valid windows; test windows stay in genome order.
        map_names: whether files may name chromosomes otherwise than the FASTA (chr1 against 1).
    """

    genome: Path
    tracks: tuple[Track, ...]
    splits: Splits
    windows: Tiles | Peaks = field(default_factory=Tiles)
    exclude: Exclusions = field(default_factory=Exclusions)
    tests: TestSets = field(default_factory=TestSets)
    storage: Storage = field(default_factory=Storage)
    sample: float = 1.0
    seed: int = 44
    map_names: bool = False


def load_settings(path: str | Path) -> DataSettings:
    """Read settings from a TOML file; paths in it are relative to its folder.

    The ``dataset.toml`` of a finished data set is such a file: it builds the same data set again.

    Raises:
        InputError: if the file cannot be read, or an entry is unknown, missing or of another kind.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as settings of a data set: {error}") from error
    try:
        return relocated(settings_from(table), path.parent.resolve())
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def settings_from(table: Mapping[str, Any]) -> DataSettings:
    """Settings from the tables of a TOML file, see ``settings_to_plain``.

    Raises:
        InputError: names the entry.

    Examples:
        >>> settings = settings_from({
        ...     "genome": "g.fa", "tracks": [{"name": "atac", "path": "atac.bw"}],
        ...     "splits": {"valid": ["chr9"], "test": ["chr8"]}, "windows": {"kind": "tiles", "threshold": "none"}})
        >>> settings.windows.threshold is None, settings_from(settings_to_plain(settings)) == settings
        (True, True)
    """
    table = {name: value for name, value in table.items() if name != BUILT}
    windows = dict(table.pop("windows", {}))
    kind = windows.pop("kind", "tiles")
    if kind not in _KINDS:
        raise InputError(f"windows.kind is {kind!r}; it is one of {', '.join(_KINDS)}.")
    for section in ("tracks", "splits", "genome"):
        if section not in table:
            raise InputError(f"{section} is missing: genome, [[tracks]] and [splits] are needed.")
    if not isinstance(table["tracks"], list):
        raise InputError("tracks is a list of tables: write [[tracks]] for each track.")
    found: dict[str, Any] = {
        "tracks": tuple(_read(Track, row, f"tracks {n + 1}.") for n, row in enumerate(table.pop("tracks"))),
        "windows": _read(_KINDS[kind], windows, "windows."),
    }
    sections = {"splits": Splits, "exclude": Exclusions, "tests": TestSets, "storage": Storage}
    for section in sections.keys() & table.keys():
        found[section] = _read(sections[section], table.pop(section), f"{section}.")
    return DataSettings(**_fields(DataSettings, table, "", found), **found)


def settings_to_plain(settings: DataSettings) -> dict[str, Any]:
    """Settings as tables, lists, numbers and texts for a TOML file; an option that is off is ``"none"``."""
    plain: dict[str, Any] = {}
    for item in fields(settings):
        value = getattr(settings, item.name)
        if item.name == "tracks":
            # Entries that are off are left out: there may be many tracks.
            tables = [{key: v for key, v in _table(track).items() if v != "none"} for track in value]
            plain[item.name] = tables
        elif item.name == "windows":
            kind = next(name for name, some in _KINDS.items() if isinstance(value, some))
            plain[item.name] = {"kind": kind} | _table(value)
        else:
            plain[item.name] = _table(value) if hasattr(value, "__dataclass_fields__") else _plain(value)
    return plain


def relocated(settings: DataSettings, folder: Path) -> DataSettings:
    """The same settings with every relative path taken from a folder."""

    def moved(part: Any) -> Any:
        paths = {
            f.name: folder / getattr(part, f.name) for f in fields(part) if isinstance(getattr(part, f.name), Path)
        }
        return replace(part, **paths)

    return replace(
        moved(settings),
        tracks=tuple(map(moved, settings.tracks)),
        windows=moved(settings.windows),
        exclude=moved(settings.exclude),
    )


def _table(part: Any) -> dict[str, Any]:
    return {item.name: _plain(getattr(part, item.name)) for item in fields(part)}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return "none" if value is None else value


def _read(kind: type[Any], table: Any, where: str) -> Any:
    if not isinstance(table, Mapping):
        raise InputError(f"{where.rstrip('.')} is {table!r}; a table is needed.")
    return kind(**_fields(kind, table, where))


def _fields(
    kind: type[Any], table: Mapping[str, Any], where: str, have: Mapping[str, Any] = EMPTY_TABLE
) -> dict[str, Any]:
    hints = get_type_hints(kind)
    found = {}
    for name, value in table.items():
        if name not in hints or name in have:
            raise InputError(f"{where}{name} is not an entry; there are {', '.join(sorted(hints))}.")
        found[name] = _typed(hints[name], value, where + name)
    return found


def _typed(hint: Any, value: Any, where: str) -> Any:
    """A value of a TOML file as the type that a field asks for."""
    options = (hint,) if get_origin(hint) in (None, tuple, Literal) else get_args(hint)
    for option in options:
        if option is NoneType and value == "none":
            return None
        if get_origin(option) is Literal and value in get_args(option):
            return value
        if get_origin(option) is tuple and isinstance(value, list | tuple):
            return tuple(_typed(get_args(option)[0], part, where) for part in value)
        if option is Path and isinstance(value, str) and value != "none":
            return Path(value)
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if isinstance(option, type) and type(value) is option:
            return value
    raise InputError(f"{where} is {value!r}; needed is {_words(hint)}.")


def _words(hint: Any) -> str:
    names = {
        NoneType: '"none"',
        Path: "a path",
        str: "a text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
    }
    if get_origin(hint) is tuple:
        return f"a list, each {_words(get_args(hint)[0])}"
    if get_origin(hint) is Literal:
        return " or ".join(f'"{option}"' for option in get_args(hint))
    if hint in names:
        return names[hint]
    return " or ".join(map(_words, get_args(hint)))
