"""Data sets on the command line: built once, resumed after a kill, described, and everything that is wrong at once."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer

from palindra.cli.main import app
from palindra.data.genome import write_bigwig
from palindra.data.tracks import (
    DataSettings,
    Exclusions,
    Peaks,
    Splits,
    Storage,
    TestSets,
    Tiles,
    Track,
    settings_from,
)

CHROMOSOMES = {"1": 4003, "2": 2501, "9": 1999, "un_placed": 90}  # the last is dropped by default
TRACKS = ("fwd", "rev", "atac")
EXAMPLE = Path(__file__).parents[2] / "examples" / "yeast"
DOCS = Path(__file__).parents[2] / "docs"


def fasta(folder: Path, seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    records = [f">{name}\n{''.join(rng.choice(list('ACGT'), size))}\n" for name, size in CHROMOSOMES.items()]
    (folder / "genome.fa").write_text("".join(records))
    return "".join(records)


def bigwig(path: Path, chromosomes: dict[str, int], value: float | None = None) -> None:
    rng = np.random.default_rng(len(path.name))

    def values(size: int) -> np.ndarray:
        bins = -(-size // 7)
        return np.repeat(rng.gamma(1, 1, bins) if value is None else np.full(bins, value), 7)[:size]

    write_bigwig(path, chromosomes, ((name, 0, values(size), 1) for name, size in chromosomes.items()))


def settings(window: int = 300, tracks: tuple[str, ...] = TRACKS, more: str = "") -> str:
    partner = {"fwd": "rev", "rev": "fwd"}
    rows = [
        f'[[tracks]]\nname = "{name}"\npath = "{name}.bw"\n'
        + (f'partner = "{partner[name]}"\n' if name in partner else "")
        for name in tracks
    ]
    return (
        'genome = "genome.fa"\n'
        '[splits]\nvalid = ["2"]\ntest = ["9"]\n'
        f'[windows]\nwindow = {window}\nthreshold = "none"\n'
        f"[storage]\nmargin = 20\n{more}\n" + "\n".join(rows)
    )


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A folder with a genome, three tracks and settings, all of them right."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    fasta(folder)
    for name in TRACKS:
        bigwig(folder / f"{name}.bw", CHROMOSOMES)
    (folder / "tracks.toml").write_text(settings())
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    names = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".lock")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in names}


def one_message(err: str) -> str:
    assert "Traceback" not in err
    assert err.startswith("palindra: ")
    assert err.count("palindra: ") == 1
    assert err.strip().endswith((".", "?", ")"))
    return err


# ---- build, describe, check ----------------------------------------------------------------------------------------


def test_build_says_what_it_does_and_what_there_is(palindra, inputs, tmp_path):
    result = palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "set")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0] == f"checking the inputs of {inputs / 'tracks.toml'}"
    assert lines[1:7] == [
        *(f"largest values of {name} ({n} of 6)" for n, name in enumerate(TRACKS, 1)),
        *(f"storing {name} ({n} of 6)" for n, name in enumerate(TRACKS, 4)),
    ]
    assert lines[7] == f"finished: {tmp_path / 'set'}"
    described = palindra("data", "describe", tmp_path / "set")
    assert described.code == 0
    assert "\n".join(lines[8:]) == described.out.rstrip("\n")
    # 4003 bp hold 13 windows of 300, 2501 hold 8, 1999 hold 6.
    assert re.findall(r"^(train|valid|test) +(\d+)", described.out, re.M) == [
        ("train", "13"),
        ("valid", "8"),
        ("test", "6"),
    ]
    assert re.search(r"^fwd +rev +[\d.]+ +[\d.]+ +0$", described.out, re.M)


def test_a_finished_build_is_found_again_and_quiet_when_asked(palindra, inputs, tmp_path):
    palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "set")
    before = contents(tmp_path / "set")
    again = palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "set")
    assert again.code == 0
    assert f"was finished before: {tmp_path / 'set'}" in again.out
    quiet = palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "set", "--no-progress")
    assert quiet.out == palindra("data", "describe", tmp_path / "set").out
    assert contents(tmp_path / "set") == before


def test_the_folder_has_the_name_of_the_settings_by_default(palindra, inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert palindra("data", "build", inputs / "tracks.toml").code == 0
    assert (tmp_path / "runs" / "tracks" / "dataset.toml").is_file()


def test_the_codes_of_the_genome_go_where_they_are_sent(palindra, inputs, tmp_path):
    palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "set", "--cache", tmp_path / "codes")
    assert list((tmp_path / "codes").glob("genome.fa*.codes"))
    assert not list(inputs.glob("*.codes"))
    assert palindra("data", "check", tmp_path / "set", "--cache", tmp_path / "codes").code == 0


def test_inputs_without_problems(palindra, inputs):
    result = palindra("data", "check", inputs / "tracks.toml")
    assert (result.code, result.out) == (0, f"{inputs / 'tracks.toml'}: no problem was found\n")


def test_a_chromosome_without_data_is_a_note_where_nothing_names_it(palindra, inputs):
    bigwig(inputs / "atac.bw", {name: size for name, size in CHROMOSOMES.items() if name != "1"})
    result = palindra("data", "check", inputs / "tracks.toml")
    assert result.code == 0
    assert f"note  {inputs / 'atac.bw'}, 1:0-4003: track 'atac' has no data on 1." in result.out
    assert result.out.endswith("tracks.toml: 1 note\n")


def test_the_shipped_settings_describe_the_shipped_files(palindra, tmp_path):
    result = palindra("data", "check", EXAMPLE / "tracks.toml", "--cache", tmp_path)
    assert (result.code, result.out) == (0, f"{EXAMPLE / 'tracks.toml'}: no problem was found\n")


# ---- killed, and two at once ---------------------------------------------------------------------------------------

SLOW = """
import sys, time
from palindra.data.tracks import steps
scan = steps.Steps._scan
def slowly(self, source, plan):
    found = scan(self, source, plan)
    print("scanned", flush=True)
    time.sleep({seconds})
    return found
steps.Steps._scan = slowly
sys.argv = ["palindra", "data", "build", *sys.argv[1:]]
from palindra.cli.main import main
main()
"""


def started(seconds: float, *words: object) -> subprocess.Popen[str]:
    code = SLOW.format(seconds=seconds)
    return subprocess.Popen([sys.executable, "-c", code, *map(str, words)], stdout=subprocess.PIPE, text=True)


def test_a_build_that_was_killed_goes_on_and_ends_in_the_same_bytes(palindra, inputs, tmp_path):
    palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "whole")
    process = started(60, inputs / "tracks.toml", "-o", tmp_path / "set")
    assert process.stdout is not None
    while "scanned" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (tmp_path / "set" / "dataset.toml").exists()
    kept = tmp_path / "set" / ".work" / "scan-values-0.npz"
    when = kept.stat().st_mtime_ns
    unfinished = palindra("data", "check", tmp_path / "set")
    assert unfinished.code == 2
    assert "its build was not finished: start the same build again" in unfinished.out
    assert "its build was not finished" in one_message(palindra("data", "describe", tmp_path / "set").err)
    other = palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "set")
    assert other.code == 0
    assert when < (tmp_path / "set" / "dataset.toml").stat().st_mtime_ns
    assert contents(tmp_path / "set") == contents(tmp_path / "whole")


def test_an_unfinished_build_is_not_gone_on_with_under_other_settings(palindra, inputs, tmp_path):
    process = started(60, inputs / "tracks.toml", "-o", tmp_path / "set")
    assert process.stdout is not None
    while "scanned" not in process.stdout.readline():
        assert process.poll() is None
    process.kill()
    process.wait()
    process.stdout.close()
    (inputs / "tracks.toml").write_text(settings(window=200))
    result = palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "set")
    assert result.code == 2
    assert "an unfinished data set that was begun with other settings" in one_message(result.err)
    assert "windows.window was 300 and is 200" in result.err


def test_two_builds_of_one_folder_leave_one_valid_data_set(palindra, inputs, tmp_path):
    palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "alone")
    both = [started(0.2, inputs / "tracks.toml", "-o", tmp_path / "set") for _ in range(2)]
    texts = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(text.count("scanned") for text in texts) == len(TRACKS)  # the work was done once
    assert palindra("data", "check", tmp_path / "set").code == 0
    assert contents(tmp_path / "set") == contents(tmp_path / "alone")


# ---- bad input -----------------------------------------------------------------------------------------------------


def truncated_fasta(folder: Path) -> None:
    packed = gzip.compress(fasta(folder).encode())
    (folder / "genome.fa.gz").write_bytes(packed[:-100])
    (folder / "tracks.toml").write_text(settings().replace("genome.fa", "genome.fa.gz"))


def truncated_bed(folder: Path) -> None:
    rng = np.random.default_rng(0)
    rows = "".join(f"1\t{start}\t{start + 9}\n" for start in rng.integers(0, 3000, 500))
    (folder / "gaps.bed.gz").write_bytes(gzip.compress(rows.encode())[:-50])
    (folder / "tracks.toml").write_text(settings(more='[exclude]\nunmappable = "gaps.bed.gz"'))


def bed(*rows: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "gaps.bed").write_text("".join(row + "\n" for row in rows))
        (folder / "tracks.toml").write_text(settings(more='[exclude]\nunmappable = "gaps.bed"'))

    return write


def two_of_one_name(folder: Path) -> None:
    text = settings().replace('name = "atac"', 'name = "fwd"').replace("partner", "# partner")
    (folder / "tracks.toml").write_text(text)


def chr_names(folder: Path) -> None:
    bigwig(folder / "atac.bw", {f"chr{name}": size for name, size in CHROMOSOMES.items()})


def cut_bigwig(folder: Path) -> None:
    whole = (folder / "atac.bw").read_bytes()
    (folder / "atac.bw").write_bytes(whole[: len(whole) // 2])


def nan_only(path: Path) -> None:
    """A bigWig with values on a chromosome that is not used only; one without any cannot be written."""
    rows = [(n, 0, np.full(size, 1 if n == "un_placed" else np.nan), 1) for n, size in CHROMOSOMES.items()]
    write_bigwig(path, CHROMOSOMES, rows)


BAD: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    # what is wrong: (how it is written, words of the lines)
    "truncated gz of the genome": (truncated_fasta, ["genome.fa.gz: the gzip data end too early"]),
    "truncated gz of a BED": (truncated_bed, ["gaps.bed.gz: the gzip data end too early"]),
    "a bigWig that is cut off": (cut_bigwig, ["atac.bw: ", "the file is damaged or cut off", "Copy it again."]),
    "a bigWig of another genome": (
        lambda folder: bigwig(folder / "atac.bw", {**CHROMOSOMES, "2": 2500}),
        ["atac.bw: its chromosomes have other lengths", "2 2,500 against 2,501", "give those of one."],
    ),
    "a bigWig with other names": (
        chr_names,
        ["atac.bw: ", "names 4 of its chromosomes otherwise: chr1 is 1, chr2 is 2", "map_names"],
    ),
    "a bigWig without a chromosome of the splits": (
        lambda folder: bigwig(folder / "atac.bw", {"1": 4003, "9": 1999}),
        ["atac.bw, 2:0-2501: track 'atac' has no data on 2, which the splits name. Give the right file."],
    ),
    "a BED beyond the end": (
        bed("1\t10\t20", "2\t2400\t2502"),
        ["gaps.bed line 2, 2:2400-2502: ends beyond the chromosome, which has 2501 positions."],
    ),
    "start after end": (
        bed("1\t10\t20", "1\t30\t30", "1\t50\t40"),
        [
            "gaps.bed line 2, 1:30-30: start is not before end.",
            "gaps.bed line 3, 1:50-40: start is not before end.",
        ],
    ),
    "windows longer than every contig": (
        lambda folder: (folder / "tracks.toml").write_text(settings(window=2400)),
        ["split test: windows of 2400 bp are longer than every contig (the longest is 9:0-1999 with 1999 bp)."],
    ),
    "a track of NaN only": (
        lambda folder: nan_only(folder / "atac.bw"),
        ["atac.bw: track 'atac' has no value on any chromosome that is used: it is empty, or NaN only."],
    ),
    "two tracks with one name": (two_of_one_name, ["tracks.toml: 2 tracks are named 'fwd' (", "give each its own"]),
    "no bigWig": (lambda folder: (folder / "atac.bw").unlink(), ["atac.bw: there is no such file."]),
    "no genome": (lambda folder: (folder / "genome.fa").unlink(), ["genome.fa: there is no such file."]),
    "no bigWig but text": (
        lambda folder: (folder / "atac.bw").write_text("track\n"),
        ["atac.bw: is not a bigWig file."],
    ),
    "partners that do not agree": (
        lambda folder: (folder / "tracks.toml").write_text(settings().replace('partner = "fwd"', "")),
        ["tracks.toml: track 'fwd' has partner 'rev', whose partner is 'itself'", "Set partner = 'fwd' for 'rev'."],
    ),
    "splits that overlap": (
        lambda folder: (folder / "tracks.toml").write_text(settings().replace('["9"]', '["9", "2:100-200"]')),
        ["2:100-200: splits valid and test overlap here."],
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_check_and_build_say_what_is_wrong_and_where(palindra, inputs, tmp_path, what: str):
    write, words = BAD[what]
    write(inputs)
    checked = palindra("data", "check", inputs / "tracks.toml")
    assert checked.code == 2, checked.out
    assert checked.err == ""
    built = palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "set")
    assert built.code == 2
    message = one_message(built.err)
    for word in words:
        assert word in checked.out, checked.out
        assert word.removeprefix("tracks.toml: ") in message, message
    assert not (tmp_path / "set" / "dataset.toml").exists()


def test_everything_is_listed_at_once(palindra, inputs):
    bed("2\t2400\t2502", "1\t30\t30")(inputs)
    text = settings(window=2400, more='[exclude]\nunmappable = "gaps.bed"')
    (inputs / "tracks.toml").write_text(text + '[[tracks]]\nname = "fwd"\npath = "absent.bw"\n')
    bigwig(inputs / "atac.bw", {**CHROMOSOMES, "2": 2500})
    cut = inputs / "rev.bw"
    cut.write_bytes(cut.read_bytes()[:40])
    result = palindra("data", "check", inputs / "tracks.toml")
    assert result.code == 2
    for word in (
        "gaps.bed line 1, 2:2400-2502",
        "gaps.bed line 2, 1:30-30",
        "2 tracks are named 'fwd'",
        "absent.bw: there is no such file",
        "atac.bw: its chromosomes have other lengths",
        "rev.bw: ",
    ):
        assert word in result.out, result.out
    assert result.out.splitlines()[-1].endswith(f": {result.out.count('error  ')} errors")
    assert all(line.startswith(("error  ", "note  ")) for line in result.out.splitlines()[:-1])


def test_a_genome_that_has_changed_since(palindra, inputs, tmp_path):
    palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "set")
    time.sleep(0.01)
    fasta(inputs, seed=1)
    later = time.time_ns() + 10**10
    os.utime(inputs / "genome.fa", ns=(later, later))
    checked = palindra("data", "check", tmp_path / "set")
    assert checked.code == 2
    assert f"error  {inputs / 'genome.fa'}: has changed: its SHA-256 is" in checked.out
    built = palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "set")
    assert built.code == 2
    assert "holds a data set that was built with other settings or files (genome fingerprint was" in built.err
    elsewhere = palindra("data", "check", tmp_path / "set", "--genome", tmp_path / "absent.fa")
    assert elsewhere.code == 2
    assert f"{tmp_path / 'absent.fa'}: there is no such file." in elsewhere.out


def test_an_index_of_an_earlier_genome(palindra, inputs):
    (inputs / "genome.fa.fai").write_text("1\t4003\t3\t4003\t4004\n2\t2500\t4010\t2500\t2501\n")
    result = palindra("data", "check", inputs / "tracks.toml")
    assert result.code == 2
    assert "genome.fa.fai line 2: is not the index of" in result.out
    assert "remove the index or make it anew" in result.out


def test_codes_of_an_earlier_genome_are_a_note_and_not_a_warning_of_the_source(palindra, inputs):
    assert palindra("data", "check", inputs / "tracks.toml").code == 0
    fasta(inputs, seed=1)
    later = time.time_ns() + 10**10
    os.utime(inputs / "genome.fa", ns=(later, later))
    result = palindra("data", "check", inputs / "tracks.toml")
    assert (result.code, result.err) == (0, "")
    assert re.match(r"note  .*genome.fa has changed since .*: its codes were built anew\.\n", result.out)


def test_a_damaged_folder(palindra, inputs, tmp_path):
    palindra("data", "build", inputs / "tracks.toml", "-o", tmp_path / "set")
    (tmp_path / "set" / "splits" / "test.tsv").write_text("chrom\tstart\tend\n")
    (tmp_path / "set" / "values.npy").unlink()
    (tmp_path / "set" / "mine.txt").write_text("")
    result = palindra("data", "check", tmp_path / "set")
    assert result.code == 2
    assert "test.tsv: is not the file that was written (checksum differs)." in result.out
    assert "values.npy: is missing. Build the data set again." in result.out
    assert "note  " + str(tmp_path / "set" / "mine.txt") in result.out
    assert result.out.endswith("set: 2 errors, 1 note\n")


WRONG: list[tuple[str, str, list[str]]] = [
    ("check absent.toml", "", ["absent.toml: there is no such file or folder. Give settings (TOML) or"]),
    ("check empty", "", ["empty: is not a data set of tracks (dataset.toml is missing): no data set was built there."]),
    ("check x.toml --genome g.fa", "", ["--genome g.fa: settings name their genome themselves; change it in x.toml."]),
    ("build absent.toml", "", ["absent.toml: there is no such file. Give the settings of a data set (TOML)."]),
    ("build empty", "", ["empty: is a folder. Give the settings of a data set (TOML)."]),
    ("build x.toml", "genome = x", ["x.toml: cannot be read as settings of a data set: ", "line 1"]),
    ("build x.toml", "", ["x.toml: tracks is missing: genome, [[tracks]] and [splits] are needed."]),
    (
        "build x.toml",
        settings().replace("margin", "margn"),
        ["x.toml: storage.margn is not an entry; there are dtype, margin."],
    ),
    (
        "build x.toml",
        settings().replace("300", '"long"'),
        ["x.toml: windows.window is 'long'; needed is a whole numbe"],
    ),
    ("build x.toml -o file", settings(), ["file: is a file; a folder is needed. Choose another --output."]),
    ("build x.toml -o full", settings(), ["full: exists and is no data set; choose another --output, or remove it."]),
    ("describe empty", "", ["empty: is not a data set of tracks"]),
    ("describe file", "", ["file: is not a data set of tracks"]),
]


@pytest.mark.parametrize(("words", "text", "parts"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_used_at_all(palindra, tmp_path, monkeypatch, words: str, text: str, parts: list[str]):
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_text(text)
    Path("file").write_text("x")
    Path("empty").mkdir()
    Path("full").mkdir()
    Path("full", "thesis.docx").write_text("x")
    result = palindra("data", *words.split())
    assert result.code == 2
    said = result.out if words == "check empty" else one_message(result.err)
    for part in parts:
        assert part in said, said
    assert sorted(p.name for p in Path().iterdir()) == ["empty", "file", "full", "x.toml"]


# ---- documentation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [DataSettings, Track, Splits, Tiles, Peaks, Exclusions, TestSets, Storage])
def test_every_entry_is_in_the_reference_with_its_default(kind: type):
    text = (DOCS / "reference" / "data-settings.md").read_text()
    sections = ("tracks", "splits", "windows", "exclude", "tests", "storage")  # have tables of their own
    for field in dataclasses.fields(kind):
        if kind is DataSettings and field.name in sections:
            assert f"[{field.name}]" in text
            continue
        given = re.findall(rf"^\| `{field.name}` \| `?(.*?)`? \|", text, re.M)
        if field.default is dataclasses.MISSING:
            wanted = "needed"
        else:
            plain = list(field.default) if isinstance(field.default, tuple) else field.default
            wanted = json.dumps("none" if plain is None else plain)
        assert wanted in given, (field.name, given)


def test_the_settings_of_the_guide_can_be_read():
    text = (DOCS / "how-to" / "build-a-data-set.md").read_text()
    whole, *parts = re.findall(r"```toml\n(.*?)```", text, re.S)
    read = settings_from(tomllib.loads(whole))
    assert [track.name for track in read.tracks] == ["K562", "HepG2"]
    assert isinstance(read.windows, Tiles)
    needed = tomllib.loads(whole)
    for part in parts:
        assert settings_from({**needed, **tomllib.loads(part)}).genome == read.genome


# ---- help ----------------------------------------------------------------------------------------------------------


def commands() -> dict[str, Callable[..., object]]:
    (group,) = (group for group in app.registered_groups if group.name == "data")
    assert group.typer_instance is not None
    return {c.name: c.callback for c in group.typer_instance.registered_commands if c.name and c.callback}


def test_the_commands_of_the_group():
    assert list(commands()) == ["build", "describe", "check", "transposons", "phylogeny"]


@pytest.mark.parametrize("name", ["build", "describe", "check", "transposons", "phylogeny"])
def test_every_parameter_is_explained(palindra, name: str):
    import inspect

    for parameter in inspect.signature(commands()[name], eval_str=True).parameters.values():
        (info,) = parameter.annotation.__metadata__
        assert isinstance(info, typer.models.ParameterInfo)
        assert info.help is not None
        assert info.help.endswith((".", ")."))
    assert "Usage: palindra data " + name in palindra("data", name, "-h").out


@pytest.mark.parametrize(
    ("words", "near"), [("data biuld", "'build'"), ("data build x --ouptut y", "--output"), ("dta", "'data'")]
)
def test_the_nearest_known_name_is_suggested(palindra, words: str, near: str):
    result = palindra(*words.split())
    assert result.code == 2
    assert near in result.err


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['palindra', 'data', 'build', '--help']\n"
        "from palindra.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'lightning', 'numpy', 'polars', 'sklearn', 'scipy', 'matplotlib', 'pybigtools'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
