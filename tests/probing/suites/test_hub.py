"""Fetching from the hub: only where a suite is there, and with one clear sentence where it cannot be reached."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from palindra.errors import InputError
from palindra.probing.suites import SUITES, download

huggingface_hub = pytest.importorskip("huggingface_hub")


@pytest.fixture
def hub(monkeypatch) -> list[dict]:
    asked: list[dict] = []

    class Api:
        def dataset_info(self, repository):
            return SimpleNamespace(sha=f"sha-of-{repository}")

    def snapshot(repository, **options):
        asked.append({"repository": repository} | options)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    return asked


def test_a_repository_of_all_tasks(hub, tmp_path):
    found = download(SUITES["Nucleotide Transformer"], tmp_path, ["splice_sites_donors"])
    name = "InstaDeepAI/nucleotide_transformer_downstream_tasks"
    assert found == [f"{name} at sha-of-{name}"]
    assert hub == [
        {
            "repository": name,
            "repo_type": "dataset",
            "revision": f"sha-of-{name}",
            "local_dir": tmp_path,
            "allow_patterns": ["*splice_sites_donors/*", "*splice_sites_donor/*"],
        }
    ]


def test_a_repository_for_each_task(hub, tmp_path):
    download(SUITES["Genomic Benchmarks"], tmp_path, ["human_*"])
    assert len(hub) == 5
    assert hub[0]["repository"] == "katarinagresova/Genomic_Benchmarks_human_enhancers_cohn"
    assert hub[0]["local_dir"] == tmp_path / "human_enhancers_cohn"


def test_without_a_network(hub, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise OSError("Temporary failure in name resolution\nmore")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(
        InputError, match=r"leannmlindsey/GUE cannot be fetched from the hub .Temporary failure in name resolution."
    ):
        download(SUITES["GUE"], tmp_path)


@pytest.mark.parametrize("name", ["TEB", "CAGI5"])
def test_suites_that_are_not_there(name, tmp_path):
    with pytest.raises(InputError, match=f"{name} is not on the hub: fetch it from its authors"):
        download(SUITES[name], tmp_path)
