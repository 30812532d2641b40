"""Two processes, on two nodes as far as they know, give what one gives: files, rows, weights, statistics, errors."""

from __future__ import annotations

import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from palindra.data import read_labelled
from palindra.errors import InputError
from palindra.models.saving import load_run, verify

SCRIPT = Path(__file__).parent / "across_devices.py"


def node(rank: int, port: int) -> dict[str, str]:
    """What torchrun tells the only process of one of two nodes: that of the second one has a local rank of 0, too."""
    given = {"RANK": rank, "GROUP_RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1}
    given |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
    return {name: str(value) for name, value in given.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """``one`` made by this process, ``two`` by two others."""
    made = tmp_path_factory.mktemp("devices")
    script = runpy.run_path(str(SCRIPT))
    script["write_table"](made / "table.tsv")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone = {name: value for name, value in os.environ.items() if "RANK" not in name and "MASTER" not in name}
    alone |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    words = [sys.executable, str(SCRIPT), str(made / "two"), "2"]
    processes = [
        subprocess.Popen(words, env=alone | node(rank, port), stderr=subprocess.PIPE, text=True) for rank in (0, 1)
    ]
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["palindra"])
            script["main"](made / "one", 1)
        for process in processes:
            _, said = process.communicate(timeout=300)
            assert process.returncode == 0, said[-3000:]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return made


@pytest.fixture(scope="module")
def found(folder):
    names = {"one": "one/0.pt", "first": "two/0.pt", "second": "two/1.pt"}
    return {name: torch.load(folder / path, weights_only=True) for name, path in names.items()}


def test_one_process_writes_one_run_folder_and_speaks(folder, found):
    assert {path.name for path in (folder / "two").iterdir()} == {"run", "tracks", "0.pt", "1.pt"}
    verify(folder / "two" / "run", ["config.toml", "weights.safetensors", "predictions.tsv", "outputs.safetensors"])
    assert found["first"]["said"].replace("/two/", "/one/") == found["one"]["said"]
    assert found["second"]["said"] == ""
    assert load_run(folder / "two" / "run").config["training"]["nodes"] == 2


def test_predictions_of_two_processes_have_every_row_once_and_in_order(folder):
    tables = [
        [line.split("\t") for line in (folder / name / "run" / "predictions.tsv").read_text().splitlines()]
        for name in ("one", "two")
    ]
    rows = read_labelled(folder / "table.tsv")
    chosen = rows.lines[rows.splits != "train"].tolist()
    assert len(chosen) > 2 * 512
    for table in tables:
        assert [int(row[1]) for row in table[1:]] == sorted(chosen, key=lambda line: (line % 40 != 3, line))
    one, two = (np.array([row[2:] for row in table[1:]], dtype=float) for table in tables)
    np.testing.assert_allclose(two, one, rtol=1e-3, atol=1e-4)


def test_tracks_with_batch_statistics_are_those_of_one_process(found):
    one, first, second = (found[name]["tracks"] for name in ("one", "first", "second"))
    for name, right in one["weights"].items():
        torch.testing.assert_close(first["weights"][name], right, rtol=1e-4, atol=1e-5)
        assert torch.equal(first["weights"][name], second["weights"][name])
    for given, right in zip(first["history"], one["history"], strict=True):
        assert given == {key: pytest.approx(value, rel=1e-5) for key, value in right.items()}


@pytest.mark.parametrize("layer", ["maps", "points", "masked"])
def test_batch_statistics_are_those_of_all_processes(found, layer):
    one, *shares = (found[name]["layers"][layer] for name in ("one", "first", "second"))
    for name, right in one.items():
        first, second = (share[name] for share in shares)
        if name in ("output", "gradient"):
            joined = torch.cat([first, second])
        else:  # of parameters each process has its share, statistics are the same
            joined = first + second if name.startswith("gradient") else first
            assert name.startswith("gradient") or torch.equal(first, second)
        torch.testing.assert_close(joined, right, rtol=1e-9, atol=1e-11)


def test_work_in_turn_is_done_once_and_given_in_order(found):
    assert found["one"]["computed"] == [0, 1, 2, 3, 4]
    assert (found["first"]["computed"], found["second"]["computed"]) == ([0, 2, 4], [1, 3])
    for name in ("first", "second"):
        assert torch.equal(found[name]["in turn"], found["one"]["in turn"])


def test_where_the_first_process_fails_the_others_do_not_wait(found):
    assert found["first"]["error"] == found["one"]["error"] == "the disk is full"
    assert found["second"]["error"] == "the first process could not do its part of the work."


@pytest.fixture
def clean(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("SLURM_", "TORCHELASTIC", "PALINDRA_UNIT")) or "RANK" in name or "MASTER" in name:
            monkeypatch.delenv(name)
    return monkeypatch


def machines(**given):
    from palindra.training.module import TrainingConfig
    from palindra.training.trainer import machines

    return machines(TrainingConfig(batch_size=64, **given))


def test_other_processes_than_were_started_are_refused(clean):
    for name, value in node(1, 1).items():
        clean.setenv(name, value)
    with pytest.raises(InputError, match=r"torchrun has started 1 process.* 2 node.* --devices 1 --nodes 2"):
        machines(devices=2)
    assert machines(nodes=2)["num_nodes"] == 2


def test_several_nodes_need_somebody_who_starts_the_others(clean):
    with pytest.raises(InputError, match="nobody has started processes on the other machines"):
        machines(nodes=2)


def test_slurm_counts_only_where_srun_has_started_the_processes(clean):
    from palindra.ranks import first_process

    for name, value in {"JOB_ID": "12345", "NTASKS": "4", "NTASKS_PER_NODE": "2", "PROCID": "0"}.items():
        clean.setenv(f"SLURM_{name}", value)
    assert not machines()["plugins"][0].creates_processes_externally  # a line of a batch script
    for name, value in {"STEP_NUM_TASKS": "4", "STEP_NUM_NODES": "2", "PROCID": "2", "LOCALID": "0"}.items():
        clean.setenv(f"SLURM_{name}", value)
    assert not first_process()
    plugin = machines(devices=2, nodes=2)["plugins"][0]
    assert (plugin.world_size(), plugin.global_rank(), plugin.auto_requeue) == (4, 2, False)
    with pytest.raises(InputError, match="srun has started 2 process"):
        machines()


def test_workers_of_an_engine_train_alone(clean):
    from palindra.ranks import first_process, stand_alone

    clean.setenv("SLURM_STEP_NUM_TASKS", "3")  # the worker lives where srun has started Ray
    clean.setenv("SLURM_PROCID", "2")
    clean.setenv("PALINDRA_UNIT", "")
    assert not first_process()
    stand_alone()
    assert first_process()
    assert machines()["devices"] == 1
    with pytest.raises(InputError, match="several runs at a time have one device each"):
        machines(devices=2)
