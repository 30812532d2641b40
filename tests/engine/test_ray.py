"""A Ray cluster of two nodes on this machine loses workers and nodes, and every unit is done once."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from palindra.engine import Unit, WorkFailed, make_engine, on_ray, work
from palindra.errors import InputError

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'palindra[ray]'")
COUNT = 6


@pytest.fixture(scope="module")
def cluster(toys):
    """Two nodes of one processor each; this process is connected to it."""
    from ray.cluster_utils import Cluster

    on_ray.require_ray()
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80_000_000},
    )
    made.add_node(num_cpus=1, object_store_memory=80_000_000)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


def units(toys: str, function: str, log: Path, count: int = COUNT, **more: object) -> list[Unit]:
    return [Unit(f"{toys}:{function}", {"number": n, "log": str(log), **more}, f"number {n}") for n in range(count)]


def squares(results: object) -> list[int]:
    return [result.values["square"] for _, result in results]  # type: ignore[attr-defined]


@pytest.fixture
def engine(cluster):
    return make_engine("ray", address=cluster.address)


def test_the_same_as_on_this_machine(engine, toys, log, tmp_path):
    asked = units(toys, "square", log)
    assert squares(work(engine, asked, tmp_path / "ray")) == [n * n for n in range(COUNT)]
    local = [(u.name, r.values) for u, r in work(make_engine(), asked, tmp_path / "local")]
    assert [(u.name, r.values) for u, r in work(engine, asked, tmp_path / "ray")] == local
    for unit in asked:
        assert (tmp_path / "ray" / unit.name / "part.txt").read_bytes() == (
            tmp_path / "local" / unit.name / "part.txt"
        ).read_bytes()
    assert sorted(log.read_text().split()) == sorted([str(n) for n in range(COUNT)] * 2)


def test_a_worker_that_is_killed(engine, toys, log, tmp_path):
    asked = units(toys, "dies_once", log, marker=str(tmp_path / "killed"))
    assert squares(work(engine, asked, tmp_path / "units")) == [n * n for n in range(COUNT)]
    assert (tmp_path / "killed").exists()
    logged = list(map(int, log.read_text().split()))
    assert set(logged) == set(range(COUNT))
    assert len(logged) <= COUNT + 1  # what the lost node was doing may have ended there too


def test_a_failure_is_named_and_the_others_are_done(engine, toys, log, tmp_path):
    with pytest.raises(WorkFailed, match=r"(?s)1 of 6 pieces.*number 2: ValueError: number 2 is bad"):
        list(work(engine, units(toys, "refuses", log, bad=2), tmp_path / "units"))
    assert sorted(map(int, log.read_text().split())) == [0, 1, 3, 4, 5]


def test_a_node_that_is_removed(cluster, engine, toys, log, tmp_path):
    lost = cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
    gate = tmp_path / "gate"

    def remove() -> None:
        while len(list(tmp_path.glob("gate-*"))) < 3:  # until every node works
            time.sleep(0.1)
        cluster.remove_node(lost, allow_graceful=False)
        gate.touch()

    thread = threading.Thread(target=remove)
    thread.start()
    asked = units(toys, "waits", log, gate=str(gate))
    assert squares(work(engine, asked, tmp_path / "units")) == [n * n for n in range(COUNT)]
    thread.join()
    logged = list(map(int, log.read_text().split()))
    assert set(logged) == set(range(COUNT))
    assert len(logged) <= COUNT + 1  # what the lost node was doing may have ended there too


def test_versions_that_differ_are_refused(engine, toys, log, tmp_path, monkeypatch):
    monkeypatch.setattr(on_ray, "versions_here", lambda: {"palindra": "9", "torch": "9", "python": "3"})
    with pytest.raises(InputError, match="instead of 9"):
        list(work(engine, units(toys, "square", log), tmp_path / "units"))


def test_a_folder_that_a_node_does_not_see(engine, toys, log, tmp_path, monkeypatch):
    monkeypatch.setattr(on_ray, "_look", lambda token: (on_ray.versions_here(), False))
    with pytest.raises(InputError, match="does not see this folder"):
        list(work(engine, units(toys, "square", log), tmp_path / "units"))


def test_an_address_where_nothing_answers(tmp_path, monkeypatch):
    def refuse(**options: object) -> None:
        raise ConnectionError(f"Could not connect to {options['address']}")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(InputError, match="no Ray cluster answers there"):
        list(work(make_engine("ray", address="192.0.2.1:6379"), [Unit("a:b", {})], tmp_path))
