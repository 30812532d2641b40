"""Fetch the released files of a suite from the Hugging Face hub, where they are there and a network is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from palindra.errors import InputError
from palindra.probing.suites.declared import Suite


def download(suite: Suite, folder: Path, names: Sequence[str] | None = None) -> list[str]:
    """Put the files of a suite into a folder; what is there already is kept.

    Returns:
        Where the files came from, repository and commit.

    Raises:
        InputError: if the suite is not on the hub, huggingface_hub is missing, or the hub cannot be reached.
    """
    tasks = suite.chosen(None if names is None else list(names))
    if not suite.hub:
        raise InputError(
            f"{suite.name} is not on the hub: fetch it from its authors ({suite.citation}) and lay its files out as "
            f"{suite.layout}."
        )
    try:
        import huggingface_hub
    except ImportError as error:
        raise InputError("--download needs huggingface_hub: pip install 'palindra[hub]'.") from error
    each = "{task}" in suite.hub
    wanted = {suite.hub.format(task=task.name): folder / task.name for task in tasks} if each else {suite.hub: folder}
    patterns = None if each or names is None else [f"*{name}/*" for task in tasks for name in task.names]
    found = []
    for repository, place in wanted.items():
        try:
            commit = huggingface_hub.HfApi().dataset_info(repository).sha
            huggingface_hub.snapshot_download(
                repository, repo_type="dataset", revision=commit, local_dir=place, allow_patterns=patterns
            )
        except Exception as error:  # the hub, the network and the disk each have errors of their own
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"{repository} cannot be fetched from the hub ({reason}). Fetch its files where there is a network, "
                f"and give their folder with --data; they are {suite.layout}."
            ) from error
        found.append(f"{repository} at {commit}")
    return found
