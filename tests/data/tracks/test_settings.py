import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w

from palindra.data.tracks import (
    DataSettings,
    Exclusions,
    Peaks,
    Splits,
    Storage,
    TestSets,
    Tiles,
    Track,
    load_settings,
    settings_from,
    settings_to_plain,
)
from palindra.errors import InputError

TABLE = {"genome": "g.fa", "tracks": [{"name": "a", "path": "a.bw"}], "splits": {"valid": ["9"], "test": ["8"]}}
PLAIN = DataSettings(
    genome=Path("g.fa"), tracks=(Track(name="a", path=Path("a.bw")),), splits=Splits(valid=("9",), test=("8",))
)
FULL = DataSettings(
    genome=Path("g.fa"),
    tracks=(
        Track(
            name="a", path=Path("a.bw"), partner="b", replicate=Path("a2.bw"), missing="exclude", clip=9.0, log1p=True
        ),
        Track(name="b", path=Path("b.bw"), partner="a", peaks=Path("b.bed"), soft_clip=4.0, scale=0.5),
    ),
    splits=Splits(valid=("II:0-9",), test=("II:9-",), train=("IV",), drop=("q*",)),
    windows=Peaks(
        window=10, merge=3, bed=Path("p.bed"), center="summit", by_strand=False, threshold=1.5, test_threshold=None
    ),
    exclude=Exclusions(unmappable=Path("u.bed"), max_unmappable=0.5, blacklist=Path("k.bed"), blacklist_flank=3),
    tests=TestSets(whole_window=20, whole_threshold=0.0, label_share=0.25, thresholds=(0.0, 24.0)),
    storage=Storage(dtype="float16", margin=7),
    sample=0.25,
    seed=1,
    map_names=True,
)


def test_defaults_are_those_of_the_published_pipeline():
    settings = settings_from(TABLE)
    assert settings == PLAIN
    assert (settings.windows.window, settings.windows.threshold, settings.seed) == (3072, 2.0, 44)
    assert (Peaks().merge, Peaks().threshold) == (200, None)


@pytest.mark.parametrize("settings", [PLAIN, FULL, replace(FULL, windows=Tiles(window=5, stride=2, max_contig=50))])
def test_settings_survive_a_toml_file(settings, tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(tomli_w.dumps(settings_to_plain(settings)))
    assert settings_from(tomllib.loads(path.read_text())) == settings
    loaded = load_settings(path)
    assert loaded.genome == tmp_path / "g.fa"
    assert loaded.tracks[0].path == tmp_path / "a.bw"
    assert loaded.exclude.unmappable in (None, tmp_path / "u.bed")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speed": 3}, "speed is not an entry; there are exclude, genome"),
        ({"tracks": [{"name": "a", "pth": "a.bw"}]}, "tracks 1.pth is not an entry"),
        ({"tracks": {"name": "a"}}, r"write \[\[tracks\]\]"),
        ({"windows": {"kind": "tile"}}, "windows.kind is 'tile'; it is one of tiles, peaks"),
        ({"windows": {"window": "2kb"}}, "windows.window is '2kb'; needed is a whole number"),
        ({"windows": {"window": True}}, "needed is a whole number"),
        ({"windows": {"threshold": "high"}}, "windows.threshold is 'high'; needed is a number or \"none\""),
        ({"windows": {"test_threshold": "as"}}, 'needed is a number or "same" or "none"'),
        ({"splits": {"valid": "9", "test": ["8"]}}, "splits.valid is '9'; needed is a list, each a text"),
        ({"splits": 3}, "splits is 3; a table is needed"),
        ({"storage": {"dtype": "int8"}}, 'needed is "float32" or "float16"'),
        ({"sample": "none"}, "sample is 'none'; needed is a number"),
    ],
)
def test_entries_that_cannot_be_are_named(change, message):
    with pytest.raises(InputError, match=message):
        settings_from(TABLE | change)


@pytest.mark.parametrize("section", ["genome", "tracks", "splits"])
def test_what_is_missing_is_named(section):
    with pytest.raises(InputError, match=f"{section} is missing"):
        settings_from({name: value for name, value in TABLE.items() if name != section})


def test_a_file_that_is_no_toml_is_named(tmp_path):
    for text in ("genome = ", None):
        path = tmp_path / f"{text is None}.toml"
        if text is not None:
            path.write_text(text)
        with pytest.raises(InputError, match="cannot be read as settings"):
            load_settings(path)
