"""``palindra variants`` with workers: the same bytes, whatever breaks on the way, and nothing scored twice."""

from __future__ import annotations

import errno
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import palindra
from palindra.cli.variants import outputs, running, sharing
from palindra.cli.variants.models import Declaration
from palindra.cli.variants.running import Plan, score_file
from palindra.data.genome import Genome
from palindra.data.variants import Record, read_vcf
from palindra.data.variants.blocks import Block, Full
from palindra.data.variants.seeking import is_seekable, places
from palindra.engine import make_engine
from palindra.errors import InputError
from palindra.models.strand_lm import StrandLM, StrandLMConfig
from palindra.models.strand_lm.saving import save

pysam = pytest.importorskip("pysam")
WINDOW, LINES = 21, 11
WRITTEN = (outputs.VCF, f"{outputs.VCF}.tbi", outputs.TABLE, outputs.PROBLEMS)
HEADER = "##fileformat=VCFv4.2\n##contig=<ID=one,length=200>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
TOYS = """
import hashlib, os
from pathlib import Path
import torch
from torch import nn
torch.manual_seed(2)
NET = nn.Sequential(nn.Conv1d(4, 3, 5), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(3, 2))
LOG = Path("calls.log")
def network(x):
    if x.any() and len(x) > 1:  # not while the model is looked at
        with LOG.open("a") as file:
            file.write(hashlib.sha256(x.numpy().tobytes()).hexdigest() + "\\n")
    if Path("refuse").exists() and x.any() and len(x) > 1 and x[:, 0].sum() % 5 == 0:
        raise ValueError("such letters are not liked")
    return NET(x)
"""
SCRIPT = """
import json, os, signal, sys
from pathlib import Path
from palindra.cli.variants import outputs, running
from palindra.cli.variants.models import Declaration
from palindra.engine import make_engine
running._RECORDS = int(sys.argv[4])
append, write_json, calls = outputs.Growing.append, outputs.write_json, [0]
def killing(path, value):
    calls[0] += 1
    if calls[0] == 4:  # the header and two blocks are recorded, the third is appended and not recorded
        print(json.dumps([child.pid for child in __import__("multiprocessing").active_children()]), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    write_json(path, value)
outputs.write_json = killing
plan = running.Plan(declared=Declaration(window=21), batch_size=4)
running.score_file(
    "engine_variant_toys:network", Path(sys.argv[1]), Path("small.fa"), Path(sys.argv[2]), plan,
    engine=make_engine(workers=int(sys.argv[3])),
)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome, calls that are in order and calls that are not, each as plain text, gzip and bgzip."""
    folder, rng = tmp_path_factory.mktemp("sharing"), random.Random(3)
    sequence = {name: "".join(rng.choices("ACGT", k=200)) for name in ("one", "two")}
    (folder / "small.fa").write_text("".join(f">{name}\n{text}\n" for name, text in sequence.items()))
    lines = []
    for name, text in sequence.items():
        for at in range(2, 190, 4):
            alternates = [letter for letter in "ACGT" if letter != text[at]][: 1 + at % 3]
            lines.append(f"{name}\t{at + 1}\t.\t{text[at]}\t{','.join(alternates)}\t.\t.\tDP=1\n")
    lines[7:7] = [lines[6], "\n", "no record\n"]
    lines.insert(40, "one\t3\t.\tN\t<DEL>\t.\t.\tNAME=\u00e9\n")
    mixed = [*lines[60:], *lines[:60], lines[70], lines[3]]
    for name, some in (("sorted", lines), ("mixed", mixed)):
        text = (HEADER + "".join(some)).encode()
        (folder / f"{name}.vcf").write_bytes(text)
        (folder / f"{name}.vcf.gz").write_bytes(gzip.compress(text))
        with (folder / f"{name}.vcf.bgz").open("wb") as packed:  # small blocks, so that lines lie across their ends
            for at in range(0, len(text), 700):
                part = folder / "part.gz"
                with pysam.BGZFile(str(part), "wb") as file:
                    file.write(text[at : at + 700])
                packed.write(part.read_bytes()[:-28])
                part.unlink()
            packed.write(bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000"))
    (folder / "engine_variant_toys.py").write_text(TOYS)
    return folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(Path(palindra.__file__).parents[1]))  # of what is tested, in every process
    monkeypatch.setattr(running, "_RECORDS", LINES)
    sharing._open.cache_clear()
    (folder / "calls.log").unlink(missing_ok=True)
    yield folder
    (folder / "refuse").unlink(missing_ok=True)
    sys.modules.pop("engine_variant_toys", None)


@pytest.fixture
def command(request: pytest.FixtureRequest):
    """``command("variants", ...)`` as typed in a shell, in this process."""
    return request.getfixturevalue("palindra")


PLAN = Plan(declared=Declaration(window=WINDOW), batch_size=4)


def score(calls: str, output: Path, engine: object = None, plan: Plan = PLAN, **more: object):
    model = more.pop("model", "engine_variant_toys:network")
    return score_file(str(model), Path(calls), Path("small.fa"), output, plan, engine=engine, **more)


def log(folder: Path) -> Counter[str]:
    path = folder / "calls.log"
    return Counter(path.read_text().split()) if path.exists() else Counter()


def same(one: Path, two: Path, names: tuple[str, ...] = WRITTEN) -> bool:
    assert sorted(path.name for path in one.iterdir()) == sorted(path.name for path in two.iterdir())
    return all((one / name).read_bytes() == (two / name).read_bytes() for name in names if (one / name).exists())


@pytest.mark.parametrize("kind", ["vcf", "vcf.gz", "vcf.bgz"])
@pytest.mark.parametrize("name", ["sorted", "mixed"])
@pytest.mark.parametrize("lines", [1, 5, LINES, 1000])
def test_blocks_are_the_file_in_pieces(here: Path, name: str, kind: str, lines: int):
    opened = read_vcf(here / f"{name}.{kind}", Genome.open(here / "small.fa"), window=WINDOW)
    file, survey = opened.surveyed(Full(7, lines))
    plain = [Block.from_dict(json.loads(json.dumps(block.to_dict()))) for block in survey.blocks]
    assert plain == list(survey.blocks)
    assert [record for block in plain for record in opened.block(block)] == list(file.records())
    for block in plain[:-1]:
        found = list(opened.block(block))
        held = [sum(v is not None for v in record.variants) if isinstance(record, Record) else 0 for record in found]
        assert sum(held) >= 7 or len(found) == lines
        assert sum(held[:-1]) < 7
    if kind == "vcf.bgz" and lines < 1000:
        assert len({block.place.seek for block in plain}) > 2
        assert max(block.place.skip for block in plain) < 700  # nothing but the block of bgzip is unpacked


def test_where_lines_lie(here: Path):
    assert [is_seekable(here / f"sorted.{kind}") for kind in ("vcf", "vcf.gz", "vcf.bgz")] == [True, False, True]
    assert [(at.seek, at.skip) for at in places(here / "sorted.vcf.gz", [(1, 30), (9, 900)])] == [(0, 30), (0, 900)]


def test_a_file_that_was_changed_is_seen(here: Path, tmp_path: Path):
    path = tmp_path / "calls.vcf"
    path.write_bytes((here / "sorted.vcf").read_bytes())
    opened = read_vcf(path, Genome.open(here / "small.fa"), window=WINDOW)
    _, survey = opened.surveyed(Full(7, 5))
    path.write_bytes(path.read_bytes().replace(b"DP=1", b"DP=2"))
    with pytest.raises(InputError, match=r"lines 4-\d+: are not what stood there"):
        list(opened.block(survey.blocks[0]))


@pytest.mark.parametrize("name", ["sorted", "mixed"])
def test_blocks_in_this_process_are_the_same_files(here: Path, tmp_path: Path, name: str):
    notes: list[str] = []
    alone = score(f"{name}.vcf", tmp_path / "alone")
    calls = log(here)
    for kind in ("vcf", "vcf.gz", "vcf.bgz"):
        done = score(f"{name}.{kind}", tmp_path / kind, make_engine(), say=notes.append)
        assert done.records == alone.records
        assert same(tmp_path / "alone", tmp_path / kind)
    assert log(here) == Counter({call: 4 * times for call, times in calls.items()})
    assert sum("one gzip stream" in note for note in notes) == 1
    shifted = Plan(declared=PLAN.declared, batch_size=4, shifts=(-2, 0, 2), sort=True)
    for engine in (None, make_engine()):
        score(f"{name}.vcf.bgz", tmp_path / f"shifted {engine is None}", engine, shifted)
    assert same(tmp_path / "shifted True", tmp_path / "shifted False")


def test_two_workers_and_the_command(here: Path, tmp_path: Path, command):
    torch.set_num_threads(1)
    given = ["sorted.vcf", "small.fa", "--window", WINDOW, "--batch-size", 4, "--no-progress"]
    for name, more in (("one", []), ("two", ["--workers", 2])):
        result = command("variants", "engine_variant_toys:network", *given, "-o", tmp_path / name, *more)
        assert result.code == 0, result.err
    assert same(tmp_path / "one", tmp_path / "two")
    about = [(tmp_path / name / outputs.RECORD).read_text().splitlines()[1:] for name in ("one", "two")]
    assert about[0] == about[1]  # but for the command that was typed


def test_language_models(here: Path, tmp_path: Path):
    torch.manual_seed(0)
    sizes = {"width": 8, "depth": 1, "heads": 2, "key_size": 4, "attention": False, "window": None}
    save(tmp_path / "model", StrandLM(StrandLMConfig(mixer="untied", **sizes)))
    for name, engine in (("one", None), ("two", make_engine())):
        score("sorted.vcf", tmp_path / name, engine, model=tmp_path / "model")
    assert same(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_command_goes_on_and_scores_nothing_twice(here: Path, tmp_path: Path, workers: int):
    score("sorted.vcf.bgz", tmp_path / "whole")
    every = log(here)
    (here / "calls.log").unlink()
    script = [sys.executable, "-c", SCRIPT, "sorted.vcf.bgz", str(tmp_path / "out"), str(workers), str(LINES)]
    ended = subprocess.run(
        script,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=120,  # workers that did not end would hold the streams
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    for _ in range(100):  # workers end with the command that started them
        left = [pid for pid in json.loads(ended.stdout) if Path(f"/proc/{pid}/cmdline").exists()]
        if not left:
            break
        time.sleep(0.1)
    assert not left
    partial = tmp_path / "out.partial"
    state = json.loads((partial / outputs.STATE).read_text())
    assert (partial / outputs.TABLE).stat().st_size > state["sizes"][outputs.TABLE]
    said: list[str] = []
    score("sorted.vcf.bgz", tmp_path / "out", make_engine(), say=said.append)
    assert said[0].startswith("going on after line ")
    assert same(tmp_path / "whole", tmp_path / "out")
    if workers == 1:
        assert log(here) == every
    else:  # a block that a worker was in when it ended is begun again
        assert set(log(here)) == set(every)


def test_a_run_goes_on_with_and_without_workers(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    score("sorted.vcf", tmp_path / "whole")
    every = log(here)
    for first, second in ((None, make_engine()), (make_engine(), None)):
        (here / "calls.log").unlink()
        out = tmp_path / f"out-{first is None}"
        with monkeypatch.context() as patch:
            patch.setattr(outputs.Growing, "append", _stopping(outputs.Growing.append))
            with pytest.raises(KeyboardInterrupt):
                score("sorted.vcf", out, first)
        score("sorted.vcf", out, second)
        assert same(tmp_path / "whole", out)
        assert set(log(here)) == set(every)


def _stopping(append):
    def stop(files, line, *rest):
        if line > 40:
            raise KeyboardInterrupt
        append(files, line, *rest)

    return stop


def test_a_damaged_block_is_scored_again(here: Path, tmp_path: Path):
    score("sorted.vcf", tmp_path / "whole")

    class Hurting:
        workers, hurt = 1, 0

        def completed(self, units, folder):
            for number, error in make_engine().completed(units, folder):
                if not self.hurt:
                    self.hurt += 1
                    (folder / units[number].name / outputs.TABLE).write_text("other numbers")
                yield number, error

    notes: list[str] = []
    score("sorted.vcf", tmp_path / "out", Hurting(), say=notes.append)
    assert any("damaged or missing and are made again" in note for note in notes)
    assert same(tmp_path / "whole", tmp_path / "out")


def test_failed_blocks_are_named_and_only_they_are_scored_again(here: Path, tmp_path: Path):
    score("sorted.vcf", tmp_path / "whole")
    every = log(here)
    (here / "calls.log").unlink()
    (here / "refuse").touch()
    with pytest.raises(
        InputError, match=r"(?s)pieces of work failed.*sorted.vcf lines \d+-\d+ \(.*not liked.*Run again:"
    ):
        score("sorted.vcf", tmp_path / "out", make_engine())
    failed = (tmp_path / "out.partial" / sharing.FAILED).read_text().splitlines()
    assert 1 < len(failed) < 12
    assert failed[0] == "first_line\tlast_line\tregion\terror"
    (here / "refuse").unlink()
    score("sorted.vcf", tmp_path / "out", make_engine())
    assert same(tmp_path / "whole", tmp_path / "out")
    assert set(log(here)) == set(every)
    assert max((log(here) - every).values()) == 1


@pytest.mark.parametrize("where", ["worker", "command"])
def test_a_full_disk(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str):
    score("sorted.vcf", tmp_path / "whole")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((sharing, "score_chunk") if where == "worker" else (outputs, "write_json")), full)
        with pytest.raises(InputError, match=r"the disk is full.*make room"):
            score("sorted.vcf", tmp_path / "out", make_engine())
    score("sorted.vcf", tmp_path / "out", make_engine())
    assert same(tmp_path / "whole", tmp_path / "out")


def test_another_model_or_genome_on_a_worker_is_refused(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = sharing.Asked.of
    monkeypatch.setattr(
        sharing.Asked,
        "of",
        lambda *given: asked(*given[:5], {**given[5], "genome": "another"}),
    )
    with pytest.raises(InputError, match="genome are not what they were when the command began"):
        score("sorted.vcf", tmp_path / "out", make_engine())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "dask"], "choose local or ray"),
        (["--workers", 0], "greater than or equal to 1"),
        (["--address", "auto"], "the local engine has no address"),
    ],
)
def test_options_that_do_not_go_together(here: Path, tmp_path: Path, command, options, message):
    given = ["sorted.vcf", "small.fa", "--window", WINDOW, "-o", tmp_path / "out"]
    result = command("variants", "engine_variant_toys:network", *given, *options)
    assert result.code == 2
    assert message in result.err
    assert not list(tmp_path.glob("out*"))


def test_ray_on_two_nodes(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'palindra[ray]'")
    from ray.cluster_utils import Cluster

    from palindra.engine import on_ray

    on_ray.require_ray()
    torch.set_num_threads(1)
    score("sorted.vcf.bgz", tmp_path / "whole")
    sizes = {"num_cpus": 1, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**sizes, "include_dashboard": False})
    try:
        cluster.add_node(**sizes)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        score("sorted.vcf.bgz", tmp_path / "out", make_engine("ray", address=cluster.address))
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert same(tmp_path / "whole", tmp_path / "out")
