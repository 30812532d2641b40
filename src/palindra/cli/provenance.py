"""Where numbers come from: the data, the versions, the commit."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from palindra.data import LabelledSequences


def facts(data: LabelledSequences) -> dict[str, Any]:
    """What a run folder remembers of its data."""
    return {
        "source": Path(data.source).name,
        "sha256": data.sha256,
        "contents": contents(data),
        "length": data.length,
        "alphabet": data.alphabet.name,
        "targets": list(data.target_names),
        "classes": list(data.class_names),
        "rows": {split: int((data.splits == split).sum()) for split in ("train", "valid", "test")},
    }


def versions() -> dict[str, str]:
    """Versions of what computes."""
    found = {"python": sys.version.split()[0]}
    for package in ("palindra", "torch", "lightning", "numpy", "scikit-learn"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def commit() -> str:
    """Commit of the checkout that the package runs from, or nothing."""
    done = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def contents(data: LabelledSequences) -> str:
    """Hash of what a model is trained on: sequences, labels and splits, in their order."""
    digest = hashlib.sha256("\n".join(data.sequences).encode())
    digest.update(data.labels.tobytes())
    digest.update("\n".join(data.splits.tolist()).encode())
    return digest.hexdigest()
