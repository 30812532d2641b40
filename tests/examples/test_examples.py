"""The scripts of examples/ can be read by bash, and every command line in them by Palindra."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import typer

from palindra.cli.main import app

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted([*(ROOT / "examples").glob("*/*.sh"), *(ROOT / "examples").glob("*/*.sbatch")])
SLURM = {"JOB_NODELIST": "n[1-3]", "NNODES": "3", "NTASKS_PER_NODE": "4", "CPUS_PER_TASK": "8", "ARRAY_TASK_ID": "5"}
STANDS_FOR = {
    # The words after the options of srun, which are all written --name or --name=value, are a command.
    "srun": 'while [[ "$1" == --* ]]; do shift; done; exec "$@"',
    "palindra": 'printf "palindra\\0" >>"$LOG"; printf "%s\\0" "$@" >>"$LOG"; printf "\\n\\0" >>"$LOG"',
    "ray": 'printf "ray\\0" >>"$LOG"; printf "%s\\0" "$@" >>"$LOG"; printf "\\n\\0" >>"$LOG"',
    "scontrol": "printf 'n1\\nn2\\nn3\\n'",
    "hostname": "echo 10.0.0.1",
}


def commands(script: Path, folder: Path, *words: str, **environment: str) -> list[list[str]]:
    """The commands that a script gives, with programs in its way that only write down how they were called."""
    programs, log = folder / "bin", folder / "log"
    programs.mkdir()
    for name, line in STANDS_FOR.items():
        (programs / name).write_text(f"#!/bin/bash\n{line}\n")
        (programs / name).chmod(0o755)
    given = {"PATH": f"{programs}:{os.environ['PATH']}", "LOG": str(log), "START_SECONDS": "0.2", "HOME": str(folder)}
    given |= {f"SLURM_{name}": value for name, value in SLURM.items()} | {"OUTPUT": str(folder / "out")} | environment
    done = subprocess.run(
        ["bash", str(script), *words], cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return [line.split("\0")[:-1] for line in log.read_text().replace("\n\0", "\n").splitlines()]


def check(words: list[str]) -> None:
    """Raise unless the command line knows the command and all of its options, and files of this repository exist."""
    group = typer.main.get_command(app)
    context = group.make_context("palindra", list(words))
    while isinstance(group, typer.core.TyperGroup):
        name, group, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        context = group.make_context(name, rest, parent=context)
    assert all((ROOT / word).exists() for word in words if word.startswith("examples/"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_script_runs_and_its_command_lines_are_accepted(script, tmp_path):
    words = ("head",) if script.name == "start.sh" else ()
    given = commands(script, tmp_path, *words, CALLS=str(tmp_path / "calls.vcf"))
    assert given
    for program, *rest in given:
        if program == "palindra":
            check(rest)
        else:
            assert rest[0] == "start"


def test_a_wrong_option_is_noticed():
    with pytest.raises(Exception, match="No such option: --devises"):
        check(["pretrain", "genome.fa", "--devises", "2"])


def test_processes_are_those_that_slurm_starts(tmp_path):
    (given,) = commands(ROOT / "examples/slurm/pretrain.sbatch", tmp_path)
    assert given[given.index("--devices") + 1] == "4"
    assert given[given.index("--nodes") + 1] == "3"


def test_the_array_makes_the_runs_that_the_summary_reads(tmp_path):
    """Where palindra compare looks for them, and with its settings."""
    runs, settings = set(), set()
    for number in range(9):
        folder = tmp_path / str(number)
        folder.mkdir()
        script = ROOT / "examples/slurm/grid-array.sbatch"
        (given,) = commands(script, folder, SLURM_ARRAY_TASK_ID=str(number), OUTPUT="out")
        runs.add(given[given.index("-o") + 1])
        settings.add(tuple(given[given.index("--width") :]))
    assert runs == {f"out/runs/all/{name}/seed-{n}" for name in ("none", "augment", "regular") for n in range(3)}
    (summary,) = commands(ROOT / "examples/slurm/grid-summary.sbatch", tmp_path)
    assert settings == {tuple(summary[summary.index("--width") :])}


def test_a_ray_cluster_has_one_head_and_all_other_nodes(tmp_path):
    given = commands(ROOT / "examples/slurm/ray.sbatch", tmp_path)
    starts = [words for words in given if words[0] == "ray"]
    assert sum("--head" in words for words in starts) == 1
    assert sum("10.0.0.1:6379" in words for words in starts) == 2
    assert given[-1][0] == "palindra"
    assert "10.0.0.1:6379" in given[-1]


def test_the_file_of_the_cluster_names_what_ray_asks_for():
    yaml = pytest.importorskip("yaml")
    cluster = yaml.safe_load((ROOT / "examples/ray/cluster.yaml").read_text())
    assert cluster["provider"]["type"] == "local"
    assert cluster["max_workers"] == cluster["min_workers"] == len(cluster["provider"]["worker_ips"])
    assert sum("ray start --head" in line for line in cluster["head_start_ray_commands"]) == 1
    assert sum("ray start --address" in line for line in cluster["worker_start_ray_commands"]) == 1
