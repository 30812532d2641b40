"""Units are done once each, given back in order, and survive what can break."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from palindra.engine import Unit, WorkFailed, make_engine, read_result, work
from palindra.engine.units import DONE, execute
from palindra.errors import InputError

COUNT = 6


def units(toys: str, function: str, log: Path, count: int = COUNT, **more: object) -> list[Unit]:
    return [Unit(f"{toys}:{function}", {"number": n, "log": str(log), **more}, f"number {n}") for n in range(count)]


def done(log: Path) -> list[int]:
    return sorted(map(int, log.read_text().split()))


def squares(results: object) -> list[int]:
    return [result.values["square"] for _, result in results]  # type: ignore[attr-defined]


@pytest.fixture(params=[1, 2], ids=["in this process", "in two"])
def engine(request: pytest.FixtureRequest):
    return make_engine("local", workers=request.param)


def test_results_come_in_order_and_nothing_is_done_twice(engine, toys, log, tmp_path):
    asked = units(toys, "square", log)
    first = list(work(engine, asked, tmp_path / "units"))
    assert squares(first) == [n * n for n in range(COUNT)]
    assert [(result.folder / "part.txt").read_text() for _, result in first] == [f"{n * n}\n" for n in range(COUNT)]
    assert squares(work(engine, asked[::-1], tmp_path / "units")) == [n * n for n in range(COUNT)][::-1]
    assert done(log) == list(range(COUNT))
    assert not list((tmp_path / "units").glob("*.partial"))


def test_a_worker_that_is_killed_costs_another_attempt(toys, log, tmp_path):
    asked = units(toys, "dies_once", log, marker=str(tmp_path / "killed"))
    assert squares(work(make_engine(workers=2), asked, tmp_path / "units")) == [n * n for n in range(COUNT)]
    assert (tmp_path / "killed").exists()
    assert set(done(log)) == set(range(COUNT))  # its neighbour was ended with it, and may have begun again


def test_a_failure_is_named_and_the_others_are_done(engine, toys, log, tmp_path):
    asked = units(toys, "refuses", log, bad=2)
    given = []
    with pytest.raises(WorkFailed, match=r"(?s)1 of 6 pieces.*number 2: ValueError: number 2 is bad") as failed:
        given.extend(result.values["square"] for _, result in work(engine, asked, tmp_path / "units"))
    assert given == [0, 1]  # what lies behind the gap waits
    assert [failure.unit for failure in failed.value.failures] == [asked[2]]
    assert done(log) == [0, 1, 3, 4, 5]
    mended = [*asked[:2], units(toys, "square", log)[2], *asked[3:]]
    assert squares(work(engine, mended, tmp_path / "units")) == [n * n for n in range(COUNT)]
    assert done(log) == list(range(COUNT))


def test_a_unit_that_always_kills_fails_alone(toys, log, tmp_path):
    asked = units(toys, "always_dies", log, count=3)
    with pytest.raises(WorkFailed, match="1 of 3 pieces") as failed:
        list(work(make_engine(workers=2), asked, tmp_path / "units"))
    assert [failure.unit for failure in failed.value.failures] == [asked[1]]
    assert set(done(log)) == {0, 2}  # neighbours that were ended may have begun again


@pytest.mark.parametrize("damage", ["cut", "gone", "unfinished"])
def test_a_damaged_result_is_made_again(toys, log, tmp_path, damage):
    asked = units(toys, "square", log)
    folder = tmp_path / "units"
    list(work(make_engine(), asked, folder))
    hurt = folder / asked[4].name
    if damage == "unfinished":
        (hurt / DONE).unlink()
    elif damage == "gone":
        (hurt / "part.txt").unlink()
    else:
        (hurt / "part.txt").write_text("1")
    assert read_result(asked[4], folder) is None
    assert squares(work(make_engine(), asked, folder)) == [n * n for n in range(COUNT)]
    assert done(log) == sorted([*range(COUNT), 4])


def test_a_result_that_is_damaged_before_it_is_read_is_made_again(toys, log, tmp_path):
    asked = units(toys, "square", log, count=3)

    class Hurting:
        workers = 1
        times = 0

        def completed(self, some, folder):
            for number, error in make_engine().completed(some, folder):
                if self.times == 0:
                    self.times += 1
                    (folder / some[number].name / "part.txt").write_text("other")
                yield number, error

    notes: list[str] = []
    assert squares(work(Hurting(), asked, tmp_path / "units", say=notes.append)) == [0, 1, 4]
    assert "1 results are damaged or missing" in notes[0]


def test_a_full_disk_stops_the_work(engine, toys, log, tmp_path):
    asked = units(toys, "disk_is_full", log)
    with pytest.raises(InputError, match=r"the disk is full.*make room"):
        list(work(engine, asked, tmp_path / "units"))
    mended = [*asked[:2], units(toys, "square", log)[2], *asked[3:]]
    assert squares(work(engine, mended, tmp_path / "units")) == [n * n for n in range(COUNT)]


def test_a_killed_command_goes_on(toys, log, tmp_path):
    folder = tmp_path / "units"
    script = (
        "import json, sys\nfrom pathlib import Path\nfrom palindra.engine import Unit, make_engine, work\n"
        "units = [Unit(*u) for u in json.loads(sys.argv[1])]\n"
        "for number, _ in enumerate(work(make_engine(), units, Path(sys.argv[2]))):\n"
        "    if number == 2:\n        import os, signal\n        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    asked = units(toys, "square", log)
    given = json.dumps([[unit.function, dict(unit.arguments), unit.label] for unit in asked])
    ended = subprocess.run([sys.executable, "-c", script, given, str(folder)], check=False)
    assert ended.returncode == -9
    assert done(log) == [0, 1, 2]
    assert squares(work(make_engine(), asked, folder)) == [n * n for n in range(COUNT)]
    assert done(log) == list(range(COUNT))


def test_two_jobs_in_one_folder_are_refused(toys, log, tmp_path):
    running = work(make_engine(), units(toys, "square", log), tmp_path / "units")
    next(running)
    with pytest.raises(InputError, match=r"another job works in this folder \(process \d+ on "):
        list(work(make_engine(), units(toys, "square", log), tmp_path / "units"))
    running.close()


def test_whoever_does_the_same_unit_at_the_same_time_does_no_harm(toys, log, tmp_path):
    unit = units(toys, "square", log)[3]
    for _ in range(2):
        execute(unit, tmp_path)
    assert read_result(unit, tmp_path).values == {"square": 9}
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [unit.name]


def test_equal_units_are_a_mistake(toys, log, tmp_path):
    with pytest.raises(ValueError, match="some units are the same"):
        list(work(make_engine(), units(toys, "square", log)[:1] * 2, tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "dask"}, "choose local or ray"),
        ({"workers": 0}, "at least one"),
        ({"address": "auto"}, "local engine has no address"),
    ],
)
def test_engines_that_there_are_not(options, message):
    with pytest.raises(InputError, match=message):
        make_engine(**options)


def test_ray_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'palindra\[ray\]'"):
        make_engine("ray")


def test_a_worker_has_one_thread_and_loads_only_what_it_needs(tmp_path, monkeypatch):
    """Without torch where a unit has no use for it, and with one thread of torch where it has."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("MKL_NUM_THREADS", "2")
    code = (
        "import sys\n"
        "def loaded(folder):\n    return {'torch': 'torch' in sys.modules}\n"
        "def threads(folder):\n    import torch\n    return {'threads': torch.get_num_threads()}\n"
    )
    (tmp_path / "engine_threads.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, found in (("loaded", {"torch": False}), ("threads", {"threads": 1})):
        [(_, result)] = work(make_engine(workers=2), [Unit(f"engine_threads:{name}", {}, name)], tmp_path / name)
        assert result.values == found
