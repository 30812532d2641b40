import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from palindra.data.tracks import (
    Exclusions,
    Peaks,
    Problem,
    Splits,
    TestSets,
    Tiles,
    Track,
    build,
    folder_problems,
    input_problems,
)
from palindra.errors import InputError


def said(problems):
    return "\n".join(map(str, problems))


def single(world, **changes):
    return replace(world.settings, tracks=(Track(name="atac", path=world.folder / "atac.bw"),), **changes)


@pytest.fixture(scope="module")
def bad(world):
    """Files that disagree with the genome, one way each."""
    longer = dict(world.truth["atac"]) | {"chr2": np.ones(3002, np.float32)}
    empty = {chrom: np.full(len(v), np.nan, np.float32) for chrom, v in world.truth["atac"].items()}
    empty["chrM"][5] = 1  # a bigWig needs a value somewhere; chrM is dropped
    without = {chrom: v for chrom, v in world.truth["atac"].items() if chrom != "chr8"}
    other = {chrom.replace("chr", ""): v for chrom, v in world.truth["atac"].items()}
    cut = world.folder / "cut.bed.gz"
    cut.write_bytes(gzip.compress(b"chr1\t1\t2\n" * 5000)[:-20])
    nonsense = world.folder / "nonsense.bw"
    nonsense.write_text("no bigWig")
    return {
        "longer": world.bigwig("longer.bw", longer),
        "empty": world.bigwig("empty.bw", empty),
        "without": world.bigwig("without.bw", without),
        "other": world.bigwig("other.bw", other),
        "nonsense": nonsense,
        "cut": cut,
        "lines": world.bed(
            "lines.bed",
            [
                ("chr1", 10, 20),
                ("chr1", 30, 30),
                ("chr2", 3000, 3002),
                ("chr2", 5, 4),
                ("chr1", "x", 9),
                ("chr1", 7, 9),
            ],
        ),
    }


def test_inputs_that_fit_have_no_problem(world):
    assert input_problems(world.settings) == []


def test_all_problems_are_listed_at_once_with_file_line_and_interval(world, bad):
    tracks = (
        Track(name="a", path=bad["longer"]),
        Track(name="a", path=bad["empty"], partner="q"),
        Track(name="c", path=bad["nonsense"]),
        Track(name="d", path=world.folder / "absent.bw", replicate=bad["without"]),
    )
    settings = replace(
        world.settings,
        tracks=tracks,
        splits=Splits(valid=("chr9:0-1500",), test=("chr9:1400-", "chr8")),
        windows=Tiles(window=200, stride=0),
        exclude=Exclusions(unmappable=bad["lines"], blacklist=bad["cut"]),
        sample=0.0,
    )
    problems = input_problems(settings)
    records = {(Path(p.file).name, p.line, p.interval) for p in problems if p.level == "error"}
    assert {
        ("", None, "chr9:1400-1500"),
        ("lines.bed", 2, "chr1:30-30"),
        ("lines.bed", 3, "chr2:3000-3002"),
        ("lines.bed", 4, "chr2:5-4"),
        ("lines.bed", 5, None),
        ("cut.bed.gz", None, None),
        ("longer.bw", None, None),
        ("empty.bw", None, None),
        ("nonsense.bw", None, None),
        ("absent.bw", None, None),
        ("without.bw", None, "chr8:0-4001"),
    } <= records
    text = said(problems)
    for message in (
        "2 tracks are named 'a'",
        "partner 'q', which is not listed",
        "windows.stride is 0 bp",
        "sample is 0: a number above 0 up to 1",
        "chr2 3,002 against 3,001",
        "NaN only",
        "is not a bigWig file",
        "there is no such file",
        "cut off",
    ):
        assert message in text
    with pytest.raises(InputError) as error:
        build(world.folder / "never", settings)
    assert all(str(problem) in str(error.value) for problem in problems if problem.level == "error")
    assert not (world.folder / "never" / "dataset.toml").exists()


def test_a_track_of_nothing_is_refused(world, bad):
    problems = input_problems(replace(world.settings, tracks=(Track(name="dead", path=bad["empty"]),)))
    assert "track 'dead' has no value on any chromosome that is used" in said(problems)


def test_a_track_without_data_in_any_window_is_refused(world, tmp_path):
    values = {chrom: np.full(len(v), np.nan, np.float32) for chrom, v in world.truth["atac"].items()}
    for some in values.values():
        some[-1] = 1  # the last position is in no whole window
    track = Track(name="edge", path=world.bigwig("edge.bw", values))
    with pytest.raises(InputError, match=r"edge.bw: track 'edge' has no value in any window"):
        world.build(tmp_path, tracks=(track,))


def test_chromosomes_named_otherwise_are_reported_and_mapped_on_request(world, data, bad, tmp_path):
    tracks = (Track(name="atac", path=bad["other"], missing="exclude"),)
    settings = replace(world.settings, tracks=tracks)
    assert "ask for names to be mapped" in said(input_problems(settings))
    mapped = replace(settings, map_names=True)
    assert [p.level for p in input_problems(mapped)] in ([], ["note"])
    values = build(tmp_path, mapped).values("test", range(20))
    np.testing.assert_array_equal(values[:, 0], data.values("test", range(20))[:, 1])


def test_a_chromosome_that_a_file_lacks_is_an_error_only_where_it_is_named(world, bad):
    settings = replace(world.settings, tracks=(Track(name="a", path=bad["without"]),))
    (problem,) = input_problems(settings)
    assert (problem.level, problem.interval) == ("error", "chr8:0-4001")
    (note,) = input_problems(replace(settings, splits=Splits(valid=("chr9",), test=("chr2",))))
    assert (note.level, note.interval) == ("note", "chr8:0-4001")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"windows": Tiles(window=6000)}, r"split train: windows of 6000 bp are longer .* chr1:0-5003"),
        ({"windows": Tiles(window=3000)}, r"split valid: windows of 3000 bp are longer .* chr9:0-2503"),
        ({"tests": TestSets(whole_window=4500)}, r"split whole: windows of 4500 bp .* chr8:0-4001"),
        ({"windows": Tiles(window=200, max_contig=150)}, "windows.max_contig is 150 bp, shorter"),
        ({"windows": Peaks(window=200, merge=300)}, "windows.merge is 300 bp, more than"),
        ({"windows": Peaks(window=200)}, "track 'atac' has no file of peaks"),
        ({"tests": TestSets(thresholds=(2.0, 2.0))}, "tests.thresholds has a number twice"),
        ({"tests": TestSets(label_share=0.0)}, "tests.label_share is 0"),
        ({"exclude": Exclusions(max_unmappable=1.5)}, "exclude.max_unmappable is 1.5"),
        ({"exclude": Exclusions(blacklist=Path("none.bed"))}, "none.bed: there is no such file"),
        ({"splits": Splits(valid=("chr9",), test=("chrM",))}, "chrM is left out by drop"),
        ({"genome": Path("none.fa")}, "none.fa: there is no such file"),
    ],
)
def test_settings_that_cannot_be_are_found(world, changes, message):
    with pytest.raises(InputError, match=message):
        build(world.folder / "never", single(world, **changes))
    assert not (world.folder / "never" / "dataset.toml").exists()


def test_notes_do_not_stop_a_build(world, tmp_path):
    more = dict(world.truth["atac"]) | {"chrZ": np.ones(50, np.float32)}
    settings = replace(world.settings, tracks=(Track(name="a", path=world.bigwig("more.bw", more)),))
    (note,) = input_problems(settings)
    assert note.level == "note"
    assert "1 of its chromosomes are not in" in str(note)
    build(tmp_path, settings)


def test_a_whole_folder_has_no_problem_and_each_damage_is_found(data, tmp_path):
    assert folder_problems(data.folder) == []
    folder = tmp_path / "copy"
    shutil.copytree(data.folder, folder)
    values = bytearray((folder / "values.npy").read_bytes())
    values[5000] ^= 1
    (folder / "values.npy").write_bytes(values)
    (folder / "splits" / "valid.tsv").unlink()
    (folder / "notes.txt").write_text("mine")
    found = {Path(p.file).relative_to(folder).as_posix(): (p.level, p.message[:20]) for p in folder_problems(folder)}
    assert found == {
        "values.npy": ("error", "is not the file that"),
        "splits/valid.tsv": ("error", "is missing. Build th"),
        "notes.txt": ("note", "is not part of the d"),
    }
    (problem,) = folder_problems(tmp_path)
    assert "no data set was built there" in str(problem)


def test_problems_print_their_place():
    assert str(Problem("it is.", file="a.bed", line=3, interval="c:1-2")) == "a.bed line 3, c:1-2: it is."
    assert str(Problem("it is.", interval="c:1-2")) == "c:1-2: it is."
    assert str(Problem("it is.")) == "it is."
